//! The one public address of the gateway.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// `PUBLIC_URL`: the origin under which clients reach the gateway, and its issuer identifier (RFC 8414 §2).
/// Scheme, host and, if it is not the scheme's default, port; no path and no trailing slash, because clients compare
/// the issuer byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    host: String,
    port: u16,
    is_https: bool,
}

/// Why a text is not a public address; the sentence says what would be right.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PublicUrlError {
    /// Not an absolute `http` or `https` URL.
    #[error("expected an origin such as https://gateway.example or http://localhost:8080")]
    NotAnOrigin,
    /// A path, query, fragment or user info was given.
    #[error("expected only scheme, host and port, without a path, query or user name")]
    MoreThanAnOrigin,
    /// `http` for a host other than loopback: tokens would travel in clear (OAuth 2.1 §1.5).
    #[error("plain http is allowed for localhost only; use https")]
    InsecureHost,
}

impl PublicUrl {
    /// The origin, exactly as the issuer is written everywhere.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.origin
    }

    /// The host without port; an IPv6 address keeps its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port that clients connect to.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Whether the public side speaks TLS; decides the `__Host-` prefix and `Secure` of cookies.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.is_https
    }
}

impl Default for PublicUrl {
    /// `http://localhost:8080`: a gateway on one's own machine.
    fn default() -> Self {
        Self {
            origin: "http://localhost:8080".to_owned(),
            host: "localhost".to_owned(),
            port: 8080,
            is_https: false,
        }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.origin)
    }
}

impl FromStr for PublicUrl {
    type Err = PublicUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| PublicUrlError::NotAnOrigin)?;
        let is_https = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err(PublicUrlError::NotAnOrigin),
        };
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        if !bare || !url.username().is_empty() || url.password().is_some() {
            return Err(PublicUrlError::MoreThanAnOrigin);
        }
        let host = url.host().ok_or(PublicUrlError::NotAnOrigin)?;
        let is_loopback = match &host {
            Host::Domain(name) => *name == "localhost",
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
        };
        if !is_https && !is_loopback {
            return Err(PublicUrlError::InsecureHost);
        }
        let port = url.port_or_known_default().ok_or(PublicUrlError::NotAnOrigin)?;
        Ok(Self { origin: url.origin().ascii_serialization(), host: host.to_string(), port, is_https })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_kept_in_its_canonical_form() {
        let cases = [
            ("http://localhost:8080", "http://localhost:8080", "localhost", 8080),
            ("https://Gateway.Example/", "https://gateway.example", "gateway.example", 443),
            ("https://gw.example:443", "https://gw.example", "gw.example", 443),
            ("http://[::1]:9000", "http://[::1]:9000", "[::1]", 9000),
        ];
        for (text, origin, host, port) in cases {
            let url: PublicUrl = text.parse().unwrap();
            assert_eq!((url.as_str(), url.host(), url.port()), (origin, host, port), "{text}");
        }
    }

    #[test]
    fn anything_but_an_origin_is_refused_with_a_reason() {
        let cases = [
            ("gateway.example", PublicUrlError::NotAnOrigin),
            ("ftp://gateway.example", PublicUrlError::NotAnOrigin),
            ("https://gateway.example/mcp", PublicUrlError::MoreThanAnOrigin),
            ("https://user@gateway.example", PublicUrlError::MoreThanAnOrigin),
            ("https://gateway.example?x=1", PublicUrlError::MoreThanAnOrigin),
            ("http://gateway.example", PublicUrlError::InsecureHost),
            ("http://localhost.evil.example", PublicUrlError::InsecureHost),
        ];
        for (text, reason) in cases {
            assert_eq!(text.parse::<PublicUrl>(), Err(reason), "{text}");
        }
    }
}
