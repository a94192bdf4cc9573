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
use super::stream::{Deliveries, Delivery, Outlet, Refused, channel};
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
    last_activity: Instant,
}

#[derive(Debug)]
struct Open {
    outlet: Outlet,
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
        self.open.insert(id, Open { outlet, deadline, progress_token, accepts_stream });
        deliveries
    }

    /// Opens the stream for messages that belong to no request; it first gets those that have waited.
    /// An older such stream ends.
    pub(super) fn listen(&mut self, now: Instant) -> Deliveries {
        self.touch(now);
        let (outlet, deliveries) = channel();
        for line in self.backlog.drain() {
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
                self.progress(token.as_ref(), line);
            }
            Kind::Notification { .. } | Kind::Request { .. } => self.route(line),
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
        for (_, open) in self.open.drain() {
            open.outlet.finish(Delivery::Failure(failure));
        }
    }

    /// When the next request, or the session, is due.
    pub(super) fn next_due(&self) -> Instant {
        match self.deadlines.first_key_value() {
            Some(((deadline, _), _)) => *deadline,
            None => self.idle_at(),
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
        open.outlet.finish(last);
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

    fn progress(&mut self, token: Option<&Id>, line: Line) {
        let owner = self.open.values().find(|open| token.is_some() && open.progress_token.as_ref() == token);
        match owner {
            Some(open) if open.accepts_stream => match open.outlet.message(&line) {
                Ok(()) | Err(Refused::Closed) => {}
                Err(Refused::Slow) => self.cut(token),
            },
            Some(_) => {}
            None => self.route(line),
        }
    }

    /// The reader of the request with this progress token is too slow: its stream ends without an answer.
    fn cut(&mut self, token: Option<&Id>) {
        let slow = self.open.iter().find(|(_, open)| open.progress_token.as_ref() == token);
        if let Some(id) = slow.map(|(id, _)| id.clone()) {
            self.cut_request(&id);
        }
    }

    fn cut_request(&mut self, id: &Id) {
        tracing::warn!(server = %self.server, "an answer stream was cut because it was not read");
        if let Some(open) = self.open.remove(id) {
            self.deadlines.remove(&open.deadline);
            open.outlet.finish(Delivery::Failure(Failure::Cut));
        }
    }

    /// A message that belongs to no request goes to exactly one stream: the one that is open for such messages, else
    /// the newest request's, else it waits.
    fn route(&mut self, line: Line) {
        if let Some(listener) = &self.listener {
            match listener.message(&line) {
                Ok(()) => return,
                Err(Refused::Closed) => self.listener = None,
                Err(Refused::Slow) => {
                    tracing::warn!(server = %self.server, "a stream was cut because it was not read");
                    self.listener = None;
                }
            }
        }
        while let Some(id) = self.newest_stream() {
            match self.open.get(&id).map(|open| open.outlet.message(&line)) {
                Some(Ok(())) => return,
                Some(Err(Refused::Slow)) => self.cut_request(&id),
                Some(Err(Refused::Closed)) | None => self.no_stream_any_more(&id),
            }
        }
        self.backlog.push(line, &self.server);
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
