//! The way of messages to one HTTP answer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use mcp_protocol::relay::WireId;
use tokio::sync::{Notify, mpsc};

use super::Caller;
use super::ask::Ask;
use super::failure::Failure;
use super::line::Line;

/// Bytes that may wait for a reader before the child's output has to wait, too.
const FULL_BYTES: usize = 1024 * 1024;
/// Bytes that may still wait when it goes on.
const ROOM_BYTES: usize = FULL_BYTES / 2;
/// What a short message costs at least, so that the number of messages is bounded too.
const MESSAGE_COST: usize = 256;

/// Which stream of a child's messages: the one of a request, or one that was opened to listen. The number is that of
/// the request, or one that no request has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamId {
    /// What belongs to a request; its answer comes last.
    Request(WireId),
    /// What belongs to no request.
    Listener(WireId),
}

/// A place in a stream: the id of a server-sent event (2025-11-25, "Resumability and Redelivery"). Unique in its session,
/// and says which stream it belongs to. Written `r7.2` (request) or `l8.0` (listener).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventId {
    /// The stream.
    pub stream: StreamId,
    /// How many events have come before, and this one; 0 is the beginning.
    pub number: u64,
}

/// Longest event id: two numbers of 64 bits, a letter and a point.
const LONGEST_EVENT_ID: usize = 42;

impl EventId {
    /// The place that is written `text`, or `None` for what no bridge has written.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() <= LONGEST_EVENT_ID)?;
        let (stream, number) = text.split_at_checked(1).and_then(|(kind, rest)| {
            let (stream, number) = rest.split_once('.')?;
            let stream = WireId::new(decimal(stream)?);
            match kind {
                "r" => Some((StreamId::Request(stream), number)),
                "l" => Some((StreamId::Listener(stream), number)),
                _ => None,
            }
        })?;
        Some(Self { stream, number: decimal(number)? })
    }
}

fn decimal(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for EventId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.stream {
            StreamId::Request(stream) => write!(formatter, "r{stream}.{}", self.number),
            StreamId::Listener(stream) => write!(formatter, "l{stream}.{}", self.number),
        }
    }
}

/// A message on a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its place, counted from 1; see [`EventId::number`].
    pub number: u64,
    /// The message.
    pub line: Line,
}

/// The answer to a request, as its caller is to see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its place in the stream; see [`EventId::number`].
    pub number: u64,
    /// The message.
    pub line: Line,
    /// The code, if it is an error.
    pub error_code: Option<i64>,
}

/// What arrives at an HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// A notification or request of the server.
    Message(Event),
    /// The server asks the caller for something before it can answer. Only modern callers get it in this form.
    Ask(Ask),
    /// The answer to the request; nothing follows.
    Answer(Answer),
    /// There will be no answer; nothing follows.
    Failure(Failure),
}

/// The receiving end. When the sender cuts it (its reader stood still, or too many others listen), it ends. When it
/// is dropped, the child's task hears of it.
#[derive(Debug)]
pub struct Deliveries {
    // Dropped first, so that whoever reads the note finds the way closed.
    receiver: mpsc::UnboundedReceiver<Delivery>,
    gauge: Arc<Gauge>,
    notes: Notebook,
}

#[derive(Debug, Default)]
struct Gauge {
    waiting: AtomicUsize,
    read: Notify,
    is_stream: AtomicBool,
    is_cut: AtomicBool,
}

/// What a reader says to the child's task.
#[derive(Debug)]
pub(super) enum Note {
    /// It has gone.
    Gone(StreamId),
    /// The child gets this line: an answer to what it has asked for.
    Reply(Line),
    /// The request has another caller now: the client has sent it again, with what was asked for.
    Adopted(StreamId, Caller),
}

/// Whose notes they are, and where they go. Never waits: there are no more notes than there are streams, and questions of
/// the child.
#[derive(Debug)]
pub(super) struct Notebook {
    pub(super) stream: StreamId,
    pub(super) to: mpsc::UnboundedSender<Note>,
}

impl Notebook {
    fn write(&self, note: Note) {
        if self.to.send(note).is_err() {
            tracing::trace!("the server has gone before its reader");
        }
    }
}

impl Drop for Notebook {
    fn drop(&mut self) {
        self.write(Note::Gone(self.stream));
    }
}

impl Deliveries {
    /// The stream that arrives here.
    #[must_use]
    pub const fn stream(&self) -> StreamId {
        self.notes.stream
    }

    /// From now on the client knows the ids of events, so that it may come back for what it misses.
    pub fn is_streamed(&self) {
        self.gauge.is_stream.store(true, Ordering::Release);
    }

    /// Answers what the child has asked for.
    pub fn reply(&self, line: Line) {
        self.notes.write(Note::Reply(line));
    }

    /// From now on, what comes is for `caller`.
    pub fn adopt(&self, caller: Caller) {
        self.notes.write(Note::Adopted(self.stream(), caller));
    }

    /// The next delivery; `None` when nothing will come any more. May be dropped at any time without losing one.
    pub async fn next(&mut self) -> Option<Delivery> {
        let delivery = self.receiver.recv().await?;
        if let Delivery::Message(event) = &delivery {
            self.gauge.waiting.fetch_sub(cost(&event.line), Ordering::AcqRel);
            self.gauge.read.notify_one();
        }
        Some(delivery)
    }
}

/// The sending end. Never waits; whoever feeds it stops while it is full.
#[derive(Debug, Clone)]
pub(super) struct Outlet {
    sender: mpsc::UnboundedSender<Delivery>,
    gauge: Arc<Gauge>,
}

/// How an outlet stands after it took a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// There is room for more.
    Room,
    /// No more should come before [`Outlet::room`].
    Full,
}

/// A message was not taken because nobody reads any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closed;

/// A new way.
pub(super) fn channel(notes: Notebook) -> (Outlet, Deliveries) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let gauge = Arc::<Gauge>::default();
    (Outlet { sender, gauge: Arc::clone(&gauge) }, Deliveries { receiver, gauge, notes })
}

impl Outlet {
    /// Hands over a message of the server.
    pub(super) fn message(&self, event: Event) -> Result<Level, Closed> {
        if self.is_cut() {
            return Err(Closed);
        }
        let cost = cost(&event.line);
        let before = self.gauge.waiting.fetch_add(cost, Ordering::AcqRel);
        self.sender.send(Delivery::Message(event)).map_err(|_| Closed)?;
        Ok(if before.saturating_add(cost) > FULL_BYTES { Level::Full } else { Level::Room })
    }

    /// Hands over what the server asks for.
    pub(super) fn ask(&self, ask: Ask) -> Result<(), Closed> {
        self.sender.send(Delivery::Ask(ask)).map_err(|_| Closed)
    }

    /// Until there is room again, or nobody reads any more.
    pub(super) async fn room(&self) {
        let drained = async {
            while self.gauge.waiting.load(Ordering::Acquire) > ROOM_BYTES {
                self.gauge.read.notified().await;
            }
        };
        tokio::select! {
            () = drained => {}
            () = self.sender.closed() => {}
        }
    }

    /// Ends the way with the answer, or with the reason why there is none.
    pub(super) fn finish(&self, last: Delivery) {
        if !self.is_cut() && self.sender.send(last).is_err() {
            tracing::debug!("an answer came after its caller had gone");
        }
    }

    /// Ends the way because its reader stands still.
    pub(super) fn cut(&self) {
        self.finish(Delivery::Failure(Failure::Cut));
        self.gauge.is_cut.store(true, Ordering::Release);
    }

    /// Whether nobody reads any more.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed() || self.is_cut()
    }

    /// Whether the client knows the ids of its events.
    pub(super) fn is_streamed(&self) -> bool {
        self.gauge.is_stream.load(Ordering::Acquire)
    }

    /// Whether its reader stood still.
    pub(super) fn is_cut(&self) -> bool {
        self.gauge.is_cut.load(Ordering::Acquire)
    }
}

fn cost(line: &Line) -> usize {
    line.bytes().len().max(MESSAGE_COST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(length: usize) -> Event {
        let line = Line::own(format!(r#"{{"jsonrpc":"2.0","method":"{}"}}"#, "x".repeat(length))).unwrap();
        Event { number: 1, line }
    }

    fn way() -> (Outlet, Deliveries, mpsc::UnboundedReceiver<Note>) {
        let (to, notes) = mpsc::unbounded_channel();
        let (outlet, deliveries) = channel(Notebook { stream: StreamId::Request(WireId::new(7)), to });
        (outlet, deliveries, notes)
    }

    #[tokio::test]
    async fn i13_a_reader_is_waited_for_at_a_bound_until_there_is_room() {
        let (outlet, mut deliveries, _notes) = way();
        let mut taken = 1;
        while outlet.message(event(1000)) == Ok(Level::Room) {
            taken += 1;
        }
        assert!((900..1100).contains(&taken), "{taken}");
        let read = async {
            for _ in 0..taken / 2 + 20 {
                assert!(deliveries.next().await.is_some());
            }
        };
        tokio::join!(outlet.room(), read);
        assert_eq!(outlet.message(event(1000)), Ok(Level::Room));
    }

    #[tokio::test]
    async fn a_reader_that_has_gone_is_not_waited_for_and_leaves_a_note() {
        let (outlet, deliveries, mut notes) = way();
        assert_eq!(
            outlet.message(event(2 * FULL_BYTES)),
            Ok(Level::Full),
            "one message passes however long it is"
        );
        drop(deliveries);
        outlet.room().await;
        assert_eq!(outlet.message(event(1)), Err(Closed));
        assert!(
            matches!(notes.recv().await, Some(Note::Gone(StreamId::Request(id))) if id == WireId::new(7))
        );
    }

    #[test]
    fn i17_event_ids_read_back_and_nothing_else_is_one() {
        for stream in [StreamId::Request(WireId::new(u64::MAX)), StreamId::Listener(WireId::new(0))] {
            let id = EventId { stream, number: u64::MAX };
            assert_eq!(EventId::parse(id.to_string().as_bytes()), Some(id));
        }
        for text in [
            "",
            "r",
            "r1",
            "r1.",
            "r.1",
            "x1.1",
            "r+1.1",
            "r1.-1",
            "r1.1.1",
            "l18446744073709551616.1",
            "é1.1",
        ] {
            assert_eq!(EventId::parse(text.as_bytes()), None, "{text}");
        }
    }
}
