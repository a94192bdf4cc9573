//! Answers to `tools/list` without the tools that the asker may not call.
//!
//! Everything else in the answer stays as it is, byte for byte. An answer that two readers could understand in two
//! ways is an error: what is hidden from one of them would be seen by the other.

mod sse;

use serde_json::value::RawValue;

pub use sse::{SseNarrower, event};

use crate::jsonrpc::{Message, ParseError, Rigour, read_object, string};

/// Why an upstream's answer must not reach the client: nobody can say what it would tell.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAnswer {
    /// Not one unambiguous JSON-RPC message.
    #[error("the upstream's answer: {0}")]
    Message(#[from] ParseError),
    /// `result` holds `tools` twice, or in another case.
    #[error("the upstream's answer, in result: {0}")]
    Result(ParseError),
    /// `result.tools` is there and not a list.
    #[error("the upstream's answer: result.tools is not an array")]
    Tools,
    /// A line of an event stream that some readers would take for something else.
    #[error("the upstream's event stream has a line that cannot be read without doubt")]
    Line,
    /// An event of the stream is longer than the limit.
    #[error("the upstream's event stream has an event that is too long")]
    TooLong,
}

/// Takes the tools that are not `allowed` out of a JSON-RPC message; `None` when there is nothing to change.
///
/// Only `result.tools` is looked at. An element whose name cannot be read for sure is taken out too.
///
/// # Errors
/// [`NotAnAnswer`] when the message, or `tools` in it, can be understood in two ways.
pub fn narrow_json(body: &[u8], allowed: impl Fn(&str) -> bool) -> Result<Option<Vec<u8>>, NotAnAnswer> {
    let message = Message::parse(body)?;
    let Some(tools) = tools(&message)? else { return Ok(None) };
    let elements: Vec<&RawValue> = serde_json::from_str(tools).map_err(|_| NotAnAnswer::Tools)?;
    let kept: Vec<&str> =
        elements.iter().map(|element| element.get()).filter(|tool| may_stay(tool, &allowed)).collect();
    if kept.len() == elements.len() {
        return Ok(None);
    }
    let (before, after) = around(body, tools).ok_or(NotAnAnswer::Tools)?;
    let list = kept.join(",");
    Ok(Some([before, b"[", list.as_bytes(), b"]", after].concat()))
}

/// The text of `result.tools`, if there is one.
fn tools<'a>(message: &Message<'a>) -> Result<Option<&'a str>, NotAnAnswer> {
    let result = message.result().map(RawValue::get).filter(|result| result.starts_with('{'));
    let Some(result) = result else { return Ok(None) };
    let [tools] = read_object(result, ["tools"], Rigour::Sought).map_err(NotAnAnswer::Result)?;
    match tools.map(RawValue::get) {
        None | Some("null") => Ok(None),
        Some(tools) if tools.starts_with('[') => Ok(Some(tools)),
        Some(_) => Err(NotAnAnswer::Tools),
    }
}

fn may_stay(tool: &str, allowed: impl Fn(&str) -> bool) -> bool {
    let Ok([Some(name)]) = read_object(tool, ["name"], Rigour::Sought) else { return false };
    string(name).is_some_and(|name| allowed(&name))
}

/// What stands in `whole` before and after `part`, which is a slice of it.
fn around<'a>(whole: &'a [u8], part: &str) -> Option<(&'a [u8], &'a [u8])> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (whole.get(start..end)? == part.as_bytes()).then_some(())?;
    Some((whole.get(..start)?, whole.get(end..)?))
}

#[cfg(test)]
mod tests;
