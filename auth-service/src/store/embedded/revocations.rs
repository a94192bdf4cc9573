//! Revocations: a sequence of records whose keys are their numbers, and a copy of it in memory.

use async_trait::async_trait;
use gateway_core::time::UnixTime;
use redb::ReadTransaction;

use super::super::records::{Family, Recorded, StoredCode};
use super::super::{Batch, Cursor, Live, RevocationStore, StoreError, about};
use super::table::{self, Change, Kind, Stored};
use super::{EmbeddedStore, index, sequence, unavailable};
use crate::domain::consent::RememberedConsent;
use crate::domain::grant::BrowserSignIn;
use crate::domain::revocation::{Revocation, Target};
use crate::domain::token::Trail;
use crate::domain::upstream::Person;
use crate::domain::user::Subject;

/// What can lead to another token.
const SOURCES: [Kind; 4] = [Kind::Family, Kind::Code, Kind::Session, Kind::Remembered];

#[async_trait]
impl RevocationStore for EmbeddedStore {
    async fn revoke(&self, revocations: &[Revocation], now: UnixTime) -> Result<(), StoreError> {
        let revocations = revocations.to_vec();
        self.write(move |change| append_all(change, &revocations, now)).await
    }

    async fn cut_off(&self, revocation: &Revocation, now: UnixTime) -> Result<(), StoreError> {
        let revocation = revocation.clone();
        self.write(move |change| cut_off(change, &revocation, now)).await
    }

    async fn revocations(&self, after: Option<Cursor>, now: UnixTime) -> Result<Batch, StoreError> {
        self.read(move |transaction| batch(transaction, after, now, Batch::MAX)).await
    }

    async fn users(&self) -> Result<Vec<Subject>, StoreError> {
        self.read(|transaction| {
            let names = index::names(transaction, &SOURCES)?;
            Ok(names.iter().filter_map(|name| about::user_of(name)).collect())
        })
        .await
    }

    fn live(&self) -> &Live {
        &self.live
    }
}

/// Appends what is not revoked yet.
pub(super) fn append_all(
    change: &Change,
    revocations: &[Revocation],
    now: UnixTime,
) -> Result<(), StoreError> {
    revocations.iter().try_for_each(|revocation| append(change, revocation, now))
}

/// Appends one revocation. An older one of the same user or client goes: the new one includes it.
fn append(change: &Change, revocation: &Revocation, now: UnixTime) -> Result<(), StoreError> {
    let name = about::key_of_target(&revocation.target);
    for key in index::find(change, &name, Kind::Revocation)? {
        let Some(stored) = table::read_to_change::<Target>(change, Kind::Revocation, &key)? else { continue };
        let expires_at = stored.expires_at;
        let known = stored.live(now).map(|target| Revocation { target, expires_at });
        if known.as_ref().is_some_and(|known| known.includes(revocation)) {
            return Ok(());
        }
        if known.is_none_or(|known| revocation.includes(&known)) {
            table::remove(change, Kind::Revocation, &key)?;
        }
    }
    let number = sequence::next(change)?;
    let stored = Stored { value: &revocation.target, expires_at: revocation.expires_at };
    table::write(change, Kind::Revocation, &number.to_be_bytes(), &stored)?;
    change.announce(revocation.clone());
    Ok(())
}

/// Appends one revocation, and ends everything that could lead to another token of what it names.
pub(super) fn cut_off(change: &Change, revocation: &Revocation, now: UnixTime) -> Result<(), StoreError> {
    append(change, revocation, now)?;
    let issued_before = match revocation.target {
        Target::Token(_) | Target::Everyone { .. } => return Ok(()),
        Target::User { issued_before, .. } | Target::Client { issued_before, .. } => issued_before,
    };
    let name = about::key_of_target(&revocation.target);
    let overtaken = |trail: &Trail| append_all(change, &trail.overtaken(issued_before), now);
    end_each::<Family>(change, Kind::Family, &name, |family| overtaken(&family.issued))?;
    end_each::<StoredCode>(change, Kind::Code, &name, |code| overtaken(&code.issued))?;
    end_each::<BrowserSignIn>(change, Kind::Session, &name, |_| Ok(()))?;
    end_each::<RememberedConsent>(change, Kind::Remembered, &name, |_| Ok(()))?;
    end_each::<Person>(change, Kind::Person, &name, |_| Ok(()))
}

/// Removes all records of one kind that are about `name`.
fn end_each<T: Recorded>(
    change: &Change,
    kind: Kind,
    name: &str,
    before: impl Fn(&T) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    for key in index::find(change, name, kind)? {
        if let Some(stored) = table::read_to_change::<T>(change, kind, &key)? {
            before(&stored.value)?;
        }
        table::remove(change, kind, &key)?;
    }
    Ok(())
}

/// All that the file holds, for the copy in memory.
pub(super) fn everything(transaction: &ReadTransaction) -> Result<Vec<Revocation>, StoreError> {
    Ok(batch(transaction, None, UnixTime::default(), usize::MAX)?.entries)
}

fn batch(
    transaction: &ReadTransaction,
    after: Option<Cursor>,
    now: UnixTime,
    limit: usize,
) -> Result<Batch, StoreError> {
    let end = sequence::end(transaction)?;
    let after = after.filter(|it| it.epoch == end.epoch && it.sequence <= end.sequence);
    let first = after.map_or(0, |cursor| cursor.sequence.saturating_add(1)).to_be_bytes();
    let mut batch = Batch { cursor: end, is_snapshot: after.is_none(), has_more: false, entries: vec![] };
    let mut last = end.sequence;
    let table = transaction.open_table(Kind::Revocation.table()).map_err(unavailable)?;
    for entry in table.range(&first[..]..).map_err(unavailable)? {
        let (key, value) = entry.map_err(unavailable)?;
        let stored = table::restore::<Target>(value.value())?;
        let expires_at = stored.expires_at;
        let Some(target) = stored.live(now) else { continue };
        if batch.entries.len() >= limit {
            batch.has_more = true;
            batch.cursor.sequence = last;
            break;
        }
        batch.entries.push(Revocation { target, expires_at });
        last = table::number_of(key.value())?;
    }
    Ok(batch)
}
