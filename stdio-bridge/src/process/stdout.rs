//! What a child writes, cut into lines of bounded length.

use std::io;

use mcp_protocol::jsonrpc::{Salvage, Salvaged};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::bytes::{Buf, Bytes, BytesMut};

/// What is read at once, at least.
const CHUNK: usize = 8 * 1024;

/// The lines of a pipe. A line that is too long is not kept, only looked through for whose answer it was.
#[derive(Debug)]
pub(super) struct Lines<R> {
    pipe: R,
    buffer: BytesMut,
    /// How much of `buffer` is known to hold no line end.
    searched: usize,
    limit: usize,
    skipping: Option<Skipping>,
}

/// Something that came out of a pipe.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// A line, without its end; not empty.
    Line(Bytes),
    /// A line that was too long.
    TooLong(Salvaged),
    /// The pipe has ended.
    End,
}

#[derive(Debug, Default)]
struct Skipping {
    salvage: Salvage,
    told: bool,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(pipe: R, limit: usize) -> Self {
        Self { pipe, buffer: BytesMut::new(), searched: 0, limit, skipping: None }
    }

    /// The next line. May be dropped at any time without losing a byte.
    pub(super) async fn next(&mut self) -> io::Result<Output> {
        loop {
            if let Some(output) = self.take() {
                return Ok(output);
            }
            self.buffer.reserve(CHUNK);
            if self.pipe.read_buf(&mut self.buffer).await? == 0 {
                return Ok(self.last());
            }
        }
    }

    fn take(&mut self) -> Option<Output> {
        loop {
            let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(offset) = unsearched.iter().position(|byte| *byte == b'\n') else {
                self.searched = self.buffer.len();
                return self.overflow();
            };
            let end = self.searched.saturating_add(offset);
            let line = self.buffer.split_to(end).freeze();
            self.buffer.advance(1);
            self.searched = 0;
            if let Some(output) = self.complete(&line) {
                return Some(output);
            }
        }
    }

    /// A line has ended with `rest`.
    fn complete(&mut self, rest: &Bytes) -> Option<Output> {
        if let Some(mut skipping) = self.skipping.take() {
            skipping.salvage.feed(rest);
            return (!skipping.told).then(|| Output::TooLong(skipping.salvage.finish()));
        }
        if rest.len() > self.limit {
            let mut salvage = Salvage::default();
            salvage.feed(rest);
            return Some(Output::TooLong(salvage.finish()));
        }
        let line = rest.strip_suffix(b"\r").unwrap_or(rest);
        (!line.trim_ascii().is_empty()).then(|| Output::Line(rest.slice_ref(line)))
    }

    /// No line end so far: keep what there is, unless that is too much already.
    fn overflow(&mut self) -> Option<Output> {
        if self.skipping.is_none() && self.buffer.len() <= self.limit {
            return None;
        }
        let skipping = self.skipping.get_or_insert_default();
        skipping.salvage.feed(&self.buffer);
        self.buffer = BytesMut::new();
        self.searched = 0;
        let verdict = if skipping.told { None } else { skipping.salvage.early() };
        skipping.told |= verdict.is_some();
        verdict.map(Output::TooLong)
    }

    /// The pipe has ended; what is left has no line end. A child that died in the middle of a line said nothing.
    fn last(&mut self) -> Output {
        self.buffer.clear();
        self.searched = 0;
        match self.skipping.take() {
            Some(skipping) if !skipping.told => Output::TooLong(skipping.salvage.finish()),
            _ => Output::End,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mcp_protocol::jsonrpc::Id;

    async fn outputs(input: &[u8], limit: usize) -> Vec<Output> {
        let mut lines = Lines::new(input, limit);
        let mut found = Vec::new();
        loop {
            let output = lines.next().await.unwrap();
            if output == Output::End {
                return found;
            }
            found.push(output);
        }
    }

    fn line(text: &'static str) -> Output {
        Output::Line(Bytes::from_static(text.as_bytes()))
    }

    #[tokio::test]
    async fn i10_line_ends_of_both_kinds_and_empty_lines() {
        assert_eq!(outputs(b"a\r\n\n \r\nb\nunfinished", 100).await, [line("a"), line("b")]);
    }

    #[tokio::test]
    async fn i10_a_line_is_measured_to_the_byte_and_the_next_one_lives() {
        let answer = |raw| Output::TooLong(Salvaged::AnswerTo(Id::parse(raw).unwrap()));
        assert_eq!(outputs(b"12345\n123456\n12345\n", 5).await.len(), 3);
        assert_eq!(outputs(b"{\"id\":7,\"result\":\"xxxxxxxx\"}\nok\n", 20).await, [answer("7"), line("ok")]);
    }

    #[tokio::test]
    async fn i10_the_id_may_stand_behind_more_bytes_than_are_kept() {
        let long = format!("{{\"result\":\"{}\",\"id\":\"z\"}}\nok\n", "x".repeat(100_000));
        let answer = Output::TooLong(Salvaged::AnswerTo(Id::parse("\"z\"").unwrap()));
        assert_eq!(outputs(long.as_bytes(), 1000).await, [answer, line("ok")]);
    }
}
