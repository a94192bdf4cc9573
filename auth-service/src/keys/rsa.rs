//! Keys for `RS256`. Made and used by aws-lc-rs, in constant time; the `rsa` crate's signing is not (RUSTSEC-2023-0071).

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gateway_core::jwt::{Algorithm, Claims, sign};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::private_key::PrivateKeyError;

/// 128 bits of security (NIST SP 800-57 part 1, table 2), as the other algorithms have.
const SIZE: KeySize = KeySize::Rsa3072;

/// The member of a stored key that holds it: base64url of PKCS #8 (RFC 5208), which only the library takes apart.
const PKCS8: &str = "pkcs8";

/// An RSA key with its public half as it is published.
pub struct RsaKey {
    pair: RsaKeyPair,
    modulus: String,
    exponent: String,
    kid: String,
}

impl RsaKey {
    /// A new key of 3072 bits. It takes a moment: hundreds of milliseconds, sometimes seconds.
    ///
    /// # Errors
    /// [`PrivateKeyError::Rsa`].
    pub fn generate() -> Result<Self, PrivateKeyError> {
        Ok(Self::new(RsaKeyPair::generate(SIZE).map_err(|_| PrivateKeyError::Rsa)?))
    }

    fn new(pair: RsaKeyPair) -> Self {
        let public = pair.public_key();
        let encoded = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        let modulus = encoded(public.modulus().big_endian_without_leading_zero());
        let exponent = encoded(public.exponent().big_endian_without_leading_zero());
        let kid = thumbprint(&modulus, &exponent);
        Self { pair, modulus, exponent, kid }
    }

    /// The key as it is written: for the key file and nothing else.
    ///
    /// # Errors
    /// [`PrivateKeyError::Rsa`].
    pub fn record(&self) -> Result<Map<String, Value>, PrivateKeyError> {
        let der: Pkcs8V1Der<'_> = self.pair.as_der().map_err(|_| PrivateKeyError::Rsa)?;
        Ok(Map::from_iter([(PKCS8.to_owned(), URL_SAFE_NO_PAD.encode(der.as_ref()).into())]))
    }

    /// Reads what [`Self::record`] wrote; `None` when it is the record of another kind of key.
    ///
    /// # Errors
    /// [`PrivateKeyError::Rsa`].
    pub fn restore(record: &Map<String, Value>) -> Result<Option<Self>, PrivateKeyError> {
        let Some(pkcs8) = record.get(PKCS8) else { return Ok(None) };
        let der = pkcs8.as_str().and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
        let pair = der.and_then(|der| RsaKeyPair::from_pkcs8(&der).ok());
        pair.map(|pair| Some(Self::new(pair))).ok_or(PrivateKeyError::Rsa)
    }

    /// The public half (RFC 7518 §6.3.1), with `kid`, `use` and `alg`.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        let Self { modulus, exponent, kid, .. } = self;
        json!({ "kty": "RSA", "n": modulus, "e": exponent, "kid": kid, "use": "sig", "alg": Algorithm::Rs256.name() })
    }

    /// The id under which verifiers find the public half.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// An access token (RFC 9068) with these claims.
    ///
    /// # Errors
    /// [`PrivateKeyError`].
    pub fn access_token(&self, claims: &Claims) -> Result<String, PrivateKeyError> {
        sign::access_token(claims, Algorithm::Rs256, &self.kid, |message| self.sign(message))
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, PrivateKeyError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        // PKCS #1 v1.5 is deterministic: the source of random bytes is not asked.
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| PrivateKeyError::Rsa)?;
        Ok(signature)
    }
}

impl std::fmt::Debug for RsaKey {
    /// Shows the key id and never the key.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "RsaKey({})", self.kid)
    }
}

/// RFC 7638 §3: the required members in the order of their names.
fn thumbprint(modulus: &str, exponent: &str) -> String {
    let members = format!(r#"{{"e":"{exponent}","kty":"RSA","n":"{modulus}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(members))
}

#[cfg(test)]
mod tests {
    use gateway_core::jwks::KeySet;
    use gateway_core::jwt::{Audience, Compact, Expectations, TokenType, Unverified};
    use gateway_core::time::UnixTime;

    use super::*;

    #[test]
    fn a_thumbprint_is_the_one_of_rfc_7638() {
        let modulus = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRX\
                       jBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaS\
                       qzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksIN\
                       HaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
        assert_eq!(thumbprint(modulus, "AQAB"), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn e_04_what_it_signs_is_verified_with_what_it_publishes_after_a_restart_too() {
        let now = UnixTime::from_secs(1_800_000_000);
        let made = RsaKey::generate().unwrap();
        let key = RsaKey::restore(&made.record().unwrap()).unwrap().unwrap();
        assert_eq!(key.public_jwk(), made.public_jwk());
        assert_eq!(key.pair.public_modulus_len() * 8, 3072);
        let [iss, sub, aud, client_id, scope, jti] = ["i", "s", "a", "c", "mcp", "j"].map(str::to_owned);
        let exp = now.plus(900);
        let claims = Claims {
            iss,
            sub,
            aud,
            client_id,
            scope,
            iat: now,
            nbf: now,
            exp,
            jti,
            preferred_username: None,
        };
        let token = key.access_token(&claims).unwrap();
        let keys = KeySet::parse(json!({ "keys": [made.public_jwk()] }).to_string().as_bytes()).unwrap();
        let expected = Expectations { issuer: "i", audience: Audience::Only("a"), now, leeway: 0 };
        let unverified = Unverified::parse(Compact::parse(&token).unwrap(), TokenType::AccessToken).unwrap();
        assert_eq!(unverified.algorithm(), Algorithm::Rs256);
        unverified.verify(&keys, expected).unwrap();
        let secret = made.record().unwrap();
        let secret = secret[PKCS8].as_str().unwrap();
        assert!(!made.public_jwk().to_string().contains(secret) && !format!("{made:?}").contains(secret));
    }

    #[test]
    fn a_record_of_another_kind_is_not_a_damaged_one() {
        let record = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        assert!(RsaKey::restore(&record(r#"{"kty":"EC"}"#)).unwrap().is_none());
        for damaged in [r#"{"pkcs8":7}"#, r#"{"pkcs8":"!"}"#, r#"{"pkcs8":"AAAA"}"#] {
            assert_eq!(RsaKey::restore(&record(damaged)).unwrap_err(), PrivateKeyError::Rsa, "{damaged}");
        }
    }
}
