//! Reading server-sent events.

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
    buffer: Vec<u8>,
    /// How many comments (signs of life) have been seen.
    pub(crate) comments: usize,
}

impl Events {
    pub(crate) fn of(response: Response) -> Self {
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let chunks =
            response.bytes_stream().map(|chunk| chunk.map(|bytes| bytes.to_vec()).unwrap_or_default());
        Self { chunks: Box::pin(chunks), buffer: Vec::new(), comments: 0 }
    }

    /// The message of the next event; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let block = self.block().await?;
            if block.starts_with(':') {
                self.comments += 1;
                continue;
            }
            let data = block.strip_prefix("event: message\ndata: ").expect("an event of one data line");
            assert!(!data.contains(['\r', '\n']));
            return Some(serde_json::from_str(data).unwrap());
        }
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
            for end in ["\n\n", "\r\n\r\n"] {
                if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end.as_bytes()) {
                    let rest = self.buffer.split_off(at + end.len());
                    let block = std::mem::replace(&mut self.buffer, rest);
                    return Some(String::from_utf8(block[..at].to_vec()).unwrap());
                }
            }
            let chunk = timeout(PATIENCE, self.chunks.next()).await.expect("nothing comes")?;
            self.buffer.extend(chunk);
        }
    }
}
