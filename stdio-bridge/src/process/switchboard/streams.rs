//! The streams of a legacy session: what belongs to no request, and what a client comes back for.

use std::collections::HashMap;

use mcp_protocol::era::Era;
use mcp_protocol::jsonrpc::Id;
use mcp_protocol::relay::WireId;

use super::backlog::Backlog;
use super::replay::Replay;
use super::requests::{Open, Requests};
use super::rounds::Rounds;
use crate::config::ServerName;
use crate::process::stream::{
    Answer, Closed, Deliveries, Delivery, Event, EventId, Level, Notebook, Outlet, StreamId, channel,
};
use crate::process::{Failure, Line, SendError};
use crate::settings::ReplayLimits;

/// Streams that may be open at once for what belongs to no request; of more, the oldest is closed.
const LISTENERS: usize = 8;

/// The streams of a legacy session, besides those of its requests.
#[derive(Debug)]
pub(super) struct Streams {
    server: ServerName,
    /// The open requests by the ids that their client gave them.
    by_caller: HashMap<Id, WireId>,
    /// Oldest first.
    listeners: Vec<Listener>,
    backlog: Backlog,
    replay: Replay,
    /// What a modern child asks for; legacy children ask themselves.
    rounds: Option<Rounds>,
}

#[derive(Debug)]
struct Listener {
    id: WireId,
    outlet: Outlet,
    events: u64,
}

impl Streams {
    pub(super) fn new(server: ServerName, era: Era, limits: ReplayLimits) -> Self {
        let (by_caller, listeners, backlog) = (HashMap::new(), Vec::new(), Backlog::default());
        let rounds = (era == Era::Modern).then(Rounds::default);
        Self { server, by_caller, listeners, backlog, replay: Replay::new(limits), rounds }
    }

    /// The rounds of a modern child.
    pub(super) const fn rounds(&mut self) -> Option<&mut Rounds> {
        self.rounds.as_mut()
    }

    /// Whether the client may open a request under `id`.
    pub(super) fn admits(&self, id: &Id) -> Result<(), SendError> {
        if self.by_caller.contains_key(id) { Err(SendError::DuplicateId) } else { Ok(()) }
    }

    pub(super) fn opened(&mut self, caller: &Id, id: WireId) {
        self.by_caller.insert(caller.clone(), id);
    }

    /// The open request that the client calls `id`.
    pub(super) fn named(&self, id: &Id) -> Option<WireId> {
        self.by_caller.get(id).copied()
    }

    pub(super) fn is_listening(&self) -> bool {
        !self.listeners.is_empty()
    }

    /// Opens the stream `id` for messages that belong to no request; it first gets those that have waited.
    pub(super) fn listen(&mut self, id: WireId, notes: Notebook) -> Deliveries {
        let (outlet, deliveries) = channel(notes);
        self.attach(Listener { id, outlet, events: 0 });
        deliveries
    }

    /// Goes on with the stream of `after`: what its reader has missed comes first.
    pub(super) fn resume(
        &mut self,
        requests: &mut Requests,
        after: EventId,
        notes: Notebook,
    ) -> Result<Deliveries, SendError> {
        let (missed, has_ended) = self.replay.after(after);
        let (outlet, deliveries) = channel(notes);
        // The other end is in our hands, so it is open.
        for event in missed {
            outlet.message(event).map_err(|Closed| SendError::Gone)?;
        }
        match after.stream {
            StreamId::Request(id) => match requests.of_stream(id) {
                Some(open) => open.attach(outlet),
                None if has_ended => {}
                None => return Err(SendError::Forgotten),
            },
            StreamId::Listener(id) => {
                self.listeners.retain(|listener| listener.id != id);
                let events = self.replay.newest(after.stream).unwrap_or(0).max(after.number);
                self.attach(Listener { id, outlet, events });
            }
        }
        Ok(deliveries)
    }

    fn attach(&mut self, mut listener: Listener) {
        for line in self.backlog.drain() {
            if listener.send(&line, &mut self.replay).is_err() {
                tracing::warn!(server = %self.server, "a message that waited for a stream was dropped");
            }
        }
        if self.listeners.len() >= LISTENERS {
            self.listeners.remove(0);
        }
        self.listeners.push(listener);
    }

    /// Forgets the streams that nobody reads any more.
    pub(super) fn forget_closed(&mut self) {
        self.listeners.retain(|listener| !listener.outlet.is_closed());
    }

    /// A message that belongs to no request goes to exactly one stream: the newest that is open for such messages, else
    /// the newest request's, else it waits. Gives the stream, when that is full now.
    pub(super) fn route(&mut self, requests: &mut Requests, line: Line) -> Option<Outlet> {
        while let Some(listener) = self.listeners.last_mut() {
            match listener.send(&line, &mut self.replay) {
                Ok(level) => return full(level, &listener.outlet),
                Err(Closed) => drop(self.listeners.pop()),
            }
        }
        while let Some((_, open)) = requests.newest(|open| open.caller.accepts_stream) {
            let is_resumable = open.is_resumable(false);
            let (place, sent) = open.send(&line);
            match sent {
                Ok(level) => {
                    if is_resumable {
                        self.replay.keep(place, &line, (false, false));
                    }
                    return full(level, open.outlet());
                }
                // The client has gone. That is not a cancellation (2025-11-25, "Sending Messages"): the request stays
                // open, so that its id stays taken until the child has answered.
                Err(Closed) => open.caller.accepts_stream = false,
            }
        }
        self.backlog.push(line, &self.server);
        None
    }

    /// Progress goes to the stream of its request, also when the client may come back for it only.
    pub(super) fn progress(&mut self, open: &mut Open, line: &Line) -> Option<Outlet> {
        let is_resumable = open.is_resumable(false);
        if !open.caller.accepts_stream && !is_resumable {
            return None;
        }
        let (place, sent) = open.send(line);
        if is_resumable {
            self.replay.keep(place, line, (false, sent.is_err()));
        }
        full(sent.ok()?, open.outlet())
    }

    /// Hands over the last delivery of a request that is not open any more.
    pub(super) fn finish(&mut self, mut open: Open, last: Result<(Line, Option<i64>), Failure>) {
        self.by_caller.remove(&open.caller.id);
        let is_resumable = open.is_resumable(true);
        let place = open.next_event();
        if is_resumable {
            let line = match &last {
                Ok((line, _)) => Some(line.clone()),
                Err(failure) => Line::own(failure.answer(self.server.as_str(), &open.caller.id)).ok(),
            };
            if let Some(line) = line {
                self.replay.keep(place, &line, (true, open.outlet().is_closed()));
            }
        }
        open.outlet().finish(match last {
            Ok((line, error_code)) => Delivery::Answer(Answer { number: place.number, line, error_code }),
            Err(failure) => Delivery::Failure(failure),
        });
    }
}

impl Listener {
    fn send(&mut self, line: &Line, replay: &mut Replay) -> Result<Level, Closed> {
        let number = self.events.saturating_add(1);
        let level = self.outlet.message(Event { number, line: line.clone() })?;
        self.events = number;
        replay.keep(EventId { stream: StreamId::Listener(self.id), number }, line, (false, false));
        Ok(level)
    }
}

fn full(level: Level, outlet: &Outlet) -> Option<Outlet> {
    (level == Level::Full).then(|| outlet.clone())
}
