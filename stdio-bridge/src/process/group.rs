//! Process groups: a child and everything it started.

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

/// The process group of a child, killed when this is dropped, so that nothing a child started outlives it.
/// (What moved to a session of its own with `setsid` has left the group; only a container's end reaches that.)
#[derive(Debug)]
pub(super) struct Group(Pid);

impl Group {
    /// The group whose leader has the process id `leader`; `None` for a number that is no process id.
    pub(super) fn of(leader: u32) -> Option<Self> {
        let pid = i32::try_from(leader).ok().filter(|pid| *pid > 1)?;
        Some(Self(Pid::from_raw(pid)))
    }

    /// Sends `signal` to every process of the group. A group that has ended is fine.
    pub(super) fn signal(&self, signal: Signal) {
        match killpg(self.0, signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => {
                tracing::warn!(pid = self.0.as_raw(), %signal, %error, "cannot signal a process group");
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}
