//! Answers that the edge gives itself.

use crate::jwt::JwtError;
use crate::origins;
use crate::policy::Resource;
use crate::scope::Scope;

/// A whole response: the request goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers; names in lower case, values visible ASCII.
    pub headers: Vec<(&'static str, String)>,
    /// A JSON body in the form of RFC 6749 §5.2: `error` and `error_description`.
    pub body: String,
    /// Why, in one word, for statistics; clients are not told.
    pub reason: &'static str,
}

impl Reply {
    /// 404: no resource and no public path has this name. It says the same to everyone.
    #[must_use]
    pub fn nothing_here() -> Self {
        Self::new(404, "not_found", "There is nothing at this address.")
    }

    /// 400: the request can be read in more than one way.
    #[must_use]
    pub fn ambiguous(what: &str) -> Self {
        Self::new(400, "invalid_request", what)
    }

    /// 401 without an error code: no token was sent (RFC 6750 §3.1). The challenge says where to get one (RFC 9728 §5.1).
    #[must_use]
    pub fn no_token(resource: &Resource) -> Self {
        let challenge = Challenge { resource, scope: &resource.scope, error: None };
        Self::new(401, "unauthorized", "Sign in to use this server.").with_challenge(&challenge)
    }

    /// 401 `invalid_token`: a token was sent and is not good here. Which check failed is not said.
    #[must_use]
    pub fn invalid_token(resource: &Resource, why: JwtError) -> Self {
        let challenge = Challenge { resource, scope: &resource.scope, error: Some("invalid_token") };
        let reply = Self::new(401, "invalid_token", "The access token is not valid for this server.");
        Self { reason: why.reason(), ..reply.with_challenge(&challenge) }
    }

    /// 400 `invalid_request`: more than one credential (RFC 6750 §3.1).
    #[must_use]
    pub fn several_tokens(resource: &Resource) -> Self {
        let challenge = Challenge { resource, scope: &resource.scope, error: Some("invalid_request") };
        Self::new(400, "invalid_request", "Send one access token.").with_challenge(&challenge)
    }

    /// 403 `insufficient_scope`: the challenge names the scope that is needed, so that a client can step up.
    #[must_use]
    pub fn insufficient_scope(resource: &Resource, scope: &Scope) -> Self {
        let challenge = Challenge { resource, scope, error: Some("insufficient_scope") };
        Self::new(403, "insufficient_scope", "The access token does not allow this.")
            .with_challenge(&challenge)
    }

    /// 403: a web page of an origin that is not allowed, or a request under a name that is not ours.
    #[must_use]
    pub fn foreign_origin() -> Self {
        Self::new(403, "forbidden_origin", "This origin or host is not allowed here.")
    }

    /// 204: what a page of an allowed origin may send.
    #[must_use]
    pub const fn preflight(headers: Vec<(&'static str, String)>) -> Self {
        Self { status: 204, headers, body: String::new(), reason: "preflight" }
    }

    /// The same answer, readable by scripts of the page at `origin`.
    #[must_use]
    pub fn readable_by(mut self, origin: &str) -> Self {
        self.headers.extend(origins::readable_by(origin));
        self
    }

    /// The same answer with this JSON-RPC message as its body, for a client that asked in JSON-RPC.
    #[must_use]
    pub fn saying(mut self, message: String) -> Self {
        self.body = message;
        self
    }

    /// 408: nothing of the body that has to be read has come.
    #[must_use]
    pub fn no_body() -> Self {
        Self::new(408, "invalid_request", "The message did not arrive in time.")
    }

    /// 413: the body that has to be read is longer than the edge reads.
    #[must_use]
    pub fn too_long() -> Self {
        Self::new(
            413,
            "invalid_request",
            "The message is too long for a token that allows single tools only.",
        )
    }

    /// 502: the upstream's answer cannot be understood in one way only, so that nobody can say what it would tell.
    #[must_use]
    pub fn odd_answer() -> Self {
        Self::new(502, "bad_gateway", "The server's answer could not be understood.")
    }

    /// 503: the keys to decide with are missing or too old. Closed, not open.
    #[must_use]
    pub fn cannot_decide_yet() -> Self {
        let description = "Tokens cannot be checked at the moment; try again.";
        let mut reply = Self::new(503, "temporarily_unavailable", description);
        reply.headers.push(("retry-after", "1".to_owned()));
        reply
    }

    fn new(status: u16, error: &'static str, description: &str) -> Self {
        let reason = error;
        let body = serde_json::json!({ "error": error, "error_description": description }).to_string();
        let headers =
            vec![("content-type", "application/json".to_owned()), ("cache-control", "no-store".to_owned())];
        Self { status, headers, body, reason }
    }

    fn with_challenge(mut self, challenge: &Challenge<'_>) -> Self {
        self.headers.push(("www-authenticate", challenge.to_string()));
        self
    }
}

/// `WWW-Authenticate` with one `Bearer` challenge: real clients read the first scheme only, by simple patterns.
struct Challenge<'a> {
    resource: &'a Resource,
    scope: &'a Scope,
    error: Option<&'a str>,
}

impl std::fmt::Display for Challenge<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (uri, scope) = (&self.resource.uri, self.scope);
        formatter.write_str("Bearer ")?;
        if let Some(error) = self.error {
            write!(formatter, "error=\"{error}\", ")?;
        }
        write!(formatter, "resource_metadata=\"{}\", scope=\"{scope}\"", uri.metadata_url())
    }
}
