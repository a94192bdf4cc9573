//! What the store promises about revocations.

use std::fmt;

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::StoreError;
use super::live::Live;
use crate::domain::revocation::Revocation;
use crate::domain::user::Subject;

/// Revocations, in the order in which they were made.
#[async_trait]
pub trait RevocationStore: Send + Sync {
    /// Appends revocations; each gets the next sequence number. What is revoked already is not appended again.
    async fn revoke(&self, revocations: &[Revocation], now: UnixTime) -> Result<(), StoreError>;

    /// Appends a revocation and, in the same step, ends everything that could lead to another token of what it names: of
    /// a user the families, codes, signed-in browsers and what a provider said about them, of a client the families and codes. Tokens that were issued
    /// while the revocation was on its way are named one by one.
    async fn cut_off(&self, revocation: &Revocation, now: UnixTime) -> Result<(), StoreError>;

    /// What came after a cursor, at most [`Batch::MAX`] entries. Without a cursor, or with one that is not of this store,
    /// everything from the beginning.
    async fn revocations(&self, after: Option<Cursor>, now: UnixTime) -> Result<Batch, StoreError>;

    /// The users who have anything that could lead to a token: a family, a code or a signed-in browser.
    async fn users(&self) -> Result<Vec<Subject>, StoreError>;

    /// The same revocations in memory, for questions that cannot wait for the store.
    fn live(&self) -> &Live;
}

/// A place in the sequence of one store: `{epoch}-{sequence}`. Opaque to everyone else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    /// Which store: random, drawn when the store was made.
    pub epoch: u64,
    /// After which revocation.
    pub sequence: u64,
}

/// A part of the sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Where to go on.
    pub cursor: Cursor,
    /// Whether it begins at the beginning. What it holds is to be added, not to replace anything: a revocation never
    /// becomes untrue.
    pub is_snapshot: bool,
    /// Whether there was more than fits: ask again at once.
    pub has_more: bool,
    /// The revocations that have not expired.
    pub entries: Vec<Revocation>,
}

impl Batch {
    /// Most entries in one batch: about half a megabyte of JSON.
    pub const MAX: usize = 5000;
}

impl Cursor {
    /// Reads what `Display` wrote; `None` for what cannot be a cursor.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, sequence) = text.split_once('-')?;
        let cursor = Self { epoch: u64::from_str_radix(epoch, 16).ok()?, sequence: sequence.parse().ok()? };
        (cursor.to_string() == text).then_some(cursor)
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}-{}", self.epoch, self.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_has_one_spelling() {
        let cursor = Cursor { epoch: 0xAB, sequence: 12 };
        assert_eq!(cursor.to_string(), "00000000000000ab-12");
        assert_eq!(Cursor::parse("00000000000000ab-12"), Some(cursor));
        for other in
            ["", "-", "ab-12", "00000000000000AB-12", "00000000000000ab-012", "00000000000000ab-+1", "x-1"]
        {
            assert_eq!(Cursor::parse(other), None, "{other}");
        }
    }
}
