//! One log format for every program.

use tracing_subscriber::filter::{EnvFilter, ParseError};

use crate::settings::{Reader, Strings};

/// How logs are written: `LOG_FORMAT` is `text` (default, for people) or `json` (one object a line, for machines);
/// `LOG_LEVEL` is `info` by default and takes `tracing` directives such as `warn,stdio_bridge=debug`.
#[derive(Debug)]
pub struct LogSettings {
    filter: EnvFilter,
    json: bool,
}

impl LogSettings {
    /// Reads `LOG_LEVEL` and `LOG_FORMAT`; mistakes are remembered in `reader`.
    pub fn read<S: Strings>(reader: &mut Reader<'_, S>) -> Self {
        let directives: String = reader.or("LOG_LEVEL", "info".to_owned(), "a level such as info");
        let parsed: Result<EnvFilter, ParseError> = EnvFilter::try_new(&directives);
        let filter = reader.keep("LOG_LEVEL", parsed).unwrap_or_else(|| EnvFilter::new("info"));
        let format: String = reader.or("LOG_FORMAT", "text".to_owned(), "text or json");
        if !matches!(format.as_str(), "text" | "json") {
            reader.mistake("LOG_FORMAT", "expected text or json");
        }
        Self { filter, json: format == "json" }
    }

    /// Starts logging to standard error. Standard output stays free for what a program was asked to print.
    /// Colours are off: a log line must mean the same in a file and in a terminal.
    pub fn start(self) {
        let builder = tracing_subscriber::fmt()
            .with_env_filter(self.filter)
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .with_target(false);
        if self.json {
            builder.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
        } else {
            builder.init();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_wrong_level_or_format_is_a_mistake_with_its_name() {
        let env = BTreeMap::from([
            ("LOG_LEVEL".to_owned(), "a=b=c".to_owned()),
            ("LOG_FORMAT".to_owned(), "xml".to_owned()),
        ]);
        let mut reader = Reader::new(&env);
        LogSettings::read(&mut reader);
        let mistakes = reader.finish().unwrap_err().to_string();
        assert!(mistakes.contains("LOG_LEVEL: ") && mistakes.contains("LOG_FORMAT: expected text or json"));
    }
}
