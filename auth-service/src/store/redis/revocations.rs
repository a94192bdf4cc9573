//! Revocations: one stream whose ids are their numbers.

use std::collections::BTreeSet;

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::{Batch, Cursor, Live, RevocationStore, StoreError, about};
use super::reply::{Page, corrupt, json, seconds};
use super::{RedisStore, keys};
use crate::domain::revocation::{Revocation, Target};
use crate::domain::user::Subject;

/// About how many users are looked at in one step.
const USERS: usize = 1000;

#[async_trait]
impl RevocationStore for RedisStore {
    async fn revoke(&self, revocations: &[Revocation], now: UnixTime) -> Result<(), StoreError> {
        let mut arguments = vec![seconds(now)];
        for revocation in revocations {
            arguments.extend(parts(revocation)?);
        }
        self.inner.verb(&self.inner.scripts.revoke, keys::REVOCATIONS, &arguments).await.map(drop)
    }

    async fn cut_off(&self, revocation: &Revocation, now: UnixTime) -> Result<(), StoreError> {
        let mut arguments = vec![seconds(now)];
        arguments.extend(parts(revocation)?);
        self.inner.cut(&self.inner.scripts.cut_off, keys::REVOCATIONS, &arguments).await.map(drop)
    }

    async fn revocations(&self, after: Option<Cursor>, now: UnixTime) -> Result<Batch, StoreError> {
        let Page { cursor, is_snapshot, has_more, entries } = self.inner.page(after, now).await?;
        let entries = entries.into_iter().map(|entry| entry.revocation).collect();
        Ok(Batch { cursor, is_snapshot, has_more, entries })
    }

    async fn users(&self) -> Result<Vec<Subject>, StoreError> {
        let mut names = BTreeSet::new();
        let mut next = "0".to_owned();
        loop {
            let arguments = [next, USERS.to_string()];
            let mut parts =
                self.inner.link.run(&self.inner.scripts.users, keys::USERS, &arguments).await?.into_iter();
            next = parts.next().ok_or_else(|| corrupt("a script's answer is too short"))?;
            names.extend(parts);
            if next == "0" {
                return Ok(names.iter().filter_map(|name| Subject::parse(name)).collect());
            }
        }
    }

    fn live(&self) -> &Live {
        self.inner.copy.live()
    }
}

/// A revocation as scripts take it: whom it is about, what the stream says, and what older ones are compared by.
pub(super) fn parts(revocation: &Revocation) -> Result<[String; 4], StoreError> {
    let issued_before = match &revocation.target {
        Target::Token(_) => String::new(),
        Target::User { issued_before, .. }
        | Target::Client { issued_before, .. }
        | Target::Everyone { issued_before } => seconds(*issued_before),
    };
    let name = about::key_of_target(&revocation.target);
    Ok([name, json(&revocation.target)?, issued_before, seconds(revocation.expires_at)])
}
