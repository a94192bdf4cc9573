//! Which core does what: Envoy's worker has one for itself, everything else is on the other.

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;

use crate::Failure;

/// Envoy's core.
pub(crate) const EDGE: usize = 0;
/// The load generator's core, and the auth service's.
pub(crate) const REST: usize = 1;

/// Keeps this thread, and every program that it starts from now on, on `core`.
pub(crate) fn to(core: usize) -> Result<(), Failure> {
    let mut set = CpuSet::new();
    set.set(core)?;
    sched_setaffinity(Pid::from_raw(0), &set)
        .map_err(|error| format!("core {core} cannot be used ({error}): two cores are needed").into())
}
