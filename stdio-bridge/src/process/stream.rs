//! The way of messages to one HTTP answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Notify, mpsc};

use super::failure::Failure;
use super::line::Line;

/// Bytes that may wait for a reader before the child's output has to wait, too.
const FULL_BYTES: usize = 1024 * 1024;
/// Bytes that may still wait when it goes on.
const ROOM_BYTES: usize = FULL_BYTES / 2;
/// What a short message costs at least, so that the number of messages is bounded too.
const MESSAGE_COST: usize = 256;

/// What arrives at an HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// A notification or request of the server.
    Message(Line),
    /// The answer to the request; nothing follows.
    Answer(Line),
    /// There will be no answer; nothing follows.
    Failure(Failure),
}

/// The receiving end. When the sender cuts it (its reader stood still, or a newer stream took over), it just ends.
#[derive(Debug)]
pub struct Deliveries {
    receiver: mpsc::UnboundedReceiver<Delivery>,
    gauge: Arc<Gauge>,
}

#[derive(Debug, Default)]
struct Gauge {
    waiting: AtomicUsize,
    read: Notify,
}

impl Deliveries {
    /// The next delivery; `None` when nothing will come any more. May be dropped at any time without losing one.
    pub async fn next(&mut self) -> Option<Delivery> {
        let delivery = self.receiver.recv().await?;
        if let Delivery::Message(line) = &delivery {
            self.gauge.waiting.fetch_sub(cost(line), Ordering::AcqRel);
            self.gauge.read.notify_one();
        }
        Some(delivery)
    }
}

/// The sending end. Never waits; whoever feeds it stops while it is full.
#[derive(Debug)]
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
pub(super) fn channel() -> (Outlet, Deliveries) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let gauge = Arc::<Gauge>::default();
    (Outlet { sender, gauge: Arc::clone(&gauge) }, Deliveries { receiver, gauge })
}

impl Outlet {
    /// Hands over a message of the server.
    pub(super) fn message(&self, line: &Line) -> Result<Level, Closed> {
        let before = self.gauge.waiting.fetch_add(cost(line), Ordering::AcqRel);
        self.sender.send(Delivery::Message(line.clone())).map_err(|_| Closed)?;
        Ok(if before.saturating_add(cost(line)) > FULL_BYTES { Level::Full } else { Level::Room })
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
    pub(super) fn finish(self, last: Delivery) {
        if self.sender.send(last).is_err() {
            tracing::debug!("an answer came after its caller had gone");
        }
    }

    /// Until nobody reads any more.
    pub(super) async fn closed(&self) {
        self.sender.closed().await;
    }
}

fn cost(line: &Line) -> usize {
    line.bytes().len().max(MESSAGE_COST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(length: usize) -> Line {
        Line::own(format!(r#"{{"jsonrpc":"2.0","method":"{}"}}"#, "x".repeat(length))).unwrap()
    }

    #[tokio::test]
    async fn i13_a_reader_is_waited_for_at_a_bound_until_there_is_room() {
        let (outlet, mut deliveries) = channel();
        let mut taken = 1;
        while outlet.message(&line(1000)) == Ok(Level::Room) {
            taken += 1;
        }
        assert!((900..1100).contains(&taken), "{taken}");
        let read = async {
            for _ in 0..taken / 2 + 20 {
                assert!(deliveries.next().await.is_some());
            }
        };
        tokio::join!(outlet.room(), read);
        assert_eq!(outlet.message(&line(1000)), Ok(Level::Room));
    }

    #[tokio::test]
    async fn a_reader_that_has_gone_is_not_waited_for() {
        let (outlet, deliveries) = channel();
        assert_eq!(
            outlet.message(&line(2 * FULL_BYTES)),
            Ok(Level::Full),
            "one message passes however long it is"
        );
        drop(deliveries);
        outlet.room().await;
        assert_eq!(outlet.message(&line(1)), Err(Closed));
    }
}
