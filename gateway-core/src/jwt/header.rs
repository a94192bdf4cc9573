//! The JOSE header (RFC 7515 §4), parsed strictly.

use serde::Deserialize;

use super::{Algorithm, Compact, JwtError};
use crate::json;

/// What `typ` must say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TokenType {
    /// `at+jwt` or `application/at+jwt`, in any case (RFC 9068 §4).
    #[default]
    AccessToken,
    /// Absent, `JWT`, or an access token's type: for issuers that do not follow RFC 9068. Such an issuer's ID tokens are
    /// told apart by their audience only.
    Jwt,
    /// Absent or `JWT`, and never an access token's type: what an issuer says to us about who signed in (`OpenID` Connect
    /// Core §2). Its claims are not an access token's: see [`Unverified::authentic_payload`].
    IdToken,
    /// Absent, `JWT` or `client-authentication+jwt` (draft-ietf-oauth-rfc7523bis): how a client says who it is (RFC 7523 §3). Its
    /// claims are not an access token's either.
    ClientAssertion,
}

/// A token whose header is acceptable and whose signature nobody has looked at. It shows only what picks the key.
#[derive(Debug, Clone)]
pub struct Unverified<'a> {
    pub(super) compact: Compact<'a>,
    pub(super) token_type: TokenType,
    algorithm: Algorithm,
    kid: Option<String>,
}

/// Members that change what a signature means, or that bring their own key, are known here so that they can be refused.
/// Other members (`x5t`, …) are ignored, as RFC 7515 §4 asks.
#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each says whether one member is there")]
struct RawHeader {
    alg: String,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, deserialize_with = "json::is_present")]
    crit: bool,
    #[serde(default, deserialize_with = "json::is_present")]
    b64: bool,
    #[serde(default, deserialize_with = "json::is_present")]
    zip: bool,
    #[serde(default, deserialize_with = "json::is_present")]
    enc: bool,
    #[serde(default, deserialize_with = "json::is_present")]
    jwk: bool,
    #[serde(default, deserialize_with = "json::is_present")]
    jku: bool,
    #[serde(default, deserialize_with = "json::is_present")]
    x5u: bool,
    #[serde(default, deserialize_with = "json::is_present")]
    x5c: bool,
}

impl<'a> Unverified<'a> {
    /// Longest `kid` that is looked up, in bytes.
    pub const MAX_KID_LENGTH: usize = 256;

    /// Reads the header of `compact`.
    ///
    /// # Errors
    /// One of the header's [`JwtError`]s; the claims have not been touched.
    pub fn parse(compact: Compact<'a>, expected: TokenType) -> Result<Self, JwtError> {
        let raw: RawHeader = json::object_of_a_stranger(&compact.header()?).map_err(|_| JwtError::Header)?;
        let algorithm = raw.alg.parse()?;
        if raw.crit || raw.b64 || raw.zip || raw.enc {
            return Err(JwtError::Extension);
        }
        if raw.jwk || raw.jku || raw.x5u || raw.x5c {
            return Err(JwtError::EmbeddedKey);
        }
        if !is_expected(raw.typ.as_deref(), expected) {
            return Err(JwtError::Type);
        }
        if raw.kid.as_ref().is_some_and(|kid| kid.is_empty() || kid.len() > Self::MAX_KID_LENGTH) {
            return Err(JwtError::UnknownKey);
        }
        Ok(Self { compact, token_type: expected, algorithm, kid: raw.kid })
    }

    /// The algorithm that the header claims.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The key that the header names.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }
}

fn is_expected(typ: Option<&str>, expected: TokenType) -> bool {
    let is = |name: &str| typ.is_some_and(|typ| typ.eq_ignore_ascii_case(name));
    let is_access_token = is("at+jwt") || is("application/at+jwt");
    let is_plain = typ.is_none() || is("JWT");
    match expected {
        TokenType::AccessToken => is_access_token,
        TokenType::Jwt => is_access_token || is_plain,
        TokenType::IdToken => is_plain,
        TokenType::ClientAssertion => is_plain || is("client-authentication+jwt"),
    }
}

#[cfg(test)]
mod tests {
    use base64ct::{Base64UrlUnpadded, Encoding as _};

    use super::*;

    fn parse(header: &str) -> Result<Algorithm, JwtError> {
        let token = format!("{}.e30.AA", Base64UrlUnpadded::encode_string(header.as_bytes()));
        Unverified::parse(Compact::parse(&token)?, TokenType::AccessToken).map(|token| token.algorithm())
    }

    #[test]
    fn known_algorithms_are_accepted_and_other_members_ignored() {
        assert_eq!(parse(r#"{"alg":"ES256","typ":"at+jwt","kid":"k"}"#), Ok(Algorithm::Es256));
        assert_eq!(
            parse(r#"{"alg":"EdDSA","typ":"application/AT+JWT","x5t":"ignored"}"#),
            Ok(Algorithm::EdDsa)
        );
    }

    #[test]
    fn an_issuer_without_rfc_9068_may_say_jwt_or_nothing_but_no_other_type() {
        let parse = |header: &str| {
            let token = format!("{}.e30.AA", Base64UrlUnpadded::encode_string(header.as_bytes()));
            Unverified::parse(Compact::parse(&token)?, TokenType::Jwt).map(|token| token.algorithm())
        };
        for header in
            [r#"{"alg":"RS256"}"#, r#"{"alg":"RS256","typ":"JWT"}"#, r#"{"alg":"RS256","typ":"at+jwt"}"#]
        {
            assert_eq!(parse(header), Ok(Algorithm::Rs256), "{header}");
        }
        assert_eq!(parse(r#"{"alg":"RS256","typ":"logout+jwt"}"#), Err(JwtError::Type));
    }

    #[test]
    fn an_access_token_is_no_id_token() {
        let parse = |header: &str| {
            let token = format!("{}.e30.AA", Base64UrlUnpadded::encode_string(header.as_bytes()));
            Unverified::parse(Compact::parse(&token)?, TokenType::IdToken).map(|token| token.algorithm())
        };
        for header in [r#"{"alg":"RS256"}"#, r#"{"alg":"RS256","typ":"jwt"}"#] {
            assert_eq!(parse(header), Ok(Algorithm::Rs256), "{header}");
        }
        for typ in ["at+jwt", "application/at+jwt", "logout+jwt"] {
            let header = format!(r#"{{"alg":"RS256","typ":"{typ}"}}"#);
            assert_eq!(parse(&header), Err(JwtError::Type), "{typ}");
        }
    }

    #[test]
    fn f_01_to_f_07_every_other_header_is_refused_for_its_own_reason() {
        let cases = [
            (r#"{"alg":"none","typ":"at+jwt"}"#, JwtError::Algorithm),
            (r#"{"alg":"None","typ":"at+jwt"}"#, JwtError::Algorithm),
            (r#"{"alg":"","typ":"at+jwt"}"#, JwtError::Algorithm),
            (r#"{"alg":"HS256","typ":"at+jwt"}"#, JwtError::Algorithm),
            (r#"{"alg":"es256","typ":"at+jwt"}"#, JwtError::Algorithm),
            (r#"{"alg":7,"typ":"at+jwt"}"#, JwtError::Header),
            (r#"{"alg":["ES256"],"typ":"at+jwt"}"#, JwtError::Header),
            (r#"{"typ":"at+jwt"}"#, JwtError::Header),
            (r#"{"alg":"ES256","alg":"ES256","typ":"at+jwt"}"#, JwtError::Header),
            (r#"{"alg":"ES256","typ":"at+jwt","kid":7}"#, JwtError::Header),
            (r#"{"alg":"ES256","typ":"at+jwt"} x"#, JwtError::Header),
            ("\u{feff}{\"alg\":\"ES256\",\"typ\":\"at+jwt\"}", JwtError::Header),
            (r#"["ES256","at+jwt","kid"]"#, JwtError::Header),
            (r#"{"alg":"ES256","typ":"at+jwt","crit":null}"#, JwtError::Extension),
            (r#"{"alg":"ES256","typ":"at+jwt","jwk":null}"#, JwtError::EmbeddedKey),
            (r#"{"alg":"ES256"}"#, JwtError::Type),
            (r#"{"alg":"ES256","typ":"JWT"}"#, JwtError::Type),
            (r#"{"alg":"ES256","typ":"logout+jwt"}"#, JwtError::Type),
            (r#"{"alg":"ES256","typ":"dpop+jwt"}"#, JwtError::Type),
            (r#"{"alg":"ES256","typ":"at+jwt","kid":""}"#, JwtError::UnknownKey),
            (r#"{"alg":"ES256","typ":"at+jwt","crit":["exp"]}"#, JwtError::Extension),
            (r#"{"alg":"ES256","typ":"at+jwt","b64":false}"#, JwtError::Extension),
            (r#"{"alg":"ES256","typ":"at+jwt","zip":"DEF"}"#, JwtError::Extension),
            (r#"{"alg":"ES256","typ":"at+jwt","enc":"A128GCM"}"#, JwtError::Extension),
            (r#"{"alg":"ES256","typ":"at+jwt","jwk":{}}"#, JwtError::EmbeddedKey),
            (r#"{"alg":"ES256","typ":"at+jwt","jku":"https://evil"}"#, JwtError::EmbeddedKey),
            (r#"{"alg":"ES256","typ":"at+jwt","x5u":"https://evil"}"#, JwtError::EmbeddedKey),
            (r#"{"alg":"ES256","typ":"at+jwt","x5c":[]}"#, JwtError::EmbeddedKey),
        ];
        for (header, reason) in cases {
            assert_eq!(parse(header), Err(reason), "{header}");
        }
        let long = format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{}"}}"#, "k".repeat(257));
        assert_eq!(parse(&long), Err(JwtError::UnknownKey));
    }
}
