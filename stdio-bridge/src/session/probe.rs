//! Which era a server speaks, found out once.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mcp_protocol::era::Era;
use mcp_protocol::error::UNSUPPORTED_PROTOCOL_VERSION;
use mcp_protocol::jsonrpc::{Id, Message};
use mcp_protocol::translate;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::children::Children;
use super::{OpenError, Owner};
use crate::config::{Launch, ServerName};
use crate::process::{Audience, Caller, Delivery, Line, Request};

/// The eras of servers, as far as they are known.
#[derive(Debug, Default)]
pub struct Eras(Mutex<HashMap<ServerName, Arc<Known>>>);

/// What is known of one server.
#[derive(Debug, Default)]
struct Known {
    era: OnceCell<Era>,
    /// It is modern, and knows no `initialize`.
    refuses_initialize: AtomicBool,
}

impl Eras {
    /// The era of a server. It is asked once, in a process of its own that ends after that: some servers keep to the era of
    /// the first message (stdio, "Backward Compatibility").
    ///
    /// # Errors
    /// [`OpenError`] when that process cannot be started.
    pub async fn of(
        &self,
        children: &Arc<Children>,
        owner: &Owner,
        launch: &Arc<Launch>,
    ) -> Result<Era, OpenError> {
        let known = Arc::clone(self.lock().entry(launch.name.clone()).or_default());
        if let Some(era) = known.era.get() {
            return Ok(*era);
        }
        // A client that goes away meanwhile does not end it: the next one wants to know, too.
        let (children, user, launch) = (Arc::clone(children), owner.user.clone(), Arc::clone(launch));
        let probed = tokio::spawn(async move {
            let probe = || probe(&children, user.as_ref(), &launch);
            known.era.get_or_try_init(probe).await.copied()
        });
        probed.await.unwrap_or(Err(OpenError::Full))
    }

    /// Whether the server has refused `initialize` before, and is modern.
    #[must_use]
    pub fn refuses_initialize(&self, server: &ServerName) -> bool {
        self.lock().get(server).is_some_and(|known| known.refuses_initialize.load(Ordering::Relaxed))
    }

    /// A modern server has refused `initialize`.
    pub fn refused_initialize(&self, server: &ServerName) {
        self.lock().entry(server.clone()).or_default().refuses_initialize.store(true, Ordering::Relaxed);
    }

    /// The server has shown that it is not what it seemed: it is asked again next time.
    pub fn forget(&self, server: &ServerName) {
        self.lock().remove(server);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ServerName, Arc<Known>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A server is modern when it answers `server/discover`, or refuses it in the words of the modern era. Anything else,
/// silence included, is what a legacy server may do.
async fn probe(children: &Children, user: Option<&Arc<str>>, launch: &Arc<Launch>) -> Result<Era, OpenError> {
    let audience = Audience::Callers(Era::Modern);
    let process = children.probe(user, launch, audience)?;
    let id = process.next_id();
    let line = Line::own(translate::discover(id)).map_err(|_| OpenError::Handshake)?;
    let caller = Caller::of(Id::number(id.number()));
    let answer = async {
        let mut deliveries = process.request(Request { line, id, caller }).await.ok()?;
        deliveries.next().await
    };
    let era = match timeout(children.limits().probe_timeout, answer).await {
        Ok(Some(Delivery::Answer(answer))) if is_modern(&answer.line, answer.error_code) => Era::Modern,
        _ => Era::Legacy,
    };
    process.stop();
    tracing::info!(server = %launch.name, ?era, "probed");
    Ok(era)
}

fn is_modern(line: &Line, error_code: Option<i64>) -> bool {
    match error_code {
        Some(code) => code == i64::from(UNSUPPORTED_PROTOCOL_VERSION),
        None => Message::parse(line.bytes()).is_ok_and(|answer| translate::offers_modern(&answer)),
    }
}
