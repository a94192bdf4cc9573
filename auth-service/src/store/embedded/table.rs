//! Typed records with an expiry, on top of redb's tables of bytes.
//!
//! A value is its expiry (8 bytes, big endian) and the record as JSON. One more table lists `expiry, kind, key`, so that
//! a purge reads only what it removes; [`super::index`] lists whom a record is about.

use std::cell::{Cell, RefCell};

use gateway_core::time::UnixTime;
use redb::{
    Database, ReadTransaction, ReadableTable, ReadableTableMetadata as _, TableDefinition, WriteTransaction,
};

use super::super::records::Recorded;
use super::super::{StoreError, StoreErrorKind};
use super::{index, unavailable};
use crate::domain::revocation::Revocation;

type Bytes = TableDefinition<'static, &'static [u8], &'static [u8]>;

const EXPIRY: TableDefinition<'static, (u64, u8, &'static [u8]), ()> = TableDefinition::new("expiry");

/// The tables. Their numbers are in the file: never reuse one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Client = 1,
    Session = 2,
    Pending = 3,
    Code = 4,
    Family = 5,
    Revocation = 6,
    Departure = 7,
    Person = 8,
    Device = 9,
    UserCode = 10,
    Assertion = 11,
    Remembered = 12,
}

impl Kind {
    pub(super) const ALL: [Self; 12] = [
        Self::Client,
        Self::Session,
        Self::Pending,
        Self::Code,
        Self::Family,
        Self::Revocation,
        Self::Departure,
        Self::Person,
        Self::Device,
        Self::UserCode,
        Self::Assertion,
        Self::Remembered,
    ];

    /// Whether the index lists whom its records are about. Of one record that never changes.
    pub(super) const fn is_indexed(self) -> bool {
        match self {
            Self::Session
            | Self::Code
            | Self::Family
            | Self::Revocation
            | Self::Person
            | Self::Remembered => true,
            Self::Client
            | Self::Pending
            | Self::Departure
            | Self::Device
            | Self::UserCode
            | Self::Assertion => false,
        }
    }

    pub(super) const fn table(self) -> Bytes {
        TableDefinition::new(match self {
            Self::Client => "client",
            Self::Session => "session",
            Self::Pending => "pending",
            Self::Code => "code",
            Self::Family => "family",
            Self::Revocation => "revocation",
            Self::Departure => "departure",
            Self::Person => "person",
            Self::Device => "device",
            Self::UserCode => "user_code",
            Self::Assertion => "assertion",
            Self::Remembered => "remembered",
        })
    }

    pub(super) const fn number(self) -> u8 {
        self as u8
    }
}

/// A write transaction that knows whether it has anything to commit: a commit waits for the disk, and a verb that
/// refused should cost nobody that.
pub(super) struct Change {
    pub(super) inner: WriteTransaction,
    is_dirty: Cell<bool>,
    revoked: RefCell<Vec<Revocation>>,
}

impl Change {
    pub(super) fn begin(database: &Database) -> Result<Self, StoreError> {
        let inner = database.begin_write().map_err(unavailable)?;
        Ok(Self { inner, is_dirty: Cell::new(false), revoked: RefCell::default() })
    }

    /// Remembers a revocation that is to be made known once it is durable.
    pub(super) fn announce(&self, revocation: Revocation) {
        self.revoked.borrow_mut().push(revocation);
    }

    /// Makes what was changed durable; gives what was revoked.
    pub(super) fn finish(self) -> Result<Vec<Revocation>, StoreError> {
        if self.is_dirty.get() {
            self.inner.commit().map_err(unavailable)?;
        } else {
            self.inner.abort().map_err(unavailable)?;
        }
        Ok(self.revoked.into_inner())
    }
}

/// A record and when it expires.
pub(super) struct Stored<T> {
    pub(super) value: T,
    pub(super) expires_at: UnixTime,
}

impl<T> Stored<T> {
    /// The value, unless it has expired.
    pub(super) fn live(self, now: UnixTime) -> Option<T> {
        (now < self.expires_at).then_some(self.value)
    }
}

/// Makes sure that a table is there, so that readers find it.
pub(super) fn create(change: &Change, kind: Kind) -> Result<(), StoreError> {
    change.is_dirty.set(true);
    change.inner.open_table(kind.table()).map_err(unavailable)?;
    change.inner.open_table(EXPIRY).map_err(unavailable)?;
    Ok(())
}

/// Whether there is no record of this kind.
pub(super) fn is_empty(change: &Change, kind: Kind) -> Result<bool, StoreError> {
    change.inner.open_table(kind.table()).map_err(unavailable)?.is_empty().map_err(unavailable)
}

/// Shows `see` every record of one kind, with its key. One that cannot be read is left out.
pub(super) fn each<T: Recorded>(
    change: &Change,
    kind: Kind,
    mut see: impl FnMut(&[u8], Stored<T>),
) -> Result<(), StoreError> {
    let table = change.inner.open_table(kind.table()).map_err(unavailable)?;
    for entry in table.iter().map_err(unavailable)? {
        let (key, value) = entry.map_err(unavailable)?;
        if let Ok(stored) = restore(value.value()) {
            see(key.value(), stored);
        }
    }
    Ok(())
}

/// Drops all records, with their tables.
pub(super) fn drop_all(change: &Change) -> Result<(), StoreError> {
    change.is_dirty.set(true);
    for kind in Kind::ALL {
        change.inner.delete_table(kind.table()).map_err(unavailable)?;
    }
    change.inner.delete_table(EXPIRY).map(drop).map_err(unavailable)
}

/// Reads a record in a read transaction.
pub(super) fn read<T: Recorded>(
    transaction: &ReadTransaction,
    kind: Kind,
    key: &[u8],
) -> Result<Option<Stored<T>>, StoreError> {
    let table = transaction.open_table(kind.table()).map_err(unavailable)?;
    load(&table, key)
}

/// Reads a record in a write transaction, where nobody else can change it before the commit.
pub(super) fn read_to_change<T: Recorded>(
    change: &Change,
    kind: Kind,
    key: &[u8],
) -> Result<Option<Stored<T>>, StoreError> {
    let table = change.inner.open_table(kind.table()).map_err(unavailable)?;
    load(&table, key)
}

fn load<T: Recorded>(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Stored<T>>, StoreError> {
    let Some(bytes) = table.get(key).map_err(unavailable)? else { return Ok(None) };
    restore(bytes.value()).map(Some)
}

/// Reads the value of a record.
pub(super) fn restore<T: Recorded>(bytes: &[u8]) -> Result<Stored<T>, StoreError> {
    let (expires_at, json) = split(bytes)?;
    let record: T::Record = serde_json::from_slice(json).map_err(corrupt)?;
    Ok(Stored { value: T::restore(record).map_err(corrupt)?, expires_at })
}

/// Writes a record, replacing what was there.
pub(super) fn write<T: Recorded>(
    change: &Change,
    kind: Kind,
    key: &[u8],
    stored: &Stored<&T>,
) -> Result<(), StoreError> {
    change.is_dirty.set(true);
    let mut bytes = stored.expires_at.as_secs().to_be_bytes().to_vec();
    serde_json::to_writer(&mut bytes, &stored.value.record()).map_err(corrupt)?;
    let mut table = change.inner.open_table(kind.table()).map_err(unavailable)?;
    let replaced = table.insert(key, bytes.as_slice()).map_err(unavailable)?;
    let replaced =
        replaced.map(|bytes| split(bytes.value()).map(|(expires_at, _)| expires_at)).transpose()?;
    drop(table);
    if replaced == Some(stored.expires_at) {
        return Ok(());
    }
    let mut expiry = change.inner.open_table(EXPIRY).map_err(unavailable)?;
    if let Some(expires_at) = replaced {
        expiry.remove((expires_at.as_secs(), kind.number(), key)).map_err(unavailable)?;
    } else {
        index::add(change, kind, key, json_of(&bytes)?)?;
    }
    expiry.insert((stored.expires_at.as_secs(), kind.number(), key), ()).map_err(unavailable)?;
    Ok(())
}

/// Removes a record, if it is there.
pub(super) fn remove(change: &Change, kind: Kind, key: &[u8]) -> Result<(), StoreError> {
    let mut table = change.inner.open_table(kind.table()).map_err(unavailable)?;
    let Some(bytes) = table.remove(key).map_err(unavailable)? else { return Ok(()) };
    change.is_dirty.set(true);
    let (expires_at, json) = split(bytes.value())?;
    index::remove(change, kind, key, json)?;
    let mut expiry = change.inner.open_table(EXPIRY).map_err(unavailable)?;
    expiry.remove((expires_at.as_secs(), kind.number(), key)).map_err(unavailable)?;
    Ok(())
}

/// Removes up to `limit` records that have expired; gives how many.
pub(super) fn purge(change: &Change, now: UnixTime, limit: usize) -> Result<usize, StoreError> {
    let mut expiry = change.inner.open_table(EXPIRY).map_err(unavailable)?;
    let end = (now.as_secs().saturating_add(1), 0, &[][..]);
    let expired = expiry
        .extract_from_if(..end, |_, ()| true)
        .map_err(unavailable)?
        .take(limit)
        .map(|entry| {
            let (key, _) = entry.map_err(unavailable)?;
            let (_, number, bytes) = key.value();
            Ok((number, bytes.to_vec()))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    if !expired.is_empty() {
        change.is_dirty.set(true);
    }
    for (number, key) in &expired {
        let Some(kind) = Kind::ALL.into_iter().find(|kind| kind.number() == *number) else { continue };
        let mut table = change.inner.open_table(kind.table()).map_err(unavailable)?;
        if let Some(bytes) = table.remove(key.as_slice()).map_err(unavailable)? {
            index::remove(change, kind, key, json_of(bytes.value())?)?;
        }
    }
    Ok(expired.len())
}

/// The JSON in the value of a record.
pub(super) fn json_of(bytes: &[u8]) -> Result<&[u8], StoreError> {
    split(bytes).map(|(_, json)| json)
}

/// The number that is the key of a record.
pub(super) fn number_of(key: &[u8]) -> Result<u64, StoreError> {
    key.try_into().map(u64::from_be_bytes).map_err(|_| corrupt("a key is no number"))
}

fn split(bytes: &[u8]) -> Result<(UnixTime, &[u8]), StoreError> {
    let (expires_at, json) = bytes.split_first_chunk().ok_or_else(|| corrupt("a record is too short"))?;
    Ok((UnixTime::from_secs(u64::from_be_bytes(*expires_at)), json))
}

pub(super) fn corrupt(cause: impl std::fmt::Display) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, cause)
}
