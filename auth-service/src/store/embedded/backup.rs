//! Starting over from a backup.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::StoreError;
use super::super::backup::{BackupStore, Restoration, Restored};
use super::super::records::{Family, Spent, StoredCode};
use super::table::{self, Change, Kind, Stored};
use super::{EmbeddedStore, clients, create, index, revocations, sequence};
use crate::domain::revocation::{Revocation, Target};

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
    let standing = standing(change, *now)?;
    let mut assertions = vec![];
    table::each::<Spent>(change, Kind::Assertion, |key, stored| {
        assertions.push((key.to_vec(), stored.expires_at));
    })?;
    table::drop_all(change)?;
    index::drop_all(change)?;
    create(change)?;
    sequence::begin(change, *epoch)?;
    clients.iter().try_for_each(|client| clients::write(change, client))?;
    revocations::append_all(change, &[Revocation::of_everyone(*now)], *now)?;
    revocations::append_all(change, &standing, *now)?;
    // An assertion that was shown is not shown again (C-07).
    assertions
        .iter()
        .try_for_each(|(key, expires_at)| {
            let stored = Stored { value: &Spent, expires_at: *expires_at };
            table::write(change, Kind::Assertion, key, &stored)
        })
        .map(|()| Restored::Done)
}

/// What the revocation of everyone does not kill: the tokens that were revoked by name, and those that were issued after `now`, by a
/// clock that was ahead.
fn standing(change: &Change, now: UnixTime) -> Result<Vec<Revocation>, StoreError> {
    let mut standing = vec![];
    table::each::<Target>(change, Kind::Revocation, |_, stored| {
        let expires_at = stored.expires_at;
        let revocation = stored.live(now).map(|target| Revocation { target, expires_at });
        standing.extend(revocation.filter(|it| it.target.reaches_beyond(now)));
    })?;
    table::each::<Family>(change, Kind::Family, |_, stored| {
        standing.extend(stored.value.issued.overtaken(now));
    })?;
    table::each::<StoredCode>(change, Kind::Code, |_, stored| {
        standing.extend(stored.value.issued.overtaken(now));
    })?;
    Ok(standing)
}

fn is_empty(change: &Change) -> Result<bool, StoreError> {
    for kind in Kind::ALL {
        if !table::is_empty(change, kind)? {
            return Ok(false);
        }
    }
    Ok(true)
}
