//! What users have granted: remembered consents, what clients hold, and taking it back.

use std::collections::BTreeMap;

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::{ConsentStore, Grant, Holdings, StoreError};
use super::inventory::{FAMILY_FIELDS, family_of, grant, rows};
use super::records::{Owner, record};
use super::reply::{corrupt, restore, seconds, time};
use super::{Inner, RedisStore, keys};
use crate::domain::client::ClientId;
use crate::domain::consent::{ConsentKey, RememberedConsent};
use crate::domain::grant::CodeGrant;
use crate::domain::secret::Digest;
use crate::domain::user::Subject;

/// About how many records of a user are looked at in one step.
const PART: usize = 250;

#[async_trait]
impl ConsentStore for RedisStore {
    async fn remember_consent(
        &self,
        key: &ConsentKey,
        consent: &RememberedConsent,
        session: &Digest,
        expires_at: UnixTime,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let owner = Owner { user: consent.access.subject.as_str(), client: consent.access.client.as_str() };
        let mut arguments = vec![seconds(now), keys::session(session), String::new()];
        arguments.extend(record(consent, expires_at, owner, vec![])?);
        let script = &self.inner.scripts.insert_granted;
        let (word, _) = self.inner.verb(script, &keys::remembered(key), &arguments).await?;
        Ok(word == "done")
    }

    async fn remembered_consent(
        &self,
        key: &ConsentKey,
        now: UnixTime,
    ) -> Result<Option<RememberedConsent>, StoreError> {
        let found = self.inner.read::<RememberedConsent>(&keys::remembered(key), now).await?;
        Ok(found.map(|(consent, _)| consent))
    }

    async fn forget_consent(&self, key: &ConsentKey) -> Result<(), StoreError> {
        self.inner.verb(&self.inner.scripts.remove, &keys::remembered(key), &[]).await.map(drop)
    }

    async fn holdings(&self, subject: &Subject, now: UnixTime) -> Result<Holdings, StoreError> {
        let mut holdings = Holdings::default();
        for (key, fields) in self.inner.held(subject).await? {
            if let Some(id) = key.strip_prefix(keys::FAMILY) {
                holdings.grants.extend(grant(family_of(id)?, &fields, now)?);
            } else if key.starts_with(keys::CODE) {
                holdings.grants.extend(grant_of_code(&fields, now)?);
            } else if key.starts_with(keys::REMEMBERED) {
                let [record, expires_at, ..] = &fields;
                if !record.is_empty() && now < time(expires_at)? {
                    holdings.remembered.push(restore(record)?);
                }
            }
        }
        Ok(holdings)
    }

    async fn withdraw(
        &self,
        subject: &Subject,
        client: &ClientId,
        now: UnixTime,
    ) -> Result<bool, StoreError> {
        let arguments = [seconds(now), subject.to_string(), client.to_string()];
        let script = &self.inner.scripts.withdraw;
        let mut has_any = false;
        loop {
            let (word, _) = self.inner.verb(script, &keys::of_user(subject), &arguments).await?;
            has_any |= word != "nothing";
            if word != "more" {
                return Ok(has_any);
            }
        }
    }
}

impl Inner {
    /// The records of a user, each once, with what [`grant`] reads of a family. It takes as many looks as it has parts: what comes or goes
    /// meanwhile is among them or not.
    async fn held(&self, subject: &Subject) -> Result<BTreeMap<String, [String; 4]>, StoreError> {
        let (mut records, mut next) = (BTreeMap::new(), "0".to_owned());
        loop {
            let head = [next, PART.to_string()];
            let arguments: Vec<_> = head.into_iter().chain(FAMILY_FIELDS.map(str::to_owned)).collect();
            let part = self.link.run(&self.scripts.holdings, &keys::of_user(subject), &arguments).await?;
            let mut part = part.into_iter();
            next = part.next().ok_or_else(|| corrupt("a script's answer is too short"))?;
            records.extend(rows(part.collect())?);
            if next == "0" {
                return Ok(records);
            }
        }
    }
}

/// What a code led to without a family, while it lives.
fn grant_of_code([record, .., issued]: &[String; 4], now: UnixTime) -> Result<Option<Grant>, StoreError> {
    if record.is_empty() || issued.is_empty() {
        return Ok(None);
    }
    // `jti,iat,exp`.
    let [_, issued_at, expires_at] = issued.split(',').collect::<Vec<_>>()[..] else {
        return Err(corrupt("unreadable member issued"));
    };
    let (issued_at, expires_at) = (Some(time(issued_at)?), time(expires_at)?);
    let CodeGrant { access, family, .. } = restore(record)?;
    Ok((now < expires_at).then_some(Grant { family, access, issued_at, used_at: issued_at, expires_at }))
}
