//! Which era a server speaks, found out once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use mcp_protocol::era::Era;
use mcp_protocol::error::UNSUPPORTED_PROTOCOL_VERSION;
use mcp_protocol::jsonrpc::{Id, Message};
use mcp_protocol::relay::WireId;
use mcp_protocol::translate;
use tokio::sync::OnceCell;
use tokio::time::timeout;

use super::children::Children;
use super::{OpenError, Owner};
use crate::config::{Launch, ServerName};
use crate::process::{Answer, Audience, Caller, Delivery, Line, Request};

/// The eras of servers, as far as they are known.
#[derive(Debug, Default)]
pub struct Eras(Mutex<HashMap<ServerName, Arc<Known>>>);

/// What is known of one server.
#[derive(Debug, Default)]
struct Known {
    era: OnceCell<Era>,
    /// It is modern, and knows no `initialize`.
    refuses_initialize: OnceCell<bool>,
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

    /// Whether the server is known to be modern, and to know no `initialize`.
    #[must_use]
    pub fn refuses_initialize(&self, server: &ServerName) -> bool {
        self.lock().get(server).is_some_and(|known| known.refuses_initialize.get() == Some(&true))
    }

    /// The same, found out with an `initialize` of our own: that of a client may have been refused for what is wrong with it.
    ///
    /// # Errors
    /// [`OpenError`] when the server cannot be asked.
    pub async fn is_modern_alone(
        &self,
        children: &Arc<Children>,
        owner: &Owner,
        launch: &Arc<Launch>,
    ) -> Result<bool, OpenError> {
        if self.of(children, owner, launch).await? != Era::Modern {
            return Ok(false);
        }
        let known = Arc::clone(self.lock().entry(launch.name.clone()).or_default());
        let refuses = || async {
            let answer =
                ask(children, owner.user.as_ref(), launch, |id| translate::initialize(id, "{}", None));
            Ok(answer.await?.is_some_and(|answer| answer.error_code.is_some()))
        };
        known.refuses_initialize.get_or_try_init(refuses).await.copied()
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
    let answer = ask(children, user, launch, translate::discover).await?;
    let is_modern = answer.is_some_and(|answer| is_modern(&answer.line, answer.error_code));
    let era = if is_modern { Era::Modern } else { Era::Legacy };
    tracing::info!(server = %launch.name, ?era, "probed");
    Ok(era)
}

/// What a server answers to its first message, in a process that it is asked nothing else in.
async fn ask(
    children: &Children,
    user: Option<&Arc<str>>,
    launch: &Arc<Launch>,
    question: impl FnOnce(WireId) -> String,
) -> Result<Option<Answer>, OpenError> {
    let process = children.probe(user, launch, Audience::Callers(Era::Modern))?;
    let id = process.next_id();
    let line = Line::own(question(id)).map_err(|_| OpenError::Handshake)?;
    let caller = Caller::of(Id::number(id.number()));
    let answer = async {
        let mut deliveries = process.request(Request { line, id, caller }).await.ok()?;
        deliveries.next().await
    };
    let answer = timeout(children.limits().probe_timeout, answer).await;
    process.stop();
    Ok(match answer {
        Ok(Some(Delivery::Answer(answer))) => Some(answer),
        _ => None,
    })
}

fn is_modern(line: &Line, error_code: Option<i64>) -> bool {
    match error_code {
        Some(code) => code == i64::from(UNSUPPORTED_PROTOCOL_VERSION),
        None => Message::parse(line.bytes()).is_ok_and(|answer| translate::offers_modern(&answer)),
    }
}
