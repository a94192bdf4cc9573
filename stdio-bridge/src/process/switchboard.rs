//! Which message goes to which HTTP answer. No IO and no tasks: the actor feeds it and it never waits.

mod backlog;

use std::collections::{BTreeMap, HashMap};

use mcp_protocol::jsonrpc::{Id, Kind, Message, Salvage, Salvaged};
use mcp_protocol::params::Params;
use tokio::time::Instant;
use tokio_util::bytes::Bytes;

use super::SendError;
use super::failure::Failure;
use super::line::Line;
use super::stream::{Closed, Deliveries, Delivery, Level, Outlet, channel};
use crate::config::ServerName;
use crate::settings::Limits;
use backlog::Backlog;

/// Requests that may be open at once in one session.
const OPEN_REQUESTS: usize = 1024;

/// The open requests of one child, the stream for everything else, and what waits for that stream.
#[derive(Debug)]
pub(super) struct Switchboard {
    server: ServerName,
    limits: Limits,
    open: HashMap<Id, Open>,
    /// The open requests by the time at which they fail; the number tells equal times apart, and which is newer.
    deadlines: BTreeMap<(Instant, u64), Id>,
    count: u64,
    listener: Option<Outlet>,
    backlog: Backlog,
    congestion: Option<Congestion>,
    last_activity: Instant,
}

/// A stream that is full. The child's output waits for its reader, who has until the deadline to read on.
#[derive(Debug)]
struct Congestion {
    stream: StreamOf,
    deadline: Instant,
}

#[derive(Debug, Clone)]
enum StreamOf {
    Listener,
    Request(Id),
}

#[derive(Debug)]
struct Open {
    /// `None` when the stream was cut: the id stays taken until the child has answered.
    outlet: Option<Outlet>,
    deadline: (Instant, u64),
    progress_token: Option<Id>,
    accepts_stream: bool,
}

/// What is to be known about a request besides its text.
#[derive(Debug)]
pub(super) struct Ticket {
    pub(super) id: Id,
    pub(super) progress_token: Option<Id>,
    pub(super) accepts_stream: bool,
}

impl Switchboard {
    pub(super) fn new(server: ServerName, limits: Limits, now: Instant) -> Self {
        Self {
            server,
            limits,
            open: HashMap::new(),
            deadlines: BTreeMap::new(),
            count: 0,
            listener: None,
            backlog: Backlog::default(),
            congestion: None,
            last_activity: now,
        }
    }

    /// Whether a request with this id may be opened.
    pub(super) fn admits(&self, id: &Id) -> Result<(), SendError> {
        if self.open.contains_key(id) {
            Err(SendError::DuplicateId)
        } else if self.open.len() >= OPEN_REQUESTS {
            Err(SendError::Busy)
        } else {
            Ok(())
        }
    }

    /// Opens a request that was admitted.
    pub(super) fn open(&mut self, ticket: Ticket, now: Instant) -> Deliveries {
        self.touch(now);
        let (outlet, deliveries) = channel();
        self.count = self.count.saturating_add(1);
        let deadline = (after(now, self.limits.request_timeout), self.count);
        let Ticket { id, progress_token, accepts_stream } = ticket;
        self.deadlines.insert(deadline, id.clone());
        self.open.insert(id, Open { outlet: Some(outlet), deadline, progress_token, accepts_stream });
        deliveries
    }

    /// Opens the stream for messages that belong to no request; it first gets those that have waited.
    /// An older such stream ends.
    pub(super) fn listen(&mut self, now: Instant) -> Deliveries {
        self.touch(now);
        let (outlet, deliveries) = channel();
        for line in self.backlog.drain() {
            // The other end is in our hands, so it is open; and what waits fits in.
            if outlet.message(&line).is_err() {
                tracing::warn!(server = %self.server, "a message that waited for a stream was dropped");
            }
        }
        self.listener = Some(outlet);
        deliveries
    }

    /// Until the client closes the stream for messages that belong to no request. For ever when there is none.
    pub(super) async fn listener_closed(&self) {
        match &self.listener {
            Some(listener) => listener.closed().await,
            None => std::future::pending().await,
        }
    }

    /// That stream was closed.
    pub(super) fn forget_listener(&mut self, now: Instant) {
        self.listener = None;
        self.touch(now);
    }

    /// The child has written a line.
    pub(super) fn receive(&mut self, bytes: &Bytes, now: Instant) {
        let message = match Message::parse(bytes) {
            Ok(message) => message,
            Err(error) => return self.receive_garbage(bytes, &error, now),
        };
        let line = Line::of(&message, bytes);
        match message.kind() {
            Kind::Response { id: Some(id), .. } => self.finish(id, Delivery::Answer(line), now),
            Kind::Response { id: None, .. } => {
                tracing::debug!(server = %self.server, "the server sent an error that belongs to no request");
            }
            Kind::Notification { method } if method == "notifications/progress" => {
                let token = Params::of(&message).ok().and_then(|params| params.progress_token);
                self.progress(token.as_ref(), line, now);
            }
            Kind::Notification { .. } | Kind::Request { .. } => self.route(line, now),
        }
    }

    /// The child has written a line that was too long to keep.
    pub(super) fn receive_too_long(&mut self, salvaged: Salvaged, now: Instant) {
        tracing::warn!(server = %self.server, ?salvaged, "the server wrote a message that is too long");
        match salvaged {
            Salvaged::AnswerTo(id) => self.finish(&id, Delivery::Failure(Failure::TooLarge), now),
            Salvaged::AnswerToUnknown => self.fail_all(Failure::TooLarge),
            Salvaged::NoAnswer => {}
        }
    }

    /// Ends requests whose time is up; gives their ids.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Id> {
        let mut expired = Vec::new();
        while let Some(entry) = self.deadlines.first_entry().filter(|entry| entry.key().0 <= now) {
            let id = entry.get().clone();
            self.finish(&id, Delivery::Failure(Failure::Timeout), now);
            expired.push(id);
        }
        expired
    }

    /// Ends all requests for one reason.
    pub(super) fn fail_all(&mut self, failure: Failure) {
        self.deadlines.clear();
        for outlet in self.open.drain().filter_map(|(_, open)| open.outlet) {
            outlet.finish(Delivery::Failure(failure));
        }
    }

    /// When the next request, reader, or the session, is due.
    pub(super) fn next_due(&self) -> Instant {
        let next =
            self.deadlines.first_key_value().map_or_else(|| self.idle_at(), |((deadline, _), _)| *deadline);
        self.congestion.as_ref().map_or(next, |congestion| congestion.deadline.min(next))
    }

    /// Whether the child's output has to wait for a reader. One child serves one session, so nobody else waits.
    pub(super) const fn is_congested(&self) -> bool {
        self.congestion.is_some()
    }

    /// Until the reader has read on, or has gone.
    pub(super) async fn room(&self) {
        let outlet = match self.congestion.as_ref().map(|congestion| &congestion.stream) {
            Some(StreamOf::Listener) => self.listener.as_ref(),
            Some(StreamOf::Request(id)) => self.open.get(id).and_then(|open| open.outlet.as_ref()),
            None => None,
        };
        if let Some(outlet) = outlet {
            outlet.room().await;
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
        match stalled.stream {
            StreamOf::Listener => self.listener = None,
            StreamOf::Request(id) => {
                if let Some(outlet) = self.open.get_mut(&id).and_then(|open| open.outlet.take()) {
                    outlet.finish(Delivery::Failure(Failure::Cut));
                }
            }
        }
    }

    /// Whether nobody has used the child for too long. An open stream is a sign of life only up to a limit: its
    /// client may have vanished without a word.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.open.is_empty() && now >= self.idle_at()
    }

    /// Somebody uses the child.
    pub(super) const fn touch(&mut self, now: Instant) {
        self.last_activity = now;
    }

    fn idle_at(&self) -> Instant {
        let limit = if self.listener.is_some() { self.limits.idle_with_stream } else { self.limits.idle };
        after(self.last_activity, limit)
    }

    fn finish(&mut self, id: &Id, last: Delivery, now: Instant) {
        let Some(open) = self.open.remove(id) else {
            tracing::debug!(server = %self.server, "the server answered a request that is not open");
            return;
        };
        self.deadlines.remove(&open.deadline);
        self.touch(now);
        if let Some(outlet) = open.outlet {
            outlet.finish(last);
        }
    }

    fn receive_garbage(&mut self, bytes: &[u8], error: &dyn std::fmt::Display, now: Instant) {
        let mut salvage = Salvage::default();
        salvage.feed(bytes);
        tracing::debug!(server = %self.server, %error, bytes = bytes.len(), "the server wrote a line that is no message");
        // Plain chatter names no open request; a broken answer does, and its caller must not wait for another.
        if let Some(Salvaged::AnswerTo(id)) = salvage.early()
            && self.open.contains_key(&id)
        {
            self.finish(&id, Delivery::Failure(Failure::Invalid), now);
        }
    }

    fn progress(&mut self, token: Option<&Id>, line: Line, now: Instant) {
        let owner =
            self.open.iter().find(|(_, open)| token.is_some() && open.progress_token.as_ref() == token);
        match owner.map(|(id, open)| (id.clone(), open.accepts_stream)) {
            Some((id, true)) => {
                // A caller who has gone, or was cut, misses its progress; nobody else wants it.
                if self.send(StreamOf::Request(id), &line, now).is_err() {
                    tracing::debug!(server = %self.server, "progress for a caller who has gone");
                }
            }
            Some((_, false)) => {}
            None => self.route(line, now),
        }
    }

    /// A message that belongs to no request goes to exactly one stream: the one that is open for such messages, else
    /// the newest request's, else it waits.
    fn route(&mut self, line: Line, now: Instant) {
        if self.listener.is_some() {
            match self.send(StreamOf::Listener, &line, now) {
                Ok(()) => return,
                Err(Closed) => self.listener = None,
            }
        }
        while let Some(id) = self.newest_stream() {
            match self.send(StreamOf::Request(id.clone()), &line, now) {
                Ok(()) => return,
                Err(Closed) => self.no_stream_any_more(&id),
            }
        }
        self.backlog.push(line, &self.server);
    }

    fn send(&mut self, stream: StreamOf, line: &Line, now: Instant) -> Result<(), Closed> {
        let outlet = match &stream {
            StreamOf::Listener => self.listener.as_ref(),
            StreamOf::Request(id) => self.open.get(id).and_then(|open| open.outlet.as_ref()),
        };
        if outlet.ok_or(Closed)?.message(line)? == Level::Full {
            let deadline = after(now, self.limits.reader_patience);
            self.congestion = Some(Congestion { stream, deadline });
        }
        Ok(())
    }

    fn newest_stream(&self) -> Option<Id> {
        let streams = self.open.iter().filter(|(_, open)| open.accepts_stream);
        streams.max_by_key(|(_, open)| open.deadline.1).map(|(id, _)| id.clone())
    }

    /// The client has gone. That is not a cancellation (2025-11-25, "Sending Messages"): the request stays open, so
    /// that its id stays taken until the child has answered.
    fn no_stream_any_more(&mut self, id: &Id) {
        if let Some(open) = self.open.get_mut(id) {
            open.accepts_stream = false;
        }
    }
}

fn after(now: Instant, delay: std::time::Duration) -> Instant {
    now.checked_add(delay).unwrap_or(now)
}

#[cfg(test)]
mod tests;
