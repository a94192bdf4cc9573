//! Files that only their owner may read.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use gateway_core::assertion::EdgeKey;
use service_kit::random::{NoEntropy, Rng, SystemRng};

/// Why a secret could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read or written.
    #[error("cannot use {}: {}", .0.display(), .1)]
    File(PathBuf, std::io::Error),
    /// The file does not hold a key.
    #[error("{} does not hold a key; delete it, and a new one is made", .0.display())]
    NotAKey(PathBuf),
    /// No random bytes.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

/// The edge key in the file at `path`; a new one, of 256 random bits, when there is no such file.
///
/// # Errors
/// [`SecretError`].
pub fn read_or_make(path: &Path) -> Result<String, SecretError> {
    let key = match std::fs::read_to_string(path) {
        Ok(text) => text.trim().to_owned(),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let rng: &dyn Rng = &SystemRng;
            let key: String =
                rng.bits256()?.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
            write(path, &key)?;
            key
        }
        Err(error) => return Err(SecretError::File(path.to_owned(), error)),
    };
    EdgeKey::parse(&key).map_err(|_| SecretError::NotAKey(path.to_owned()))?;
    Ok(key)
}

/// Writes `content` for the owner's eyes only (mode 0600), in the place of what was there.
///
/// # Errors
/// [`SecretError::File`].
pub fn write(path: &Path, content: &str) -> Result<(), SecretError> {
    let failed = |error| SecretError::File(path.to_owned(), error);
    let beside = path.with_extension("new");
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&beside)
        .map_err(failed)?;
    file.write_all(content.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&beside, path).map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_nobody_else_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("edge-key");
        let key = read_or_make(&path).unwrap();
        assert_eq!(read_or_make(&path).unwrap(), key);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, "short").unwrap();
        assert!(matches!(read_or_make(&path), Err(SecretError::NotAKey(_))));
    }
}
