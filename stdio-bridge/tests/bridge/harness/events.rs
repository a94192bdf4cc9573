//! Reading server-sent events.

use std::collections::VecDeque;
use std::pin::Pin;

use futures_util::{Stream, StreamExt};
use reqwest::Response;
use serde_json::Value;
use tokio::time::timeout;

use super::PATIENCE;

type Chunks = Pin<Box<dyn Stream<Item = Vec<u8>> + Send>>;

/// The events of a stream, as they come.
pub(crate) struct Events {
    chunks: Chunks,
    buffer: VecDeque<u8>,
    /// How much of the buffer is known to hold no line end.
    searched: usize,
    /// The lines of the event that is being read.
    block: Vec<String>,
    /// How many comments (signs of life) have been seen.
    pub(crate) comments: usize,
    /// The id of the newest event, where events have ids.
    pub(crate) last_id: Option<String>,
}

impl Events {
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let chunks =
            response.bytes_stream().map(|chunk| chunk.map(|bytes| bytes.to_vec()).unwrap_or_default());
        Self {
            chunks: Box::pin(chunks),
            buffer: VecDeque::new(),
            searched: 0,
            block: Vec::new(),
            comments: 0,
            last_id: None,
        }
    }

    /// The message of the next event; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let block = self.block().await?;
            if block.starts_with(':') {
                self.comments += 1;
                continue;
            }
            let block = self.without_id(block);
            let data = block.strip_prefix("event: message\ndata: ").expect("an event of one data line");
            assert!(!data.contains(['\r', '\n']));
            return Some(serde_json::from_str(data).unwrap());
        }
    }

    /// Reads the beginning of a stream that can be resumed.
    pub(crate) async fn primed(&mut self) {
        let block = self.block().await.expect("the stream has ended");
        let block = self.without_id(block);
        assert_eq!(block, "retry: 1000\ndata: ");
    }

    fn without_id(&mut self, block: String) -> String {
        let Some((id, rest)) = block.strip_prefix("id: ").and_then(|block| block.split_once('\n')) else {
            return block;
        };
        self.last_id = Some(id.to_owned());
        rest.to_owned()
    }

    /// Reads until a comment comes.
    pub(crate) async fn comment(&mut self) {
        let before = self.comments;
        while self.comments == before {
            let block = self.block().await.expect("the stream has ended");
            assert!(block.starts_with(':'), "an event came: {block}");
            self.comments += 1;
        }
    }

    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(at) = line_end(&self.buffer, self.searched) {
                let line = self.buffer.drain(..=at).collect::<Vec<u8>>();
                self.searched = 0;
                let line = String::from_utf8(line).unwrap();
                let line = line.trim_end_matches(['\r', '\n']);
                if line.is_empty() && !self.block.is_empty() {
                    return Some(std::mem::take(&mut self.block).join("\n"));
                }
                self.block.extend((!line.is_empty()).then(|| line.to_owned()));
                continue;
            }
            self.searched = self.buffer.len();
            let chunk = timeout(PATIENCE, self.chunks.next()).await.expect("nothing comes")?;
            self.buffer.extend(chunk);
        }
    }
}

fn line_end(buffer: &VecDeque<u8>, from: usize) -> Option<usize> {
    buffer.range(from..).position(|byte| *byte == b'\n').map(|at| from + at)
}
