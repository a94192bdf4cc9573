//! Starting a child.

use std::io;
use std::process::Stdio;

use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};

use super::group::Group;
use super::orphans::{Mark, Orphans};
use crate::config::Launch;

/// A child that runs, with its pipes and its process group.
#[derive(Debug)]
pub(super) struct Spawned {
    pub(super) child: Child,
    pub(super) group: Group,
    pub(super) stdin: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
}

/// Starts the program of `launch`: no shell, nothing in its environment but what `launch` lists, in a process
/// group of its own (so that a signal to the bridge's terminal does not reach it, and ours reaches its children).
pub(super) fn spawn(launch: &Launch, orphans: &Orphans) -> io::Result<Spawned> {
    let mut command = program_of(launch)?;
    command.env_clear().envs(&launch.environment);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    if let Some(directory) = &launch.directory {
        command.current_dir(directory);
    }
    let mark = Mark::fresh();
    let (mut child, own) = orphans.spawn(&mut command, &mark)?;
    let group = Group::of(own, mark);
    let stdin = child.stdin.take().ok_or_else(no_pipe)?;
    let stdout = child.stdout.take().ok_or_else(no_pipe)?;
    let stderr = child.stderr.take().ok_or_else(no_pipe)?;
    Ok(Spawned { child, group, stdin, stdout, stderr })
}

/// The program of `launch`; for a confined server ourselves, who become it. That way it is the program that runs now, also
/// after a newer one was installed in its place.
fn program_of(launch: &Launch) -> io::Result<Command> {
    let Some(sandbox) = &launch.sandbox else {
        let mut command = Command::new(&launch.program);
        command.args(&launch.arguments);
        return Ok(command);
    };
    let mut command = Command::new("/proc/self/exe");
    command
        .args(["confine", "--"])
        .arg(serde_json::to_string(sandbox)?)
        .arg(&launch.program)
        .args(&launch.arguments);
    Ok(command)
}

fn no_pipe() -> io::Error {
    io::Error::other("the child has no pipes")
}
