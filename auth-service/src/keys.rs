//! The signing keys, and the key of refresh tokens: generated here, kept with mode 0600.

mod ec;
mod file;
mod private_key;
pub mod ring;
mod rsa;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gateway_core::jwks::{KeySet, KeySetError};
use gateway_core::jwt::{Algorithm, Claims};
use gateway_core::time::UnixTime;
use serde_json::{Value, json};
use service_kit::random::{NoEntropy, Rng};

use crate::data_dir::{self, DataDirError};
use crate::domain::refresh::RefreshKey;
use file::{KeyFile, Version};
use ring::{KeyRing, Member};

pub use ec::EcKey;
pub use private_key::{PrivateKey, PrivateKeyError};
pub use rsa::RsaKey;

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
    /// There is no signing key.
    #[error("there is no signing key")]
    NoKey,
    /// There is no signing key of this id.
    #[error("there is no key \"{0}\"; `keys list` shows those that there are")]
    NoSuchKey(String),
    /// They cannot verify what they sign.
    #[error("the signing keys are not usable: {0}")]
    KeySet(#[from] KeySetError),
    /// No random bytes for the key of refresh tokens.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// A new key could not be made.
    #[error("a signing key cannot be made: {0}")]
    Key(#[from] PrivateKeyError),
}

/// When a new signing key is made. In seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// What signs.
    pub algorithm: Algorithm,
    /// How long a key signs; 0 is until the operator says otherwise.
    pub interval: u64,
    /// How long a key is published before it signs: longer than verifiers keep a key set.
    pub lead: u64,
}

/// The signing keys, as they stand: read from their file, which is the truth. Replicas that share the file share the keys.
#[derive(Debug)]
pub struct SigningKeys {
    file: KeyFile,
    rotation: Rotation,
    standing: RwLock<Standing>,
}

/// What was last seen of the file, and what follows from it at that time.
#[derive(Debug)]
struct Standing {
    version: Option<Version>,
    all: KeyRing,
    in_use: Arc<InUse>,
}

/// The keys that are in use: they change only as a whole.
#[derive(Debug)]
pub struct InUse {
    current: Arc<PrivateKey>,
    published: Vec<Value>,
    /// What verifies tokens: the published keys.
    pub keys: KeySet,
}

impl InUse {
    fn at(all: &KeyRing, now: UnixTime) -> Result<Self, KeysError> {
        let current = all.current(now).ok_or(KeysError::NoKey)?;
        let published: Vec<Value> = all.published(now).map(|member| member.key.public_jwk()).collect();
        let keys = KeySet::parse(json!({ "keys": published }).to_string().as_bytes())?;
        Ok(Self { current: Arc::clone(&current.key), published, keys })
    }

    fn is_same(&self, other: &Self) -> bool {
        self.current.kid() == other.current.kid() && self.published == other.published
    }
}

impl SigningKeys {
    /// Reads the keys of `data_dir`, and makes what is missing: a first key, which signs at once, or one that is due.
    ///
    /// # Errors
    /// [`KeysError`].
    pub fn open(
        data_dir: &Path,
        rotation: Rotation,
        now: UnixTime,
        rng: &dyn Rng,
    ) -> Result<Self, KeysError> {
        let file = KeyFile::in_dir(data_dir);
        if rotation.is_due(&file.read()?, now) {
            file.change(|all| rotation.turn(all, now, rng))?;
        }
        let version = file.version()?;
        let all = file.read()?;
        let in_use = Arc::new(InUse::at(&all, now)?);
        Ok(Self { file, rotation, standing: RwLock::new(Standing { version, all, in_use }) })
    }

    /// Looks at the file and the time, makes a key when one is due, and takes in what has changed: whether anything that is
    /// in use did. It may wait for the file; nobody waits for it.
    ///
    /// # Errors
    /// [`KeysError`]; what was in use stays.
    pub fn look(&self, now: UnixTime, rng: &dyn Rng) -> Result<bool, KeysError> {
        let (seen, mut all) = {
            let standing = self.standing.read().unwrap_or_else(PoisonError::into_inner);
            (standing.version, standing.all.clone())
        };
        let mut version = self.file.version()?;
        if version != seen {
            all = self.file.read()?;
        }
        let has_changed = self.take_in(version, all.clone(), now)?;
        // A change of algorithm waits for a restart: replicas that are set differently would never come to rest.
        let algorithm = all.newest().map_or(self.rotation.algorithm, |newest| newest.key.algorithm());
        if !(Rotation { algorithm, ..self.rotation }).is_due(&all, now) {
            return Ok(has_changed);
        }
        self.file.change(|all| self.rotation.turn(all, now, rng))?;
        version = self.file.version()?;
        all = self.file.read()?;
        Ok(self.take_in(version, all, now)? || has_changed)
    }

    /// From now on these are the keys: whether anything that is in use has changed.
    fn take_in(&self, version: Option<Version>, all: KeyRing, now: UnixTime) -> Result<bool, KeysError> {
        let in_use = InUse::at(&all, now)?;
        let mut standing = self.standing.write().unwrap_or_else(PoisonError::into_inner);
        let has_changed = !in_use.is_same(&standing.in_use);
        let in_use = if has_changed { Arc::new(in_use) } else { Arc::clone(&standing.in_use) };
        *standing = Standing { version, all, in_use };
        Ok(has_changed)
    }

    /// The keys that are in use.
    #[must_use]
    pub fn in_use(&self) -> Arc<InUse> {
        Arc::clone(&self.standing.read().unwrap_or_else(PoisonError::into_inner).in_use)
    }
}

impl InUse {
    /// The published key set (RFC 7517 §5): public parts only.
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({ "keys": self.published })
    }

    /// How many keys are published.
    #[must_use]
    pub fn count(&self) -> usize {
        self.published.len()
    }

    /// The id of the key that signs.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.current.kid()
    }

    /// An access token with these claims.
    ///
    /// # Errors
    /// See [`PrivateKey::access_token`].
    pub fn access_token(&self, claims: &Claims) -> Result<String, PrivateKeyError> {
        self.current.access_token(claims)
    }
}

impl Rotation {
    fn is_due(&self, all: &KeyRing, now: UnixTime) -> bool {
        all.is_due(self.algorithm, now, self.interval, self.lead)
    }

    /// Adds the key that is due, if it still is: another replica may have been faster.
    fn turn(&self, all: &mut KeyRing, now: UnixTime, rng: &dyn Rng) -> Result<(), KeysError> {
        if !self.is_due(all, now) {
            return Ok(());
        }
        let signs_from = if all.newest().is_none() { now } else { now.plus(self.lead) };
        all.add(PrivateKey::generate(self.algorithm, rng)?, signs_from);
        all.prune(now);
        Ok(())
    }
}

/// What an operator can do to the signing keys. The running services see it within moments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyOrder {
    /// A new key, which signs when everybody has had the time to fetch it.
    Rotate,
    /// A new key, which signs at once: edges fetch it when they meet it.
    RotateAtOnce,
    /// This key is out, at once, with every token that it signed. If it was the one that signs, a new one does.
    Withdraw(String),
}

/// Carries out `order`; gives what `list` gives.
///
/// # Errors
/// [`KeysError`].
pub fn order(
    data_dir: &Path,
    rotation: Rotation,
    order: &KeyOrder,
    (now, rng): (UnixTime, &dyn Rng),
) -> Result<Value, KeysError> {
    let file = KeyFile::in_dir(data_dir);
    let new = || PrivateKey::generate(rotation.algorithm, rng);
    file.change(|all| {
        match order {
            KeyOrder::Rotate => all.add(new()?, now.plus(rotation.lead)),
            KeyOrder::RotateAtOnce => all.add(new()?, now),
            KeyOrder::Withdraw(kid) => {
                // A key that is not published any more must not come back because its successor goes.
                all.prune(now);
                let signed = all.current(now).is_some_and(|current| current.key.kid() == kid);
                if !all.withdraw(kid) {
                    return Err(KeysError::NoSuchKey(kid.clone()));
                }
                if signed {
                    all.add(new()?, now);
                }
            }
        }
        all.prune(now);
        Ok(())
    })?;
    list(data_dir, now)
}

/// All keys that are published: public facts only.
///
/// # Errors
/// [`KeysError`].
pub fn list(data_dir: &Path, now: UnixTime) -> Result<Value, KeysError> {
    let all = KeyFile::in_dir(data_dir).read()?;
    let signing = all.current(now).map(|member| member.key.kid().to_owned());
    let describe = |member: &Member| {
        json!({
            "kid": member.key.kid(),
            "alg": member.key.algorithm().name(),
            "signs_from": member.signs_from.as_secs(),
            "signs": signing.as_deref() == Some(member.key.kid()),
        })
    };
    Ok(json!({ "keys": all.published(now).map(describe).collect::<Vec<_>>() }))
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
mod tests;
