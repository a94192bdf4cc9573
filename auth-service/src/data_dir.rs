//! The data directory: what belongs to this service and to nobody else on the machine.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown,
};
use std::path::{Path, PathBuf};

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It cannot be made, or not be written to.
    #[error("DATA_DIR: {0} cannot be written: {1}")]
    Directory(PathBuf, std::io::Error),
    /// A file in it cannot be read or written.
    #[error("{0}: {1}")]
    File(PathBuf, std::io::Error),
}

/// Makes the directory, closed to others (mode 0700), and makes sure that files can be made in it.
///
/// # Errors
/// [`DataDirError::Directory`].
pub fn prepare(directory: &Path) -> Result<(), DataDirError> {
    let failed = |error| DataDirError::Directory(directory.to_owned(), error);
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    probe(directory)
}

/// Makes sure that files can be made in the directory, and leaves it as it was.
///
/// # Errors
/// [`DataDirError::Directory`].
pub fn probe(directory: &Path) -> Result<(), DataDirError> {
    let failed = |error| DataDirError::Directory(directory.to_owned(), error);
    let probe = directory.join(format!(".probe-{}", std::process::id()));
    std::fs::write(&probe, b"").map_err(failed)?;
    std::fs::remove_file(&probe).map_err(failed)
}

/// Reads a private file; `None` when it is not there. One that others could read is closed to them first.
///
/// # Errors
/// [`DataDirError::File`].
pub fn read_private(path: &Path) -> Result<Option<Vec<u8>>, DataDirError> {
    let failed = |error| DataDirError::File(path.to_owned(), error);
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(path = %path.display(), "a private file was open to other users; its mode is now 0600");
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
    }
    std::fs::read(path).map(Some).map_err(failed)
}

/// Writes a private file (mode 0600) that is not there yet: whole or not at all.
///
/// # Errors
/// [`DataDirError::File`], also when it is there.
pub fn create_private(path: &Path, content: &[u8]) -> Result<(), DataDirError> {
    link(&write_beside(path, content, belong)?, path)
}

/// Writes a private file (mode 0600) that is not there yet: whole or not at all. It may be anywhere, and belongs to whoever runs this.
///
/// # Errors
/// [`DataDirError::File`], also when it is there.
pub fn create_own(path: &Path, content: &[u8]) -> Result<(), DataDirError> {
    link(&write_beside(path, content, |_, _| Ok(()))?, path)
}

/// Gives a finished file its name.
fn link(temporary: &Path, path: &Path) -> Result<(), DataDirError> {
    // A hard link fails when the name is taken; a rename would replace what another process has just written.
    let linked = std::fs::hard_link(temporary, path);
    let removed = std::fs::remove_file(temporary);
    linked.and(removed).map_err(|error| DataDirError::File(path.to_owned(), error))
}

/// Replaces a private file (mode 0600): readers see the old content or the new, never a part.
///
/// # Errors
/// [`DataDirError::File`].
pub fn replace_private(path: &Path, content: &[u8]) -> Result<(), DataDirError> {
    let temporary = write_beside(path, content, belong)?;
    std::fs::rename(&temporary, path).map_err(|error| DataDirError::File(path.to_owned(), error))
}

/// Waits until nobody else holds the lock `path`, and holds it as long as the value lives. Whoever changes a file of several
/// writers reads and replaces it under such a lock.
///
/// # Errors
/// [`DataDirError::File`].
pub fn lock(path: &Path) -> Result<File, DataDirError> {
    let failed = |error| DataDirError::File(path.to_owned(), error);
    let mut options = OpenOptions::new();
    let file = options.write(true).create(true).truncate(false).mode(0o600).open(path).map_err(failed)?;
    belong(&file, path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}

fn write_beside(
    path: &Path,
    content: &[u8],
    belong: impl Fn(&File, &Path) -> std::io::Result<()>,
) -> Result<PathBuf, DataDirError> {
    let temporary = path.with_extension(format!("new-{}", std::process::id()));
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(content)?;
        belong(&file, path)?;
        file.sync_all()
    };
    write().map_err(|error| {
        // What is left of a failed try would be in the way of nobody, and is a secret.
        drop(std::fs::remove_file(&temporary));
        DataDirError::File(temporary.clone(), error)
    })?;
    Ok(temporary)
}

/// Gives `file` the owner of what is at `path`, or of its folder: a command that root runs must not take a file away from the
/// service.
fn belong(file: &File, path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let theirs = std::fs::metadata(path).or_else(|_| std::fs::metadata(folder))?;
    let ours = file.metadata()?;
    if (ours.uid(), ours.gid()) == (theirs.uid(), theirs.gid()) {
        return Ok(());
    }
    fchown(file, Some(theirs.uid()), Some(theirs.gid())).map_err(|error| {
        let whose = format!("it belongs to user {}; run this as that user ({error})", theirs.uid());
        std::io::Error::new(error.kind(), whose)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_private_is_closed_to_others() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join("a/data");
        prepare(&directory).unwrap();
        assert_eq!(mode(&directory), 0o700);
        let file = directory.join("secret");
        create_private(&file, b"one").unwrap();
        assert_eq!(mode(&file), 0o600);
        replace_private(&file, b"two").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o644)).unwrap();
        assert_eq!(read_private(&file).unwrap().unwrap(), b"two");
        assert_eq!(mode(&file), 0o600);
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 1, "nothing is left behind");
    }

    #[test]
    fn a_file_that_is_there_is_never_created_over() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("secret");
        assert!(read_private(&file).unwrap().is_none());
        create_private(&file, b"one").unwrap();
        assert!(create_private(&file, b"two").is_err());
        assert_eq!(read_private(&file).unwrap().unwrap(), b"one");
    }
}
