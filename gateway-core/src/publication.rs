//! What the edge tells the rest of Envoy about a request: access log, RBAC, rate limits (design §5).

use std::borrow::Cow;
use std::collections::BTreeSet;

use mcp_protocol::operation::{self, Operation};
use serde::Deserialize;

use crate::gate::Admission;
use crate::identity_headers::visible_ascii;
use crate::policy::{Access, Policy};
use crate::request::Request;

/// Longest message that is read only to say what it asks for, in bytes.
pub const MAX_MESSAGE: usize = 64 * 1024;

/// Longest published value that a client chose freely, in bytes.
const MAX_VALUE: usize = 256;

/// Something that is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// `allowed`, or why not: the same word as in the counters.
    Outcome,
    /// The user of a token that was accepted.
    User,
    /// Its client.
    Client,
    /// Its id (`jti`).
    Token,
    /// The server that is asked, or `public`, or `none`.
    Server,
    /// `modern`, `legacy` or `unknown`.
    Era,
    /// The method of the JSON-RPC message.
    Method,
    /// The tool of a `tools/call`.
    Tool,
}

impl Fact {
    /// Its name in filter state, behind the `wasm.` that Envoy puts before it.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Outcome => "mcp_edge.outcome",
            Self::User => "mcp_edge.user",
            Self::Client => "mcp_edge.client",
            Self::Token => "mcp_edge.token",
            Self::Server => "mcp_edge.server",
            Self::Era => "mcp_edge.era",
            Self::Method => "mcp_edge.method",
            Self::Tool => "mcp_edge.tool",
        }
    }
}

/// The facts that an operator asked for. Each costs a call to the host for every request that has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Publication(BTreeSet<Fact>);

/// Where it stands what a request asks for, as far as an operator wants to know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// In its headers: the server refuses a message that differs from them, so they can be believed (H-03).
    Headers,
    /// In its message only. Else a client could do one thing and be logged with another.
    Message,
    /// Nowhere: nobody wants to know, or it carries no message.
    Nowhere,
}

/// What is told of one request. A fact that is not known is not there; values are visible ASCII.
pub type Told<'a> = Vec<(Fact, Cow<'a, str>)>;

impl Publication {
    /// The publication of these facts.
    #[must_use]
    pub const fn new(facts: BTreeSet<Fact>) -> Self {
        Self(facts)
    }

    /// Whether nothing is told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where it stands what `request` asks for.
    #[must_use]
    pub fn source(&self, policy: &Policy, request: &Request<'_>) -> Source {
        let asks = self.0.contains(&Fact::Method) || self.0.contains(&Fact::Tool);
        if !asks || request.method != b"POST" {
            return Source::Nowhere;
        }
        let Access::Protected(resource) = policy.access(request.authority, request.path) else {
            return Source::Message;
        };
        let mcp = request.mcp;
        let is_modern = matches!(operation::of_headers(mcp.version, mcp.method, mcp.name), Ok(Some(_)));
        let counts = resource.compares_headers && mcp.session.is_none() && is_modern;
        if counts { Source::Headers } else { Source::Message }
    }

    /// What can be told once a request is decided; what it asks for only if that stands in its headers.
    #[must_use]
    pub fn of_request<'a>(
        &self,
        policy: &'a Policy,
        request: &Request<'a>,
        source: Source,
        (outcome, admission): (&'static str, Option<&'a Admission>),
    ) -> Told<'a> {
        let identity = |header| admission.and_then(|admission| admission.header(header)).map(Cow::Borrowed);
        let mcp = request.mcp;
        let value = |fact| match fact {
            Fact::Outcome => Some(Cow::Borrowed(outcome)),
            Fact::User => identity("x-user-id"),
            Fact::Client => identity("x-client-id"),
            Fact::Token => identity("x-token-id"),
            Fact::Server => Some(Cow::Borrowed(policy.server_at(request.authority, request.path))),
            Fact::Era => Some(Cow::Borrowed(request.era())),
            Fact::Method | Fact::Tool if source != Source::Headers => None,
            Fact::Method => mcp.method.and_then(|method| std::str::from_utf8(method).ok()).map(printed),
            Fact::Tool => match operation::of_headers(mcp.version, mcp.method, mcp.name) {
                Ok(Some(Operation::CallTool(name))) => Some(printed(&name)),
                Ok(_) | Err(_) => None,
            },
        };
        self.0.iter().filter_map(|fact| Some((*fact, value(*fact)?))).collect()
    }

    /// What a message tells; nothing if it is none.
    #[must_use]
    pub fn of_message(&self, message: &[u8]) -> Told<'static> {
        let Ok(ask) = operation::of_body(message) else { return Vec::new() };
        let tool = match &ask.operation {
            Operation::CallTool(name) => Some(printed(name)),
            Operation::GetPrompt(_)
            | Operation::ReadResource(_)
            | Operation::ListTools
            | Operation::Plumbing
            | Operation::Other => None,
        };
        let told = [(Fact::Method, ask.method.as_deref().map(printed)), (Fact::Tool, tool)];
        let wanted = told.into_iter().filter(|(fact, _)| self.0.contains(fact));
        wanted.filter_map(|(fact, value)| Some((fact, value?))).collect()
    }
}

/// A text of the client's as it may stand in a log.
fn printed(text: &str) -> Cow<'static, str> {
    let mut printed = visible_ascii(text);
    printed.truncate(MAX_VALUE);
    Cow::Owned(printed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publication(facts: &str) -> Publication {
        Publication::new(serde_json::from_str(facts).unwrap())
    }

    #[test]
    fn g_17_what_a_client_chose_can_neither_end_a_line_nor_fill_the_log() {
        let publication = publication(r#"["method", "tool"]"#);
        let message = serde_json::json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "a b\"é" },
        });
        let told = publication.of_message(message.to_string().as_bytes());
        let expected =
            [(Fact::Method, Cow::Borrowed("tools/call")), (Fact::Tool, Cow::Borrowed("a%20b\"%C3%A9"))];
        assert_eq!(told, expected);
        let message =
            serde_json::json!({ "jsonrpc": "2.0", "id": 1, "method": "x".repeat(1000), "params": {} });
        let told = publication.of_message(message.to_string().as_bytes());
        assert_eq!(told, [(Fact::Method, Cow::Owned("x".repeat(MAX_VALUE)))]);
    }

    #[test]
    fn a_body_that_could_be_read_in_two_ways_tells_nothing() {
        let publication = publication(r#"["method", "tool"]"#);
        for body in ["", "[]", r#"{"jsonrpc":"2.0","method":"a","method":"b"}"#, r#"{"jsonrpc":"2.0""#] {
            assert_eq!(publication.of_message(body.as_bytes()), [], "{body}");
        }
    }

    /// What is told of a POST with these headers at a server that compares them, or does not, and whether its message is
    /// needed.
    fn told(compares: bool, headers: &[(&'static str, &'static [u8])]) -> (Vec<String>, bool) {
        let policy = serde_json::json!({
            "issuers": [{ "issuer": "https://gw.example", "jwks": { "cluster": "auth", "path": "/jwks" } }],
            "resources": [{
                "uri": "https://gw.example/time/mcp", "scope": "mcp:time", "server_compares_mcp_headers": compares,
            }],
            "publish": ["method", "tool"],
        });
        let policy = Policy::parse(policy.to_string().as_bytes()).unwrap();
        let post: [(&str, &[u8]); 2] = [(":method", b"POST"), (":path", b"/time/mcp")];
        let request = Request::read(post.into_iter().chain(headers.iter().copied())).unwrap();
        let source = policy.publication.source(&policy, &request);
        let told = policy.publication.of_request(&policy, &request, source, ("allowed", None));
        (told.into_iter().map(|(_, value)| value.into_owned()).collect(), source == Source::Message)
    }

    #[test]
    fn h_03_what_the_headers_say_is_told_only_where_the_server_holds_the_client_to_it() {
        const MODERN: (&str, &[u8]) = ("mcp-protocol-version", b"2026-07-28");
        const CALL: [(&str, &[u8]); 2] = [("mcp-method", b"tools/call"), ("mcp-name", b"harmless")];
        let [method, name] = CALL;
        let nothing = (vec![], true);
        assert_eq!(told(true, &[MODERN, method, name]).0, ["tools/call", "harmless"]);
        assert!(!told(true, &[MODERN, method, name]).1);
        assert_eq!(told(false, &[MODERN, method, name]), nothing, "nobody compares them");
        assert_eq!(told(true, &[method, name]), nothing, "no version: an older client");
        assert_eq!(told(true, &[MODERN, method, name, ("mcp-session-id", b"s")]), nothing, "a session");
        assert_eq!(told(true, &[]), nothing);
    }
}
