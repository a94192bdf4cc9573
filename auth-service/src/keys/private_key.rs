//! A key that signs, whichever library holds it.

use gateway_core::jwt::sign::{SigningKey, SigningKeyError};
use gateway_core::jwt::{Algorithm, Claims};
use serde_json::{Map, Value};
use service_kit::random::{NoEntropy, Rng};

use super::ec::EcKey;
use super::rsa::RsaKey;

/// A private key with its algorithm and its `kid`: the RFC 7638 thumbprint of its public half.
#[derive(Debug)]
pub enum PrivateKey {
    /// One for `EdDSA`: 256 random bits, from our own source.
    Seeded(SigningKey),
    /// One for `ES256`, made in the same way.
    Ec(EcKey),
    /// One for `RS256`.
    Rsa(RsaKey),
}

/// Why a key could not be made, read or used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrivateKeyError {
    /// No random bytes for a new key.
    #[error("{0}")]
    NoEntropy(String),
    /// The key does not do what it should.
    #[error(transparent)]
    Seeded(#[from] SigningKeyError),
    /// The library for P-256 does not say why it refuses.
    #[error("the P-256 key cannot be read or used")]
    Ec,
    /// The library for RSA does not say why it refuses.
    #[error("the RSA key cannot be made, read or used")]
    Rsa,
}

impl From<NoEntropy> for PrivateKeyError {
    fn from(error: NoEntropy) -> Self {
        Self::NoEntropy(error.to_string())
    }
}

impl PrivateKey {
    /// What keys can be made for.
    pub const ALGORITHMS: [Algorithm; 3] = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256];

    /// A new key. The random bits of an RSA key come from the library that makes it, which has no seam for them; they are the
    /// operating system's too.
    ///
    /// # Errors
    /// [`PrivateKeyError`]; [`SigningKeyError::Algorithm`] for one that is not among [`Self::ALGORITHMS`].
    pub fn generate(algorithm: Algorithm, rng: &dyn Rng) -> Result<Self, PrivateKeyError> {
        if algorithm == Algorithm::Rs256 {
            return Ok(Self::Rsa(RsaKey::generate()?));
        }
        // One draw in 2^32 is not a P-256 scalar; two in a row are a broken source.
        Self::seeded(match SigningKey::from_seed(algorithm, &rng.bits256()?) {
            Err(SigningKeyError::Seed) => SigningKey::from_seed(algorithm, &rng.bits256()?)?,
            made => made?,
        })
    }

    fn seeded(key: SigningKey) -> Result<Self, PrivateKeyError> {
        Ok(if key.algorithm() == Algorithm::Es256 { Self::Ec(EcKey::new(key)?) } else { Self::Seeded(key) })
    }

    /// The key as it is written: a private JWK (RFC 7517), or what [`RsaKey::record`] makes. For the key file and nothing else.
    ///
    /// # Errors
    /// [`PrivateKeyError`].
    pub fn record(&self) -> Result<Map<String, Value>, PrivateKeyError> {
        match self {
            Self::Seeded(key) => jwk_of(key),
            Self::Ec(key) => jwk_of(key.key()),
            Self::Rsa(key) => key.record(),
        }
    }

    /// Reads what [`Self::record`] wrote.
    ///
    /// # Errors
    /// [`PrivateKeyError`].
    pub fn restore(record: Map<String, Value>) -> Result<Self, PrivateKeyError> {
        match RsaKey::restore(&record)? {
            Some(key) => Ok(Self::Rsa(key)),
            None => Self::seeded(SigningKey::from_private_jwk(&Value::Object(record).to_string())?),
        }
    }

    /// The member of the published key set: public parts, `kid`, `use` and `alg` (RFC 7517 §4).
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        match self {
            Self::Seeded(key) => key.public_jwk(),
            Self::Ec(key) => key.key().public_jwk(),
            Self::Rsa(key) => key.public_jwk(),
        }
    }

    /// The id under which verifiers find the public half.
    #[must_use]
    pub fn kid(&self) -> &str {
        match self {
            Self::Seeded(key) => key.kid(),
            Self::Ec(key) => key.key().kid(),
            Self::Rsa(key) => key.kid(),
        }
    }

    /// The algorithm of the key.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Seeded(key) => key.algorithm(),
            Self::Ec(_) => Algorithm::Es256,
            Self::Rsa(_) => Algorithm::Rs256,
        }
    }

    /// An access token (RFC 9068) with these claims.
    ///
    /// # Errors
    /// [`PrivateKeyError`].
    pub fn access_token(&self, claims: &Claims) -> Result<String, PrivateKeyError> {
        match self {
            Self::Seeded(key) => Ok(key.access_token(claims)?),
            Self::Ec(key) => key.access_token(claims),
            Self::Rsa(key) => key.access_token(claims),
        }
    }
}

fn jwk_of(key: &SigningKey) -> Result<Map<String, Value>, PrivateKeyError> {
    serde_json::from_str(&key.to_private_jwk()).map_err(|_| SigningKeyError::NotAPrivateJwk.into())
}
