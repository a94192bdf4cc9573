//! `mcp.json` as a file that somebody edits while the bridge runs.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use service_kit::settings::Strings;

use super::Servers;

/// The file, and which content of it was read last.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    path: PathBuf,
    read: Option<Version>,
}

/// What tells one content of the file from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl From<Metadata> for Version {
    fn from(metadata: Metadata) -> Self {
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        Self { inode: metadata.ino(), size: metadata.len(), changed }
    }
}

impl ConfigFile {
    /// The file at `path`, and what it holds now.
    ///
    /// # Errors
    /// Every mistake in it, each with the path.
    pub(super) fn open<S: Strings>(path: &Path, strings: &S) -> Result<(Self, Servers), Vec<String>> {
        let mut file = Self { path: path.to_owned(), read: None };
        let servers = file.read(strings)?;
        Ok((file, servers))
    }

    /// What the file holds, if that is not what was read last; costs one `stat` otherwise. What is wrong is told once, not each time.
    ///
    /// # Errors
    /// Every mistake in it, each with the path.
    pub fn look<S: Strings>(&mut self, strings: &S) -> Option<Result<Servers, Vec<String>>> {
        (self.version() != self.read).then(|| self.read(strings))
    }

    fn read<S: Strings>(&mut self, strings: &S) -> Result<Servers, Vec<String>> {
        // Before the content: what changes in between is read again.
        self.read = self.version();
        let place = |mistake: String| format!("{}: {mistake}", self.path.display());
        let text = std::fs::read_to_string(&self.path)
            .map_err(|error| vec![format!("cannot read {}: {error}", self.path.display())])?;
        Servers::parse(&text, strings).map_err(|mistakes| mistakes.into_iter().map(place).collect())
    }

    fn version(&self) -> Option<Version> {
        std::fs::metadata(&self.path).ok().map(Version::from)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const ONE: &str = r#"{"mcpServers":{"one":{"command":"sh"}}}"#;
    const TWO: &str = r#"{"mcpServers":{"one":{"command":"sh"},"two":{"command":"sh"}}}"#;

    #[test]
    fn h_81_each_content_is_read_once_and_a_bad_one_is_told_once() {
        let strings = BTreeMap::from([("PATH".to_owned(), "/bin".to_owned())]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mcp.json");
        std::fs::write(&path, ONE).unwrap();
        let (mut file, servers) = ConfigFile::open(&path, &strings).unwrap();
        assert_eq!(servers.names().collect::<Vec<_>>(), ["one"]);
        assert!(file.look(&strings).is_none());

        std::fs::write(&path, TWO).unwrap();
        assert_eq!(file.look(&strings).unwrap().unwrap().names().count(), 2);
        assert!(file.look(&strings).is_none());

        std::fs::write(&path, "{").unwrap();
        let told = file.look(&strings).unwrap().unwrap_err().join("\n");
        assert!(told.contains(path.to_str().unwrap()), "{told}");
        assert!(file.look(&strings).is_none());

        // As editors and orchestrators do it: another file takes the place of the old one.
        std::fs::remove_file(&path).unwrap();
        assert!(file.look(&strings).unwrap().unwrap_err().join("").contains("cannot read"));
        assert!(file.look(&strings).is_none());
        std::fs::write(folder.path().join("new"), ONE).unwrap();
        std::fs::rename(folder.path().join("new"), &path).unwrap();
        assert_eq!(file.look(&strings).unwrap().unwrap().names().count(), 1);
    }
}
