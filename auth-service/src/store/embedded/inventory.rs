//! Lists and counts.

use std::ops::Bound;

use async_trait::async_trait;
use gateway_core::time::UnixTime;
use redb::{ReadTransaction, ReadableTableMetadata as _};

use super::super::records::{Family, Recorded};
use super::super::{Counts, Grant, InventoryStore, Part, StoreError};
use super::table::{self, Kind, Stored};
use super::{EmbeddedStore, unavailable};
use crate::domain::client::{Client, ClientId};
use crate::domain::grant::FamilyId;

/// A record and its key.
type Seen<T> = (Vec<u8>, Stored<T>);

#[async_trait]
impl InventoryStore for EmbeddedStore {
    async fn clients(
        &self,
        after: Option<&ClientId>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Part<Client, ClientId>, StoreError> {
        let after = after.map(|id| id.as_str().as_bytes().to_vec());
        self.read(move |transaction| {
            let seen = look::<Client>(transaction, Kind::Client, after.as_deref(), limit)?;
            let next = seen.last().filter(|_| seen.len() == limit).map(|(_, last)| last.value.id.clone());
            let items = seen.into_iter().filter_map(|(_, stored)| stored.live(now)).collect();
            Ok(Part { items, next })
        })
        .await
    }

    async fn grants(
        &self,
        after: Option<FamilyId>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Part<Grant, FamilyId>, StoreError> {
        self.read(move |transaction| {
            let after = after.as_ref().map(|family| &family.as_bytes()[..]);
            let seen = look::<Family>(transaction, Kind::Family, after, limit)?;
            let is_full = seen.len() == limit;
            let mut part = Part { items: vec![], next: None };
            for (key, stored) in seen {
                let family = family_of(key)?;
                part.next = is_full.then_some(family);
                part.items.extend(grant(family, stored, now));
            }
            Ok(part)
        })
        .await
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        self.read(|transaction| {
            let count = |kind: Kind| {
                transaction.open_table(kind.table()).map_err(unavailable)?.len().map_err(unavailable)
            };
            Ok(Counts {
                clients: count(Kind::Client)?,
                families: count(Kind::Family)?,
                codes: count(Kind::Code)?,
                sessions: count(Kind::Session)?,
                revocations: count(Kind::Revocation)?,
            })
        })
        .await
    }
}

/// The family that a key names.
pub(super) fn family_of(key: Vec<u8>) -> Result<FamilyId, StoreError> {
    let bytes = key.try_into().map_err(|_| table::corrupt("a key is no family"))?;
    Ok(FamilyId::from_bytes(bytes))
}

/// A family as people see it, if it lives.
pub(super) fn grant(family: FamilyId, stored: Stored<Family>, now: UnixTime) -> Option<Grant> {
    let expires_at = stored.expires_at;
    let Family { access, opened_at: issued_at, issued, .. } = stored.live(now)?;
    let used_at = issued.tokens.last().map(|token| token.issued_at);
    Some(Grant { family, access, issued_at, used_at, expires_at })
}

/// The first `limit` records after the key `after`, each with its key.
fn look<T: Recorded>(
    transaction: &ReadTransaction,
    kind: Kind,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<Seen<T>>, StoreError> {
    let begin = after.map_or(Bound::Unbounded, Bound::Excluded);
    let table = transaction.open_table(kind.table()).map_err(unavailable)?;
    let entries = table.range::<&[u8]>((begin, Bound::Unbounded)).map_err(unavailable)?;
    entries
        .take(limit)
        .map(|entry| {
            let (key, value) = entry.map_err(unavailable)?;
            Ok((key.value().to_vec(), table::restore(value.value())?))
        })
        .collect()
}
