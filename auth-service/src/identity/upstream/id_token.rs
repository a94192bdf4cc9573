//! ID tokens (`OpenID` Connect Core §2): what an issuer says to us, and to nobody else, about who just signed in.

use gateway_core::json;
use gateway_core::jwks::KeySet;
use gateway_core::jwt::{Compact, JwtError, TokenType, Unverified};
use gateway_core::signature::PureRust;
use gateway_core::time::UnixTime;
use serde::Deserialize;
use serde_json::Value;

use crate::domain::secret::Digest;

/// Seconds by which the issuer's clock may differ from ours.
const LEEWAY: u64 = 30;

/// What the token must say (§3.1.3.7).
#[derive(Debug, Clone, Copy)]
pub struct Expected<'a> {
    /// `iss`, byte for byte.
    pub issuer: &'a str,
    /// Our own `client_id`.
    pub client: &'a str,
    /// What the browser took along.
    pub nonce: &'a str,
    /// The present.
    pub now: UnixTime,
}

/// Why the token is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// There is none.
    #[error("there is no ID token")]
    Missing,
    /// Form, algorithm, key, signature, issuer, audience or time.
    #[error(transparent)]
    Jwt(#[from] JwtError),
    /// `azp` is another client.
    #[error("wrong authorized party")]
    AuthorizedParty,
    /// `nonce` is not the one that this browser took along: the token belongs to another sign-in.
    #[error("wrong nonce")]
    Nonce,
    /// `sub` is empty, or too long or too odd to be one.
    #[error("unusable subject")]
    Subject,
}

/// The claims that are used here. Others are ignored.
#[derive(Debug, Deserialize)]
pub struct Claims {
    iss: String,
    aud: Value,
    exp: Value,
    iat: Value,
    #[serde(default)]
    azp: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
    /// The user, for good, at this issuer.
    pub sub: String,
    /// What the issuer says of the user.
    #[serde(flatten)]
    pub profile: Profile,
}

/// Claims about the user (§5.1), which come with the token or from the userinfo endpoint.
#[derive(Debug, Default, Deserialize)]
pub struct Profile {
    /// An address.
    #[serde(default)]
    pub email: Option<String>,
    /// `true` if the issuer has made sure that the address is the user's. Some write it as a text.
    #[serde(default)]
    pub email_verified: Option<Value>,
    /// The Google Workspace domain that the account belongs to.
    #[serde(default)]
    pub hd: Option<String>,
    /// A name to show.
    #[serde(default)]
    pub preferred_username: Option<String>,
    /// A name to show.
    #[serde(default)]
    pub name: Option<String>,
}

/// Reads a token and believes it, or does not.
///
/// # Errors
/// [`IdTokenError`]; [`JwtError::UnknownKey`] means that `keys` may be too old.
pub fn verify(token: &str, keys: &KeySet, expected: Expected<'_>) -> Result<Claims, IdTokenError> {
    let token = Unverified::parse(Compact::parse(token)?, TokenType::IdToken)?;
    let payload = token.authentic_payload(keys, &PureRust)?;
    let claims: Claims = json::object(&payload).map_err(|_| JwtError::Claims)?;
    claims.judge(expected)?;
    Ok(claims)
}

impl Claims {
    fn judge(&self, expected: Expected<'_>) -> Result<(), IdTokenError> {
        if self.iss != expected.issuer {
            return Err(JwtError::Issuer.into());
        }
        // A token for several could be passed on by any of them (B-07).
        let is_ours = match &self.aud {
            Value::String(only) => only == expected.client,
            Value::Array(list) => matches!(list.as_slice(), [Value::String(only)] if only == expected.client),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
        };
        if !is_ours {
            return Err(JwtError::Audience.into());
        }
        if self.azp.as_ref().is_some_and(|azp| azp != expected.client) {
            return Err(IdTokenError::AuthorizedParty);
        }
        let (Some(expires_at), Some(issued_at)) = (time(&self.exp), time(&self.iat)) else {
            return Err(JwtError::Claims.into());
        };
        if expected.now >= expires_at.plus(LEEWAY) {
            return Err(JwtError::Expired.into());
        }
        if issued_at > expected.now.plus(LEEWAY) {
            return Err(JwtError::NotYetValid.into());
        }
        let nonce = self.nonce.as_ref().map(|nonce| Digest::of(nonce.as_bytes()));
        if nonce != Some(Digest::of(expected.nonce.as_bytes())) {
            return Err(IdTokenError::Nonce);
        }
        let is_plain = self.sub.bytes().all(|b| b.is_ascii_graphic());
        if !is_plain || !(1..=255).contains(&self.sub.len()) {
            return Err(IdTokenError::Subject);
        }
        Ok(())
    }
}

/// Seconds since the epoch (RFC 7519 §2). Fractions are allowed there and nobody needs them.
fn time(value: &Value) -> Option<UnixTime> {
    let seconds = value.as_u64()?;
    Some(UnixTime::from_secs(seconds)).filter(|time| *time <= UnixTime::MAX)
}

impl Profile {
    /// Whether the address is known to be the user's.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        match &self.email_verified {
            Some(Value::Bool(is_verified)) => *is_verified,
            Some(Value::String(text)) => text == "true",
            Some(Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_)) | None => false,
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

    fn expected() -> Expected<'static> {
        Expected { issuer: "https://idp.example", client: "us", nonce: "n-1", now: UnixTime::from_secs(NOW) }
    }

    fn honest() -> Value {
        json!({ "iss": "https://idp.example", "aud": "us", "sub": "u1", "nonce": "n-1", "iat": NOW, "exp": NOW + 300 })
    }

    fn check(claims: &Value, header: &Value) -> Result<Claims, IdTokenError> {
        let key = SigningKey::from_seed(Algorithm::Es256, &[7; 32]).unwrap();
        let keys = KeySet::parse(json!({ "keys": [key.public_jwk()] }).to_string().as_bytes()).unwrap();
        verify(&key.jws(header, claims.to_string().as_bytes()), &keys, expected())
    }

    fn with(name: &str, value: Value) -> Result<Claims, IdTokenError> {
        let mut claims = honest();
        claims[name] = value;
        check(&claims, &json!({ "alg": "ES256" }))
    }

    #[test]
    fn an_honest_token_is_believed() {
        assert_eq!(check(&honest(), &json!({ "alg": "ES256", "typ": "JWT" })).unwrap().sub, "u1");
        assert!(with("aud", json!(["us"])).is_ok());
        assert!(with("azp", json!("us")).is_ok());
        assert!(with("iat", json!(NOW + 30)).is_ok(), "a clock that is a little ahead");
    }

    #[test]
    fn b_07_every_claim_that_is_wrong_is_enough() {
        let jwt = IdTokenError::Jwt;
        for (name, value, reason) in [
            ("iss", json!("https://idp.example/"), jwt(JwtError::Issuer)),
            ("iss", json!(null), jwt(JwtError::Claims)),
            ("aud", json!("them"), jwt(JwtError::Audience)),
            ("aud", json!(["us", "them"]), jwt(JwtError::Audience)),
            ("aud", json!([]), jwt(JwtError::Audience)),
            ("azp", json!("them"), IdTokenError::AuthorizedParty),
            ("exp", json!(NOW - 30), jwt(JwtError::Expired)),
            ("exp", json!("soon"), jwt(JwtError::Claims)),
            ("iat", json!(NOW + 31), jwt(JwtError::NotYetValid)),
            ("iat", json!(null), jwt(JwtError::Claims)),
            ("nonce", json!("n-2"), IdTokenError::Nonce),
            ("nonce", json!(null), IdTokenError::Nonce),
            ("sub", json!(""), IdTokenError::Subject),
            ("sub", json!("x".repeat(256)), IdTokenError::Subject),
            ("sub", json!("a\nb"), IdTokenError::Subject),
            ("sub", json!(7), jwt(JwtError::Claims)),
        ] {
            assert_eq!(with(name, value.clone()).unwrap_err(), reason, "{name} {value}");
        }
    }

    #[test]
    fn b_07_an_access_token_or_another_algorithm_is_no_id_token() {
        for (header, reason) in [
            (json!({ "alg": "none" }), JwtError::Algorithm),
            (json!({ "alg": "HS256" }), JwtError::Algorithm),
            (json!({ "alg": "RS256" }), JwtError::KeyMismatch),
            (json!({ "alg": "ES256", "typ": "at+jwt" }), JwtError::Type),
            (json!({ "alg": "ES256", "kid": "another" }), JwtError::UnknownKey),
            (json!({ "alg": "ES256", "jku": "https://evil.example" }), JwtError::EmbeddedKey),
        ] {
            assert_eq!(check(&honest(), &header).unwrap_err(), IdTokenError::Jwt(reason), "{header}");
        }
    }

    #[test]
    fn b_08_only_a_yes_is_a_yes() {
        for (value, is_verified) in [
            (json!(true), true),
            (json!("true"), true),
            (json!(false), false),
            (json!("false"), false),
            (json!(1), false),
            (json!(null), false),
        ] {
            assert_eq!(
                with("email_verified", value.clone()).unwrap().profile.is_verified(),
                is_verified,
                "{value}"
            );
        }
    }
}
