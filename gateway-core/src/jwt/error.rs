//! Why a token is refused.

/// One reason for each way in which a token can be wrong. Clients see `invalid_token` and nothing else (RFC 6750 §3.1);
/// the reason is for metrics and tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Longer than the limit; refused before anything is parsed.
    #[error("token too long")]
    TooLong,
    /// Not three non-empty parts of canonical base64url without padding (RFC 7515 §7.1).
    #[error("not a compact JWS")]
    NotCompact,
    /// The header is not one JSON object with the members we know, each once.
    #[error("malformed header")]
    Header,
    /// `alg` is not one of the algorithms this gateway accepts; `none` and `HS*` never are (RFC 8725 §3.1).
    #[error("algorithm not allowed")]
    Algorithm,
    /// `typ` is not `at+jwt` (RFC 9068 §4): an ID token is not an access token.
    #[error("not an access token")]
    Type,
    /// `crit`, `b64`, `zip` or `enc` is present: an extension that changes what the signature means (RFC 7515 §4.1.11).
    #[error("unsupported header extension")]
    Extension,
    /// The header carries its own key or a place to fetch one (`jwk`, `jku`, `x5u`, `x5c`; RFC 8725 §3.10).
    #[error("key in the header")]
    EmbeddedKey,
    /// No key of the set has this `kid`, or there is no `kid` and more than one key.
    #[error("unknown key")]
    UnknownKey,
    /// The key is not for this algorithm.
    #[error("algorithm does not fit the key")]
    KeyMismatch,
    /// The signature is not valid.
    #[error("bad signature")]
    Signature,
    /// The claims are not one JSON object with the required members, each once and of the right type.
    #[error("malformed claims")]
    Claims,
    /// `iss` is another issuer.
    #[error("wrong issuer")]
    Issuer,
    /// `aud` is not exactly the resource that is asked for.
    #[error("wrong audience")]
    Audience,
    /// `exp` has passed.
    #[error("expired")]
    Expired,
    /// `nbf` or `iat` lies in the future.
    #[error("not valid yet")]
    NotYetValid,
    /// The token, its user or its client was revoked.
    #[error("revoked")]
    Revoked,
}

impl JwtError {
    /// The reason in one word, for the names of statistics.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::NotCompact => "not_compact",
            Self::Header => "header",
            Self::Algorithm => "algorithm",
            Self::Type => "type",
            Self::Extension => "extension",
            Self::EmbeddedKey => "embedded_key",
            Self::UnknownKey => "unknown_key",
            Self::KeyMismatch => "key_mismatch",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Revoked => "revoked",
        }
    }
}
