//! What scripts answer, as values.

use std::vec::IntoIter;

use gateway_core::time::UnixTime;

use super::super::records::Recorded;
use super::super::{Cursor, StoreError, StoreErrorKind};
use crate::domain::revocation::{Revocation, Target};

/// The answer of a verb.
pub(super) struct Answer {
    /// What became of it.
    pub(super) word: String,
    /// What goes with it.
    pub(super) payload: String,
    /// What it has revoked.
    pub(super) revoked: Vec<Numbered>,
}

/// A revocation and its number.
#[derive(Debug, Clone)]
pub(super) struct Numbered {
    pub(super) number: u64,
    pub(super) revocation: Revocation,
}

/// A part of the sequence of revocations.
pub(super) struct Page {
    /// Where to go on.
    pub(super) cursor: Cursor,
    /// Whether it begins at the beginning.
    pub(super) is_snapshot: bool,
    /// Whether there is more.
    pub(super) has_more: bool,
    pub(super) entries: Vec<Numbered>,
}

impl Answer {
    /// Reads `word, payload` and what was revoked.
    pub(super) fn read(reply: Vec<String>) -> Result<Self, StoreError> {
        let mut parts = reply.into_iter();
        let (word, payload) = (next(&mut parts)?, next(&mut parts)?);
        Ok(Self { word, payload, revoked: entries(parts)? })
    }
}

impl Page {
    /// Reads `epoch, number, is_snapshot, has_more` and the entries.
    pub(super) fn read(reply: Vec<String>) -> Result<Self, StoreError> {
        let mut parts = reply.into_iter();
        let epoch = u64::from_str_radix(&next(&mut parts)?, 16).map_err(corrupt)?;
        let cursor = Cursor { epoch, sequence: number(&next(&mut parts)?)? };
        let (is_snapshot, has_more) = (next(&mut parts)? == "1", next(&mut parts)? == "1");
        Ok(Self { cursor, is_snapshot, has_more, entries: entries(parts)? })
    }
}

fn entries(mut parts: IntoIter<String>) -> Result<Vec<Numbered>, StoreError> {
    let mut entries = vec![];
    while let Some(first) = parts.next() {
        let target = restore::<Target>(&next(&mut parts)?)?;
        let revocation = Revocation { target, expires_at: time(&next(&mut parts)?)? };
        entries.push(Numbered { number: number(&first)?, revocation });
    }
    Ok(entries)
}

fn next(parts: &mut IntoIter<String>) -> Result<String, StoreError> {
    parts.next().ok_or_else(|| corrupt("a script's answer is too short"))
}

/// Reads a domain value that [`json`] wrote.
pub(super) fn restore<T: Recorded>(json: &str) -> Result<T, StoreError> {
    let record: T::Record = serde_json::from_str(json).map_err(corrupt)?;
    T::restore(record).map_err(corrupt)
}

/// A domain value as text.
pub(super) fn json<T: Recorded>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(&value.record()).map_err(corrupt)
}

/// Reads a point in time.
pub(super) fn time(text: &str) -> Result<UnixTime, StoreError> {
    number(text).map(UnixTime::from_secs)
}

/// A point in time as text.
pub(super) fn seconds(time: UnixTime) -> String {
    time.as_secs().to_string()
}

fn number(text: &str) -> Result<u64, StoreError> {
    text.parse().map_err(corrupt)
}

pub(super) fn corrupt(cause: impl std::fmt::Display) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, cause)
}
