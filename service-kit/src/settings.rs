//! Settings: read once from the environment, parsed into values, with *all* mistakes reported at once.
//!
//! A program makes a [`Reader`], asks it for every setting, and ends with [`Reader::finish`]. Nothing is bound
//! or opened before that, so a wrong setting never leaves a half-started program behind.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Where settings come from: the process environment, or a map in tests.
pub trait Strings {
    /// The raw value of `name`. An empty value counts as absent: compose files pass unset variables that way.
    fn get(&self, name: &str) -> Option<String>;
}

/// The environment of this process.
#[derive(Debug, Clone, Copy, Default)]
pub struct ProcessEnv;

impl Strings for ProcessEnv {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }
}

impl Strings for BTreeMap<String, String> {
    fn get(&self, name: &str) -> Option<String> {
        BTreeMap::get(self, name).filter(|value| !value.is_empty()).cloned()
    }
}

/// One wrong setting: its name and what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    name: String,
    message: String,
}

/// Every wrong setting of one start, in the order in which they were read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Mistake { name, message }) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(formatter)?;
            }
            write!(formatter, "{name}: {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

/// Reads settings and remembers what was wrong with them.
#[derive(Debug)]
pub struct Reader<'a, S: Strings> {
    strings: &'a S,
    mistakes: Vec<Mistake>,
}

impl<'a, S: Strings> Reader<'a, S> {
    /// A reader of `strings` that has found no mistake yet.
    pub const fn new(strings: &'a S) -> Self {
        Self { strings, mistakes: Vec::new() }
    }

    /// The setting `name`, or `None` when it is absent *or* wrong (the mistake is remembered).
    /// `expected` ends the sentence "expected …" and should hold an example.
    pub fn optional<T: FromStr>(&mut self, name: &str, expected: &str) -> Option<T> {
        let raw = self.strings.get(name)?;
        let parsed = raw.trim().parse().ok();
        if parsed.is_none() {
            self.mistake(name, format!("expected {expected}, got \"{}\"", raw.escape_debug()));
        }
        parsed
    }

    /// The setting `name`, or `default` when it is absent.
    pub fn or<T: FromStr>(&mut self, name: &str, default: T, expected: &str) -> T {
        self.optional(name, expected).unwrap_or(default)
    }

    /// The setting `name`, or `default` when it is absent; a mistake is told in the words of the type's own error.
    pub fn explained<T: FromStr<Err: fmt::Display>>(&mut self, name: &str, default: T) -> T {
        self.optional_explained(name).unwrap_or(default)
    }

    /// The setting `name`, or `None` when it is absent *or* wrong; a mistake is told in the words of the type's own error.
    pub fn optional_explained<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        let raw = self.strings.get(name)?;
        self.keep(name, raw.trim().parse())
    }

    /// A secret: from `name`, or from the file that `{name}_FILE` names (trailing line end removed).
    /// Its value never appears in a mistake.
    pub fn secret(&mut self, name: &str) -> Option<String> {
        let file_setting = format!("{name}_FILE");
        match (self.strings.get(name), self.strings.get(&file_setting)) {
            (Some(_), Some(_)) => {
                self.mistake(name, format!("set {name} or {file_setting}, not both"));
                None
            }
            (value, None) => value,
            (None, Some(path)) => match std::fs::read_to_string(&path) {
                Ok(text) => Some(text.trim_end_matches(['\r', '\n']).to_owned()),
                Err(error) => {
                    self.mistake(&file_setting, format!("cannot read {path}: {error}"));
                    None
                }
            },
        }
    }

    /// Remembers a mistake that only the caller can see (two settings that do not fit together, a bad file).
    pub fn mistake(&mut self, name: &str, message: impl Into<String>) {
        self.mistakes.push(Mistake { name: name.to_owned(), message: message.into() });
    }

    /// Keeps the value of `result`, or remembers its error as a mistake in `name`.
    pub fn keep<T, E: fmt::Display>(&mut self, name: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.mistake(name, error.to_string())).ok()
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// All mistakes, when there was at least one.
    pub fn finish(self) -> Result<(), Mistakes> {
        if self.mistakes.is_empty() { Ok(()) } else { Err(Mistakes(self.mistakes)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    fn env<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn every_mistake_is_reported_with_the_name_of_its_setting() {
        let env = env([("PORT", "eighty"), ("LIFETIME", "-1"), ("NAME", "ok")]);
        let mut reader = Reader::new(&env);
        assert_eq!(reader.or::<u16>("PORT", 80, "a port number"), 80);
        assert_eq!(reader.or::<u64>("LIFETIME", 900, "seconds"), 900);
        assert_eq!(reader.optional::<String>("NAME", "a name").as_deref(), Some("ok"));
        let mistakes = reader.finish().unwrap_err().to_string();
        assert_eq!(
            mistakes,
            "PORT: expected a port number, got \"eighty\"\nLIFETIME: expected seconds, got \"-1\""
        );
    }

    #[test]
    fn an_empty_value_is_an_absent_one() {
        let env = env([("PORT", "")]);
        let mut reader = Reader::new(&env);
        assert_eq!(reader.or::<u16>("PORT", 80, "a port number"), 80);
        reader.finish().unwrap();
    }

    #[test]
    fn a_secret_can_come_from_a_file_but_not_from_both_places() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "canary").unwrap();
        let path = file.path().to_str().unwrap();
        let from_file = env([("KEY_FILE", path)]);
        assert_eq!(Reader::new(&from_file).secret("KEY").as_deref(), Some("canary"));

        let both = env([("KEY_FILE", path), ("KEY", "canary")]);
        let mut reader = Reader::new(&both);
        assert_eq!(reader.secret("KEY"), None);
        let mistakes = reader.finish().unwrap_err().to_string();
        assert!(mistakes.contains("KEY_FILE") && !mistakes.contains("canary"));
    }
}
