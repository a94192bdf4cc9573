//! The way of messages to one HTTP answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use super::failure::Failure;
use super::line::Line;

/// Bytes that may wait for a reader. One message more is taken, however long it is.
const WAITING_BYTES: usize = 1024 * 1024;
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

/// The receiving end. When the sender cuts it (the reader was too slow, or a newer stream took over), it just ends.
#[derive(Debug)]
pub struct Deliveries {
    receiver: mpsc::UnboundedReceiver<Delivery>,
    waiting: Arc<AtomicUsize>,
}

impl Deliveries {
    /// The next delivery; `None` when nothing will come any more. May be dropped at any time without losing one.
    pub async fn next(&mut self) -> Option<Delivery> {
        let delivery = self.receiver.recv().await?;
        if let Delivery::Message(line) = &delivery {
            self.waiting.fetch_sub(cost(line), Ordering::AcqRel);
        }
        Some(delivery)
    }
}

/// The sending end. Never waits: the child's output must not stop because one reader is slow.
#[derive(Debug)]
pub(super) struct Outlet {
    sender: mpsc::UnboundedSender<Delivery>,
    waiting: Arc<AtomicUsize>,
}

/// Why a message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Nobody reads any more.
    Closed,
    /// Too much is waiting for the reader.
    Slow,
}

/// A new way.
pub(super) fn channel() -> (Outlet, Deliveries) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    (Outlet { sender, waiting: Arc::clone(&waiting) }, Deliveries { receiver, waiting })
}

impl Outlet {
    /// Hands over a message of the server.
    pub(super) fn message(&self, line: &Line) -> Result<(), Refused> {
        if self.sender.is_closed() {
            return Err(Refused::Closed);
        }
        let before = self.waiting.fetch_add(cost(line), Ordering::AcqRel);
        if before > 0 && before.saturating_add(cost(line)) > WAITING_BYTES {
            self.waiting.fetch_sub(cost(line), Ordering::AcqRel);
            return Err(Refused::Slow);
        }
        self.sender.send(Delivery::Message(line.clone())).map_err(|_| Refused::Closed)
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
    async fn i13_a_slow_reader_is_refused_at_a_bound_and_reading_makes_room() {
        let (outlet, mut deliveries) = channel();
        let mut taken = 0;
        while outlet.message(&line(1000)).is_ok() {
            taken += 1;
        }
        assert!((900..1100).contains(&taken), "{taken}");
        assert_eq!(outlet.message(&line(1000)), Err(Refused::Slow));
        assert!(deliveries.next().await.is_some());
        assert_eq!(outlet.message(&line(1000)), Ok(()));
        drop(deliveries);
        assert_eq!(outlet.message(&line(1)), Err(Refused::Closed));
    }

    #[test]
    fn one_message_passes_however_long_it_is() {
        let (outlet, _deliveries) = channel();
        assert_eq!(outlet.message(&line(2 * WAITING_BYTES)), Ok(()));
        assert_eq!(outlet.message(&line(1)), Err(Refused::Slow));
    }
}
