//! Processes that have left the process group of the server that started them, and lost their parent: daemons.
//!
//! The bridge adopts them (`PR_SET_CHILD_SUBREAPER`; as the first process of a container it does so anyway). Each server's
//! environment holds a mark that its descendants inherit, so a daemon lives as long as the server whose mark it carries, and
//! ends with it. One that has thrown its environment away ends with the bridge.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::{Pid, getpid};
use tokio::process::{Child, Command};
use tokio::time::sleep;

/// The variable that holds the mark.
const MARK: &str = "MCP_BRIDGE_CHILD";
/// Between two looks at whether what was killed has gone, and left orphans of its own.
const PAUSE: Duration = Duration::from_millis(2);
/// Looks until what does not die is given up: it hangs in the kernel.
const ROUNDS: usize = 500;

/// What tells the descendants of one server from all others on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark(String);

/// Tells our own children, whose end somebody waits for, from those we have adopted.
#[derive(Debug, Clone, Default)]
pub(super) struct Orphans {
    own: Arc<Mutex<HashSet<Pid>>>,
}

/// A child of ours. Until this is dropped, nobody takes it for an orphan.
#[derive(Debug)]
pub(super) struct Own {
    pid: Pid,
    orphans: Orphans,
}

/// From now on this process adopts what its descendants abandon.
///
/// # Errors
/// When the operating system refuses.
pub(crate) fn adopt() -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(true)?)
}

impl Mark {
    /// A mark that no other has.
    pub(super) fn fresh() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Self(format!("{}.{}", getpid(), COUNT.fetch_add(1, Ordering::Relaxed)))
    }

    /// Whether the process carries it. A process that has gone carries nothing.
    fn is_on(&self, pid: Pid) -> bool {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let expected = format!("{MARK}={}", self.0);
        environment.split(|byte| *byte == 0).any(|variable| variable == expected.as_bytes())
    }
}

impl Orphans {
    /// Starts `command` with `mark`. Nobody looks for orphans meanwhile, so none can be a child that is not known yet.
    pub(super) fn spawn(&self, command: &mut Command, mark: &Mark) -> io::Result<(Child, Own)> {
        command.env(MARK, &mark.0);
        let mut own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        let child = command.spawn()?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::other("the child has no process id"))?;
        own.insert(pid);
        drop(own);
        Ok((child, Own { pid, orphans: self.clone() }))
    }

    /// Reaps adopted processes that have ended.
    pub(super) fn reap(&self) {
        self.adopted().into_iter().for_each(reap);
    }

    /// Kills adopted processes with this mark, or all, and what they leave behind, until there are none.
    pub(super) async fn end(&self, mark: Option<&Mark>) {
        for _ in 0..ROUNDS {
            let condemned = self.adopted().into_iter().filter(|pid| mark.is_none_or(|mark| mark.is_on(*pid)));
            let condemned: Vec<Pid> = condemned.collect();
            // What is dying has lost its mark, and not yet given up its children.
            if condemned.is_empty() && !self.adopted().into_iter().any(is_dying) {
                return;
            }
            for pid in &condemned {
                match kill(*pid, Signal::SIGKILL) {
                    Ok(()) | Err(Errno::ESRCH) => {}
                    Err(error) => tracing::warn!(%pid, %error, "cannot kill what a server has left behind"),
                }
            }
            // What they have started is adopted when they have gone.
            sleep(PAUSE).await;
            condemned.into_iter().for_each(reap);
        }
        tracing::warn!("something that a server has left behind cannot be killed");
    }

    /// The children of this process that nobody waits for.
    fn adopted(&self) -> Vec<Pid> {
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner);
        children().into_iter().filter(|pid| !own.contains(pid)).collect()
    }
}

impl Own {
    pub(super) const fn pid(&self) -> Pid {
        self.pid
    }

    pub(super) const fn orphans(&self) -> &Orphans {
        &self.orphans
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.orphans.own.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.pid);
    }
}

/// Whether a process has begun to exit (`PF_EXITING`) and has children to give up still; a zombie has none.
fn is_dying(pid: Pid) -> bool {
    const EXITING: u64 = 4;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let mut fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let is_zombie = fields.next() == Some("Z");
    let flags = fields.nth(5).and_then(|flags| flags.parse::<u64>().ok());
    !is_zombie && flags.is_some_and(|flags| flags & EXITING != 0)
}

fn reap(orphan: Pid) {
    // Errors: it has been reaped in between.
    waitpid(orphan, Some(WaitPidFlag::WNOHANG)).ok();
}

/// The direct children of this process: each of its threads has some.
fn children() -> Vec<Pid> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let lists =
        threads.flatten().filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    let parse =
        |list: String| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<i32>>();
    lists.flat_map(parse).map(Pid::from_raw).collect()
}
