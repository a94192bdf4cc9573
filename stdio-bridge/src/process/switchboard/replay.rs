//! Events that a client may come back for.

use std::collections::VecDeque;

use crate::process::{Event, EventId, Line, StreamId};
use crate::settings::ReplayLimits;

/// The newest events of all streams of a session, oldest first. When there are too many, the oldest are forgotten.
#[derive(Debug)]
pub(super) struct Replay {
    limits: ReplayLimits,
    kept: VecDeque<Kept>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    id: EventId,
    line: Line,
    /// Whether it is the answer, after which its stream ends.
    is_last: bool,
}

impl Replay {
    pub(super) const fn new(limits: ReplayLimits) -> Self {
        Self { limits, kept: VecDeque::new(), bytes: 0 }
    }

    /// Keeps an event. One that is longer than all that may be kept is kept alone if `was_missed`: nobody has read it.
    pub(super) fn keep(&mut self, id: EventId, line: &Line, (is_last, was_missed): (bool, bool)) {
        let length = line.bytes().len();
        if self.limits.events == 0 || (length > self.limits.bytes && !was_missed) {
            return;
        }
        while self.kept.len() >= self.limits.events
            || (!self.kept.is_empty() && self.bytes.saturating_add(length) > self.limits.bytes)
        {
            self.forget_oldest();
        }
        self.bytes = self.bytes.saturating_add(length);
        self.kept.push_back(Kept { id, line: line.clone(), is_last });
    }

    /// What came on the stream of `after` after it, and whether the stream ended with it; of no other stream.
    pub(super) fn after(&self, after: EventId) -> (Vec<Event>, bool) {
        let of_stream = self.kept.iter().filter(|kept| kept.id.stream == after.stream);
        let later = of_stream.clone().filter(|kept| kept.id.number > after.number);
        let events = later.map(|kept| Event { number: kept.id.number, line: kept.line.clone() });
        (events.collect(), of_stream.into_iter().any(|kept| kept.is_last))
    }

    /// The highest number on `stream` that is kept.
    pub(super) fn newest(&self, stream: StreamId) -> Option<u64> {
        self.kept.iter().rev().find(|kept| kept.id.stream == stream).map(|kept| kept.id.number)
    }

    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.kept.pop_front() {
            self.bytes = self.bytes.saturating_sub(oldest.line.bytes().len());
        }
    }
}

#[cfg(test)]
mod tests {
    use mcp_protocol::relay::WireId;

    use super::*;

    fn line(length: usize) -> Line {
        Line::own(format!(r#"{{"jsonrpc":"2.0","method":"{}"}}"#, "x".repeat(length))).unwrap()
    }

    fn id(stream: u64, number: u64) -> EventId {
        EventId { stream: StreamId::Request(WireId::new(stream)), number }
    }

    fn numbers(replay: &Replay, after: EventId) -> Vec<u64> {
        replay.after(after).0.iter().map(|event| event.number).collect()
    }

    #[test]
    fn i17_only_what_came_later_on_the_same_stream_is_replayed() {
        let mut replay = Replay::new(ReplayLimits::default());
        for number in 1..4 {
            replay.keep(id(7, number), &line(1), (number == 3, false));
            replay.keep(id(8, number), &line(1), (false, false));
        }
        assert_eq!(numbers(&replay, id(7, 1)), [2, 3]);
        assert_eq!((replay.after(id(7, 3)).1, replay.after(id(8, 0)).1), (true, false));
        assert_eq!(numbers(&replay, id(9, 0)), Vec::<u64>::new());
        assert_eq!(replay.newest(id(8, 0).stream), Some(3));
    }

    #[test]
    fn i17_what_is_kept_is_bounded_in_bytes_and_number() {
        let mut replay = Replay::new(ReplayLimits { events: 3, bytes: 1000 });
        for number in 1..=5 {
            replay.keep(id(1, number), &line(1), (false, false));
        }
        assert_eq!(numbers(&replay, id(1, 0)), [3, 4, 5]);
        replay.keep(id(1, 6), &line(920), (false, false));
        assert_eq!(numbers(&replay, id(1, 0)), [5, 6]);
        replay.keep(id(1, 7), &line(2000), (false, false));
        assert_eq!(numbers(&replay, id(1, 0)), [5, 6], "too long, and read already");
        replay.keep(id(1, 8), &line(2000), (true, true));
        assert_eq!(numbers(&replay, id(1, 0)), [8], "too long, but nobody has it");
        let mut none = Replay::new(ReplayLimits { events: 0, bytes: 1000 });
        none.keep(id(1, 1), &line(1), (false, true));
        assert_eq!(numbers(&none, id(1, 0)), Vec::<u64>::new());
    }
}
