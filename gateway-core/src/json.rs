//! What serde leaves open when untrusted JSON is read into a struct.

use std::borrow::Cow;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

/// Reads one JSON object and nothing else. (serde would also fill a struct from an array, by position.)
///
/// # Errors
/// What serde says, or that it is no object.
pub fn object<'a, T: Deserialize<'a>>(document: &'a [u8]) -> Result<T, serde_json::Error> {
    let first = document.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'{') {
        return Err(serde_json::Error::custom("expected a JSON object"));
    }
    serde_json::from_slice(document)
}

/// The same for what a stranger may have written, read to its last corner. serde does not look into what it skips: half of a
/// surrogate pair or a thousand levels there would be noticed by other readers only (F-09).
pub(crate) fn object_of_a_stranger<'a, T: Deserialize<'a>>(
    document: &'a [u8],
) -> Result<T, serde_json::Error> {
    const DEEPEST: usize = 100;
    std::str::from_utf8(document).map_err(serde_json::Error::custom)?;
    let opened = document.iter().filter(|byte| matches!(byte, b'[' | b'{')).count();
    if opened > DEEPEST || document.contains(&b'\\') {
        serde_json::from_slice::<Value>(document)?;
    }
    object(document)
}

/// The same for what an operator wrote: a mistake comes with its place, such as `$.issuers[0].jwks`.
pub(crate) fn located<T: DeserializeOwned>(document: &[u8]) -> Result<T, (String, serde_json::Error)> {
    let mut deserializer = serde_json::Deserializer::from_slice(document);
    let read: Result<Object<T>, _> = serde_path_to_error::deserialize(&mut deserializer);
    let Object(value) = read.map_err(|error| {
        let path = error.path().to_string();
        (if path == "." { "$".to_owned() } else { format!("$.{path}") }, error.into_inner())
    })?;
    deserializer.end().map_err(|error| ("$".to_owned(), error))?;
    Ok(value)
}

/// A struct that is read from an object, never from an array.
#[derive(Debug, Default)]
pub(crate) struct Object<T>(pub(crate) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Whole<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Whole<T> {
            type Value = T;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map))
            }
        }

        deserializer.deserialize_map(Whole(PhantomData)).map(Self)
    }
}

/// Whether a member is there at all, whatever its value: for `#[serde(default, deserialize_with = …)]` on a `bool`.
/// (An `Option` would take `null` for absence.)
pub(crate) fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// The members of an object whose names are not known beforehand, each once. (A map would keep the last of several.)
#[derive(Debug)]
pub(crate) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// The value of the member `name`, read as `T`; `None` when it is absent.
    pub(crate) fn get<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<T>, serde_json::Error> {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map(|(_, raw)| serde_json::from_str(raw.get())).transpose()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;

        impl<'de> Visitor<'de> for Each {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    if members.iter().any(|(other, _)| *other == name) {
                        return Err(A::Error::custom("a member is there twice"));
                    }
                    members.push((name, value));
                }
                Ok(members)
            }
        }

        deserializer.deserialize_map(Each).map(Self)
    }
}

/// A member's name, borrowed where it holds no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
