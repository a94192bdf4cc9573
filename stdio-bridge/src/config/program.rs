//! Finding the program of a server before anybody needs it.

use std::fs::Metadata;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Why a command cannot be run.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ProgramError {
    /// No directory of `PATH` has it.
    #[error("there is no program \"{0}\" on the PATH; install it, or give its full path")]
    NotOnPath(String),
    /// There is no such file, or it may not be run.
    #[error("{0} is not a program that can be run")]
    NotExecutable(String),
}

/// The absolute path of `command`: a name is looked up in `search` (a `PATH`), anything with a slash is a file.
pub(super) fn find(command: &str, search: &str) -> Result<PathBuf, ProgramError> {
    if command.contains('/') {
        return absolute(Path::new(command)).ok_or_else(|| ProgramError::NotExecutable(command.to_owned()));
    }
    let mut candidates = search
        .split(':')
        .filter(|directory| !directory.is_empty())
        .map(|directory| Path::new(directory).join(command));
    candidates
        .find_map(|candidate| absolute(&candidate))
        .ok_or_else(|| ProgramError::NotOnPath(command.to_owned()))
}

fn absolute(candidate: &Path) -> Option<PathBuf> {
    let runnable = |file: &Metadata| file.is_file() && file.permissions().mode() & 0o111 != 0;
    candidate.metadata().ok().filter(runnable)?;
    std::path::absolute(candidate).ok()
}
