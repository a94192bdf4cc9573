//! Registered clients.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::{ClientStore, StoreError};
use super::reply::seconds;
use super::{RedisStore, keys};
use crate::domain::client::{Client, ClientId};

#[async_trait]
impl ClientStore for RedisStore {
    async fn insert_client(&self, client: &Client) -> Result<(), StoreError> {
        let expires_at = client.expires_at.unwrap_or(UnixTime::MAX);
        self.inner.insert(&keys::client(&client.id), client, expires_at).await
    }

    async fn client(&self, id: &ClientId, now: UnixTime) -> Result<Option<Client>, StoreError> {
        let found = self.inner.read::<Client>(&keys::client(id), now).await?;
        Ok(found.map(|(client, expires_at)| {
            // Its use moves the expiry and leaves the record alone.
            Client { expires_at: (expires_at < UnixTime::MAX).then_some(expires_at), ..client }
        }))
    }

    async fn extend_client(
        &self,
        id: &ClientId,
        expires_at: UnixTime,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let arguments = [seconds(expires_at), seconds(now)];
        self.inner.verb(&self.inner.scripts.extend, &keys::client(id), &arguments).await.map(drop)
    }
}
