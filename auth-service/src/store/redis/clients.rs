//! Registered clients.

use std::sync::Arc;

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::{ClientStore, StoreError};
use super::records::Owner;
use super::reply::{json, restore, seconds, time};
use super::revocations::parts;
use super::{RedisStore, keys};
use crate::domain::client::{Client, ClientId};
use crate::domain::revocation::Revocation;
use crate::domain::secret::Digest;

#[async_trait]
impl ClientStore for RedisStore {
    async fn insert_client(&self, client: &Client) -> Result<(), StoreError> {
        let more = vec!["registration".to_owned(), registration(client)];
        let key = keys::client(&client.id);
        self.inner.insert_owned(&key, client, expiry(client.expires_at), Owner::default(), more).await
    }

    async fn client(&self, id: &ClientId, now: UnixTime) -> Result<Option<Client>, StoreError> {
        let fields = self.inner.link.fields(&keys::client(id), ["record", "expires_at"]).await?;
        let [Some(record), Some(expires_at)] = fields.as_slice() else { return Ok(None) };
        let expires_at = time(expires_at)?;
        if now >= expires_at {
            return Ok(None);
        }
        let client = with_expiry(restore(record)?, expires_at);
        self.inner.seen.client(&client, record);
        Ok(Some(client))
    }

    fn seen_client(&self, id: &ClientId) -> Option<Arc<Client>> {
        self.inner.seen.client_of(id)
    }

    async fn extend_client(
        &self,
        id: &ClientId,
        expires_at: Option<UnixTime>,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let arguments = [seconds(expiry(expires_at)), seconds(now)];
        self.inner.verb(&self.inner.scripts.extend, &keys::client(id), &arguments).await?;
        self.inner.seen.extended(id, expires_at);
        Ok(())
    }

    async fn replace_client(&self, client: &Client, now: UnixTime) -> Result<bool, StoreError> {
        let arguments =
            [seconds(now), seconds(expiry(client.expires_at)), registration(client), json(client)?];
        let key = keys::client(&client.id);
        let replaced = self.inner.cut(&self.inner.scripts.replace_client, &key, &arguments).await?;
        Ok(replaced == "replaced")
    }

    async fn remove_client(&self, id: &ClientId, now: UnixTime) -> Result<bool, StoreError> {
        let mut arguments = vec![seconds(now)];
        arguments.extend(parts(&Revocation::of_client(id.clone(), now))?);
        let (script, key) = (&self.inner.scripts.remove_client, keys::client(id));
        let (mut word, _) = self.inner.verb(script, &key, &arguments).await?;
        if word == "more" {
            arguments.push("1".to_owned());
            word = self.inner.cut(script, &key, &arguments).await?;
        }
        Ok(word == "removed")
    }
}

/// What is kept of a client: its use moves the expiry and leaves the record alone.
pub(super) fn with_expiry(client: Client, expires_at: UnixTime) -> Client {
    Client { expires_at: (expires_at < UnixTime::MAX).then_some(expires_at), ..client }
}

pub(super) fn expiry(expires_at: Option<UnixTime>) -> UnixTime {
    expires_at.unwrap_or(UnixTime::MAX)
}

pub(super) fn registration(client: &Client) -> String {
    client.registration.as_ref().map(Digest::to_text).unwrap_or_default()
}
