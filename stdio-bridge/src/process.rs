//! Child processes: one task per child, and the handle that everybody else holds.

mod actor;
mod failure;
mod group;
mod line;
mod orphans;
mod spawn;
mod stderr;
mod stdin;
mod stdout;
mod stop;
mod stream;
mod switchboard;

use std::sync::Arc;

use mcp_protocol::jsonrpc::Id;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Launch;
use crate::settings::Limits;

pub use failure::Failure;
pub use line::Line;
use orphans::Orphans;
pub use stream::{Deliveries, Delivery};

/// A handle on one running child. When the last handle is dropped, the child is stopped.
#[derive(Debug, Clone)]
pub struct Process {
    commands: mpsc::Sender<Command>,
    lifetime: Lifetime,
}

/// What of a child's life others may wait for. Holding it does not keep the child alive.
#[derive(Debug, Clone)]
pub struct Lifetime {
    stop: CancellationToken,
    leaving: CancellationToken,
    finished: CancellationToken,
}

/// Who has to be told when the program ends, and who has ended: the roots of all children's lives.
#[derive(Debug, Clone, Default)]
pub struct Supervisor {
    /// Every task that has to end before the program does.
    pub tracker: TaskTracker,
    /// Children shall stop, in their own time.
    pub stop: CancellationToken,
    /// Children shall be killed now.
    pub kill: CancellationToken,
    orphans: Orphans,
}

impl Supervisor {
    /// Reaps what servers have left behind and this process has adopted, whenever something ends; for ever.
    ///
    /// # Errors
    /// When the operating system does not let this process adopt, or does not tell when something ends.
    pub async fn reap(&self) -> std::io::Result<()> {
        orphans::adopt()?;
        let mut ended = signal(SignalKind::child())?;
        loop {
            ended.recv().await;
            self.orphans.reap();
        }
    }

    /// Ends everything that servers have left behind.
    pub async fn end_orphans(&self) {
        self.orphans.end(None).await;
    }
}

/// A request on its way to a child.
#[derive(Debug)]
pub struct Request {
    /// The message.
    pub line: Line,
    /// Its id.
    pub id: Id,
    /// The token under which it asked for progress.
    pub progress_token: Option<Id>,
    /// Whether its caller can take other messages before the answer.
    pub accepts_stream: bool,
}

/// Why a child did not take a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The child has ended or is being stopped.
    #[error("the server has ended")]
    Gone,
    /// A request with this id is still open.
    #[error("a request with this id is still open")]
    DuplicateId,
    /// Too much is waiting for the child already.
    #[error("the server does not keep up with its requests")]
    Busy,
}

/// Why a child could not be started.
#[derive(Debug, thiserror::Error)]
#[error("the server could not be started: {0}")]
pub struct StartError(#[from] std::io::Error);

/// Commands that wait for the actor; more senders wait for a place.
const COMMAND_QUEUE: usize = 64;

impl Process {
    /// Starts the child and the task that owns it.
    ///
    /// # Errors
    /// When the operating system refuses (no such program, too many processes).
    pub fn start(launch: &Arc<Launch>, limits: &Limits, supervisor: &Supervisor) -> Result<Self, StartError> {
        let spawned = spawn::spawn(launch, &supervisor.orphans)?;
        let (commands, inbox) = mpsc::channel(COMMAND_QUEUE);
        let lifetime = Lifetime {
            stop: supervisor.stop.child_token(),
            leaving: CancellationToken::new(),
            finished: CancellationToken::new(),
        };
        let actor = actor::Actor::new(launch, spawned, *limits, lifetime.clone());
        supervisor.tracker.spawn(actor.run(inbox, supervisor.kill.clone()));
        Ok(Self { commands, lifetime })
    }

    /// Sends a request. What comes back for its caller arrives at the [`Deliveries`], the answer last.
    ///
    /// # Errors
    /// [`SendError`]; the child has then not seen the request.
    pub async fn request(&self, request: Request) -> Result<Deliveries, SendError> {
        self.ask(|reply| Command::Request { request, reply }).await?
    }

    /// Sends a notification, or the answer to one of the child's own requests.
    ///
    /// # Errors
    /// [`SendError`]; the child has then not seen the message.
    pub async fn tell(&self, line: Line) -> Result<(), SendError> {
        self.ask(|reply| Command::Tell { line, reply }).await?
    }

    /// Opens the stream for messages that belong to no request. An older such stream ends: each message goes to
    /// one stream only, and the newest is the one whose client is there (2025-11-25, "Multiple Connections").
    ///
    /// # Errors
    /// [`SendError::Gone`].
    pub async fn listen(&self) -> Result<Deliveries, SendError> {
        self.ask(|reply| Command::Listen { reply }).await
    }

    /// Asks the child to end: its stdin is closed, then SIGTERM, then SIGKILL. Does not wait for it.
    pub fn stop(&self) {
        self.lifetime.stop.cancel();
    }

    /// What of the child's life can be waited for.
    #[must_use]
    pub const fn lifetime(&self) -> &Lifetime {
        &self.lifetime
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, SendError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| SendError::Gone)?;
        answer.await.map_err(|_| SendError::Gone)
    }
}

impl Lifetime {
    /// Until the child takes no more messages, for whatever reason.
    pub async fn leaving(&self) {
        self.leaving.cancelled().await;
    }

    /// Whether the child takes no more messages.
    #[must_use]
    pub fn is_leaving(&self) -> bool {
        self.leaving.is_cancelled()
    }

    /// Until the child has ended and is reaped.
    pub async fn finished(&self) {
        self.finished.cancelled().await;
    }
}

/// What the handle says to the task.
#[derive(Debug)]
enum Command {
    Request { request: Request, reply: oneshot::Sender<Result<Deliveries, SendError>> },
    Tell { line: Line, reply: oneshot::Sender<Result<(), SendError>> },
    Listen { reply: oneshot::Sender<Deliveries> },
}
