//! Keys for `ES256`, used by aws-lc-rs, which signs several times as fast as the library that made them.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gateway_core::jwt::sign::{self, SigningKey};
use gateway_core::jwt::{Algorithm, Claims};
use serde_json::Value;

use super::private_key::PrivateKeyError;

/// The first byte of a point that is written with both of its coordinates (SEC 1 §2.3.3).
const UNCOMPRESSED: u8 = 4;

/// A P-256 key, with what signs.
pub struct EcKey {
    key: SigningKey,
    pair: EcdsaKeyPair,
}

impl EcKey {
    /// Hands `key` to the library that signs.
    ///
    /// # Errors
    /// [`PrivateKeyError::Ec`] when it is for another algorithm.
    pub fn new(key: SigningKey) -> Result<Self, PrivateKeyError> {
        let jwk: Value = serde_json::from_str(&key.to_private_jwk()).map_err(|_| PrivateKeyError::Ec)?;
        let number = |name: &str| {
            let text = jwk.get(name).and_then(Value::as_str).ok_or(PrivateKeyError::Ec)?;
            URL_SAFE_NO_PAD.decode(text).map_err(|_| PrivateKeyError::Ec)
        };
        let public = [vec![UNCOMPRESSED], number("x")?, number("y")?].concat();
        let private = number("d")?;
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(algorithm, &private, &public);
        Ok(Self { key, pair: pair.map_err(|_| PrivateKeyError::Ec)? })
    }

    /// The key, for everything but signing.
    #[must_use]
    pub const fn key(&self) -> &SigningKey {
        &self.key
    }

    /// An access token (RFC 9068) with these claims.
    ///
    /// # Errors
    /// [`PrivateKeyError`].
    pub fn access_token(&self, claims: &Claims) -> Result<String, PrivateKeyError> {
        sign::access_token(claims, Algorithm::Es256, self.key.kid(), |message| {
            // The number that each signature needs once comes from the library, which has no seam for it.
            let signature = self.pair.sign(&SystemRandom::new(), message).map_err(|_| PrivateKeyError::Ec)?;
            Ok(signature.as_ref().to_vec())
        })
    }
}

impl std::fmt::Debug for EcKey {
    /// Shows the key id and never the key.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "EcKey({})", self.key.kid())
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::jwks::KeySet;
    use gateway_core::jwt::{Audience, Compact, Expectations, TokenType, Unverified};
    use gateway_core::time::UnixTime;
    use serde_json::json;

    use super::*;

    #[test]
    fn e_04_what_it_signs_is_verified_with_what_it_publishes() {
        let now = UnixTime::from_secs(1_800_000_000);
        let key = EcKey::new(SigningKey::from_seed(Algorithm::Es256, &[7; 32]).unwrap()).unwrap();
        let [iss, sub, aud, client_id, scope, jti] = ["i", "s", "a", "c", "mcp", "j"].map(str::to_owned);
        let (iat, nbf, exp) = (now, now, now.plus(900));
        let claims = Claims { iss, sub, aud, client_id, scope, iat, nbf, exp, jti, preferred_username: None };
        let token = key.access_token(&claims).unwrap();
        let keys = json!({ "keys": [key.key().public_jwk()] }).to_string();
        let keys = KeySet::parse(keys.as_bytes()).unwrap();
        let expected = Expectations { issuer: "i", audience: Audience::Only("a"), now, leeway: 0 };
        let unverified = Unverified::parse(Compact::parse(&token).unwrap(), TokenType::AccessToken).unwrap();
        unverified.verify(&keys, expected).unwrap();
    }

    #[test]
    fn a_key_for_another_algorithm_is_none_of_these() {
        let key = SigningKey::from_seed(Algorithm::EdDsa, &[7; 32]).unwrap();
        assert_eq!(EcKey::new(key).unwrap_err(), PrivateKeyError::Ec);
    }
}
