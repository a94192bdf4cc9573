//! The file of the signing keys: read whole, changed one writer at a time, replaced whole.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::KeysError;
use super::ring::KeyRing;
use crate::data_dir::{self, DataDirError};

/// A list of private keys.
const SIGNING_KEYS: &str = "signing-keys.json";

/// Held by whoever changes the list.
const LOCK: &str = "signing-keys.lock";

/// Where the signing keys are kept.
#[derive(Debug)]
pub(super) struct KeyFile {
    path: PathBuf,
    lock: PathBuf,
}

/// What tells one content of the file from another: every change makes a new file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Version {
    inode: u64,
    changed: (i64, i64),
}

impl KeyFile {
    pub(super) fn in_dir(data_dir: &Path) -> Self {
        Self { path: data_dir.join(SIGNING_KEYS), lock: data_dir.join(LOCK) }
    }

    /// The version that is there now; `None` when there is no file.
    pub(super) fn version(&self) -> Result<Option<Version>, KeysError> {
        match std::fs::metadata(&self.path) {
            Ok(metadata) => Ok(Some(Version {
                inode: metadata.ino(),
                changed: (metadata.ctime(), metadata.ctime_nsec()),
            })),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(DataDirError::File(self.path.clone(), error).into()),
        }
    }

    /// The keys; none when there is no file.
    pub(super) fn read(&self) -> Result<KeyRing, KeysError> {
        let Some(bytes) = data_dir::read_private(&self.path)? else { return Ok(KeyRing::default()) };
        KeyRing::parse(&bytes).map_err(|_| KeysError::Malformed(self.path.clone()))
    }

    /// Changes the keys as they are now; nobody else can meanwhile.
    pub(super) fn change(
        &self,
        change: impl FnOnce(&mut KeyRing) -> Result<(), KeysError>,
    ) -> Result<(), KeysError> {
        let _held = data_dir::lock(&self.lock)?;
        let mut ring = self.read()?;
        change(&mut ring)?;
        let json = ring.to_json().map_err(|_| KeysError::Malformed(self.path.clone()))?;
        Ok(data_dir::replace_private(&self.path, &json)?)
    }
}
