//! The figures of the auth service.

mod browser;
mod grants;
mod peer;
mod ready;
mod redis;
mod site;
mod stored;
mod verify;

use std::path::{Path, PathBuf};

use crate::Failure;

/// Connections of the load generator: as many clients as ask at the same time.
const CONNECTIONS: usize = 128;

/// What every part of a run works with.
pub(crate) struct Bench {
    root: PathBuf,
}

/// Measures the parts named in `only`, or all.
pub(crate) fn run(only: &[&str]) -> Result<(), Failure> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("bench/ is in the repository")?;
    let bench = Bench { root: root.to_owned() };
    let wants = |part: &str| only.is_empty() || only.contains(&part);
    if wants("grants") {
        grants::measure(&bench)?;
    }
    if wants("verify") {
        verify::measure(&bench)?;
    }
    if wants("redis") {
        redis::measure(&bench)?;
    }
    if wants("stored") {
        stored::measure(&bench)?;
    }
    if wants("ready") {
        ready::measure(&bench)?;
    }
    Ok(())
}
