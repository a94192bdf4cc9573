//! Ids of requests, as opaque JSON.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::ParseError;

/// The id of a request, or a progress token: a JSON string or integer, kept as it was written.
///
/// Two ids are equal when they are the same JSON value: `"a"` and `"\u0061"` are, `1` and `"1"` are not.
/// Integers of any size are compared by their digits and never pass through a floating-point number.
#[derive(Debug, Clone)]
pub struct Id {
    raw: Arc<str>,
    /// The same string without needless escapes, where `raw` has escapes.
    canonical: Option<Arc<str>>,
}

impl Id {
    /// Reads an id from its JSON text.
    ///
    /// # Errors
    /// [`ParseError::Id`] for everything that is not a string or an integer (`null`, fractions, exponents).
    pub fn parse(raw: &str) -> Result<Self, ParseError> {
        if is_integer(raw) {
            return Ok(Self { raw: raw.into(), canonical: None });
        }
        let text: String = serde_json::from_str(raw).map_err(|_| ParseError::Id)?;
        let canonical = if raw.contains('\\') {
            Some(serde_json::to_string(&text).map_err(|_| ParseError::Id)?.into())
        } else {
            None
        };
        Ok(Self { raw: raw.into(), canonical })
    }

    /// An integer.
    #[must_use]
    pub fn number(number: u64) -> Self {
        Self { raw: number.to_string().into(), canonical: None }
    }

    /// The id's JSON text, as it was written.
    #[must_use]
    pub fn as_raw(&self) -> &str {
        &self.raw
    }

    fn value(&self) -> &str {
        self.canonical.as_deref().unwrap_or(&self.raw)
    }
}

impl PartialEq for Id {
    fn eq(&self, other: &Self) -> bool {
        self.value() == other.value()
    }
}

impl Eq for Id {}

impl Hash for Id {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.value().hash(state);
    }
}

fn is_integer(raw: &str) -> bool {
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    let canonical = digits == "0" || !digits.starts_with('0');
    canonical && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equality_is_that_of_the_json_value() {
        let id = |raw: &str| Id::parse(raw).unwrap();
        assert_eq!(id(r#""a/\u00e9""#), id("\"a\\/é\""));
        assert_ne!(id("1"), id(r#""1""#));
        assert_ne!(id("9007199254740992"), id("9007199254740993"));
        assert_ne!(id("1"), id("-1"));
    }

    #[test]
    fn what_is_neither_string_nor_integer_is_refused() {
        for raw in ["null", "1.0", "1.5", "1e3", "01", "-", "", "true", "{}", "[1]", "\"a", "1 ", "\"a\"b"] {
            assert_eq!(Id::parse(raw), Err(ParseError::Id), "{raw}");
        }
    }
}
