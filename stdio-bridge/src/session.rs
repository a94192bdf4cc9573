//! Which caller owns which child, and how many there may be: legacy sessions ([`Sessions`]), and modern requests, for which
//! nobody has to remember anything but the bridge ([`Hosts`]).

mod breaker;
mod call;
mod children;
mod host;
mod hosts;
mod id;
mod probe;
mod seats;
mod table;
mod translator;

use std::sync::Arc;

use crate::config::ServerName;
use crate::process::{Process, StartError};

pub use breaker::KeepsFailing;
pub use call::{Call, Who};
pub use children::Children;
pub use host::{Host, Watch};
pub use hosts::{Hosts, Parked};
pub use id::SessionId;
pub use probe::Eras;
pub use table::{Sessions, Starting};
pub use translator::Translator;

/// Whom a session belongs to. A session id is no proof of anything: each request must come from the same owner
/// (security best practices, "Session Hijacking").
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Owner {
    /// The server whose address was used.
    pub server: ServerName,
    /// `x-user-id`; `None` where the bridge runs without an edge.
    pub user: Option<Arc<str>>,
    /// `x-client-id`.
    pub client: Option<Arc<str>>,
}

impl Owner {
    /// Everybody who uses the same server.
    #[must_use]
    pub fn anybody(&self) -> Self {
        Self { server: self.server.clone(), user: None, client: None }
    }
}

/// One session: an owner and their child.
#[derive(Debug)]
pub struct Session {
    owner: Owner,
    process: Process,
    translator: Option<Translator>,
}

impl Session {
    /// The child. It ends when its session is removed and nobody uses it any more.
    #[must_use]
    pub const fn process(&self) -> &Process {
        &self.process
    }

    /// Who speaks for the client, where the child is a modern one.
    #[must_use]
    pub const fn translator(&self) -> Option<&Translator> {
        self.translator.as_ref()
    }
}

/// Why there is no new session.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// All sessions are taken (`MCP_MAX_SESSIONS`), or the bridge is shutting down.
    #[error("there are too many sessions; try again later")]
    Full,
    /// The user has too many (`MCP_MAX_SESSIONS_PER_USER`).
    #[error("this user has too many sessions; end one, or try again later")]
    FullForUser,
    /// The child does not start.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The server has ended too often, or too recently, before it said anything.
    #[error(transparent)]
    KeepsFailing(#[from] KeepsFailing),
    /// The child does not answer `initialize` as a server must.
    #[error("the server does not answer initialize as it must")]
    Handshake,
    /// There was no randomness for the session id.
    #[error(transparent)]
    NoEntropy(#[from] service_kit::random::NoEntropy),
}
