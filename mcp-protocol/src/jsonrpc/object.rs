//! A flat look into one JSON object: chosen members as raw text, everything else skipped.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::ParseError;

/// A member's value, as raw JSON.
pub(crate) type Member<'a> = &'a RawValue;

/// Which keys of an object must be beyond doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rigour {
    /// Those that are looked for: each at most once, and nothing that only looks like one of them.
    Sought,
    /// Every key at most once, and those that are looked for also without escapes.
    Every,
}

/// The members `keys` of the one JSON object that `text` holds; `None` for those that are not there.
pub(crate) fn read_object<'a, const N: usize>(
    text: &'a str,
    keys: [&'static str; N],
    rigour: Rigour,
) -> Result<[Option<Member<'a>>; N], ParseError> {
    match text.bytes().next() {
        Some(b'{') => {}
        Some(b'[') => return Err(ParseError::Batch),
        _ => return Err(not_an_object(text)),
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let members = reader.deserialize_map(Members { keys, rigour }).map_err(|error| syntax(&error))?;
    reader.end().map_err(|error| syntax(&error))?;
    members
}

/// All members of the one JSON object that `text` holds, in their order; each key may be there once.
pub(crate) fn members(text: &str) -> Result<Vec<(Cow<'_, str>, Member<'_>)>, ParseError> {
    if !text.starts_with('{') {
        return Err(not_an_object(text));
    }
    let all: All<'_> = serde_json::from_str(text).map_err(|error| syntax(&error))?;
    let mut keys: Vec<Cow<'_, str>> = all.0.iter().map(|(key, _)| key.clone()).collect();
    if has_repetition(&mut keys) { Err(ParseError::Repeated) } else { Ok(all.0) }
}

struct All<'a>(Vec<(Cow<'a, str>, Member<'a>)>);

impl<'de> Deserialize<'de> for All<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = All<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<Text<'de>, Member<'de>>()? {
                    members.push((key.0, value));
                }
                Ok(All(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

fn not_an_object(text: &str) -> ParseError {
    serde_json::from_str::<IgnoredAny>(text).map_or_else(|error| syntax(&error), |_| ParseError::NotAnObject)
}

fn syntax(error: &serde_json::Error) -> ParseError {
    ParseError::Syntax { line: error.line(), column: error.column() }
}

struct Members<const N: usize> {
    keys: [&'static str; N],
    rigour: Rigour,
}

impl<'de, const N: usize> Visitor<'de> for Members<N> {
    /// The inner result is the verdict on the keys; the outer one is about JSON syntax and comes first.
    type Value = Result<[Option<Member<'de>>; N], ParseError>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = [None; N];
        let mut others = Vec::new();
        let mut verdict = Ok(());
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let known = self.keys.iter().zip(found.iter_mut()).find(|(name, _)| looks_like(&key.0, name));
            let Some((name, place)) = known else {
                map.next_value::<IgnoredAny>()?;
                if self.rigour == Rigour::Every {
                    others.push(key.0);
                }
                continue;
            };
            let value = map.next_value()?;
            if key.0 != *name {
                verdict = verdict.and(Err(ParseError::CaseVariant(name)));
            } else if place.replace(value).is_some() {
                verdict = verdict.and(Err(ParseError::Duplicate(name)));
            } else if self.rigour == Rigour::Every && key.is_disguised() {
                verdict = verdict.and(Err(ParseError::Escaped(name)));
            }
        }
        if has_repetition(&mut others) {
            verdict = verdict.and(Err(ParseError::Repeated));
        }
        Ok(verdict.map(|()| found))
    }
}

/// Whether some reader would take `key` for `name`: case-insensitive ones (Go's also fold the long s and the Kelvin
/// sign, Java's both Turkish i), and those for which a string ends at NUL.
fn looks_like(key: &str, name: &str) -> bool {
    let seen = key.chars().take_while(|letter| *letter != '\0').map(|letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        '\u{130}' | '\u{131}' => 'i',
        _ => letter.to_ascii_lowercase(),
    });
    seen.eq(name.chars().map(|letter| letter.to_ascii_lowercase()))
}

fn has_repetition(keys: &mut [Cow<'_, str>]) -> bool {
    keys.sort_unstable();
    keys.windows(2).any(|pair| matches!(pair, [first, second] if first == second))
}

/// A JSON string that borrows its text where it has no escapes.
pub(super) struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    /// The text of a JSON string; `None` for any other value.
    pub(super) fn read(value: &'a RawValue) -> Option<Cow<'a, str>> {
        serde_json::from_str::<Self>(value.get()).ok().map(|text| text.0)
    }

    /// Whether it was written with escapes (only then it is not borrowed) that nobody needs in a key. Some encoders
    /// escape every slash, so a key that has one gets away with it.
    fn is_disguised(&self) -> bool {
        matches!(&self.0, Cow::Owned(key) if !key.contains('/'))
    }
}

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;
            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Reader)
    }
}
