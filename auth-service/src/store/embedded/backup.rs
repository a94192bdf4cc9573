//! Starting over from a backup.

use async_trait::async_trait;

use super::super::StoreError;
use super::super::backup::{BackupStore, Restoration, Restored};
use super::table::{self, Change, Kind};
use super::{EmbeddedStore, clients, create, index, revocations, sequence};
use crate::domain::revocation::Revocation;

#[async_trait]
impl BackupStore for EmbeddedStore {
    async fn restore(&self, restoration: &Restoration) -> Result<Restored, StoreError> {
        let restoration = restoration.clone();
        self.write(move |change| restore(change, &restoration)).await
    }
}

fn restore(change: &Change, restoration: &Restoration) -> Result<Restored, StoreError> {
    let Restoration { clients, replaces, epoch, now } = restoration;
    if !replaces && !is_empty(change)? {
        return Ok(Restored::Occupied);
    }
    table::drop_all(change)?;
    index::drop_all(change)?;
    create(change)?;
    sequence::begin(change, *epoch)?;
    clients.iter().try_for_each(|client| clients::write(change, client))?;
    revocations::append_all(change, &[Revocation::of_everyone(*now)], *now)?;
    Ok(Restored::Done)
}

fn is_empty(change: &Change) -> Result<bool, StoreError> {
    for kind in Kind::ALL {
        if !table::is_empty(change, kind)? {
            return Ok(false);
        }
    }
    Ok(true)
}
