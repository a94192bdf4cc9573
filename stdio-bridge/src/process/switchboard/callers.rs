//! Modern callers of one child: each request stands for itself, and so does each subscription.

use mcp_protocol::capabilities::LogLevel;
use mcp_protocol::era::Era;
use mcp_protocol::error::{METHOD_NOT_FOUND, answer};
use mcp_protocol::input::{InputMethod, params_text};
use mcp_protocol::jsonrpc::{Id, Message};
use mcp_protocol::params::Params;
use mcp_protocol::relay::WireId;
use mcp_protocol::subscription::{Filter, subscription_of, tagged};
use tokio_util::bytes::Bytes;

use super::requests::{Open, Requests};
use crate::config::ServerName;
use crate::process::ask::Ask;
use crate::process::stream::{Closed, Deliveries, Delivery, Event, Level, Notebook, Outlet, channel};
use crate::process::{Answer, Failure, Line, SendError};

/// Subscriptions that may be open at once at one child.
const SUBSCRIPTIONS: usize = 64;
/// What the client of one request may be asked at once, in bytes; a question counts for at least [`LEAST_ASKED`].
const MOST_ASKED: usize = 1024 * 1024;
const LEAST_ASKED: usize = 16 * 1024;

/// What modern callers hear of one child.
#[derive(Debug)]
pub(super) struct Callers {
    server: ServerName,
    /// The era of the child.
    era: Era,
    subscriptions: Vec<Subscription>,
}

/// A `subscriptions/listen` that the bridge serves itself, as a legacy child knows no such thing.
#[derive(Debug)]
struct Subscription {
    /// The id that its client gave it.
    id: Id,
    filter: Filter,
    outlet: Outlet,
}

impl Callers {
    pub(super) const fn new(server: ServerName, era: Era) -> Self {
        Self { server, era, subscriptions: Vec::new() }
    }

    pub(super) fn is_subscribed(&self) -> bool {
        !self.subscriptions.is_empty()
    }

    /// Opens a subscription; its acknowledgement comes first.
    pub(super) fn subscribe(
        &mut self,
        id: Id,
        filter: Filter,
        notes: Notebook,
    ) -> Result<Deliveries, SendError> {
        if self.subscriptions.len() >= SUBSCRIPTIONS {
            return Err(SendError::Busy);
        }
        let (outlet, deliveries) = channel(notes);
        // The other end is in our hands, so it is open.
        let line = Line::trusted(filter.acknowledgement(&id));
        outlet.message(Event { number: 1, line }).map_err(|Closed| SendError::Gone)?;
        self.subscriptions.push(Subscription { id, filter, outlet });
        Ok(deliveries)
    }

    /// Forgets the subscriptions that nobody reads any more.
    pub(super) fn forget_closed(&mut self) {
        self.subscriptions.retain(|subscription| !subscription.outlet.is_closed());
    }

    /// A notification that is no progress goes to whoever has asked for it. Gives the stream that is full now, if one is.
    pub(super) fn notify(&mut self, requests: &mut Requests, message: &Message<'_>) -> Option<Outlet> {
        let params = Params::of(message).ok()?;
        if self.era == Era::Modern
            && let Some(stream) = subscription_of(&params)
        {
            let id = Id::parse(stream).ok().and_then(|id| WireId::of(&id))?;
            let open = requests.get_mut(id)?;
            let line = Line::own(tagged(message, &params, &open.caller.id)).ok()?;
            return send(open, &line);
        }
        let method = message.method()?;
        if method == "notifications/message" {
            let level = level(message);
            let wants = |open: &Open| {
                open.caller.accepts_stream && open.caller.log_level.is_some_and(|wanted| wanted <= level)
            };
            let (_, open) = requests.newest(wants)?;
            let line = Line::own(message.single_line().into_owned()).ok()?;
            return send(open, &line);
        }
        let mut full = None;
        for subscription in &self.subscriptions {
            if !subscription.filter.wants(method, &params) {
                continue;
            }
            let line = Line::own(tagged(message, &params, &subscription.id)).ok()?;
            if subscription.outlet.message(Event { number: 0, line }) == Ok(Level::Full) {
                full = Some(subscription.outlet.clone());
            }
        }
        full
    }

    /// A request of the child goes to the newest caller who may be asked; gives what to answer the child when there
    /// is none.
    pub(super) fn ask(&self, requests: &mut Requests, message: &Message<'_>) -> Option<Line> {
        let id = message.request_id()?;
        if message.method() == Some("ping") {
            return Line::own(format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, id.as_raw())).ok();
        }
        let method = InputMethod::of(message).filter(|_| self.era == Era::Legacy);
        while let Some(method) = method
            && let Some((_, open)) =
                requests.newest(|open| open.caller.may_be_asked && open.asked < MOST_ASKED)
        {
            let params = params_text(message).map(|params| params.replace(['\r', '\n'], " ").into());
            let asked = params.as_ref().map_or(0, |params: &Bytes| params.len()).max(LEAST_ASKED);
            match open.outlet().ask(Ask { id: id.clone(), method, params }) {
                Ok(()) => {
                    open.asked = open.asked.saturating_add(asked);
                    return None;
                }
                Err(Closed) => open.caller.may_be_asked = false,
            }
        }
        tracing::debug!(server = %self.server, method = message.method(), "nobody can be asked");
        let reason = "no request is open whose client could be asked for this";
        Line::own(answer(Some(id), METHOD_NOT_FOUND, reason, None)).ok()
    }

    /// Hands over the last delivery of a request that is not open any more.
    pub(super) fn finish(open: &Open, last: Result<Answer, Failure>) {
        open.outlet().finish(match last {
            Ok(answer) => Delivery::Answer(answer),
            Err(failure) => Delivery::Failure(failure),
        });
    }
}

pub(super) fn send(open: &mut Open, line: &Line) -> Option<Outlet> {
    let (_, sent) = open.send(line);
    (sent == Ok(Level::Full)).then(|| open.outlet().clone())
}

/// What says nothing about its severity is as severe as can be: it is heard by all who hear anything.
fn level(message: &Message<'_>) -> LogLevel {
    LogLevel::of(message).unwrap_or(LogLevel::Emergency)
}
