//! JSON Web Key Sets (RFC 7517 §5): bytes in, usable public keys out.

pub mod cache;
pub mod key;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use jwt_compact::jwk::JsonWebKey;
use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::Sha256;

use crate::json;
use key::PublicKey;

/// Public keys that can check tokens. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeySet {
    keys: Vec<PublicKey>,
    skipped: usize,
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

/// The RFC 7638 thumbprint of a key, base64url: its `kid`.
#[must_use]
pub fn thumbprint(jwk: &JsonWebKey<'_>) -> String {
    Base64UrlUnpadded::encode_string(&jwk.thumbprint::<Sha256>())
}

#[cfg(test)]
mod tests;
