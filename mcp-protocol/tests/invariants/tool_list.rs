//! What comes out of the narrowers, whatever goes in. Also used by the fuzz target.

use mcp_protocol::tool_list::{NotAnAnswer, SseNarrower, narrow_json};
use serde_json::Value;

use super::readers::readers;

/// The tools that may be seen in these checks.
pub(crate) fn allowed(name: &str) -> bool {
    name.len().is_multiple_of(2)
}

/// Checks `narrow_json` on any bytes.
pub(crate) fn check_json(body: &[u8]) {
    match narrow_json(body, allowed) {
        Err(_) => {}
        Ok(None) => shows_only_allowed(body),
        Ok(Some(narrowed)) => {
            shows_only_allowed(&narrowed);
            assert!(narrowed.len() < body.len());
            assert_eq!(narrow_json(&narrowed, allowed), Ok(None));
            assert_eq!(narrow_json(&narrowed, |_| true), Ok(None));
            let (before, after) = (read(body), read(&narrowed));
            if let (Some(mut before), Some(after)) = (before, after) {
                // Only whole elements are gone, and none that are sure to be allowed came in.
                let kept = tools(&after);
                assert!(kept.iter().all(|tool| tools(&before).contains(tool)));
                if let Some(list) = before.pointer_mut("/result/tools") {
                    *list = kept.into();
                }
                assert_eq!(before, after);
            }
        }
    }
}

fn read(json: &[u8]) -> Option<Value> {
    serde_json::from_slice(json).ok()
}

fn tools(answer: &Value) -> Vec<Value> {
    answer.pointer("/result/tools").and_then(Value::as_array).cloned().unwrap_or_default()
}

fn shows_only_allowed(answer: &[u8]) {
    for tool in readers().filter_map(|reader| reader.read(answer)).flat_map(|answer| tools(&answer)) {
        assert!(tool.get("name").and_then(Value::as_str).is_some_and(allowed), "{tool}");
    }
}

/// Checks `SseNarrower` on any bytes, cut into chunks of these sizes.
pub(crate) fn check_stream(stream: &[u8], sizes: &[u8], limit: usize) {
    let (out, failure) = narrow(&[stream], limit);
    let mut chunks = Vec::new();
    let mut rest = stream;
    for size in sizes {
        let (chunk, tail) = rest.split_at_checked(usize::from(*size)).unwrap_or((rest, &[]));
        chunks.push(chunk);
        rest = tail;
    }
    chunks.extend(rest.chunks(7));
    assert_eq!(narrow(&chunks, limit), (out.clone(), failure.clone()), "cut into {chunks:?}");

    let (before, after) = (decode(stream), decode(&out));
    assert!(failure.is_some() || before.len() == after.len());
    let is_unreadable =
        |event: &Event| !event.data.trim().is_empty() && narrow_json(event.data.as_bytes(), allowed).is_err();
    match failure {
        None => assert!(!before.iter().any(is_unreadable)),
        Some(NotAnAnswer::Line | NotAnAnswer::TooLong) => {}
        Some(_) => assert!(before.iter().any(is_unreadable), "there was no reason to fail"),
    }
    for (before, after) in before.iter().zip(&after) {
        assert_eq!(before.fields, after.fields);
        if !after.data.trim().is_empty() {
            let expected = narrow_json(before.data.as_bytes(), allowed);
            shows_only_allowed(after.data.as_bytes());
            assert_eq!(narrow_json(after.data.as_bytes(), allowed), Ok(None));
            assert_eq!(expected == Ok(None), before.data == after.data);
        }
    }
}

fn narrow(chunks: &[&[u8]], limit: usize) -> (Vec<u8>, Option<NotAnAnswer>) {
    let mut narrower = SseNarrower::new(limit);
    let mut out = Vec::new();
    let ends = [(&[] as &[u8], true)];
    for (chunk, end) in chunks.iter().map(|chunk| (*chunk, false)).chain(ends) {
        match narrower.push(chunk, end, allowed) {
            Ok(ready) => out.extend(ready),
            Err(failure) => {
                out.extend(narrower.take_ready());
                assert_eq!(narrower.push(b"data: {}\n\n", true, allowed), Err(failure.clone()));
                return (out, Some(failure));
            }
        }
    }
    (out, None)
}

#[derive(Debug, Default, PartialEq)]
struct Event {
    data: String,
    fields: Vec<String>,
}

/// A reader of event streams, written from the HTML standard, that also takes an unfinished last event.
fn decode(stream: &[u8]) -> Vec<Event> {
    let text = String::from_utf8_lossy(stream).replace("\r\n", "\n").replace('\r', "\n");
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut events = Vec::new();
    for block in text.split("\n\n") {
        let mut event = Event::default();
        let mut data = Vec::new();
        for line in block.split('\n').filter(|line| !line.starts_with(':') && !line.is_empty()) {
            match line.split_once(':').unwrap_or((line, "")) {
                ("data", value) => data.push(value.strip_prefix(' ').unwrap_or(value)),
                _ => event.fields.push(line.to_owned()),
            }
        }
        event.data = data.join("\n");
        if event != Event::default() {
            events.push(event);
        }
    }
    events
}
