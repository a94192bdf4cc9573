//! One program of the gateway: started, watched, stopped.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

/// How long a program may take to stop before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(12);

/// A running program. It is the leader of its own process group, so that a terminal's Ctrl-C reaches only the launcher,
/// which then stops everything in order. Dropping it kills it.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    child: Child,
    log: PathBuf,
    log_start: u64,
}

impl Program {
    /// Starts `command`; what it writes goes to `{log_dir}/{name}.log`.
    ///
    /// # Errors
    /// When the log cannot be opened or the program cannot be executed.
    pub fn start(name: &'static str, mut command: Command, log_dir: &Path) -> std::io::Result<Self> {
        let log = log_dir.join(format!("{name}.log"));
        let file = OpenOptions::new().create(true).append(true).open(&log)?;
        let log_start = file.metadata()?.len();
        command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .process_group(0)
            .kill_on_drop(true);
        Ok(Self { name, child: command.spawn()?, log, log_start })
    }

    /// The program's name in messages and logs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Where its output goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Waits until it ends.
    pub async fn end(&mut self) {
        // An error means that it cannot be waited for any more, which is an end too.
        drop(self.child.wait().await);
    }

    /// The last lines that it wrote in this run: why it ended, mostly.
    #[must_use]
    pub fn last_words(&self) -> String {
        const LINES: usize = 12;
        let mut text = String::new();
        let read = File::open(&self.log).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.log_start))?;
            file.read_to_string(&mut text)
        });
        if read.is_err() {
            return format!("(its log {} cannot be read)", self.log.display());
        }
        let lines: Vec<&str> = text.lines().collect();
        lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("\n")
    }

    /// Asks it to stop, and kills its whole group if it does not.
    pub async fn stop(mut self) {
        if let Some(pid) = self.raw_pid()
            && kill(pid, Signal::SIGTERM).is_ok()
            && tokio::time::timeout(STOP_PATIENCE, self.child.wait()).await.is_err()
            && killpg(pid, Signal::SIGKILL).is_err()
        {
            // Only the leader is left to kill; `kill_on_drop` does that.
            return;
        }
        self.end().await;
    }

    /// Kills it without warning, as a crash would, and waits until it is gone.
    pub async fn kill(&mut self) {
        drop(self.child.kill().await);
    }

    fn raw_pid(&self) -> Option<Pid> {
        self.child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw)
    }
}

/// Sends SIGINT to `child`, as a terminal does at Ctrl-C.
///
/// # Errors
/// When it has ended already.
pub fn interrupt(child: &Child) -> std::io::Result<()> {
    let gone = || std::io::Error::from(std::io::ErrorKind::NotFound);
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).ok_or_else(gone)?;
    Ok(kill(Pid::from_raw(pid), Signal::SIGINT)?)
}
