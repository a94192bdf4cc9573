//! The open requests of one child.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mcp_protocol::relay::WireId;
use tokio::time::Instant;

use crate::process::stream::{Closed, Event, EventId, Level, Outlet, StreamId};
use crate::process::{Caller, Line};
use crate::settings::Limits;

/// The open requests by their ids, which grow: the last is the newest.
#[derive(Debug, Default)]
pub(super) struct Requests {
    open: BTreeMap<WireId, Open>,
    deadlines: BTreeSet<(Instant, WireId)>,
    /// Whether any was ever answered.
    pub(super) has_answered: bool,
}

/// When a request fails.
#[derive(Debug, Clone, Copy)]
pub(super) struct Due {
    at: Instant,
    /// Progress puts it off, and not beyond this.
    latest: Instant,
}

impl Due {
    /// For one that is sent now.
    pub(super) fn new(now: Instant, limits: &Limits) -> Self {
        let latest = after(now, limits.request_life);
        Self { at: after(now, limits.request_timeout).min(latest), latest }
    }
}

/// An open request.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) caller: Caller,
    /// What the child got, where it may have to be sent again.
    pub(super) sent: Option<Line>,
    /// The stream, by the id under which the request was sent first.
    stream: WireId,
    /// When it fails; `None` for one that lasts.
    due: Option<Due>,
    outlet: Outlet,
    /// How many events have gone to it.
    events: u64,
    /// How much its client was asked, in bytes.
    pub(super) asked: usize,
}

impl Open {
    pub(super) fn new(
        (stream, sent): (WireId, Option<Line>),
        caller: Caller,
        outlet: Outlet,
        due: Option<Due>,
    ) -> Self {
        Self { caller, sent, stream, due, outlet, events: 0, asked: 0 }
    }

    /// It was sent again as `sent`.
    pub(super) fn sent_again(&mut self, sent: Line, due: Due) {
        self.sent = Some(sent);
        self.due = Some(due);
    }

    pub(super) const fn outlet(&self) -> &Outlet {
        &self.outlet
    }

    /// Whether its client may come back for its events. One that gets nothing before the answer gets that as JSON, and knows
    /// no place to go on from.
    pub(super) fn is_resumable(&self, is_last: bool) -> bool {
        let is_stream = self.events > 0 || (self.caller.accepts_stream && !is_last);
        !self.outlet.is_cut() && (is_stream || self.outlet.is_streamed())
    }

    /// Gives the stream another reader.
    pub(super) fn attach(&mut self, outlet: Outlet) {
        self.outlet = outlet;
        self.caller.accepts_stream = true;
    }

    /// Hands over a message; `Closed` when nobody reads. Gives its place, too.
    pub(super) fn send(&mut self, line: &Line) -> (EventId, Result<Level, Closed>) {
        let place = self.next_event();
        (place, self.outlet.message(Event { number: place.number, line: line.clone() }))
    }

    /// The place of the next event.
    pub(super) const fn next_event(&mut self) -> EventId {
        self.events = self.events.saturating_add(1);
        EventId { stream: StreamId::Request(self.stream), number: self.events }
    }
}

impl Requests {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    pub(super) fn insert(&mut self, id: WireId, open: Open) {
        self.deadlines.extend(open.due.map(|due| (due.at, id)));
        self.open.insert(id, open);
    }

    pub(super) fn remove(&mut self, id: WireId) -> Option<Open> {
        let open = self.open.remove(&id)?;
        if let Some(due) = open.due {
            self.deadlines.remove(&(due.at, id));
        }
        Some(open)
    }

    /// The child has shown that it works at this one (2025-11-25, "Timeouts").
    pub(super) fn put_off(&mut self, id: WireId, now: Instant, limits: &Limits) {
        let Some(due) = self.open.get_mut(&id).and_then(|open| open.due.as_mut()) else { return };
        self.deadlines.remove(&(due.at, id));
        due.at = after(now, limits.request_timeout).min(due.latest);
        self.deadlines.insert((due.at, id));
    }

    pub(super) fn get(&self, id: WireId) -> Option<&Open> {
        self.open.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: WireId) -> Option<&mut Open> {
        self.open.get_mut(&id)
    }

    /// The request whose stream began as `stream`.
    pub(super) fn of_stream(&mut self, stream: WireId) -> Option<&mut Open> {
        self.open.values_mut().find(|open| open.stream == stream)
    }

    /// The newest request that `is_it`.
    pub(super) fn newest(&mut self, is_it: impl Fn(&Open) -> bool) -> Option<(WireId, &mut Open)> {
        self.open.iter_mut().rev().find(|(_, open)| is_it(open)).map(|(id, open)| (*id, open))
    }

    /// Removes one request whose time is up.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<(WireId, Open)> {
        let (_, id) = self.deadlines.first().filter(|(deadline, _)| *deadline <= now).copied()?;
        self.remove(id).map(|open| (id, open))
    }

    /// When the next request is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.deadlines.first().map(|(deadline, _)| *deadline)
    }

    /// Removes all.
    pub(super) fn take_all(&mut self) -> impl Iterator<Item = (WireId, Open)> + use<> {
        self.deadlines.clear();
        std::mem::take(&mut self.open).into_iter()
    }
}

/// This long after `now`.
pub(super) fn after(now: Instant, delay: Duration) -> Instant {
    now.checked_add(delay).unwrap_or(now)
}
