//! Ending a child: ask, insist, kill; always reap.

use std::process::ExitStatus;
use std::time::Duration;

use nix::sys::signal::Signal;
use tokio::io::AsyncRead;
use tokio::process::Child;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::group::Group;
use super::stdin::Stdin;
use super::stdout::Lines;
use crate::settings::Limits;

/// Ends `child` and everything in its group, and reaps it: its stdin is closed; after
/// [`Limits::exit_grace`] the group gets SIGTERM, after [`Limits::terminate_grace`] SIGKILL. `kill` skips the waiting.
pub(super) async fn stop<R: AsyncRead + Unpin>(
    child: &mut Child,
    group: &Group,
    (stdin, stdout): (Stdin, &mut Lines<R>),
    limits: &Limits,
    kill: &CancellationToken,
) -> Option<ExitStatus> {
    drop(stdin);
    let mut status = exit_within(child, stdout, limits.exit_grace, kill).await;
    if status.is_none() {
        group.signal(Signal::SIGTERM);
        status = exit_within(child, stdout, limits.terminate_grace, kill).await;
    }
    // Also after a good exit: what the child has started may still run.
    group.signal(Signal::SIGKILL);
    let status = match status {
        Some(status) => Some(status),
        None => child.wait().await.ok(),
    };
    group.end_strays().await;
    status
}

/// Its output is read meanwhile, so that a child that still writes can come to its end.
async fn exit_within<R: AsyncRead + Unpin>(
    child: &mut Child,
    stdout: &mut Lines<R>,
    grace: Duration,
    kill: &CancellationToken,
) -> Option<ExitStatus> {
    let drain = async {
        while !matches!(stdout.next().await, Ok(super::stdout::Output::End) | Err(_)) {}
        std::future::pending::<()>().await;
    };
    tokio::select! {
        status = timeout(grace, child.wait()) => status.ok().and_then(Result::ok),
        () = kill.cancelled() => None,
        () = drain => None,
    }
}
