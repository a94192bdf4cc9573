//! The numbers of one file: its epoch, drawn when it was made, and the number of its last revocation.

use redb::{ReadTransaction, ReadableTable as _, TableDefinition};

use super::super::{Cursor, StoreError};
use super::table::Change;
use super::unavailable;

const NUMBERS: TableDefinition<'static, &'static str, u64> = TableDefinition::new("numbers");
const EPOCH: &str = "epoch";
const SEQUENCE: &str = "sequence";

/// Makes sure that the file has an epoch: `epoch`, unless it has one.
pub(super) fn create(change: &Change, epoch: u64) -> Result<(), StoreError> {
    let mut numbers = change.inner.open_table(NUMBERS).map_err(unavailable)?;
    if numbers.get(EPOCH).map_err(unavailable)?.is_none() {
        numbers.insert(EPOCH, epoch).map_err(unavailable)?;
    }
    Ok(())
}

/// Gives the file another epoch. Its numbers go on: none ever names two revocations.
pub(super) fn begin(change: &Change, epoch: u64) -> Result<(), StoreError> {
    let mut numbers = change.inner.open_table(NUMBERS).map_err(unavailable)?;
    numbers.insert(EPOCH, epoch).map(drop).map_err(unavailable)
}

/// The next number.
pub(super) fn next(change: &Change) -> Result<u64, StoreError> {
    let mut numbers = change.inner.open_table(NUMBERS).map_err(unavailable)?;
    let last = numbers.get(SEQUENCE).map_err(unavailable)?.map_or(0, |number| number.value());
    let next = last.saturating_add(1);
    numbers.insert(SEQUENCE, next).map_err(unavailable)?;
    Ok(next)
}

/// The place after the last revocation.
pub(super) fn end(transaction: &ReadTransaction) -> Result<Cursor, StoreError> {
    let numbers = transaction.open_table(NUMBERS).map_err(unavailable)?;
    let number = |name| Ok(numbers.get(name).map_err(unavailable)?.map_or(0, |number| number.value()));
    Ok(Cursor { epoch: number(EPOCH)?, sequence: number(SEQUENCE)? })
}
