//! The same in a stream of server-sent events.

use std::borrow::Cow;

use super::{NotAnAnswer, narrow_json};
use crate::jsonrpc::single_line;

/// Takes tools out of the messages of an event stream while it goes by. How the stream is cut into chunks makes no
/// difference to what comes out.
///
/// It holds one unfinished event, of at most `limit` bytes. Comments outside events pass at once, as they keep
/// connections alive. Events that need no change pass as they are; a changed one has its data on one line.
///
/// After an error nothing more comes out: the stream must be ended.
#[derive(Debug)]
pub struct SseNarrower {
    limit: usize,
    /// The lines of the unfinished event, with their ends, and the unfinished line.
    event: Vec<u8>,
    /// Where in `event` the unfinished line begins.
    line: usize,
    /// The last byte was a carriage return: a line feed now belongs to the same line end.
    after_return: bool,
    /// What went out last was an event with line ends of our own: that line feed is not missing there.
    is_rewritten: bool,
    /// What may go on to the client.
    ready: Vec<u8>,
    failure: Option<NotAnAnswer>,
}

impl SseNarrower {
    /// At the beginning of a stream whose events have at most `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let (event, ready) = (Vec::new(), Vec::new());
        Self { limit, event, line: 0, after_return: false, is_rewritten: false, ready, failure: None }
    }

    /// Takes the next bytes of the stream, the last ones with `end`, and gives what may go on to the client.
    ///
    /// # Errors
    /// [`NotAnAnswer`] for the first event that cannot be read without doubt or is too long, and from then on. The
    /// event is lost; what came before it in the same chunk is in [`Self::take_ready`].
    pub fn push(
        &mut self,
        chunk: &[u8],
        end: bool,
        allowed: impl Fn(&str) -> bool,
    ) -> Result<Vec<u8>, NotAnAnswer> {
        if self.failure.is_none() {
            self.failure = self.advance(chunk, end, &allowed).err();
        }
        match &self.failure {
            None => Ok(self.take_ready()),
            Some(failure) => {
                self.event = Vec::new();
                Err(failure.clone())
            }
        }
    }

    /// What may still go on to the client although [`Self::push`] has failed: the events before the one it failed at.
    #[must_use]
    pub fn take_ready(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.ready)
    }

    fn advance(
        &mut self,
        mut rest: &[u8],
        end: bool,
        allowed: &impl Fn(&str) -> bool,
    ) -> Result<(), NotAnAnswer> {
        while let Some((first, tail)) = rest.split_first() {
            if std::mem::take(&mut self.after_return) && *first == b'\n' {
                self.line_feed_after_return()?;
                rest = tail;
                continue;
            }
            let Some(at) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
                self.keep(rest)?;
                break;
            };
            let (line, tail) = rest.split_at(at.saturating_add(1));
            self.keep(line)?;
            self.after_return = line.ends_with(b"\r");
            self.end_of_line(allowed)?;
            rest = tail;
        }
        if end { self.dispatch(allowed) } else { Ok(()) }
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), NotAnAnswer> {
        if bytes.len() > self.limit.saturating_sub(self.event.len()) {
            return Err(NotAnAnswer::TooLong);
        }
        self.event.extend_from_slice(bytes);
        Ok(())
    }

    fn line_feed_after_return(&mut self) -> Result<(), NotAnAnswer> {
        if self.event.is_empty() {
            let line_feed = (!self.is_rewritten).then_some(b'\n');
            self.ready.extend(line_feed);
        } else {
            self.keep(b"\n")?;
            self.line = self.event.len();
        }
        Ok(())
    }

    fn end_of_line(&mut self, allowed: &impl Fn(&str) -> bool) -> Result<(), NotAnAnswer> {
        match self.event.get(self.line..) {
            Some(b"\r" | b"\n") => return self.dispatch(allowed),
            Some([b':', ..]) if self.line == 0 => {
                self.ready.append(&mut self.event);
                self.is_rewritten = false;
            }
            _ => self.line = self.event.len(),
        }
        Ok(())
    }

    /// The event is complete. (At the end of the stream it may lack its empty line; some clients take it all the same.)
    fn dispatch(&mut self, allowed: &impl Fn(&str) -> bool) -> Result<(), NotAnAnswer> {
        self.line = 0;
        let event = std::mem::take(&mut self.event);
        let narrowed = narrow_event(&event, allowed)?;
        self.is_rewritten = narrowed.is_some();
        self.ready.extend(narrowed.map_or(event, String::into_bytes));
        Ok(())
    }
}

/// One event that carries one JSON document.
#[must_use]
pub fn event(json: &str) -> String {
    format!("data: {}\n\n", single_line(json))
}

fn narrow_event(event: &[u8], allowed: &impl Fn(&str) -> bool) -> Result<Option<String>, NotAnAnswer> {
    let event = std::str::from_utf8(event).map_err(|_| NotAnAnswer::Line)?;
    let mut data: Option<Cow<'_, str>> = None;
    for line in lines(event) {
        match (data_of(line)?, &mut data) {
            (None, _) => {}
            (Some(value), None) => data = Some(Cow::Borrowed(value)),
            (Some(value), Some(data)) => {
                let data = data.to_mut();
                data.push('\n');
                data.push_str(value);
            }
        }
    }
    // An event without data only tells its id.
    let Some(data) = data.filter(|data| !data.trim().is_empty()) else { return Ok(None) };
    let Some(narrowed) = narrow_json(data.as_bytes(), allowed)? else { return Ok(None) };
    let narrowed = std::str::from_utf8(&narrowed).map_err(|_| NotAnAnswer::Tools)?;
    Ok(Some(rewrite(event, narrowed)))
}

/// The event with other data. Line ends become line feeds: with a line gone between them, a carriage return and a line
/// feed could become one.
fn rewrite(event: &str, data: &str) -> String {
    let mut narrowed = String::new();
    let mut data = Some(single_line(data));
    for line in lines(event) {
        if !matches!(data_of(line), Ok(Some(_))) {
            narrowed.push_str(line);
        } else if let Some(data) = data.take() {
            narrowed.push_str("data: ");
            narrowed.push_str(&data);
        } else {
            continue;
        }
        narrowed.push('\n');
    }
    narrowed
}

/// The lines of an event, without their ends.
fn lines(event: &str) -> impl Iterator<Item = &str> {
    event.split_terminator('\n').flat_map(|line| {
        let line = line.strip_suffix('\r').unwrap_or(line);
        line.split('\r')
    })
}

/// The value of a data line; `None` for other lines.
fn data_of(line: &str) -> Result<Option<&str>, NotAnAnswer> {
    let (field, value) = line.split_once(':').unwrap_or((line, ""));
    if field == "data" {
        return Ok(Some(value.strip_prefix(' ').unwrap_or(value)));
    }
    // A byte-order mark is skipped at the beginning of a stream; some readers are lenient in case and spaces.
    let is_alike = field.trim_matches(['\u{feff}', ' ', '\t', '\0']).eq_ignore_ascii_case("data");
    if is_alike { Err(NotAnAnswer::Line) } else { Ok(None) }
}
