//! Child processes: one task per child, and the handle that everybody else holds.

mod actor;
mod ask;
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

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use mcp_protocol::capabilities::LogLevel;
use mcp_protocol::era::Era;
use mcp_protocol::jsonrpc::Id;
use mcp_protocol::relay::WireId;
use mcp_protocol::subscription::Filter;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Launch;
use crate::settings::Limits;

pub use ask::Ask;
pub use failure::Failure;
pub use line::Line;
use orphans::Orphans;
pub use stream::{Answer, Deliveries, Delivery, Event, EventId, StreamId};

/// A handle on one running child. When the last handle is dropped, the child is stopped.
#[derive(Debug, Clone)]
pub struct Process {
    commands: mpsc::Sender<Command>,
    lifetime: Lifetime,
    next_id: Arc<AtomicU64>,
}

/// What of a child's life others may wait for. Holding it does not keep the child alive.
#[derive(Debug, Clone)]
pub struct Lifetime {
    stop: CancellationToken,
    leaving: CancellationToken,
    finished: CancellationToken,
    outcome: Arc<OnceLock<Outcome>>,
}

/// What came of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has answered.
    Worked,
    /// It has ended by itself before it had answered anything.
    Failed,
    /// It was ended before it had answered anything.
    Dismissed,
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

/// Who uses a child, and so what becomes of its messages that belong to no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The client of one legacy session, of a child of this era: they go to its streams.
    Session(Era),
    /// Modern callers, of a child of this era: each message goes to whoever has asked for such.
    Callers(Era),
}

/// A request on its way to a child.
#[derive(Debug)]
pub struct Request {
    /// The message, with `id` and that as its progress token.
    pub line: Line,
    /// The id that the child sees, from [`Process::next_id`].
    pub id: WireId,
    /// Who sends it.
    pub caller: Caller,
}

/// What is to be known of who sends a request.
#[derive(Debug)]
pub struct Caller {
    /// The id that the caller gave the request: its answer gets that.
    pub id: Id,
    /// The token under which the caller asked for progress.
    pub progress_token: Option<Id>,
    /// Whether it can take other messages before the answer.
    pub accepts_stream: bool,
    /// Whether it waits as long as it takes (a subscription).
    pub lasts: bool,
    /// The mildest log messages that it wants; only modern callers say so.
    pub log_level: Option<LogLevel>,
    /// Whether a legacy child may ask it for something before the answer.
    pub may_be_asked: bool,
    /// How the answer of a legacy child is told in the words of the modern era; `None` where no translation is needed.
    pub translation: Option<Translation>,
}

/// What the answer of a legacy child lacks.
#[derive(Debug, Clone)]
pub struct Translation {
    /// Whether the answer must say how long it may be kept.
    pub is_cacheable: bool,
    /// The child's `serverInfo`, as JSON.
    pub server_info: Arc<str>,
}

impl Caller {
    /// A caller who wants the answer to `id` and nothing else.
    #[must_use]
    pub const fn of(id: Id) -> Self {
        Self {
            id,
            progress_token: None,
            accepts_stream: false,
            lasts: false,
            log_level: None,
            may_be_asked: false,
            translation: None,
        }
    }
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
    /// The stream has ended, and its events are not kept any more.
    #[error(
        "there is no such stream, or its events are not kept any more; open a new one without Last-Event-ID"
    )]
    Forgotten,
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
    pub fn start(
        launch: &Arc<Launch>,
        audience: Audience,
        limits: &Limits,
        supervisor: &Supervisor,
    ) -> Result<Self, StartError> {
        let spawned = spawn::spawn(launch, &supervisor.orphans)?;
        let (commands, inbox) = mpsc::channel(COMMAND_QUEUE);
        let lifetime = Lifetime {
            stop: supervisor.stop.child_token(),
            leaving: CancellationToken::new(),
            outcome: Arc::default(),
            finished: CancellationToken::new(),
        };
        let actor = actor::Actor::new((launch, audience), spawned, *limits, lifetime.clone());
        supervisor.tracker.spawn(actor.run(inbox, supervisor.kill.clone()));
        Ok(Self { commands, lifetime, next_id: Arc::default() })
    }

    /// An id that no request, and no stream, of this child ever had.
    #[must_use]
    pub fn next_id(&self) -> WireId {
        WireId::new(self.next_id.fetch_add(1, Ordering::Relaxed))
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

    /// Under which id the child knows the open request that its legacy client calls `id`.
    ///
    /// # Errors
    /// [`SendError::Gone`].
    pub async fn named(&self, id: Id) -> Result<Option<WireId>, SendError> {
        self.ask(|reply| Command::Named { id, reply }).await
    }

    /// Passes on a client's answer to what it was asked, by the child or (for a modern child) by the bridge.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn respond(&self, line: Line) -> Result<(), SendError> {
        let next = self.next_id();
        self.ask(|reply| Command::Respond { line, next, reply }).await?
    }

    /// Opens a stream for messages that belong to no request. There may be several: each message goes to one of them,
    /// the newest whose client is there (2025-11-25, "Multiple Connections").
    ///
    /// # Errors
    /// [`SendError::Gone`].
    pub async fn listen(&self) -> Result<Deliveries, SendError> {
        let id = self.next_id();
        self.ask(|reply| Command::Listen { id, reply }).await?
    }

    /// Goes on with a stream whose connection broke; what its client has missed comes first (2025-11-25,
    /// "Resumability and Redelivery").
    ///
    /// # Errors
    /// [`SendError::Forgotten`], [`SendError::Gone`].
    pub async fn resume(&self, after: EventId) -> Result<Deliveries, SendError> {
        self.ask(|reply| Command::Resume { after, reply }).await?
    }

    /// Opens a subscription at a legacy child; its acknowledgement to the request `id` comes first.
    ///
    /// # Errors
    /// [`SendError::Gone`].
    pub async fn subscribe(&self, id: Id, filter: Filter) -> Result<Deliveries, SendError> {
        let stream = self.next_id();
        self.ask(|reply| Command::Subscribe { subscription: (stream, id), filter, reply }).await?
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

    /// What came of the child; `None` until it is leaving.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome.get().copied()
    }

    /// Until the child has ended and is reaped.
    pub async fn finished(&self) {
        self.finished.cancelled().await;
    }
}

/// What the handle says to the task.
#[derive(Debug)]
enum Command {
    Request {
        request: Request,
        reply: oneshot::Sender<Result<Deliveries, SendError>>,
    },
    Tell {
        line: Line,
        reply: oneshot::Sender<Result<(), SendError>>,
    },
    Respond {
        line: Line,
        next: WireId,
        reply: oneshot::Sender<Result<(), SendError>>,
    },
    Named {
        id: Id,
        reply: oneshot::Sender<Option<WireId>>,
    },
    Listen {
        id: WireId,
        reply: oneshot::Sender<Result<Deliveries, SendError>>,
    },
    Resume {
        after: EventId,
        reply: oneshot::Sender<Result<Deliveries, SendError>>,
    },
    Subscribe {
        subscription: (WireId, Id),
        filter: Filter,
        reply: oneshot::Sender<Result<Deliveries, SendError>>,
    },
}
