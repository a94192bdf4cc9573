//! Which message goes to which HTTP answer. No IO and no tasks: the actor feeds it and it never waits.
//!
//! Answers and progress go to the request that they are about. Everything else goes where the [`Audience`] wants it: the
//! streams of a legacy session, or the requests and subscriptions of modern callers.

mod asking;
mod backlog;
mod callers;
mod replay;
mod requests;
mod rounds;
mod streams;

use mcp_protocol::jsonrpc::{Id, Kind, Message, Salvage, Salvaged};
use mcp_protocol::params::Params;
use mcp_protocol::relay::{self, WireId};
use mcp_protocol::subscription::Filter;
use mcp_protocol::translate;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::bytes::Bytes;

use super::failure::Failure;
use super::line::Line;
use super::stream::{Answer, Deliveries, EventId, Note, Notebook, Outlet, StreamId, channel};
use super::{Audience, Caller, SendError};
use crate::config::ServerName;
use crate::settings::Limits;
use callers::Callers;
use requests::{Due, Open, Requests, after};
use streams::Streams;

/// Requests that may be open at once at one child.
const OPEN_REQUESTS: usize = 1024;

/// What a subscription begins with: in a session, the bridge has asked for it, not the client.
const ACKNOWLEDGED: &str = "notifications/subscriptions/acknowledged";

/// The open requests of one child, and where everything else goes.
#[derive(Debug)]
pub(super) struct Switchboard {
    server: ServerName,
    limits: Limits,
    requests: Requests,
    others: Others,
    congestion: Option<Congestion>,
    last_activity: Instant,
    notes: mpsc::UnboundedSender<Note>,
}

/// Who hears what belongs to no request.
#[derive(Debug)]
enum Others {
    Session(Streams),
    Callers(Callers),
}

/// A stream that is full. The child's output waits for its reader, who has until the deadline to read on.
#[derive(Debug)]
struct Congestion {
    outlet: Outlet,
    deadline: Instant,
}

impl Switchboard {
    /// `notes` gets what readers say: [`Switchboard::reader_gone`], [`Switchboard::adopt`].
    pub(super) fn new(
        (server, audience): (ServerName, Audience),
        limits: Limits,
        notes: mpsc::UnboundedSender<Note>,
        now: Instant,
    ) -> Self {
        let others = match audience {
            Audience::Session(era) => Others::Session(Streams::new(server.clone(), era, limits.replay)),
            Audience::Callers(era) => Others::Callers(Callers::new(server.clone(), era)),
        };
        let requests = Requests::default();
        Self { server, limits, requests, others, congestion: None, last_activity: now, notes }
    }

    /// Whether this request may be opened.
    pub(super) fn admits(&self, caller: &Caller) -> Result<(), SendError> {
        if self.requests.len() >= OPEN_REQUESTS {
            return Err(SendError::Busy);
        }
        match &self.others {
            Others::Session(streams) => streams.admits(&caller.id),
            Others::Callers(_) => Ok(()),
        }
    }

    /// Opens a request that was admitted.
    pub(super) fn open(&mut self, (id, line): (WireId, Line), caller: Caller, now: Instant) -> Deliveries {
        self.touch(now);
        let (outlet, deliveries) = channel(self.notebook(StreamId::Request(id)));
        let mut sent = None;
        if let Others::Session(streams) = &mut self.others {
            streams.opened(&caller.id, id);
            sent = streams.rounds().map(|_| line);
        }
        let due = (!caller.lasts).then(|| Due::new(now, &self.limits));
        self.requests.insert(id, Open::new((id, sent), caller, outlet, due));
        deliveries
    }

    /// The open request that a legacy client calls `id`.
    pub(super) fn named(&self, id: &Id) -> Option<WireId> {
        match &self.others {
            Others::Session(streams) => streams.named(id),
            Others::Callers(_) => None,
        }
    }

    /// Opens the stream `id` for messages that belong to no request; it first gets those that have waited.
    pub(super) fn listen(&mut self, id: WireId, now: Instant) -> Result<Deliveries, SendError> {
        self.touch(now);
        let notes = self.notebook(StreamId::Listener(id));
        match &mut self.others {
            Others::Session(streams) => Ok(streams.listen(id, notes)),
            Others::Callers(_) => Err(SendError::Forgotten),
        }
    }

    /// Goes on with the stream of `after`: what its reader has missed comes first.
    pub(super) fn resume(&mut self, after: EventId, now: Instant) -> Result<Deliveries, SendError> {
        self.touch(now);
        let notes = self.notebook(after.stream);
        match &mut self.others {
            Others::Session(streams) => streams.resume(&mut self.requests, after, notes),
            Others::Callers(_) => Err(SendError::Forgotten),
        }
    }

    /// Opens a subscription that the bridge serves itself.
    pub(super) fn subscribe(
        &mut self,
        (stream, id): (WireId, Id),
        filter: Filter,
        now: Instant,
    ) -> Result<Deliveries, SendError> {
        self.touch(now);
        let notes = self.notebook(StreamId::Listener(stream));
        match &mut self.others {
            Others::Session(_) => Err(SendError::Forgotten),
            Others::Callers(callers) => callers.subscribe(id, filter, notes),
        }
    }

    /// A reader has gone. A legacy one may come back; of a modern one it means that the request is cancelled
    /// (2026-07-28, "Transport-Specific Cancellation"): gives its id then.
    pub(super) fn reader_gone(&mut self, stream: StreamId, now: Instant) -> Option<WireId> {
        match (&mut self.others, stream) {
            (Others::Session(streams), StreamId::Listener(_)) => {
                streams.forget_closed();
                self.touch(now);
                None
            }
            (Others::Callers(callers), StreamId::Listener(_)) => {
                callers.forget_closed();
                self.touch(now);
                None
            }
            (Others::Session(_), StreamId::Request(_)) => None,
            (Others::Callers(_), StreamId::Request(id)) => {
                self.requests.remove(id)?;
                self.touch(now);
                Some(id)
            }
        }
    }

    /// The request of `stream` has another caller now.
    pub(super) fn adopt(&mut self, stream: StreamId, caller: Caller, now: Instant) {
        self.touch(now);
        if let StreamId::Request(id) = stream
            && let Some(open) = self.requests.get_mut(id)
        {
            open.caller = caller;
        }
    }

    /// The child has written a line. Gives what it is to be told at once.
    pub(super) fn receive(&mut self, bytes: &Bytes, now: Instant) -> Option<Line> {
        let message = match Message::parse(bytes) {
            Ok(message) => message,
            Err(error) => {
                self.receive_garbage(bytes, &error, now);
                return None;
            }
        };
        let full = match message.kind() {
            Kind::Response { id: Some(id), .. } => {
                self.answered(id, &message, now);
                None
            }
            Kind::Response { id: None, .. } => {
                tracing::debug!(server = %self.server, "the server sent an error that belongs to no request");
                None
            }
            Kind::Notification { method } if method == "notifications/progress" => {
                self.progress((&message, bytes), now)
            }
            Kind::Notification { method } if method == ACKNOWLEDGED && !self.serves_callers() => None,
            Kind::Notification { .. } | Kind::Request { .. } => match &mut self.others {
                Others::Session(streams) => streams.route(&mut self.requests, Line::of(&message, bytes)),
                Others::Callers(callers) if message.request_id().is_some() => {
                    return callers.ask(&mut self.requests, &message);
                }
                Others::Callers(callers) => callers.notify(&mut self.requests, &message),
            },
        };
        self.congest(full, now);
        None
    }

    /// The child has written a line that was too long to keep.
    pub(super) fn receive_too_long(&mut self, salvaged: Salvaged, now: Instant) {
        tracing::warn!(server = %self.server, ?salvaged, "the server wrote a message that is too long");
        match salvaged {
            Salvaged::AnswerTo(id) => self.fail(&id, Failure::TooLarge, now),
            Salvaged::AnswerToUnknown => self.fail_all(Failure::TooLarge),
            Salvaged::NoAnswer => {}
        }
    }

    /// Ends requests whose time is up; gives their ids.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<WireId> {
        let mut expired = Vec::new();
        while let Some((id, open)) = self.requests.take_due(now) {
            self.touch(now);
            self.finish((id, open), Err(Failure::Timeout));
            expired.push(id);
        }
        expired
    }

    /// Ends all requests for one reason.
    pub(super) fn fail_all(&mut self, failure: Failure) {
        for (id, open) in self.requests.take_all() {
            self.finish((id, open), Err(failure));
        }
    }

    /// When the next request, reader, or the child itself, is due.
    pub(super) fn next_due(&self) -> Instant {
        let next = self.requests.next_due().unwrap_or_else(|| self.idle_at());
        self.congestion.as_ref().map_or(next, |congestion| congestion.deadline.min(next))
    }

    /// Whether the child's output has to wait for a reader. One child serves one client, so nobody else waits.
    pub(super) const fn is_congested(&self) -> bool {
        self.congestion.is_some()
    }

    /// Until the reader has read on, or has gone.
    pub(super) async fn room(&self) {
        if let Some(congestion) = &self.congestion {
            congestion.outlet.room().await;
        }
    }

    /// The reader has read on, or has gone.
    pub(super) fn relieve(&mut self) {
        self.congestion = None;
    }

    /// Cuts the stream whose reader has stood still for too long.
    pub(super) fn cut_stalled(&mut self, now: Instant) {
        let Some(stalled) = self.congestion.take_if(|congestion| congestion.deadline <= now) else { return };
        tracing::warn!(server = %self.server, "a stream was cut because it was not read");
        stalled.outlet.cut();
        match &mut self.others {
            Others::Session(streams) => streams.forget_closed(),
            Others::Callers(callers) => callers.forget_closed(),
        }
    }

    /// Whether nobody has used the child for too long. An open stream is a sign of life only up to a limit: its
    /// client may have vanished without a word.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.requests.next_due().is_none() && now >= self.idle_at()
    }

    /// Somebody uses the child.
    pub(super) const fn touch(&mut self, now: Instant) {
        self.last_activity = now;
    }

    fn idle_at(&self) -> Instant {
        let is_listened_to = match &self.others {
            // What lasts is the bridge's own subscription.
            Others::Session(streams) => streams.is_listening(),
            Others::Callers(callers) => callers.is_subscribed() || !self.requests.is_empty(),
        };
        let limit = if is_listened_to { self.limits.idle_with_stream } else { self.limits.idle };
        after(self.last_activity, limit)
    }

    fn notebook(&self, stream: StreamId) -> Notebook {
        Notebook { stream, to: self.notes.clone() }
    }

    fn take(&mut self, id: &Id, now: Instant) -> Option<(WireId, Open)> {
        let taken = WireId::of(id).and_then(|id| self.requests.remove(id).map(|open| (id, open)));
        if taken.is_none() {
            tracing::debug!(server = %self.server, "the server answered a request that is not open");
        }
        self.touch(now);
        taken
    }

    /// Whether the child has ever answered a request.
    pub(super) const fn has_answered(&self) -> bool {
        self.requests.has_answered
    }

    fn answered(&mut self, id: &Id, message: &Message<'_>, now: Instant) {
        let Some((id, open)) = self.take(id, now) else { return };
        self.requests.has_answered = true;
        let Some(open) = self.ask_first(id, open, message, now) else { return };
        let text = match &open.caller.translation {
            Some(translation) => translate::answer(
                message,
                &open.caller.id,
                translation.is_cacheable,
                &translation.server_info,
            ),
            None => relay::answer(message, &open.caller.id),
        };
        let last = Line::trusted(text);
        self.finish((id, open), Ok((last, translate::error_code(message))));
    }

    const fn serves_callers(&self) -> bool {
        matches!(self.others, Others::Callers(_))
    }

    fn fail(&mut self, id: &Id, failure: Failure, now: Instant) {
        if let Some(taken) = self.take(id, now) {
            self.finish(taken, Err(failure));
        }
    }

    fn finish(&mut self, (id, open): (WireId, Open), last: Result<(Line, Option<i64>), Failure>) {
        match &mut self.others {
            Others::Session(streams) => {
                if let Some(rounds) = streams.rounds() {
                    rounds.forget(id);
                }
                streams.finish(open, last);
            }
            Others::Callers(_) => {
                let last = last.map(|(line, error_code)| Answer { number: 0, line, error_code });
                Callers::finish(&open, last);
            }
        }
    }

    fn receive_garbage(&mut self, bytes: &[u8], error: &dyn std::fmt::Display, now: Instant) {
        let mut salvage = Salvage::default();
        salvage.feed(bytes);
        tracing::debug!(server = %self.server, %error, bytes = bytes.len(), "the server wrote a line that is no message");
        // Plain chatter names no open request; a broken answer does, and its caller must not wait for another.
        if let Some(Salvaged::AnswerTo(id)) = salvage.early()
            && WireId::of(&id).is_some_and(|id| self.requests.get(id).is_some())
        {
            self.fail(&id, Failure::Invalid, now);
        }
    }

    /// Progress of no open request is nobody's: the child reports under tokens that the bridge has given it.
    fn progress(&mut self, (message, bytes): (&Message<'_>, &Bytes), now: Instant) -> Option<Outlet> {
        let params = Params::of(message).ok()?;
        let id = params.progress_token.as_ref().and_then(WireId::of)?;
        self.requests.put_off(id, now, &self.limits);
        let open = self.requests.get_mut(id)?;
        let line = match &open.caller.progress_token {
            Some(token) => Line::trusted(relay::progress(message, &params, token)),
            None => Line::of(message, bytes),
        };
        match &mut self.others {
            Others::Session(streams) => streams.progress(open, &line),
            Others::Callers(_) if open.caller.accepts_stream => callers::send(open, &line),
            Others::Callers(_) => None,
        }
    }

    fn congest(&mut self, full: Option<Outlet>, now: Instant) {
        if let Some(outlet) = full {
            let deadline = after(now, self.limits.reader_patience);
            self.congestion = Some(Congestion { outlet, deadline });
        }
    }
}

#[cfg(test)]
mod tests;
