//! The `Authorization` header (RFC 6750 §2.1). It is the only place where a token is looked for: never the query,
//! never the body.

/// What one `Authorization` header holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Authorization<'a> {
    /// No header, or another scheme than `Bearer`: no token was sent.
    #[default]
    None,
    /// A token of the right alphabet.
    Bearer(Token<'a>),
    /// The scheme is `Bearer`, and what follows is not a token.
    Malformed,
    /// Several credentials in one header, joined by a comma (F-17).
    Several,
}

/// A bearer token that nobody has looked into yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Token<'a>(&'a str);

impl<'a> Token<'a> {
    /// The token's text: a credential, not to be shown or stored.
    #[must_use]
    pub const fn reveal(self) -> &'a str {
        self.0
    }
}

impl std::fmt::Debug for Token<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Token(..)")
    }
}

impl<'a> Authorization<'a> {
    /// Reads the value of one `Authorization` header.
    #[must_use]
    pub fn read(value: &'a [u8]) -> Self {
        let Ok(value) = std::str::from_utf8(value) else { return Self::Malformed };
        let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Self::None;
        }
        let token = rest.trim_start_matches(' ');
        if token.contains(',') {
            return Self::Several;
        }
        let is_b64token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        if !token.is_empty() && token.bytes().all(is_b64token) {
            Self::Bearer(Token(token))
        } else {
            Self::Malformed
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f_17_the_scheme_is_compared_without_case_and_spaces_may_be_several() {
        for value in ["Bearer abc", "bearer abc", "BEARER   abc"] {
            assert_eq!(Authorization::read(value.as_bytes()), Authorization::Bearer(Token("abc")), "{value}");
        }
    }

    #[test]
    fn f_17_everything_else_is_told_apart() {
        let cases: [(&[u8], Authorization<'_>); 10] = [
            (b"", Authorization::None),
            (b"Basic YTpi", Authorization::None),
            (b"Bearerabc", Authorization::None),
            (b"Bearer", Authorization::Malformed),
            (b"Bearer ", Authorization::Malformed),
            (b"Bearer\tabc", Authorization::None),
            (b"Bearer a b", Authorization::Malformed),
            (b"Bearer \xff", Authorization::Malformed),
            (b"Bearer a\"b", Authorization::Malformed),
            (b"Bearer a, Bearer b", Authorization::Several),
        ];
        for (value, expected) in cases {
            assert_eq!(Authorization::read(value), expected, "{value:?}");
        }
    }
}
