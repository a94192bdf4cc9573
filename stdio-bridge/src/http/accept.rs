//! Which kinds of answer a client takes.

use http::HeaderMap;
use http::header::ACCEPT;

/// Which of the two kinds of answer a client takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Accepts {
    /// `application/json`
    pub(super) json: bool,
    /// `text/event-stream`
    pub(super) stream: bool,
}

impl Accepts {
    /// Reads all `Accept` headers. Without one, JSON is what a simple client expects.
    pub(super) fn read(headers: &HeaderMap) -> Self {
        let mut accepts = Self { json: !headers.contains_key(ACCEPT), stream: false };
        let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        for range in values.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(|part| part.trim().to_ascii_lowercase());
            let kind = parts.next().unwrap_or_default();
            if parts.any(|part| is_zero_quality(&part)) {
                continue;
            }
            accepts.json |= matches!(kind.as_str(), "application/json" | "application/*" | "*/*");
            accepts.stream |= matches!(kind.as_str(), "text/event-stream" | "text/*" | "*/*");
        }
        accepts
    }
}

fn is_zero_quality(parameter: &str) -> bool {
    parameter
        .strip_prefix("q=")
        .is_some_and(|quality| quality.parse::<f32>().is_ok_and(|quality| quality <= 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h12_the_kinds_are_read_from_lists_ranges_and_qualities() {
        for (value, json, stream) in [
            ("application/json, text/event-stream", true, true),
            ("text/event-stream;q=0.5 , Application/JSON", true, true),
            ("*/*", true, true),
            ("application/*", true, false),
            ("application/json", true, false),
            ("text/event-stream", false, true),
            ("application/json;q=0, text/event-stream", false, true),
            ("text/html", false, false),
        ] {
            let headers = HeaderMap::from_iter([(ACCEPT, value.parse().unwrap())]);
            assert_eq!(Accepts::read(&headers), Accepts { json, stream }, "{value}");
        }
        assert_eq!(Accepts::read(&HeaderMap::new()), Accepts { json: true, stream: false });
    }
}
