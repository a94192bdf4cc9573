//! What serde leaves open when untrusted JSON is read into a struct.

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny};

/// Reads one JSON object and nothing else. (serde would also fill a struct from an array, by position.)
pub(crate) fn object<'a, T: Deserialize<'a>>(document: &'a [u8]) -> Result<T, serde_json::Error> {
    let first = document.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'{') {
        serde_json::from_slice(document)
    } else {
        Err(serde_json::Error::custom("expected a JSON object"))
    }
}

/// Whether a member is there at all, whatever its value: for `#[serde(default, deserialize_with = …)]` on a `bool`.
/// (An `Option` would take `null` for absence.)
pub(crate) fn is_present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}
