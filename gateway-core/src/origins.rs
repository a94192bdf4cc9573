//! Which web pages may call, and under which names the gateway answers (Fetch §3.2, MCP "Security Warning").
//!
//! A program that is not a browser sends no `Origin`. A browser always does, so a page from elsewhere cannot reach an MCP
//! server through its visitor, nor by making its own name point here (H-01).

use crate::request::Request;

/// The origins and host names that are right. Compared without case; a port of `*` stands for any.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    origins: Vec<String>,
    /// Empty: every name is right.
    hosts: Vec<String>,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller<'a> {
    /// Not a web page.
    Program,
    /// A page of this origin, which is right.
    Page(&'a str),
    /// A page of another origin, or one that thinks we have another name.
    Foreign,
}

/// Headers that scripts of an allowed page may read.
const EXPOSED: &str = "WWW-Authenticate, Mcp-Session-Id, MCP-Protocol-Version";
/// Headers that they may send, beside `Mcp-Param-*`, which are allowed by name when they are asked for.
const SENDABLE: &str = "Authorization, Content-Type, Accept, MCP-Protocol-Version, Mcp-Method, Mcp-Name, \
                        Mcp-Session-Id, Last-Event-ID";
/// Longest list of asked-for headers that is looked at, in bytes.
const MAX_ASKED: usize = 2048;

impl Origins {
    /// These origins, and these host names (none means all).
    #[must_use]
    pub const fn new(origins: Vec<String>, hosts: Vec<String>) -> Self {
        Self { origins, hosts }
    }

    /// Where `request` comes from.
    #[must_use]
    pub fn judge<'a>(&self, request: &Request<'a>) -> Caller<'a> {
        let is_our_name = self.hosts.is_empty() || is_one_of(&self.hosts, request.authority);
        match (is_our_name, request.origin) {
            (true, None) => Caller::Program,
            (true, Some(origin)) if is_one_of(&self.origins, origin) => {
                std::str::from_utf8(origin).map_or(Caller::Foreign, Caller::Page)
            }
            (false, _) | (true, Some(_)) => Caller::Foreign,
        }
    }
}

fn is_one_of(allowed: &[String], given: &[u8]) -> bool {
    allowed.iter().any(|allowed| match allowed.strip_suffix(":*") {
        None => given.eq_ignore_ascii_case(allowed.as_bytes()),
        Some(name) => given
            .split_at_checked(name.len())
            .is_some_and(|(its_name, rest)| its_name.eq_ignore_ascii_case(name.as_bytes()) && is_port(rest)),
    })
}

/// Nothing, or a colon and digits.
fn is_port(rest: &[u8]) -> bool {
    match rest.split_first() {
        None => true,
        Some((b':', port)) => (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit),
        Some(_) => false,
    }
}

/// The headers that let scripts of the page at `origin` read an answer.
#[must_use]
pub fn readable_by(origin: &str) -> [(&'static str, String); 3] {
    [
        ("access-control-allow-origin", origin.to_owned()),
        ("access-control-expose-headers", EXPOSED.to_owned()),
        ("vary", "Origin".to_owned()),
    ]
}

/// The headers that answer the question of a browser what a page at `origin` may send (CORS preflight).
#[must_use]
pub fn preflight(origin: &str, asked: Option<&[u8]>) -> Vec<(&'static str, String)> {
    let asked =
        asked.filter(|asked| asked.len() <= MAX_ASKED).and_then(|asked| std::str::from_utf8(asked).ok());
    let names = asked.unwrap_or_default().split(',').map(str::trim);
    let parameters =
        names.filter(|name| name.to_ascii_lowercase().starts_with("mcp-param-") && is_token(name));
    let sendable = std::iter::once(SENDABLE).chain(parameters).collect::<Vec<_>>().join(", ");
    let mut headers = readable_by(origin).to_vec();
    headers.extend([
        ("access-control-allow-methods", "GET, POST, PUT, DELETE".to_owned()),
        ("access-control-allow-headers", sendable),
        ("access-control-max-age", "7200".to_owned()),
    ]);
    headers
}

/// Whether `text` can stand in a list of allowed origins: `https://app.example`, `http://localhost:*`.
#[must_use]
pub fn is_origin(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, host)| !scheme.is_empty() && is_host(host))
}

/// Whether `text` can stand in a list of host names. A `*` means something in the place of a port only.
pub(crate) fn is_host(text: &str) -> bool {
    let name = text.strip_suffix(":*").unwrap_or(text);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:[]_".contains(&byte))
}

fn is_token(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(headers: &[(&'static str, &'static str)]) -> Caller<'static> {
        let text = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let origins = text(&["https://app.example", "http://localhost:*"]);
        let origins = Origins::new(origins, text(&["gw.example", "localhost:*"]));
        let all = headers.iter().map(|(name, value)| (*name, value.as_bytes()));
        origins.judge(&Request::read(all).unwrap())
    }

    #[test]
    fn what_would_match_nothing_cannot_be_allowed() {
        for right in
            ["https://app.example", "http://localhost:*", "https://app.example:8443", "http://[::1]:*"]
        {
            assert!(is_origin(right), "{right}");
        }
        for wrong in
            ["app.example", "*", "https://*.example", "https://app.example/", "https://", "https://:*"]
        {
            assert!(!is_origin(wrong), "{wrong}");
        }
    }

    #[test]
    fn h_01_a_foreign_page_is_told_from_an_allowed_one_and_from_a_program() {
        let with = |origin| judge(&[(":authority", "gw.example"), ("origin", origin)]);
        assert_eq!(judge(&[(":authority", "gw.example")]), Caller::Program);
        for allowed in
            ["https://app.example", "HTTPS://App.Example", "http://localhost", "http://localhost:6274"]
        {
            assert_eq!(with(allowed), Caller::Page(allowed), "{allowed}");
        }
        for foreign in [
            "",
            "null",
            "https://evil.example",
            "http://app.example",
            "https://app.example:8443",
            "https://app.example/",
            "http://localhost.evil.com",
            "http://localhost:evil",
            "http://localhost:",
            "http://localhost:123456",
            "*",
            "https://app.example.evil.com",
            "http://localhost:1@evil.example",
        ] {
            assert_eq!(with(foreign), Caller::Foreign, "{foreign}");
        }
    }

    #[test]
    fn h_01_a_request_under_another_name_is_foreign_with_or_without_origin() {
        assert_eq!(judge(&[(":authority", "localhost:8080")]), Caller::Program);
        for name in ["evil.example", "gw.example.evil.com", "localhost.evil.com", "", "gw.example:1"] {
            assert_eq!(judge(&[(":authority", name)]), Caller::Foreign, "{name}");
            assert_eq!(
                judge(&[(":authority", name), ("origin", "https://app.example")]),
                Caller::Foreign,
                "{name}"
            );
        }
    }

    #[test]
    fn h_13_a_preflight_allows_what_mcp_needs_and_named_parameters_but_nothing_else() {
        let headers = preflight(
            "https://app.example",
            Some(b"mcp-param-region, x-evil, Mcp-Param-A\"b, authorization"),
        );
        let value =
            |name: &str| headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value.as_str());
        assert_eq!(value("access-control-allow-origin"), Some("https://app.example"));
        assert_eq!(value("access-control-allow-credentials"), None, "tokens are sent by hand, cookies never");
        let sendable = value("access-control-allow-headers").unwrap();
        assert!(sendable.contains("Mcp-Session-Id, Last-Event-ID, mcp-param-region"), "{sendable}");
        assert!(!sendable.contains("evil") && !sendable.contains('"'), "{sendable}");
        assert!(value("access-control-expose-headers").unwrap().contains("WWW-Authenticate"));
    }
}
