//! One child that serves the modern requests of one caller.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mcp_protocol::capabilities::LogLevel;
use mcp_protocol::era::Era;
use mcp_protocol::jsonrpc::{Id, Message};
use mcp_protocol::subscription::Filter;
use mcp_protocol::translate::{self, Introduction};

use super::OpenError;
use crate::process::{Caller, Deliveries, Delivery, Line, Process, Request, SendError, Translation};

/// One child that serves the modern requests of one caller.
#[derive(Debug)]
pub struct Host {
    process: Process,
    speech: Speech,
    /// A number that grows with each use of any host.
    last_use: AtomicU64,
}

/// For whom a legacy child is opened. JSON texts.
#[derive(Debug, Clone)]
pub(super) struct Client {
    pub(super) capabilities: Arc<str>,
    pub(super) info: Option<Arc<str>>,
}

/// What the child speaks.
#[derive(Debug)]
enum Speech {
    Modern,
    Legacy(Box<Legacy>),
}

#[derive(Debug)]
struct Legacy {
    introduction: Introduction,
    server_info: Arc<str>,
    /// The mildest log messages that the child was asked for so far.
    log_level: Mutex<Option<LogLevel>>,
    /// How many subscriptions each resource has.
    watched: Mutex<BTreeMap<String, usize>>,
}

impl Host {
    /// A modern child.
    pub(super) const fn modern(process: Process) -> Self {
        Self { process, speech: Speech::Modern, last_use: AtomicU64::new(0) }
    }

    /// A legacy child; it is opened with the capabilities of the caller.
    pub(super) async fn legacy(process: Process, client: &Client) -> Result<Self, OpenError> {
        let id = process.next_id();
        let line = Line::own(translate::initialize(id, &client.capabilities, client.info.as_deref()))
            .map_err(|_| OpenError::Handshake)?;
        let caller = Caller::of(Id::number(id.number()));
        let deliveries = process.request(Request { line, id, caller }).await;
        let introduction = match deliveries.map_err(|_| OpenError::Handshake)?.next().await {
            Some(Delivery::Answer(answer)) => {
                Message::parse(answer.line.bytes()).ok().and_then(|answer| Introduction::read(&answer))
            }
            _ => None,
        };
        let introduction = introduction.ok_or(OpenError::Handshake)?;
        let ready = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let ready = Line::own(ready.to_owned()).map_err(|_| OpenError::Handshake)?;
        process.tell(ready).await.map_err(|_| OpenError::Handshake)?;
        let server_info = introduction.server_info.as_str().into();
        let (log_level, watched) = (Mutex::default(), Mutex::default());
        let legacy = Legacy { introduction, server_info, log_level, watched };
        let last_use = AtomicU64::new(0);
        Ok(Self { process, speech: Speech::Legacy(Box::new(legacy)), last_use })
    }

    /// The child.
    #[must_use]
    pub const fn process(&self) -> &Process {
        &self.process
    }

    /// It is used, for the time `number`.
    pub(super) fn used(&self, number: u64) {
        self.last_use.store(number, Ordering::Relaxed);
    }

    /// When it was used last.
    pub(super) fn last_use(&self) -> u64 {
        self.last_use.load(Ordering::Relaxed)
    }

    /// The era of the child.
    #[must_use]
    pub const fn era(&self) -> Era {
        match self.speech {
            Speech::Modern => Era::Modern,
            Speech::Legacy(_) => Era::Legacy,
        }
    }

    /// What a legacy child has said of itself.
    #[must_use]
    pub fn introduction(&self) -> Option<&Introduction> {
        match &self.speech {
            Speech::Modern => None,
            Speech::Legacy(legacy) => Some(&legacy.introduction),
        }
    }

    /// What the child's answer to `method` lacks; `None` for a child that needs no translation.
    #[must_use]
    pub fn translation(&self, method: &str) -> Option<Translation> {
        match &self.speech {
            Speech::Modern => None,
            Speech::Legacy(legacy) => Some(Translation {
                is_cacheable: translate::is_cacheable(method),
                server_info: Arc::clone(&legacy.server_info),
            }),
        }
    }

    /// Makes a legacy child log what `level` asks for. A level holds for the whole child there, so it only ever becomes
    /// milder; what a request did not ask for is not passed on to it.
    pub async fn want_logs(&self, level: LogLevel) {
        let Speech::Legacy(legacy) = &self.speech else { return };
        if !legacy.introduction.declares("logging") || !milder(&legacy.log_level, level) {
            return;
        }
        let params = serde_json::json!({ "level": level.as_str() });
        self.demand("logging/setLevel", &params).await;
    }

    /// Opens the subscription `id` at a legacy child.
    ///
    /// # Errors
    /// [`SendError::Gone`].
    pub async fn subscribe(
        self: &Arc<Self>,
        id: Id,
        filter: Filter,
    ) -> Result<(Deliveries, Watch), SendError> {
        let uris: Vec<String> = filter.uris.iter().cloned().collect();
        let deliveries = self.process.subscribe(id, filter).await?;
        let watch = Watch { host: Arc::clone(self), uris };
        for uri in &watch.uris {
            if self.count(uri, true) {
                self.demand("resources/subscribe", &serde_json::json!({ "uri": uri })).await;
            }
        }
        Ok((deliveries, watch))
    }

    /// Counts the subscriptions of `uri`; `true` for the first one, and after the last one.
    fn count(&self, uri: &str, is_new: bool) -> bool {
        let Speech::Legacy(legacy) = &self.speech else { return false };
        let mut watched = legacy.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let count = watched.entry(uri.to_owned()).or_default();
        let before = *count;
        *count = if is_new { before.saturating_add(1) } else { before.saturating_sub(1) };
        let is_last = *count == 0;
        if is_last {
            watched.remove(uri);
        }
        is_last || before == 0
    }

    /// A request of the bridge itself. What the child answers changes nothing, so it is not waited for.
    async fn demand(&self, method: &str, params: &serde_json::Value) {
        let id = self.process.next_id();
        let text = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#);
        let Ok(line) = Line::own(text) else { return };
        let caller = Caller::of(Id::number(id.number()));
        match self.process.request(Request { line, id, caller }).await {
            // Dropping the deliveries would cancel the request.
            Ok(mut deliveries) => drop(tokio::spawn(async move { deliveries.next().await })),
            Err(error) => tracing::debug!(%error, method, "a demand was not sent"),
        }
    }
}

fn milder(known: &Mutex<Option<LogLevel>>, level: LogLevel) -> bool {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    let is_milder = known.is_none_or(|known| level < known);
    if is_milder {
        *known = Some(level);
    }
    is_milder
}

/// Resources that a subscription is about. When it is dropped, the child need not report those that nobody else watches.
#[derive(Debug)]
pub struct Watch {
    host: Arc<Host>,
    uris: Vec<String>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        let last: Vec<String> = self.uris.drain(..).filter(|uri| self.host.count(uri, false)).collect();
        if last.is_empty() {
            return;
        }
        let host = Arc::clone(&self.host);
        tokio::spawn(async move {
            for uri in last {
                host.demand("resources/unsubscribe", &serde_json::json!({ "uri": uri })).await;
            }
        });
    }
}
