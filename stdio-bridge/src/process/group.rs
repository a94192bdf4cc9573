//! Process groups: a child and everything it started.

use nix::errno::Errno;
use nix::sys::signal::{Signal, killpg};

use super::orphans::{Mark, Own};

/// The process group of a child, killed when this is dropped, so that nothing a child started outlives it.
#[derive(Debug)]
pub(super) struct Group {
    leader: Own,
    mark: Mark,
}

impl Group {
    /// The group whose leader is `leader`; what leaves it, with `setsid` or as a daemon, carries `mark` along.
    pub(super) const fn of(leader: Own, mark: Mark) -> Self {
        Self { leader, mark }
    }

    /// Sends `signal` to every process of the group. A group that has ended is fine.
    pub(super) fn signal(&self, signal: Signal) {
        match killpg(self.leader.pid(), signal) {
            Ok(()) | Err(Errno::ESRCH) => {}
            Err(error) => {
                tracing::warn!(pid = %self.leader.pid(), %signal, %error, "cannot signal a process group");
            }
        }
    }

    /// Kills what has left the group. To be called when its leader has ended.
    pub(super) async fn end_strays(&self) {
        self.leader.orphans().end(Some(&self.mark)).await;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}
