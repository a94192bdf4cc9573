//! An index over the records: which of them are about a token, a user or a client. Kept by [`super::table`].

use redb::{ReadTransaction, ReadableTable, TableDefinition, TableHandle as _};

use super::super::{StoreError, about};
use super::table::{Change, Kind, corrupt, json_of};
use super::unavailable;

type Key = (&'static str, u8, &'static [u8]);

/// Whom, which kind of record, its key. A change of what is listed, or how, takes another name.
const INDEX: TableDefinition<'static, Key, ()> = TableDefinition::new("index.2");

/// What earlier versions listed is not enough: they knew no records of a user with one client.
const EARLIER: TableDefinition<'static, Key, ()> = TableDefinition::new("index");

/// Makes sure that the index is there. A file that an earlier version wrote has none like it: it is made from its records (J-10).
pub(super) fn create(change: &Change) -> Result<(), StoreError> {
    change.inner.delete_table(EARLIER).map_err(unavailable)?;
    let mut tables = change.inner.list_tables().map_err(unavailable)?;
    let is_there = tables.any(|table| table.name() == INDEX.name());
    drop(tables);
    change.inner.open_table(INDEX).map_err(unavailable)?;
    if is_there {
        return Ok(());
    }
    for kind in Kind::ALL.into_iter().filter(|kind| kind.is_indexed()) {
        let table = change.inner.open_table(kind.table()).map_err(unavailable)?;
        for entry in table.iter().map_err(unavailable)? {
            let (key, value) = entry.map_err(unavailable)?;
            add(change, kind, key.value(), json_of(value.value())?)?;
        }
    }
    Ok(())
}

/// Drops the index.
pub(super) fn drop_all(change: &Change) -> Result<(), StoreError> {
    change.inner.delete_table(INDEX).map(drop).map_err(unavailable)
}

/// Adds a record that is written as `json`.
pub(super) fn add(change: &Change, kind: Kind, key: &[u8], json: &[u8]) -> Result<(), StoreError> {
    if !kind.is_indexed() {
        return Ok(());
    }
    let mut index = change.inner.open_table(INDEX).map_err(unavailable)?;
    for name in about::keys_of(json).map_err(corrupt)? {
        index.insert((name.as_str(), kind.number(), key), ()).map_err(unavailable)?;
    }
    Ok(())
}

/// Removes a record that was written as `json`.
pub(super) fn remove(change: &Change, kind: Kind, key: &[u8], json: &[u8]) -> Result<(), StoreError> {
    if !kind.is_indexed() {
        return Ok(());
    }
    let mut index = change.inner.open_table(INDEX).map_err(unavailable)?;
    for name in about::keys_of(json).map_err(corrupt)? {
        index.remove((name.as_str(), kind.number(), key)).map_err(unavailable)?;
    }
    Ok(())
}

/// The keys of the records of one kind that are about `name`.
pub(super) fn find(change: &Change, name: &str, kind: Kind) -> Result<Vec<Vec<u8>>, StoreError> {
    keys(&change.inner.open_table(INDEX).map_err(unavailable)?, name, kind)
}

/// The same, for who only looks.
pub(super) fn look(
    transaction: &ReadTransaction,
    name: &str,
    kind: Kind,
) -> Result<Vec<Vec<u8>>, StoreError> {
    keys(&transaction.open_table(INDEX).map_err(unavailable)?, name, kind)
}

fn keys(index: &impl ReadableTable<Key, ()>, name: &str, kind: Kind) -> Result<Vec<Vec<u8>>, StoreError> {
    let (from, to) = ((name, kind.number(), &[][..]), (name, kind.number().saturating_add(1), &[][..]));
    let found = index.range(from..to).map_err(unavailable)?;
    found.map(|entry| Ok(entry.map_err(unavailable)?.0.value().2.to_vec())).collect()
}

/// Every name under which there is a record of one of `kinds`, each once.
pub(super) fn names(transaction: &ReadTransaction, kinds: &[Kind]) -> Result<Vec<String>, StoreError> {
    let index = transaction.open_table(INDEX).map_err(unavailable)?;
    let mut names: Vec<String> = vec![];
    for entry in index.iter().map_err(unavailable)? {
        let (key, _) = entry.map_err(unavailable)?;
        let (name, number, _) = key.value();
        if kinds.iter().any(|kind| kind.number() == number) && names.last().is_none_or(|last| last != name) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}
