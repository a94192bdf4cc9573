//! Lists and counts: from one index of all names, in the order of their bytes. Nothing here looks at more than it gives.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::{Counts, Grant, InventoryStore, Part, StoreError};
use super::reply::{corrupt, restore, time};
use super::{Inner, RedisStore, clients, keys};
use crate::domain::client::{Client, ClientId};
use crate::domain::grant::FamilyId;

/// What [`grant`] reads of a family.
pub(super) const FAMILY_FIELDS: [&str; 4] = ["record", "expires_at", "opened_at", "issued"];

#[async_trait]
impl InventoryStore for RedisStore {
    async fn clients(
        &self,
        after: Option<&ClientId>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Part<Client, ClientId>, StoreError> {
        let after = after.map(keys::client);
        let seen = self.inner.look(keys::CLIENT, after, limit, ["record", "expires_at"]).await?;
        let is_full = seen.len() == limit;
        let next = seen.last().filter(|_| is_full).and_then(|(id, _)| ClientId::parse(id));
        let mut items = vec![];
        for (_, [record, expires_at]) in seen.iter().filter(|(_, [record, _])| !record.is_empty()) {
            let expires_at = time(expires_at)?;
            if now < expires_at {
                items.push(clients::with_expiry(restore(record)?, expires_at));
            }
        }
        Ok(Part { items, next })
    }

    async fn grants(
        &self,
        after: Option<FamilyId>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Part<Grant, FamilyId>, StoreError> {
        let seen = self.inner.look(keys::FAMILY, after.map(keys::family), limit, FAMILY_FIELDS).await?;
        let is_full = seen.len() == limit;
        let mut part = Part { items: vec![], next: None };
        for (id, fields) in seen {
            let family = family_of(&id)?;
            part.next = is_full.then_some(family);
            part.items.extend(grant(family, &fields, now)?);
        }
        Ok(part)
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        let prefixes = [keys::CLIENT, keys::FAMILY, keys::CODE, keys::SESSION].map(str::to_owned);
        let counted = self.inner.link.run(&self.inner.scripts.count, keys::NAMES, &prefixes).await?;
        let counted = counted.iter().map(|text| text.parse()).collect::<Result<Vec<u64>, _>>();
        let &[clients, families, codes, sessions, revocations] = counted.map_err(corrupt)?.as_slice() else {
            return Err(corrupt("a script's answer is too short"));
        };
        Ok(Counts { clients, families, codes, sessions, revocations })
    }
}

/// The family that the rest of a key names.
pub(super) fn family_of(id: &str) -> Result<FamilyId, StoreError> {
    FamilyId::parse(id).ok_or_else(|| corrupt("a key is no family"))
}

/// A family as people see it, if it lives.
pub(super) fn grant(
    family: FamilyId,
    [record, expires_at, opened_at, issued]: &[String; 4],
    now: UnixTime,
) -> Result<Option<Grant>, StoreError> {
    if record.is_empty() || now >= time(expires_at)? {
        return Ok(None);
    }
    // `jti,iat,exp` of each token, the last one last.
    let used_at = issued.rsplit(' ').next().and_then(|token| token.split(',').nth(1));
    let issued_at = Some(opened_at.as_str()).filter(|text| !text.is_empty());
    Ok(Some(Grant {
        family,
        access: restore(record)?,
        issued_at: issued_at.map(time).transpose()?,
        used_at: used_at.map(time).transpose()?,
        expires_at: time(expires_at)?,
    }))
}

impl Inner {
    /// The first `limit` records whose keys begin with `prefix`, after the key `after`: the rest of the key, and `fields`. Those of
    /// a record that the server has removed are empty.
    async fn look<const N: usize>(
        &self,
        prefix: &str,
        after: Option<String>,
        limit: usize,
        fields: [&str; N],
    ) -> Result<Vec<(String, [String; N])>, StoreError> {
        let head = [prefix.to_owned(), after.unwrap_or_default(), limit.to_string()];
        let arguments: Vec<_> = head.into_iter().chain(fields.map(str::to_owned)).collect();
        let seen = rows(self.link.run(&self.scripts.list, keys::NAMES, &arguments).await?)?;
        let rest = |(key, values): (String, _)| Some((key.strip_prefix(prefix)?.to_owned(), values));
        let rest: Option<Vec<_>> = seen.into_iter().map(rest).collect();
        rest.ok_or_else(|| corrupt("a key of another kind"))
    }
}

/// The answer of a script that gives keys, each with its fields.
pub(super) fn rows<const N: usize>(texts: Vec<String>) -> Result<Vec<(String, [String; N])>, StoreError> {
    let (mut texts, mut rows) = (texts.into_iter(), vec![]);
    while let Some(key) = texts.next() {
        let values: Vec<_> = texts.by_ref().take(N).collect();
        let values = values.try_into().map_err(|_| corrupt("a script's answer is too short"))?;
        rows.push((key, values));
    }
    Ok(rows)
}
