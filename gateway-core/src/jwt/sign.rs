//! Signing keys and the tokens they make. Only the auth service turns this feature on.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use jwt_compact::alg::{Ed25519, Es256};
use jwt_compact::jwk::JsonWebKey;
use jwt_compact::{Algorithm as _, AlgorithmSignature as _};
use serde_json::{Value, json};

use super::{Algorithm, Claims};
use crate::jwks::thumbprint;

/// A private key, its algorithm and its `kid` (the RFC 7638 thumbprint of its public half).
pub struct SigningKey {
    secret: Secret,
    kid: String,
}

enum Secret {
    Es256(Box<p256::ecdsa::SigningKey>),
    EdDsa(Box<ed25519_dalek::SigningKey>),
}

/// Why a signing key could not be made or used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SigningKeyError {
    /// The random bytes are not a valid P-256 scalar (one in 2^32 draws): draw again.
    #[error("unsuitable random bytes")]
    Seed,
    /// Only keys for `ES256` and `EdDSA` come from a seed.
    #[error("keys for this algorithm cannot be made from a seed; use ES256 or EdDSA")]
    Algorithm,
    /// The text is not a private JWK of a supported algorithm.
    #[error("not a private JWK of type EC P-256 or OKP Ed25519")]
    NotAPrivateJwk,
    /// The claims could not be written as JSON.
    #[error("claims cannot be serialised")]
    Claims,
}

impl SigningKey {
    /// A new key from 256 random bits.
    ///
    /// # Errors
    /// [`SigningKeyError::Seed`] and [`SigningKeyError::Algorithm`].
    pub fn from_seed(algorithm: Algorithm, seed: &[u8; 32]) -> Result<Self, SigningKeyError> {
        Ok(Self::new(match algorithm {
            Algorithm::Es256 => {
                let key = p256::ecdsa::SigningKey::from_slice(seed).map_err(|_| SigningKeyError::Seed)?;
                Secret::Es256(Box::new(key))
            }
            Algorithm::EdDsa => Secret::EdDsa(Box::new(ed25519_dalek::SigningKey::from_bytes(seed))),
            Algorithm::Es384 | Algorithm::Rs256 | Algorithm::Rs384 | Algorithm::Rs512 | Algorithm::Ps256 => {
                return Err(SigningKeyError::Algorithm);
            }
        }))
    }

    /// Reads what [`Self::to_private_jwk`] wrote.
    ///
    /// # Errors
    /// [`SigningKeyError::NotAPrivateJwk`].
    pub fn from_private_jwk(text: &str) -> Result<Self, SigningKeyError> {
        let not_private = |_| SigningKeyError::NotAPrivateJwk;
        let jwk: JsonWebKey<'_> = serde_json::from_str(text).map_err(|_| SigningKeyError::NotAPrivateJwk)?;
        let es256 = p256::ecdsa::SigningKey::try_from(&jwk).map(|key| Secret::Es256(Box::new(key)));
        let secret = match es256 {
            Ok(secret) => secret,
            Err(_) => Secret::EdDsa(Box::new((&jwk).try_into().map_err(not_private)?)),
        };
        Ok(Self::new(secret))
    }

    fn new(secret: Secret) -> Self {
        let kid = match &secret {
            Secret::Es256(key) => thumbprint(&JsonWebKey::from(key.verifying_key())),
            Secret::EdDsa(key) => thumbprint(&JsonWebKey::from(&key.verifying_key())),
        };
        Self { secret, kid }
    }

    /// The private JWK (RFC 7517): for the key file and nothing else.
    #[must_use]
    pub fn to_private_jwk(&self) -> String {
        let jwk = match &self.secret {
            Secret::Es256(key) => json!(JsonWebKey::from(key.as_ref())),
            Secret::EdDsa(key) => json!(JsonWebKey::from(key.as_ref())),
        };
        jwk.to_string()
    }

    /// The member of the published key set: public parts, `kid`, `use` and `alg` (RFC 7517 §4).
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        let mut jwk = match &self.secret {
            Secret::Es256(key) => json!(JsonWebKey::from(key.verifying_key())),
            Secret::EdDsa(key) => json!(JsonWebKey::from(&key.verifying_key())),
        };
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), json!(self.kid));
            members.insert("use".to_owned(), json!("sig"));
            members.insert("alg".to_owned(), json!(self.algorithm().name()));
        }
        jwk
    }

    /// The id under which verifiers find the public half.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The algorithm of the key.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.secret {
            Secret::Es256(_) => Algorithm::Es256,
            Secret::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    /// An access token (RFC 9068) with these claims.
    ///
    /// # Errors
    /// [`SigningKeyError::Claims`].
    pub fn access_token(&self, claims: &Claims) -> Result<String, SigningKeyError> {
        access_token(claims, self.algorithm(), &self.kid, |message| Ok(self.sign(message)))
    }

    /// A compact JWS with any header and payload: what attack tests sign.
    #[must_use]
    pub fn jws(&self, header: &Value, payload: &[u8]) -> String {
        let signing_input = signing_input(header, payload);
        with_signature(&signing_input, &self.sign(signing_input.as_bytes()))
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.secret {
            Secret::Es256(key) => Es256.sign(key, message).as_bytes().into_owned(),
            Secret::EdDsa(key) => Ed25519.sign(key, message).as_bytes().into_owned(),
        }
    }
}

/// An access token (RFC 9068) with these claims, for keys that another library holds: `sign` gives the signature of a message
/// in the form of RFC 7518 §3.
///
/// # Errors
/// [`SigningKeyError::Claims`], and those of `sign`.
pub fn access_token<E: From<SigningKeyError>>(
    claims: &Claims,
    algorithm: Algorithm,
    kid: &str,
    sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, E>,
) -> Result<String, E> {
    let header = json!({ "alg": algorithm.name(), "typ": "at+jwt", "kid": kid });
    let claims = serde_json::to_vec(claims).map_err(|_| SigningKeyError::Claims)?;
    let signing_input = signing_input(&header, &claims);
    let signature = sign(signing_input.as_bytes())?;
    Ok(with_signature(&signing_input, &signature))
}

fn signing_input(header: &Value, payload: &[u8]) -> String {
    let [header, payload] = [header.to_string().as_bytes(), payload].map(Base64UrlUnpadded::encode_string);
    format!("{header}.{payload}")
}

fn with_signature(signing_input: &str, signature: &[u8]) -> String {
    format!("{signing_input}.{}", Base64UrlUnpadded::encode_string(signature))
}

impl std::fmt::Debug for SigningKey {
    /// Shows the key id and never the key.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SigningKey({})", self.kid)
    }
}
