//! The one task that owns a child, its pipes and the table of its open requests.

use std::sync::Arc;
use std::time::Duration;

use mcp_protocol::relay::WireId;
use tokio::process::{Child, ChildStdout};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::failure::Failure;
use super::group::Group;
use super::line::Line;
use super::spawn::Spawned;
use super::stdin::Stdin;
use super::stdout::{Lines, Output};
use super::stop::stop;
use super::stream::Note;
use super::switchboard::Switchboard;
use super::{Audience, Command, Lifetime, Outcome, Request, SendError, stderr};
use crate::config::{Launch, ServerName};
use crate::settings::Limits;

/// How long the last words of a child that has exited are waited for.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// A running child. Consumed by [`Actor::run`], so a child that has ended cannot be used.
#[derive(Debug)]
pub(super) struct Actor {
    server: ServerName,
    limits: Limits,
    lifetime: Lifetime,
    child: Child,
    group: Group,
    stdin: Stdin,
    stdout: Lines<ChildStdout>,
    /// Ends with the actor: what left the group could hold the pipe open for ever.
    _stderr: AbortOnDropHandle<()>,
    switchboard: Switchboard,
    /// What readers say.
    notes: mpsc::UnboundedReceiver<Note>,
}

/// Why a child's time is over.
#[derive(Debug)]
enum End {
    /// It ended by itself.
    Exited,
    /// It closed its output: nothing can be asked of it any more.
    Silent,
    /// Its session was ended, or the bridge is shutting down.
    Stopped,
    /// Nobody holds a handle any more.
    Released,
    /// Nobody has used it for too long.
    Idle,
}

impl Actor {
    pub(super) fn new(
        (launch, audience): (&Arc<Launch>, Audience),
        spawned: Spawned,
        limits: Limits,
        lifetime: Lifetime,
    ) -> Self {
        let Spawned { child, group, stdin, stdout, stderr } = spawned;
        let server = launch.name.clone();
        let drain = tokio::spawn(stderr::drain(server.clone(), stderr));
        tracing::info!(%server, pid = child.id(), "started");
        let (to, notes) = mpsc::unbounded_channel();
        Self {
            limits,
            lifetime,
            child,
            group,
            stdin: Stdin::new(stdin),
            stdout: Lines::new(stdout, limits.max_message_bytes),
            _stderr: AbortOnDropHandle::new(drain),
            switchboard: Switchboard::new((server.clone(), audience), limits, to, Instant::now()),
            notes,
            server,
        }
    }

    /// Serves the child until its time is over, then ends it.
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Command>, kill: CancellationToken) {
        let end = loop {
            if let Some(end) = self.step(&mut inbox).await {
                break end;
            }
        };
        let outcome = match end {
            _ if self.switchboard.has_answered() => Outcome::Worked,
            End::Exited | End::Silent => Outcome::Failed,
            End::Stopped | End::Released | End::Idle => Outcome::Dismissed,
        };
        self.lifetime.outcome.get_or_init(|| outcome);
        self.lifetime.leaving.cancel();
        drop(inbox);
        self.leave(end, &kill).await;
    }

    async fn step(&mut self, inbox: &mut mpsc::Receiver<Command>) -> Option<End> {
        tokio::select! {
            () = self.lifetime.stop.cancelled() => return Some(End::Stopped),
            _ = self.child.wait() => return Some(End::Exited),
            command = inbox.recv() => match command {
                Some(command) => self.obey(command),
                None if self.lifetime.stop.is_cancelled() => return Some(End::Stopped),
                None => return Some(End::Released),
            },
            output = self.stdout.next(), if !self.switchboard.is_congested() => match output {
                Ok(Output::End) | Err(_) => return Some(End::Silent),
                Ok(output) => self.hear(output),
            },
            written = self.stdin.write_some(), if self.stdin.has_work() => if let Err(error) = written {
                tracing::debug!(server = %self.server, %error, "the server closed its input");
            },
            () = self.switchboard.room(), if self.switchboard.is_congested() => self.switchboard.relieve(),
            Some(note) = self.notes.recv() => self.heed(note),
            () = sleep_until(self.switchboard.next_due()) => return self.on_time(),
        }
        None
    }

    fn obey(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Request { request, reply } => respond(reply, self.open(request, now)),
            Command::Tell { line, reply } => {
                self.switchboard.touch(now);
                respond(reply, self.stdin.push(&line));
            }
            Command::Respond { line, next, reply } => {
                let line = self.switchboard.respond(line, next, now);
                respond(reply, line.map_or(Ok(()), |line| self.stdin.push(&line)));
            }
            Command::Named { id, reply } => respond(reply, self.switchboard.named(&id)),
            Command::Listen { id, reply } => respond(reply, self.switchboard.listen(id, now)),
            Command::Resume { after, reply } => respond(reply, self.switchboard.resume(after, now)),
            Command::Subscribe { subscription, filter, reply } => {
                respond(reply, self.switchboard.subscribe(subscription, filter, now));
            }
        }
    }

    fn open(&mut self, request: Request, now: Instant) -> Result<super::Deliveries, SendError> {
        let Request { line, id, caller } = request;
        self.switchboard.admits(&caller)?;
        self.stdin.push(&line)?;
        Ok(self.switchboard.open((id, line), caller, now))
    }

    fn hear(&mut self, output: Output) {
        match output {
            Output::Line(line) => {
                if let Some(reply) = self.switchboard.receive(&line, Instant::now()) {
                    self.say(&reply);
                }
            }
            Output::TooLong(salvaged) => self.switchboard.receive_too_long(salvaged, Instant::now()),
            Output::End => {}
        }
    }

    fn on_time(&mut self) -> Option<End> {
        let now = Instant::now();
        self.switchboard.cut_stalled(now);
        for id in self.switchboard.expire(now) {
            tracing::warn!(server = %self.server, "the server did not answer in time");
            self.cancel(id, "timed out");
        }
        self.switchboard.is_idle(now).then_some(End::Idle)
    }

    async fn leave(mut self, end: End, kill: &CancellationToken) {
        let failure = match end {
            End::Exited => {
                self.last_words().await;
                Failure::Exited
            }
            End::Silent => Failure::Exited,
            End::Stopped | End::Released | End::Idle => Failure::Stopped,
        };
        self.switchboard.fail_all(failure);
        drop(self.switchboard);
        let pipes = (self.stdin, &mut self.stdout);
        let status = stop(&mut self.child, &self.group, pipes, &self.limits, kill).await;
        let status = status.map_or_else(|| "unknown".to_owned(), |status| status.to_string());
        tracing::info!(server = %self.server, reason = ?end, %status, "ended");
        self.lifetime.finished.cancel();
    }

    fn heed(&mut self, note: Note) {
        let now = Instant::now();
        match note {
            Note::Gone(stream) => {
                if let Some(id) = self.switchboard.reader_gone(stream, now) {
                    self.cancel(id, "the client has gone");
                }
            }
            Note::Reply(line) => self.say(&line),
            Note::Adopted(stream, caller) => self.switchboard.adopt(stream, caller, now),
        }
    }

    fn say(&mut self, line: &Line) {
        if self.stdin.push(line).is_err() {
            tracing::debug!(server = %self.server, "the server could not be answered");
        }
    }

    /// A child that does not read its cancellations is ended by the idle limit.
    fn cancel(&mut self, id: WireId, reason: &str) {
        let sent = cancellation(id, reason).is_some_and(|line| self.stdin.push(&line).is_ok());
        if !sent {
            tracing::debug!(server = %self.server, "a cancellation could not be sent");
        }
    }

    /// A child may answer and exit in one breath. Its group is killed first: what it has started could hold the pipe open.
    async fn last_words(&mut self) {
        self.group.signal(nix::sys::signal::Signal::SIGKILL);
        let listen = async {
            while let Ok(output) = self.stdout.next().await {
                if output == Output::End {
                    break;
                }
                self.hear(output);
            }
        };
        if timeout(LAST_WORDS, listen).await.is_err() {
            tracing::debug!(server = %self.server, "the server's output stays open after its end");
        }
    }
}

fn respond<T>(reply: oneshot::Sender<T>, value: T) {
    if reply.send(value).is_err() {
        tracing::debug!("whoever sent a command has gone");
    }
}

fn cancellation(id: WireId, reason: &str) -> Option<Line> {
    let text = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"{reason}"}}}}"#
    );
    Line::own(text).ok()
}
