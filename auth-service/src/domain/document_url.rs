//! Client identifiers that are addresses: where a client publishes its own metadata
//! (draft-ietf-oauth-client-id-metadata-document-02 §3).

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// A Client Identifier URL. It is kept and compared byte for byte; the parsed form only says where to fetch.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DocumentUrl {
    text: String,
    url: Url,
    host: String,
}

/// Why a text is not an acceptable Client Identifier URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DocumentUrlError {
    /// Not an absolute `https` URL in printable ASCII of at most [`DocumentUrl::MAX_LENGTH`] bytes.
    #[error("not an https URL")]
    Malformed,
    /// A user name or password.
    #[error("a client identifier URL must not have a user name or password")]
    UserInfo,
    /// An address in numbers, or a name that different parsers read differently.
    #[error("the host of a client identifier URL must be a plain domain name")]
    Host,
    /// Nothing after the host. `/` alone is allowed by the draft and not recommended; MCP clients refuse it.
    #[error("a client identifier URL must have a path")]
    Path,
    /// `.` or `..`, encoded or not.
    #[error("a client identifier URL must not have dot segments")]
    DotSegment,
    /// A fragment.
    #[error("a client identifier URL must not have a fragment")]
    Fragment,
}

impl DocumentUrl {
    /// Longest Client Identifier URL, in bytes. It becomes part of every token.
    pub const MAX_LENGTH: usize = 512;

    /// The identifier as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host that answers for the document, in lower case. A name with other letters than ASCII is in its encoded
    /// form, so that no look-alike is ever shown.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Where the document is fetched.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.url
    }

    /// Whether a text means to be one of these, well-formed or not. No registered client has an identifier like it.
    #[must_use]
    pub fn is_meant_by(text: &str) -> bool {
        text.contains(':')
    }
}

impl FromStr for DocumentUrl {
    type Err = DocumentUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_plain = |b: u8| {
            b.is_ascii_graphic()
                && !matches!(b, b'\\' | b'"' | b'<' | b'>' | b'`' | b'{' | b'}' | b'|' | b'^')
        };
        if text.len() > Self::MAX_LENGTH || !text.bytes().all(is_plain) {
            return Err(DocumentUrlError::Malformed);
        }
        // The parser forgives `https:/host` and `https:///host`; other parsers read those differently.
        let (scheme, rest) = text.split_once("://").ok_or(DocumentUrlError::Malformed)?;
        if !scheme.eq_ignore_ascii_case("https") {
            return Err(DocumentUrlError::Malformed);
        }
        if rest.contains('#') {
            return Err(DocumentUrlError::Fragment);
        }
        let (authority, after) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(DocumentUrlError::UserInfo);
        }
        let url = Url::parse(text).map_err(|_| DocumentUrlError::Malformed)?;
        let host = host(&url, authority)?;
        path(after.split('?').next().unwrap_or_default())?;
        Ok(Self { text: text.to_owned(), url, host })
    }
}

impl fmt::Display for DocumentUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// The domain name, if it is written as it is read: not as a number, not percent-encoded, without a final dot.
fn host(url: &Url, authority: &str) -> Result<String, DocumentUrlError> {
    let Some(Host::Domain(domain)) = url.host() else { return Err(DocumentUrlError::Host) };
    let written = authority.split(':').next().unwrap_or_default();
    let is_literal = written.eq_ignore_ascii_case(domain) && !domain.ends_with('.');
    is_literal.then(|| domain.to_owned()).ok_or(DocumentUrlError::Host)
}

fn path(path: &str) -> Result<(), DocumentUrlError> {
    if path.is_empty() || path == "/" {
        return Err(DocumentUrlError::Path);
    }
    let is_dots = |segment: &str| {
        let decoded = segment.to_ascii_lowercase().replace("%2e", ".");
        decoded == "." || decoded == ".."
    };
    if path.split('/').any(is_dots) { Err(DocumentUrlError::DotSegment) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use DocumentUrlError::{DotSegment, Fragment, Host, Malformed, Path, UserInfo};

    #[test]
    fn d_20_an_https_url_with_a_path_is_a_client_identifier() {
        for (text, host) in [
            ("https://app.example/client.json", "app.example"),
            ("https://app.example/a/b/", "app.example"),
            ("https://app.example/c?v=1", "app.example"),
            ("https://app.example:8443/c", "app.example"),
            ("https://app.example:443/c", "app.example"),
            ("https://xn--bcher-kva.example/c", "xn--bcher-kva.example"),
            ("HTTPS://App.Example/c", "app.example"),
            ("https://localhost/c", "localhost"),
            ("https://app.example/...", "app.example"),
            ("https://app.example/a..b/.c", "app.example"),
        ] {
            let url: DocumentUrl = text.parse().unwrap();
            assert_eq!((url.as_str(), url.host()), (text, host));
        }
    }

    #[test]
    fn d_20_every_other_form_is_refused() {
        let long = format!("https://app.example/{}", "x".repeat(DocumentUrl::MAX_LENGTH));
        for (text, why) in [
            ("", Malformed),
            ("http://app.example/c", Malformed),
            ("ftp://app.example/c", Malformed),
            ("javascript:alert(1)", Malformed),
            ("https:app.example/c", Malformed),
            ("https:/app.example/c", Malformed),
            ("https:///app.example/c", Host),
            ("https:////x", Host),
            ("https://", Malformed),
            ("https://app.example", Path),
            ("https://app.example/", Path),
            ("https://app.example?x=/c", Path),
            ("https://app.example/c#x", Fragment),
            ("https://app.example/c#", Fragment),
            ("https://u:p@app.example/c", UserInfo),
            ("https://u@app.example/c", UserInfo),
            ("https://app.example@evil.example/c", UserInfo),
            ("https://@app.example/c", UserInfo),
            ("https://app.example/./c", DotSegment),
            ("https://app.example/a/../c", DotSegment),
            ("https://app.example/c/..", DotSegment),
            ("https://app.example/%2e%2E/c", DotSegment),
            ("https://app.example/a/.%2e", DotSegment),
            ("https://app.example/a b", Malformed),
            ("https://app.example\\@evil/c", Malformed),
            ("https://app.example/c\n", Malformed),
            (" https://app.example/c", Malformed),
            ("https://app.example/\u{e9}", Malformed),
            ("https://app.example:99999/c", Malformed),
            (&long, Malformed),
        ] {
            assert_eq!(text.parse::<DocumentUrl>(), Err(why), "{text}");
        }
    }

    #[test]
    fn d_31_a_host_in_numbers_or_in_disguise_is_refused() {
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "127.1",
            "0177.0.0.1",
            "0",
            "8.8.8.8",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "localhost.",
            "app.example.",
            "ex%61mple.com",
            "%6cocalhost",
        ] {
            assert_eq!(format!("https://{host}/c").parse::<DocumentUrl>(), Err(Host), "{host}");
        }
        for host in ["\u{ff11}27.0.0.1", "[fe80::1%eth0]", "[fe80::1%25eth0]", "a_b\u{3002}example"] {
            assert_eq!(format!("https://{host}/c").parse::<DocumentUrl>(), Err(Malformed), "{host}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_fetched_is_what_is_written(
            host in "[a-z]{1,9}\\.example",
            path in "/[!-~]{1,40}",
        ) {
            let text = format!("https://{host}{path}");
            if let Ok(url) = text.parse::<DocumentUrl>() {
                let written = path.split('?').next().unwrap();
                proptest::prop_assert_eq!(url.as_str(), text.as_str());
                proptest::prop_assert_eq!((url.host(), url.url().path()), (host.as_str(), written));
            }
        }
    }
}
