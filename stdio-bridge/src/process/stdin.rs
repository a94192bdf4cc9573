//! What waits to be written to a child.

use std::collections::VecDeque;
use std::io;

use tokio::io::AsyncWriteExt;
use tokio::process::ChildStdin;
use tokio_util::bytes::{Buf, Bytes, BytesMut};

use super::SendError;
use super::line::Line;

/// Bytes that may wait while a child does not read. One message more is taken, however long it is.
const WAITING_BYTES: usize = 4 * 1024 * 1024;
/// Messages that may wait while a child does not read.
const WAITING_MESSAGES: usize = 4096;

/// A child's stdin with a bounded queue before it: a child that does not read costs a bounded amount of memory and
/// holds up nobody.
#[derive(Debug)]
pub(super) struct Stdin {
    pipe: ChildStdin,
    queue: VecDeque<Bytes>,
    waiting: usize,
    broken: bool,
}

impl Stdin {
    pub(super) const fn new(pipe: ChildStdin) -> Self {
        Self { pipe, queue: VecDeque::new(), waiting: 0, broken: false }
    }

    /// Queues `line`.
    ///
    /// # Errors
    /// [`SendError::Busy`] when too much is waiting already, [`SendError::Gone`] when the child has closed its stdin.
    pub(super) fn push(&mut self, line: &Line) -> Result<(), SendError> {
        if self.broken {
            return Err(SendError::Gone);
        }
        if self.waiting >= WAITING_BYTES || self.queue.len() >= WAITING_MESSAGES {
            return Err(SendError::Busy);
        }
        let mut bytes = BytesMut::with_capacity(line.bytes().len().saturating_add(1));
        bytes.extend_from_slice(line.bytes());
        bytes.extend_from_slice(b"\n");
        self.waiting = self.waiting.saturating_add(bytes.len());
        self.queue.push_back(bytes.freeze());
        Ok(())
    }

    /// Whether there is something to write, to a child that still listens.
    pub(super) fn has_work(&self) -> bool {
        !self.broken && !self.queue.is_empty()
    }

    /// Writes some of what waits. May be dropped at any time without losing a byte.
    pub(super) async fn write_some(&mut self) -> io::Result<()> {
        let Some(front) = self.queue.front_mut() else { return Ok(()) };
        match self.pipe.write(front).await {
            Ok(written) => {
                front.advance(written);
                self.waiting = self.waiting.saturating_sub(written);
                if front.is_empty() {
                    self.queue.pop_front();
                }
                Ok(())
            }
            Err(error) => {
                // The child closed its stdin. It may still answer what it has read, so this alone is not its end.
                self.broken = true;
                self.queue.clear();
                self.waiting = 0;
                Err(error)
            }
        }
    }
}
