//! Lists and counts: from one index of all names, in the order of their bytes. Nothing here looks at more than it gives.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::{Counts, Grant, InventoryStore, Part, StoreError};
use super::reply::{corrupt, restore, time};
use super::{Inner, RedisStore, clients, keys};
use crate::domain::client::{Client, ClientId};
use crate::domain::grant::FamilyId;

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
        let fields = ["record", "expires_at", "opened_at", "issued"];
        let seen = self.inner.look(keys::FAMILY, after.map(keys::family), limit, fields).await?;
        let is_full = seen.len() == limit;
        let mut part = Part { items: vec![], next: None };
        for (id, [record, expires_at, opened_at, issued]) in seen {
            let family = FamilyId::parse(&id).ok_or_else(|| corrupt("a key is no family"))?;
            part.next = is_full.then_some(family);
            if record.is_empty() || now >= time(&expires_at)? {
                continue;
            }
            // `jti,iat,exp` of each token, the last one last.
            let used_at = issued.rsplit(' ').next().and_then(|token| token.split(',').nth(1));
            let issued_at = Some(opened_at.as_str()).filter(|text| !text.is_empty());
            part.items.push(Grant {
                family,
                access: restore(&record)?,
                issued_at: issued_at.map(time).transpose()?,
                used_at: used_at.map(time).transpose()?,
                expires_at: time(&expires_at)?,
            });
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
        let mut texts = self.link.run(&self.scripts.list, keys::NAMES, &arguments).await?.into_iter();
        let mut seen = vec![];
        while let Some(key) = texts.next() {
            let name = key.strip_prefix(prefix).ok_or_else(|| corrupt("a key of another kind"))?;
            let values: Vec<_> = texts.by_ref().take(N).collect();
            let values = values.try_into().map_err(|_| corrupt("a script's answer is too short"))?;
            seen.push((name.to_owned(), values));
        }
        Ok(seen)
    }
}
