//! The signing keys, and the key of refresh tokens: generated once, kept with mode 0600.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gateway_core::jwt::sign::{SigningKey, SigningKeyError};
use gateway_core::jwt::{Algorithm, Claims};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use service_kit::random::{NoEntropy, Rng};

use crate::data_dir::{self, DataDirError};
use crate::domain::refresh::RefreshKey;

/// The signing keys: a list, newest last.
const SIGNING_KEYS: &str = "signing-keys.json";

/// 256 random bits in base64url.
const REFRESH_KEY: &str = "refresh-key";

/// Why keys are not to be had.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// Their file cannot be read or written.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// Their file holds something else.
    #[error("{0} does not hold what this service wrote there; restore it from a backup or move it away")]
    Malformed(PathBuf),
    /// No random bytes for a new key.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// A new key could not be made.
    #[error("a signing key cannot be made: {0}")]
    Signing(#[from] SigningKeyError),
}

/// The key that signs, and every key that tokens in use may have been signed with.
#[derive(Debug)]
pub struct SigningKeys {
    current: SigningKey,
    published: Vec<Value>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    keys: Vec<Box<RawValue>>,
}

impl SigningKeys {
    /// Reads the keys of `data_dir`. When none of them is of `algorithm`, one is generated and kept first; the others
    /// stay published, so that a change of algorithm ends nobody's session.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn load_or_generate(data_dir: &Path, algorithm: Algorithm, rng: &dyn Rng) -> Result<Self, KeysError> {
        let path = data_dir.join(SIGNING_KEYS);
        let malformed = || KeysError::Malformed(path.clone());
        let stored = data_dir::read_private(&path)?;
        let is_new = stored.is_none();
        let mut file: KeyFile = match stored {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(|_| malformed())?,
            None => KeyFile::default(),
        };
        let read = |jwk: &RawValue| SigningKey::from_private_jwk(jwk.get()).map_err(|_| malformed());
        let mut keys = file.keys.iter().map(|jwk| read(jwk)).collect::<Result<Vec<_>, _>>()?;
        let mut published: Vec<Value> = keys.iter().map(SigningKey::public_jwk).collect();
        if let Some(newest) = keys.iter().rposition(|key| key.algorithm() == algorithm) {
            return Ok(Self { current: keys.swap_remove(newest), published });
        }
        let current = generate(algorithm, rng)?;
        published.push(current.public_jwk());
        file.keys.push(RawValue::from_string(current.to_private_jwk()).map_err(|_| malformed())?);
        let json = serde_json::to_vec_pretty(&file).map_err(|_| malformed())?;
        if is_new {
            data_dir::create_private(&path, &json)?;
        } else {
            data_dir::replace_private(&path, &json)?;
        }
        Ok(Self { current, published })
    }

    /// The published key set (RFC 7517 §5): public parts only.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({ "keys": self.published })
    }

    /// An access token with these claims.
    ///
    /// # Errors
    /// See [`SigningKey::access_token`].
    pub fn access_token(&self, claims: &Claims) -> Result<String, SigningKeyError> {
        self.current.access_token(claims)
    }
}

fn generate(algorithm: Algorithm, rng: &dyn Rng) -> Result<SigningKey, KeysError> {
    // One draw in 2^32 is not a P-256 scalar; two in a row are a broken source.
    match SigningKey::from_seed(algorithm, &rng.bits256()?) {
        Ok(key) => Ok(key),
        Err(_) => Ok(SigningKey::from_seed(algorithm, &rng.bits256()?)?),
    }
}

/// Reads the key under which refresh tokens are derived, or generates and keeps it.
///
/// # Errors
/// [`KeysError`].
pub fn refresh_key(data_dir: &Path, rng: &dyn Rng) -> Result<RefreshKey, KeysError> {
    let path = data_dir.join(REFRESH_KEY);
    if let Some(text) = data_dir::read_private(&path)? {
        let bytes =
            URL_SAFE_NO_PAD.decode(text.trim_ascii_end()).ok().and_then(|bytes| bytes.try_into().ok());
        return bytes.map(RefreshKey::new).ok_or(KeysError::Malformed(path));
    }
    let bytes = rng.bits256()?;
    data_dir::create_private(&path, URL_SAFE_NO_PAD.encode(bytes).as_bytes())?;
    Ok(RefreshKey::new(bytes))
}

#[cfg(test)]
mod tests {
    use service_kit::random::SystemRng;

    use super::*;

    #[test]
    fn a_key_is_generated_once_and_found_again() {
        let home = tempfile::tempdir().unwrap();
        let first = SigningKeys::load_or_generate(home.path(), Algorithm::Es256, &SystemRng).unwrap();
        let again = SigningKeys::load_or_generate(home.path(), Algorithm::Es256, &SystemRng).unwrap();
        assert_eq!(first.jwks(), again.jwks());
        assert_eq!(first.current.kid(), again.current.kid());
    }

    #[test]
    fn e_10_another_algorithm_signs_anew_and_the_old_key_stays_published() {
        let home = tempfile::tempdir().unwrap();
        let old = SigningKeys::load_or_generate(home.path(), Algorithm::Es256, &SystemRng).unwrap();
        let new = SigningKeys::load_or_generate(home.path(), Algorithm::EdDsa, &SystemRng).unwrap();
        assert_eq!(new.current.algorithm(), Algorithm::EdDsa);
        assert_eq!(new.jwks()["keys"].as_array().unwrap().len(), 2);
        assert_eq!(new.jwks()["keys"][0], old.jwks()["keys"][0]);
    }

    #[test]
    fn a_damaged_key_file_is_never_replaced_by_a_new_key() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join(SIGNING_KEYS), b"{}").unwrap();
        std::fs::write(home.path().join(REFRESH_KEY), b"short").unwrap();
        let signing = SigningKeys::load_or_generate(home.path(), Algorithm::Es256, &SystemRng);
        assert!(matches!(signing, Err(KeysError::Malformed(_))));
        assert!(matches!(refresh_key(home.path(), &SystemRng), Err(KeysError::Malformed(_))));
    }
}
