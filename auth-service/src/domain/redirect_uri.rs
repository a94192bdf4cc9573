//! Redirect URIs: where codes go, and so the one thing that must never be approximately right.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::parameters::Parameters;

/// A redirect URI that may be registered and redirected to. Kept and compared byte for byte (RFC 9700 §2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUri {
    text: String,
    kind: RedirectKind,
    host: String,
}

/// The three forms of redirect URI (RFC 8252 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectKind {
    /// `https`: a web application, or an app that claims the address.
    Https,
    /// `http` on `127.0.0.1`, `[::1]` or `localhost`: a program on the user's own machine, on any port.
    Loopback,
    /// A scheme that an installed app has claimed, such as `cursor:`.
    PrivateUse,
}

/// Why a text is not an acceptable redirect URI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    /// Not an absolute URI in printable ASCII, or longer than [`RedirectUri::MAX_LENGTH`].
    #[error("a redirect URI must be an absolute URI of at most 2048 printable ASCII characters")]
    Malformed,
    /// RFC 6749 §3.1.2.
    #[error("a redirect URI must not have a fragment")]
    Fragment,
    /// `https://good@evil/`.
    #[error("a redirect URI must not have a user name or password")]
    UserInfo,
    /// `*` anywhere.
    #[error("a redirect URI must not have a wildcard")]
    Wildcard,
    /// `http` to anything but a loopback address.
    #[error("http redirect URIs are for 127.0.0.1, [::1] and localhost only; use https")]
    InsecureHost,
    /// A scheme that a browser would run, open or render itself.
    #[error("the scheme of the redirect URI is not allowed")]
    Scheme,
    /// The query already holds a parameter of the authorization response (RFC 6749 §4.1.2, RFC 9207 §2).
    #[error("a redirect URI must not have code, state, iss or error in its query")]
    ReservedQuery,
}

/// Schemes that mean something to a browser or to the operating system; no app may receive codes through them.
const FORBIDDEN_SCHEMES: &[&str] = &[
    "about",
    "blob",
    "chrome",
    "chrome-extension",
    "data",
    "edge",
    "file",
    "filesystem",
    "ftp",
    "intent",
    "jar",
    "javascript",
    "mailto",
    "moz-extension",
    "resource",
    "search-ms",
    "sms",
    "tel",
    "vbscript",
    "view-source",
    "ws",
    "wss",
];

/// Parameters that only we may add.
const RESERVED: &[&str] = &["code", "state", "iss", "error", "error_description", "error_uri"];

impl RedirectUri {
    /// Longest redirect URI, in bytes.
    pub const MAX_LENGTH: usize = 2048;

    /// The URI as it was registered or sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Which form it has.
    #[must_use]
    pub const fn kind(&self) -> RedirectKind {
        self.kind
    }

    /// What the consent page shows as the destination: the host, or the scheme of an installed app.
    #[must_use]
    pub fn destination(&self) -> &str {
        &self.host
    }

    /// Whether a request for `self` is covered by the registration of `registered`: the same text, except that the
    /// port of a loopback URI is free (RFC 8252 §7.3).
    #[must_use]
    pub fn is_covered_by(&self, registered: &Self) -> bool {
        if self.kind == RedirectKind::Loopback && registered.kind == RedirectKind::Loopback {
            return loopback_parts(&self.text) == loopback_parts(&registered.text);
        }
        self.text == registered.text
    }

    /// The URI with `parameters` added to its query, each encoded. A space becomes `%20`, which decoders of forms and
    /// of plain URIs read alike.
    #[must_use]
    pub fn with_query(&self, parameters: &[(&str, &str)]) -> String {
        let mut serializer = url::form_urlencoded::Serializer::new(String::new());
        serializer.extend_pairs(parameters);
        let separator = if self.text.contains('?') { '&' } else { '?' };
        format!("{}{separator}{}", self.text, serializer.finish().replace('+', "%20"))
    }

    /// The source expression under which a Content-Security-Policy lets a form lead here. Source expressions cannot
    /// name an IPv6 address, nor the host of a private-use scheme; there the scheme has to do.
    #[must_use]
    pub fn csp_source(&self) -> String {
        let scheme_end = self.text.find(':').map_or(0, |colon| colon.saturating_add(1));
        let scheme = self.text.get(..scheme_end).unwrap_or_default();
        let is_ipv6 = self.host.starts_with('[');
        match self.kind {
            RedirectKind::Https | RedirectKind::Loopback if !is_ipv6 => {
                let authority = self.text.get(scheme_end..).unwrap_or_default().trim_start_matches('/');
                let end = authority.find(['/', '?']).unwrap_or(authority.len());
                format!("{scheme}//{}", authority.get(..end).unwrap_or_default())
            }
            RedirectKind::Https | RedirectKind::Loopback | RedirectKind::PrivateUse => scheme.to_owned(),
        }
    }
}

impl FromStr for RedirectUri {
    type Err = RedirectUriError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain =
            text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'`'));
        if text.len() > Self::MAX_LENGTH || !is_plain {
            return Err(RedirectUriError::Malformed);
        }
        let url = Url::parse(text).map_err(|_| RedirectUriError::Malformed)?;
        if url.fragment().is_some() {
            return Err(RedirectUriError::Fragment);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(RedirectUriError::UserInfo);
        }
        if text.contains('*') {
            return Err(RedirectUriError::Wildcard);
        }
        if has_reserved_query(&url) {
            return Err(RedirectUriError::ReservedQuery);
        }
        let (kind, host) = classify(text, &url)?;
        Ok(Self { text: text.to_owned(), kind, host })
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn has_reserved_query(url: &Url) -> bool {
    let Some(query) = url.query() else { return false };
    match Parameters::parse(query.as_bytes()) {
        Ok(parameters) => RESERVED.iter().any(|name| !matches!(parameters.get(name), Ok(None))),
        Err(_) => true,
    }
}

fn classify(text: &str, url: &Url) -> Result<(RedirectKind, String), RedirectUriError> {
    match url.scheme() {
        // The parser forgives `https:/host` and `HTTPS://Host`; other parsers may read those differently.
        "https" => {
            let host = url.host_str().filter(|host| !host.is_empty()).ok_or(RedirectUriError::Malformed)?;
            let authority = text.strip_prefix("https://").ok_or(RedirectUriError::Malformed)?;
            let is_literal = authority.starts_with(host) && !authority.starts_with('/');
            is_literal.then(|| (RedirectKind::Https, host.to_owned())).ok_or(RedirectUriError::Malformed)
        }
        "http" => {
            let (host, _) = loopback_parts(text).ok_or(RedirectUriError::InsecureHost)?;
            Ok((RedirectKind::Loopback, host.to_owned()))
        }
        scheme if FORBIDDEN_SCHEMES.contains(&scheme) || scheme.starts_with("ms-") => {
            Err(RedirectUriError::Scheme)
        }
        scheme => Ok((RedirectKind::PrivateUse, format!("{scheme}:"))),
    }
}

/// Host and everything after the port of a loopback URI, from the text itself: no second parser can disagree.
fn loopback_parts(text: &str) -> Option<(&'static str, &str)> {
    let after_scheme = text.strip_prefix("http://")?;
    ["127.0.0.1", "[::1]", "localhost"].into_iter().find_map(|host| {
        let after_host = after_scheme.strip_prefix(host)?;
        let rest = match after_host.strip_prefix(':') {
            Some(port_and_rest) => {
                let digits = port_and_rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(port_and_rest.len());
                let (port, rest) = port_and_rest.split_at_checked(digits)?;
                port.parse::<u16>().ok()?;
                rest
            }
            None => after_host,
        };
        (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
    })
}

#[cfg(test)]
mod tests;
