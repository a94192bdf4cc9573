//! What a child says on stderr: always read, so that it never blocks, and logged within limits.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use crate::config::ServerName;

/// Longest part of a line that is logged.
const LINE_BYTES: usize = 1024;
/// Lines that are logged in each [`WINDOW`]; the others are counted.
const LINES_PER_WINDOW: u32 = 50;
const WINDOW: Duration = Duration::from_secs(10);

/// Reads `pipe` to its end. Control characters are escaped: a child must not be able to forge log lines.
pub(super) async fn drain(server: ServerName, mut pipe: impl AsyncRead + Unpin) {
    let mut log = Log { server, line: Vec::new(), window_end: Instant::now(), budget: 0, suppressed: 0 };
    let mut chunk = vec![0; 8 * 1024];
    while let Ok(read) = pipe.read(&mut chunk).await {
        if read == 0 {
            break;
        }
        log.take(chunk.get(..read).unwrap_or_default());
    }
    log.end_of_line();
    log.tell_suppressed();
}

struct Log {
    server: ServerName,
    line: Vec<u8>,
    window_end: Instant,
    budget: u32,
    suppressed: u64,
}

impl Log {
    fn take(&mut self, bytes: &[u8]) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = LINE_BYTES.saturating_sub(self.line.len());
            self.line.extend(part.iter().filter(|byte| **byte != b'\n').take(room));
            if part.ends_with(b"\n") {
                self.end_of_line();
            }
        }
    }

    fn end_of_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let text = String::from_utf8_lossy(line.trim_ascii());
        if text.is_empty() {
            return;
        }
        let now = Instant::now();
        if now >= self.window_end {
            self.tell_suppressed();
            self.window_end = now.checked_add(WINDOW).unwrap_or(now);
            self.budget = LINES_PER_WINDOW;
        }
        if self.budget == 0 {
            self.suppressed = self.suppressed.saturating_add(1);
            return;
        }
        self.budget = self.budget.saturating_sub(1);
        tracing::info!(server = %self.server, "stderr: {}", text.escape_debug());
    }

    fn tell_suppressed(&mut self) {
        if self.suppressed > 0 {
            tracing::info!(server = %self.server, lines = self.suppressed, "stderr: more lines were not logged");
            self.suppressed = 0;
        }
    }
}
