//! Client assertions (RFC 7523 §3, `OpenID` Connect Core §9): how a client that has a private key proves who it is.
//!
//! `aud` is one value: the issuer, as draft-ietf-oauth-rfc7523bis wants it, or the token endpoint, as RFC 7523 has it and many
//! libraries still write it. Neither is anybody else's, so that an assertion for another server is worth nothing here.

use gateway_core::json;
use gateway_core::jwks::KeySet;
use gateway_core::jwt::{Compact, JwtError, TokenType, Unverified};
use gateway_core::signature::PureRust;
use gateway_core::time::UnixTime;
use serde::Deserialize;
use serde_json::Value;

use super::client::ClientId;
use super::secret::Digest;

/// `client_assertion_type` (RFC 7523 §2.2).
pub const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Seconds by which the client's clock may differ from ours.
const LEEWAY: u64 = 30;

/// Seconds for which an assertion may be good: for so long, and a little longer, its `jti` is remembered.
const LONGEST: u64 = 300;

/// Seconds by which the clocks of services that share a store may differ: so much longer an assertion stays spent than anybody takes it.
const SKEW: u64 = 60;

/// Longest `jti`, in bytes.
const MAX_ID: usize = 256;

/// An assertion of the right form. Nobody has looked at its signature.
#[derive(Debug)]
pub struct ClientAssertion<'a> {
    token: Unverified<'a>,
    client: ClientId,
}

/// What an assertion must say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// `iss` and `sub`.
    pub client: &'a ClientId,
    /// `aud`: one of these.
    pub audiences: &'a [String],
    /// The present.
    pub now: UnixTime,
}

/// What has to be remembered of an assertion, so that it is good once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SingleUse {
    /// Digest of the client and the `jti`.
    pub id: Digest,
    /// From here on nobody takes it any more, whose clock is not more than a minute behind.
    pub expires_at: UnixTime,
}

/// Why an assertion proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// Form, algorithm, key, signature, issuer, audience or time.
    #[error(transparent)]
    Jwt(#[from] JwtError),
    /// `sub` is not the client.
    #[error("wrong subject")]
    Subject,
    /// `exp` is too far away.
    #[error("expires too late")]
    TooLong,
    /// `jti` is empty or too long.
    #[error("unusable jti")]
    Id,
    /// It was shown before.
    #[error("shown before")]
    Replayed,
}

/// The claims that are used here. Others are ignored.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Value,
    exp: UnixTime,
    jti: String,
    #[serde(default)]
    iat: Option<UnixTime>,
    #[serde(default)]
    nbf: Option<UnixTime>,
}

impl<'a> ClientAssertion<'a> {
    /// Reads an assertion as far as a stranger's word goes: its form, and which client it is said to be from.
    ///
    /// # Errors
    /// [`AssertionError::Jwt`]; [`JwtError::Issuer`] when `iss` cannot be a client.
    pub fn parse(text: &'a str) -> Result<Self, AssertionError> {
        let token = Unverified::parse(Compact::parse(text)?, TokenType::ClientAssertion)?;
        let client = ClientId::parse(&token.claimed_issuer()?).ok_or(JwtError::Issuer)?;
        Ok(Self { token, client })
    }

    /// The client that it is said to be from.
    #[must_use]
    pub const fn client(&self) -> &ClientId {
        &self.client
    }

    /// The key that it is said to be signed with.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.token.kid()
    }

    /// Believes the assertion, or does not. It is good once: whoever believes it has to remember what this gives.
    ///
    /// # Errors
    /// [`AssertionError`]; the claims are looked at only when the signature is right.
    pub fn verify(&self, keys: &KeySet, expected: Expected<'_>) -> Result<SingleUse, AssertionError> {
        let payload = self.token.authentic_payload(keys, &PureRust)?;
        let claims: Claims = json::object(&payload).map_err(|_| JwtError::Claims)?;
        claims.judge(expected)
    }
}

impl Claims {
    fn judge(&self, expected: Expected<'_>) -> Result<SingleUse, AssertionError> {
        let client = expected.client.as_str();
        if self.iss != client {
            return Err(JwtError::Issuer.into());
        }
        if self.sub != client {
            return Err(AssertionError::Subject);
        }
        if !self.audience().is_some_and(|text| expected.audiences.iter().any(|it| it == text)) {
            return Err(JwtError::Audience.into());
        }
        let expires_at = self.exp.plus(LEEWAY);
        if expected.now >= expires_at {
            return Err(JwtError::Expired.into());
        }
        let latest = expected.now.plus(LEEWAY);
        if self.exp > latest.plus(LONGEST) {
            return Err(AssertionError::TooLong);
        }
        if [self.iat, self.nbf].into_iter().flatten().any(|start| start > latest) {
            return Err(JwtError::NotYetValid.into());
        }
        if !(1..=MAX_ID).contains(&self.jti.len()) {
            return Err(AssertionError::Id);
        }
        Ok(SingleUse { id: Digest::of_fields(&[client, &self.jti]), expires_at: expires_at.plus(SKEW) })
    }

    /// The one audience: whoever else stood beside it could use the assertion here.
    fn audience(&self) -> Option<&str> {
        match &self.aud {
            Value::String(only) => Some(only),
            Value::Array(list) => match list.as_slice() {
                [Value::String(only)] => Some(only),
                _ => None,
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => None,
        }
    }
}

impl AssertionError {
    /// What the client's developer should look at. Before the signature is known to be right, nobody learns more than that it
    /// is not.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Jwt(JwtError::Audience) => {
                "aud of the client assertion must be the issuer or the token endpoint, and nothing else"
            }
            Self::Jwt(JwtError::Expired) => "the client assertion has expired",
            Self::Jwt(JwtError::NotYetValid) => "iat or nbf of the client assertion lies in the future",
            Self::Jwt(JwtError::Claims) => "the client assertion must have iss, sub, aud, exp and jti",
            Self::Jwt(_) => "client authentication failed",
            Self::Subject => "sub of the client assertion must be the client_id",
            Self::TooLong => "exp of the client assertion must be at most 5 minutes away",
            Self::Id => "jti of the client assertion must have 1 to 256 bytes",
            Self::Replayed => "the client assertion was used before; make a new one for each request",
        }
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::jwt::Algorithm;
    use gateway_core::jwt::sign::SigningKey;
    use serde_json::json;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn honest() -> Value {
        json!({ "iss": "c1", "sub": "c1", "aud": "https://gw.example", "exp": NOW + 60, "jti": "j" })
    }

    fn check(claims: &Value, header: &Value) -> Result<SingleUse, AssertionError> {
        let key = SigningKey::from_seed(Algorithm::Es256, &[7; 32]).unwrap();
        let keys = KeySet::parse(json!({ "keys": [key.public_jwk()] }).to_string().as_bytes()).unwrap();
        let text = key.jws(header, claims.to_string().as_bytes());
        let assertion = ClientAssertion::parse(&text)?;
        let audiences = ["https://gw.example", "https://gw.example/token"].map(str::to_owned);
        let client = ClientId::parse("c1").unwrap();
        let now = UnixTime::from_secs(NOW);
        assertion.verify(&keys, Expected { client: &client, audiences: &audiences, now })
    }

    fn with(name: &str, value: Value) -> Result<SingleUse, AssertionError> {
        let mut claims = honest();
        claims[name] = value;
        check(&claims, &json!({ "alg": "ES256" }))
    }

    #[test]
    fn an_honest_assertion_is_believed_until_its_end() {
        let expires_at = UnixTime::from_secs(NOW + 60 + LEEWAY + SKEW);
        for typ in [json!(null), json!("JWT"), json!("client-authentication+jwt")] {
            let good = check(&honest(), &json!({ "alg": "ES256", "typ": typ })).unwrap();
            assert_eq!(good.expires_at, expires_at, "{typ}");
        }
        for aud in [json!(["https://gw.example"]), json!("https://gw.example/token")] {
            assert!(with("aud", aud).is_ok());
        }
        assert!(with("exp", json!(NOW + LONGEST + LEEWAY)).is_ok());
        assert!(with("nbf", json!(NOW + LEEWAY)).is_ok() && with("iat", json!(1)).is_ok());
    }

    #[test]
    fn c_07_every_claim_that_is_wrong_is_enough() {
        let jwt = AssertionError::Jwt;
        for (name, value, reason) in [
            ("iss", json!("c2"), jwt(JwtError::Issuer)),
            ("iss", json!("https:"), jwt(JwtError::Issuer)),
            ("sub", json!("c2"), AssertionError::Subject),
            ("sub", json!(null), jwt(JwtError::Claims)),
            ("aud", json!("https://gw.example/"), jwt(JwtError::Audience)),
            ("aud", json!("https://gw.example/introspect"), jwt(JwtError::Audience)),
            ("aud", json!("https://evil.example"), jwt(JwtError::Audience)),
            ("aud", json!(["https://gw.example", "https://evil.example"]), jwt(JwtError::Audience)),
            ("aud", json!([]), jwt(JwtError::Audience)),
            ("aud", json!(null), jwt(JwtError::Audience)),
            ("exp", json!(null), jwt(JwtError::Claims)),
            ("exp", json!(NOW - LEEWAY), jwt(JwtError::Expired)),
            ("exp", json!(NOW + LONGEST + LEEWAY + 1), AssertionError::TooLong),
            ("exp", json!(NOW + 10 * 365 * 86_400), AssertionError::TooLong),
            ("iat", json!(NOW + LEEWAY + 1), jwt(JwtError::NotYetValid)),
            ("nbf", json!(NOW + LEEWAY + 1), jwt(JwtError::NotYetValid)),
            ("nbf", json!("now"), jwt(JwtError::Claims)),
            ("jti", json!(null), jwt(JwtError::Claims)),
            ("jti", json!(""), AssertionError::Id),
            ("jti", json!("x".repeat(MAX_ID + 1)), AssertionError::Id),
        ] {
            assert_eq!(with(name, value.clone()).unwrap_err(), reason, "{name} {value}");
        }
    }

    #[test]
    fn c_07_nothing_but_the_clients_own_key_and_its_algorithm_signs() {
        for (header, reason) in [
            (json!({ "alg": "none" }), JwtError::Algorithm),
            (json!({ "alg": "HS256" }), JwtError::Algorithm),
            (json!({ "alg": "RS256" }), JwtError::KeyMismatch),
            (json!({ "alg": "ES256", "typ": "at+jwt" }), JwtError::Type),
            (json!({ "alg": "ES256", "kid": "another" }), JwtError::UnknownKey),
            (json!({ "alg": "ES256", "jku": "https://evil.example" }), JwtError::EmbeddedKey),
            (json!({ "alg": "ES256", "jwk": {} }), JwtError::EmbeddedKey),
        ] {
            assert_eq!(check(&honest(), &header).unwrap_err(), AssertionError::Jwt(reason), "{header}");
        }
    }

    #[test]
    fn c_07_the_same_jti_of_two_clients_is_two_and_of_one_client_is_one() {
        let id = |jti: &str| with("jti", json!(jti)).unwrap().id;
        assert_eq!(id("a"), id("a"));
        assert_ne!(id("a"), id("b"));
        let of = |client: &str| Digest::of_fields(&[client, "a"]);
        assert_ne!(of("c1"), of("c2"));
    }
}
