//! Protected resources: one MCP server, one URL, one audience (RFC 8707, RFC 9728).

use std::fmt;
use std::str::FromStr;

/// The name of an MCP server behind the gateway: a path segment and a part of scopes.
/// 1 to 63 characters of `a-z`, `0-9`, `_` and `-`, beginning with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerName(String);

/// A text that cannot name a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected 1 to 63 characters of a-z, 0-9, _ and -, beginning with a letter or digit")]
pub struct NotAServerName;

impl ServerName {
    /// The name as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ServerName {
    type Err = NotAServerName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let starts_well =
            text.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
        let is_plain =
            text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
        if starts_well && is_plain && text.len() <= 63 {
            Ok(Self(text.to_owned()))
        } else {
            Err(NotAServerName)
        }
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The canonical URI of a protected resource: the `aud` of its tokens, byte for byte, and what its metadata names.
/// It has a path and no trailing slash, because clients append a slash to a URI without a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ResourceUri {
    text: String,
    origin_length: usize,
}

impl ResourceUri {
    /// The resource of one server: `{origin}/{server}/mcp`. `origin` is an issuer identifier without a path.
    #[must_use]
    pub fn of_server(origin: &str, server: &ServerName) -> Self {
        Self { text: format!("{origin}/{server}/mcp"), origin_length: origin.len() }
    }

    /// The resource of a server that has a host of its own: `{origin}/mcp`.
    #[must_use]
    pub fn of_host(origin: &str) -> Self {
        Self { text: format!("{origin}/mcp"), origin_length: origin.len() }
    }

    /// Reads a canonical resource URI: `http` or `https`, a host, a path without trailing slash, and nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let after_scheme = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let (authority, path) = after_scheme.split_once('/')?;
        let is_plain =
            after_scheme.bytes().all(|byte| byte.is_ascii_graphic() && !b"?#%;\\\"@".contains(&byte));
        let is_canonical = !authority.is_empty() && !path.is_empty() && !path.ends_with('/') && is_plain;
        let origin_length = text.len().checked_sub(path.len())?.checked_sub(1)?;
        is_canonical.then(|| Self { text: text.to_owned(), origin_length })
    }

    /// The URI as it stands in `aud` and in the metadata.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The path under which the resource is served, such as `/time/mcp`.
    #[must_use]
    pub fn path(&self) -> &str {
        self.split().1
    }

    /// The host, with its port if that is not the scheme's.
    #[must_use]
    pub fn authority(&self) -> &str {
        let origin = self.split().0;
        origin.split_once("://").map_or(origin, |(_, authority)| authority)
    }

    /// Whether a request for `authority` is for this resource's host, in any case and with or without the scheme's own
    /// port (RFC 9110 §4.2.3).
    #[must_use]
    pub fn is_at(&self, authority: &[u8]) -> bool {
        let port: &[u8] = if self.text.starts_with("https:") { b":443" } else { b":80" };
        let [asked, own] =
            [authority, self.authority().as_bytes()].map(|it| it.strip_suffix(port).unwrap_or(it));
        asked.eq_ignore_ascii_case(own)
    }

    /// Where its metadata is found: the well-known path inserted between origin and path (RFC 9728 §3.1).
    #[must_use]
    pub fn metadata_url(&self) -> String {
        let (origin, path) = self.split();
        format!("{origin}{}{path}", Self::WELL_KNOWN)
    }

    /// The path of [`Self::metadata_url`].
    #[must_use]
    pub fn metadata_path(&self) -> String {
        format!("{}{}", Self::WELL_KNOWN, self.path())
    }

    /// The well-known prefix of RFC 9728 §3.
    pub const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

    /// Whether a client's `resource` parameter (RFC 8707 §2) means this resource. Scheme and host may differ in case,
    /// and one trailing slash is tolerated, as the MCP specification asks; the path is exact.
    #[must_use]
    pub fn is_meant_by(&self, requested: &str) -> bool {
        let (origin, path) = self.split();
        let requested = requested.strip_suffix('/').unwrap_or(requested);
        requested
            .split_at_checked(self.origin_length)
            .is_some_and(|(its_origin, its_path)| its_origin.eq_ignore_ascii_case(origin) && its_path == path)
    }

    fn split(&self) -> (&str, &str) {
        self.text.split_at_checked(self.origin_length).unwrap_or((&self.text, ""))
    }
}

impl fmt::Display for ResourceUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time() -> ResourceUri {
        ResourceUri::of_server("https://gw.example", &"time".parse().unwrap())
    }

    #[test]
    fn a_resource_knows_its_path_and_where_its_metadata_is() {
        assert_eq!(time().as_str(), "https://gw.example/time/mcp");
        assert_eq!(time().path(), "/time/mcp");
        assert_eq!(time().metadata_url(), "https://gw.example/.well-known/oauth-protected-resource/time/mcp");
    }

    #[test]
    fn a_server_with_a_host_of_its_own_is_at_that_host_and_at_no_other() {
        let time = ResourceUri::of_host("https://time.gw.example");
        assert_eq!(time.as_str(), "https://time.gw.example/mcp");
        assert_eq!(time.metadata_url(), "https://time.gw.example/.well-known/oauth-protected-resource/mcp");
        for own in ["time.gw.example", "Time.GW.example", "time.gw.example:443"] {
            assert!(time.is_at(own.as_bytes()), "{own}");
        }
        for other in
            ["", "gw.example", "fetch.gw.example", "time.gw.example:80", "time.gw.example.evil.example"]
        {
            assert!(!time.is_at(other.as_bytes()), "{other}");
        }
        let at_port = ResourceUri::of_host("http://localhost:8080");
        assert!(at_port.is_at(b"localhost:8080") && !at_port.is_at(b"localhost"));
    }

    #[test]
    fn a_07_a_resource_parameter_is_compared_with_the_stated_tolerance_and_no_more() {
        for same in
            ["https://gw.example/time/mcp", "HTTPS://GW.example/time/mcp", "https://gw.example/time/mcp/"]
        {
            assert!(time().is_meant_by(same), "{same}");
        }
        for other in [
            "",
            "/time/mcp",
            "http://gw.example/time/mcp",
            "https://gw.example/Time/mcp",
            "https://gw.example/time/mcp//",
            "https://gw.example/time/mcp#x",
            "https://gw.example/time/mcp?x",
            "https://gw.example:8443/time/mcp",
            "https://gw.example.evil/time/mcp",
            "https://gw.exampl€/time/mcp",
            "https://gw.example/fetch/mcp",
        ] {
            assert!(!time().is_meant_by(other), "{other}");
        }
    }

    #[test]
    fn only_a_canonical_uri_is_a_resource() {
        assert_eq!(ResourceUri::parse("https://gw.example/time/mcp"), Some(time()));
        for text in [
            "",
            "/time/mcp",
            "https://gw.example",
            "https://gw.example/",
            "https://gw.example/time/mcp/",
            "https:///mcp",
            "ftp://gw.example/mcp",
            "https://gw.example/mcp?x",
            "https://gw.example/mcp#x",
            "https://u@gw.example/mcp",
            "https://gw.example/m cp",
            "https://gw.example/m\"cp",
            "https://gw.example/m%63p",
        ] {
            assert_eq!(ResourceUri::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_server_name_is_a_plain_path_segment() {
        for good in ["time", "a", "0x", "sequential-thinking", "my_server"] {
            assert!(good.parse::<ServerName>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "_a", "Time", "a.b", "a/b", "..", "é", &"a".repeat(64)] {
            assert_eq!(bad.parse::<ServerName>(), Err(NotAServerName), "{bad}");
        }
    }
}
