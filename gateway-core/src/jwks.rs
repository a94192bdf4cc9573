//! JSON Web Key Sets (RFC 7517 §5): bytes in, usable public keys out.

pub mod cache;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use jwt_compact::alg::{Ed25519, Es256};
use jwt_compact::jwk::JsonWebKey;
use jwt_compact::{Algorithm as _, AlgorithmSignature};
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::Sha256;

use crate::json;
use crate::jwt::{Algorithm, JwtError};

/// Public keys that can check tokens. Never empty.
#[derive(Debug, Clone)]
pub struct KeySet {
    keys: Vec<PublicKey>,
    skipped: usize,
}

/// One public key, bound to its one algorithm (RFC 8725 §3.1).
#[derive(Debug, Clone)]
pub struct PublicKey {
    kid: Option<String>,
    material: Material,
}

#[derive(Debug, Clone)]
enum Material {
    Es256(Box<p256::ecdsa::VerifyingKey>),
    EdDsa(Box<ed25519_dalek::VerifyingKey>),
}

/// Why a whole set is refused. A single bad key is skipped instead, and counted in [`KeySet::skipped`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// More than [`KeySet::MAX_BYTES`].
    #[error("key set too large")]
    TooLarge,
    /// Not `{"keys": [...]}`.
    #[error("not a JSON Web Key Set")]
    Malformed,
    /// More than [`KeySet::MAX_KEYS`].
    #[error("too many keys")]
    TooMany,
    /// Two usable keys have the same `kid`: which one a token means cannot be told.
    #[error("two keys with one id")]
    DuplicateKid,
    /// Nothing in it can check a token.
    #[error("no usable key")]
    NoUsableKey,
}

#[derive(Deserialize)]
struct RawSet<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

/// What jwt-compact's key type does not look at.
#[derive(Deserialize)]
struct KeyUse {
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    alg: Option<String>,
    #[serde(default)]
    key_ops: Option<Vec<String>>,
}

impl KeySet {
    /// Largest accepted document, in bytes.
    pub const MAX_BYTES: usize = 64 * 1024;
    /// Most keys in one document.
    pub const MAX_KEYS: usize = 64;

    /// Reads a key set. Keys of other types, for other uses, with private parts or of small order are skipped.
    ///
    /// # Errors
    /// [`KeySetError`] when the set as a whole cannot be trusted.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        if document.len() > Self::MAX_BYTES {
            return Err(KeySetError::TooLarge);
        }
        let raw: RawSet<'_> = json::object(document).map_err(|_| KeySetError::Malformed)?;
        let total = raw.keys.len();
        if total > Self::MAX_KEYS {
            return Err(KeySetError::TooMany);
        }
        let keys: Vec<PublicKey> = raw.keys.iter().filter_map(|raw| PublicKey::parse(raw.get())).collect();
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey);
        }
        let mut kids: Vec<&str> = keys.iter().filter_map(|key| key.kid.as_deref()).collect();
        kids.sort_unstable();
        if kids.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(KeySetError::DuplicateKid);
        }
        let skipped = total.saturating_sub(keys.len());
        Ok(Self { keys, skipped })
    }

    /// How many keys of the document were of no use here.
    #[must_use]
    pub const fn skipped(&self) -> usize {
        self.skipped
    }

    /// The key that a token means: the one with this `kid`; without a `kid`, the only key there is (F-04).
    #[must_use]
    pub fn find(&self, kid: Option<&str>) -> Option<&PublicKey> {
        match (kid, self.keys.as_slice()) {
            (Some(kid), keys) => keys.iter().find(|key| key.kid.as_deref() == Some(kid)),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }
}

impl PublicKey {
    fn parse(raw: &str) -> Option<Self> {
        let KeyUse { kid, usage, alg, key_ops } = json::object(raw.as_bytes()).ok()?;
        let jwk: JsonWebKey<'_> = json::object(raw.as_bytes()).ok()?;
        let for_signatures = usage.is_none_or(|usage| usage == "sig");
        let may_verify = key_ops.is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        let kid_is_sane = kid.as_ref().is_none_or(|kid| !kid.is_empty());
        if jwk.is_signing_key() || !for_signatures || !may_verify || !kid_is_sane {
            return None;
        }
        let key = Self { kid, material: Material::parse(&jwk)? };
        alg.is_none_or(|alg| alg == key.algorithm().name()).then_some(key)
    }

    /// The only algorithm that the key checks.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.material {
            Material::Es256(_) => Algorithm::Es256,
            Material::EdDsa(_) => Algorithm::EdDsa,
        }
    }

    /// Checks `signature` over `message`.
    ///
    /// # Errors
    /// [`JwtError::Signature`].
    pub fn check(&self, message: &[u8], signature: &[u8]) -> Result<(), JwtError> {
        let is_valid = match &self.material {
            Material::Es256(key) => AlgorithmSignature::try_from_slice(signature)
                .is_ok_and(|signature| Es256.verify_signature(&signature, key, message)),
            Material::EdDsa(key) => AlgorithmSignature::try_from_slice(signature)
                .is_ok_and(|signature| Ed25519.verify_signature(&signature, key, message)),
        };
        if is_valid { Ok(()) } else { Err(JwtError::Signature) }
    }
}

impl Material {
    fn parse(jwk: &JsonWebKey<'_>) -> Option<Self> {
        if let Ok(key) = p256::ecdsa::VerifyingKey::try_from(jwk) {
            return Some(Self::Es256(Box::new(key)));
        }
        let key = ed25519_dalek::VerifyingKey::try_from(jwk).ok()?;
        // With a key of small order, one signature fits many messages (F-16).
        (!key.is_weak()).then(|| Self::EdDsa(Box::new(key)))
    }
}

/// The RFC 7638 thumbprint of a key, base64url: its `kid`.
#[must_use]
pub fn thumbprint(jwk: &JsonWebKey<'_>) -> String {
    Base64UrlUnpadded::encode_string(&jwk.thumbprint::<Sha256>())
}

#[cfg(test)]
mod tests;
