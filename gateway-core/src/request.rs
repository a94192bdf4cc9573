//! A request as the edge sees it: one pass over the header map, bytes only.

use crate::bearer::Authorization;

/// The facts of a request that decisions are made from.
#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    /// The path without its query, as it came after Envoy's normalisation.
    pub path: &'a [u8],
    /// The HTTP method.
    pub method: &'a [u8],
    /// What the client presents as its right to be here.
    pub authorization: Authorization<'a>,
    /// The headers by which MCP says what a request is about.
    pub mcp: McpHeaders<'a>,
    /// The name under which the client knows us: `:authority`.
    pub authority: &'a [u8],
    /// The page that a browser sends the request for.
    pub origin: Option<&'a [u8]>,
    /// `Access-Control-Request-Method`: a browser asks what a page may send (CORS preflight).
    pub preflight: Option<&'a [u8]>,
    /// `Access-Control-Request-Headers`.
    pub preflight_headers: Option<&'a [u8]>,
    credentials: Vec<&'a str>,
    identity_claims: Vec<&'a str>,
    accepts_encodings: bool,
}

/// The headers of the Streamable HTTP transport that name revision, session and operation.
#[derive(Debug, Clone, Copy, Default)]
pub struct McpHeaders<'a> {
    /// `MCP-Protocol-Version`.
    pub version: Option<&'a [u8]>,
    /// `Mcp-Session-Id`: only the legacy era has sessions.
    pub session: Option<&'a [u8]>,
    /// `Mcp-Method`.
    pub method: Option<&'a [u8]>,
    /// `Mcp-Name`.
    pub name: Option<&'a [u8]>,
}

/// Why the headers cannot be read in one way only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A header that decides something is there twice; two readers could each take another one (G-02).
    #[error("the header {0} is repeated")]
    Repeated(&'static str),
}

/// Headers that must not be there twice.
const SINGLE: [&str; 9] = [
    ":authority",
    "authorization",
    "content-type",
    "host",
    "mcp-method",
    "mcp-name",
    "mcp-protocol-version",
    "mcp-session-id",
    "origin",
];

/// Of these, the ones that Envoy joins with a comma when they are repeated. None of them may hold one by itself.
/// (`authorization` is joined too; [`Authorization::Several`] tells that.)
const JOINED_WHEN_REPEATED: [&str; 4] = [":authority", "content-type", "host", "origin"];

/// Headers that carry a client's own credentials; no MCP server ever gets them.
const CREDENTIALS: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// Headers by which the edge tells upstreams who is calling. A client that sends one is lying.
pub(crate) const IDENTITY: [&str; 6] =
    ["x-user-id", "x-user-name", "x-client-id", "x-token-id", "x-scopes", "x-edge-assertion"];

/// Whole families that other gateways use for the same purpose, so that an upstream which trusts them is safe too (G-03).
const IDENTITY_FAMILIES: [&str; 2] = ["x-user-", "x-auth-"];

impl<'a> Request<'a> {
    /// Reads all headers of a request, pseudo headers included. Names are in lower case, as Envoy gives them.
    ///
    /// # Errors
    /// [`RequestError`]; the request is to be answered with 400.
    pub fn read(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, RequestError> {
        let mut request = Self::default();
        let mut seen: Vec<&'static str> = Vec::with_capacity(SINGLE.len());
        for (name, value) in headers {
            if let Some(single) = SINGLE.iter().find(|single| **single == name) {
                if seen.contains(single) || is_joined(name, value) {
                    return Err(RequestError::Repeated(single));
                }
                seen.push(single);
            }
            request.note(name, value);
        }
        Ok(request)
    }

    /// A request of which nothing can be said but the identity headers that the client sent.
    #[must_use]
    pub fn claiming(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut request = Self::default();
        for name in names.into_iter().filter(|name| is_identity_claim(name)) {
            push_once(&mut request.identity_claims, name);
        }
        request
    }

    fn note(&mut self, name: &'a str, value: &'a [u8]) {
        match name {
            ":path" => self.path = without_query(value),
            ":method" => self.method = value,
            ":authority" => self.authority = value,
            "origin" => self.origin = Some(value),
            "access-control-request-method" => self.preflight = Some(value),
            "access-control-request-headers" => self.preflight_headers = Some(value),
            "authorization" => self.authorization = Authorization::read(value),
            "mcp-protocol-version" => self.mcp.version = Some(value),
            "mcp-session-id" => self.mcp.session = Some(value),
            "mcp-method" => self.mcp.method = Some(value),
            "mcp-name" => self.mcp.name = Some(value),
            "accept-encoding" => self.accepts_encodings = true,
            _ => {}
        }
        if CREDENTIALS.contains(&name) {
            push_once(&mut self.credentials, name);
        } else if is_identity_claim(name) {
            push_once(&mut self.identity_claims, name);
        }
    }

    /// Whether a browser asks, before it sends a page's request, what the page may send (Fetch §3.2.2).
    #[must_use]
    pub fn is_preflight(&self) -> bool {
        self.method == b"OPTIONS" && self.origin.is_some() && self.preflight.is_some()
    }

    /// The era that the headers speak of, for statistics and logs; nothing is decided by it.
    #[must_use]
    pub fn era(&self) -> &'static str {
        match (self.mcp.version, self.mcp.session) {
            (Some(b"2026-07-28"), None) => "modern",
            (None, None) => "unknown",
            (Some(_), _) | (None, Some(_)) => "legacy",
        }
    }

    /// Whether the client would take a compressed answer.
    #[must_use]
    pub const fn accepts_encodings(&self) -> bool {
        self.accepts_encodings
    }

    /// The client's credential headers that are present, each name once.
    #[must_use]
    pub fn credentials(&self) -> &[&'a str] {
        &self.credentials
    }

    /// The identity headers that the client sent, each name once.
    #[must_use]
    pub fn identity_claims(&self) -> &[&'a str] {
        &self.identity_claims
    }
}

fn is_joined(name: &str, value: &[u8]) -> bool {
    JOINED_WHEN_REPEATED.contains(&name) && value.contains(&b',')
}

fn is_identity_claim(name: &str) -> bool {
    IDENTITY.contains(&name) || IDENTITY_FAMILIES.iter().any(|family| name.starts_with(family))
}

fn push_once<'a>(names: &mut Vec<&'a str>, name: &'a str) {
    if !names.contains(&name) {
        names.push(name);
    }
}

fn without_query(path: &[u8]) -> &[u8] {
    path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'a>(headers: &[(&'a str, &'a str)]) -> Result<Request<'a>, RequestError> {
        Request::read(headers.iter().map(|(name, value)| (*name, value.as_bytes())))
    }

    #[test]
    fn g_02_every_deciding_header_may_be_there_once() {
        for name in SINGLE {
            assert_eq!(
                read(&[(name, "a"), ("x", "y"), (name, "a")]).err(),
                Some(RequestError::Repeated(name))
            );
        }
        for name in JOINED_WHEN_REPEATED {
            assert_eq!(
                read(&[(name, "a,b")]).err(),
                Some(RequestError::Repeated(name)),
                "as Envoy joins them"
            );
        }
        assert!(read(&[("accept", "a"), ("accept", "b"), ("mcp-name", "file:///a,b")]).is_ok());
    }

    #[test]
    fn g_03_claimed_identity_is_noticed_in_every_form() {
        let headers = [
            ("x-user-id", "root"),
            ("x-user-id", "root"),
            ("x-user-email", "root@evil"),
            ("x-auth-token", "t"),
            ("x-edge-assertion", "a"),
            ("x-users", "fine"),
        ];
        let names = ["x-user-id", "x-user-email", "x-auth-token", "x-edge-assertion"];
        assert_eq!(read(&headers).unwrap().identity_claims(), names);
    }

    #[test]
    fn the_path_ends_where_the_query_begins() {
        for (path, expected) in
            [("/time/mcp?access_token=x", "/time/mcp"), ("/a#b?c", "/a"), ("", ""), ("?", "")]
        {
            assert_eq!(read(&[(":path", path)]).unwrap().path, expected.as_bytes());
        }
    }

    #[test]
    fn g_01_any_byte_in_any_header_is_read_without_a_panic() {
        for byte in 0..=255_u8 {
            let value = [byte, b' ', byte];
            for name in [":path", "authorization", "cookie", "x-user-id", "origin"] {
                let refused = byte == b',' && JOINED_WHEN_REPEATED.contains(&name);
                assert_eq!(Request::read([(name, value.as_slice())]).is_err(), refused, "{name} {byte}");
            }
        }
    }
}
