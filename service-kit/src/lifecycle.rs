//! How a program ends.

use std::io::Write as _;
use std::process::ExitCode;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A setting or a command line is wrong (`EX_USAGE`). Starting again without a change will not help.
pub const EXIT_USAGE: u8 = 64;

/// Something the program needs is not to be had: a port in use, a store that does not open (`EX_UNAVAILABLE`).
pub const EXIT_UNAVAILABLE: u8 = 69;

/// Says on standard error why `program` cannot go on, and gives its exit code.
pub fn fail(program: &str, code: u8, reason: &dyn std::fmt::Display) -> ExitCode {
    // If nobody listens any more, the exit code still says it.
    writeln!(std::io::stderr(), "{program}: {reason}").ok();
    ExitCode::from(code)
}

/// Closes this process's memory to every other that runs as the same user: no core dump, no `ptrace`, no reading of
/// `/proc/{pid}/environ` and `mem`. It holds secrets, and MCP servers run beside it. Call it before the first of them starts.
///
/// # Errors
/// When the operating system refuses.
pub fn close_memory() -> std::io::Result<()> {
    Ok(nix::sys::prctl::set_dumpable(false)?)
}

/// The signals that ask a program to end: SIGTERM, SIGINT (Ctrl-C) and SIGHUP (its terminal is gone).
#[derive(Debug)]
pub struct Shutdown {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Shutdown {
    /// Takes over the signals. Call it before the program starts to serve, so that none is missed.
    ///
    /// # Errors
    /// When the operating system refuses the handler.
    pub fn install() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next of them; gives its name. A second call waits for a second signal.
    pub async fn requested(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.hangup.recv() => "SIGHUP",
        }
    }
}
