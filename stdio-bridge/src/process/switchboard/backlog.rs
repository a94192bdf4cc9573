//! Messages that wait for a stream.

use std::collections::VecDeque;

use crate::config::ServerName;
use crate::process::Line;

/// Messages that may wait.
const MESSAGES: usize = 256;
/// Bytes that may wait; one message more is taken when nothing waits.
const BYTES: usize = 1024 * 1024;

/// Messages that wait for a stream, oldest first. When there are too many, the oldest are dropped and counted.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    lines: VecDeque<Line>,
    bytes: usize,
    dropped: u64,
}

impl Backlog {
    pub(super) fn push(&mut self, line: Line, server: &ServerName) {
        let length = line.bytes().len();
        while self.lines.len() >= MESSAGES
            || (!self.lines.is_empty() && self.bytes.saturating_add(length) > BYTES)
        {
            self.drop_oldest(server);
        }
        self.bytes = self.bytes.saturating_add(length);
        self.lines.push_back(line);
    }

    pub(super) fn drain(&mut self) -> impl Iterator<Item = Line> + use<> {
        self.bytes = 0;
        std::mem::take(&mut self.lines).into_iter()
    }

    fn drop_oldest(&mut self, server: &ServerName) {
        if let Some(oldest) = self.lines.pop_front() {
            self.bytes = self.bytes.saturating_sub(oldest.bytes().len());
            self.dropped = self.dropped.saturating_add(1);
            if self.dropped.is_power_of_two() {
                tracing::warn!(%server, dropped = self.dropped, "messages were dropped: no client listens");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(number: usize, length: usize) -> Line {
        Line::own(format!(r#"{{"jsonrpc":"2.0","method":"{number}-{}"}}"#, "x".repeat(length))).unwrap()
    }

    #[test]
    fn the_newest_messages_are_kept() {
        let server = ServerName::parse("s").unwrap();
        let mut backlog = Backlog::default();
        for number in 0..MESSAGES + 10 {
            backlog.push(line(number, 0), &server);
        }
        let kept: Vec<Line> = backlog.drain().collect();
        assert_eq!(kept.len(), MESSAGES);
        assert_eq!(kept.first(), Some(&line(10, 0)));
        backlog.push(line(1, BYTES * 2), &server);
        backlog.push(line(2, 0), &server);
        assert_eq!(backlog.drain().collect::<Vec<_>>(), [line(2, 0)]);
    }
}
