//! Families of refresh tokens.

use std::sync::Arc;

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::{LiveRefresh, RefreshStore, Rotated, Rotation, StoreError};
use super::authorizations::token;
use super::records::Owner;
use super::reply::{corrupt, restore, seconds, time};
use super::seen::ClientState;
use super::{Inner, RedisStore, keys};
use crate::domain::client::Client;
use crate::domain::grant::{Access, FamilyId};
use crate::domain::secret::Digest;
use crate::domain::token::IssuedToken;

#[async_trait]
impl RefreshStore for RedisStore {
    async fn insert_grant(
        &self,
        family: FamilyId,
        access: &Access,
        issued: IssuedToken,
    ) -> Result<(), StoreError> {
        let owner = Owner { user: access.subject.as_str(), client: access.client.as_str() };
        let opened_at = ["opened_at".to_owned(), seconds(issued.issued_at)];
        let more = ["issued".to_owned(), token(&issued).join(",")].into_iter().chain(opened_at).collect();
        self.inner.insert_owned(&keys::family(family), access, issued.expires_at, owner, more).await
    }

    async fn family(&self, family: FamilyId, now: UnixTime) -> Result<Option<Access>, StoreError> {
        let found = self.inner.read::<Access>(&keys::family(family), now).await?;
        Ok(found.map(|(access, _)| {
            self.inner.seen.family(family, &access);
            access
        }))
    }

    fn seen_family(&self, family: FamilyId) -> Option<Arc<Access>> {
        self.inner.seen.access_of(family)
    }

    async fn live_refresh(
        &self,
        family: FamilyId,
        presented: &Digest,
        now: UnixTime,
    ) -> Result<Option<LiveRefresh>, StoreError> {
        let fields =
            self.inner.link.fields(&keys::family(family), ["record", "expires_at", "current"]).await?;
        let [Some(record), Some(expires_at), Some(current)] = fields.as_slice() else { return Ok(None) };
        let expires_at = time(expires_at)?;
        let current = Digest::from_text(current).ok_or_else(|| corrupt("unreadable member current"))?;
        if now >= expires_at || current != *presented {
            return Ok(None);
        }
        Ok(Some(LiveRefresh { access: restore(record)?, expires_at }))
    }

    async fn rotate_refresh(&self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        let rotated = self.inner.rotate(rotation, None).await?;
        rotated.ok_or_else(|| corrupt("rotate was asked about no client and answered about one"))
    }

    async fn rotate_seen(&self, rotation: &Rotation, client: &Client) -> Result<Option<Rotated>, StoreError> {
        let Some(state) = self.inner.seen.state_of(client) else { return Ok(None) };
        self.inner.rotate(rotation, Some(state)).await
    }

    async fn revoke_family(&self, family: FamilyId, now: UnixTime) -> Result<(), StoreError> {
        let script = &self.inner.scripts.end_family;
        self.inner.verb(script, &keys::family(family), &[seconds(now)]).await.map(drop)
    }
}

impl Inner {
    /// Trades a refresh token. With the state of a client only if the client is still in it; else `None`.
    async fn rotate(
        &self,
        rotation: &Rotation,
        client: Option<ClientState>,
    ) -> Result<Option<Rotated>, StoreError> {
        let mut arguments = vec![
            seconds(rotation.now),
            rotation.presented.to_text(),
            rotation.successor.to_text(),
            rotation.grace.to_string(),
            seconds(rotation.expires_at),
        ];
        arguments.extend(token(&rotation.issued));
        arguments.extend(client.into_iter().flatten());
        let (word, payload) =
            self.verb(&self.scripts.rotate, &keys::family(rotation.family), &arguments).await?;
        match word.as_str() {
            "fresh" => Ok(Some(Rotated::Fresh)),
            "again" => Ok(Some(Rotated::Again { behind: payload.parse().map_err(corrupt)? })),
            "reused" => Ok(Some(Rotated::Reused)),
            "unknown" => Ok(Some(Rotated::Unknown)),
            "changed" => Ok(None),
            other => Err(corrupt(format_args!("rotate answered {other}"))),
        }
    }
}
