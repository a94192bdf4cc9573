//! Registered clients.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::{ClientStore, StoreError};
use super::EmbeddedStore;
use super::table::{self, Kind, Stored};
use crate::domain::client::{Client, ClientId};

#[async_trait]
impl ClientStore for EmbeddedStore {
    async fn insert_client(&self, client: &Client) -> Result<(), StoreError> {
        let client = client.clone();
        self.write(move |change| {
            let expires_at = client.expires_at.unwrap_or(UnixTime::MAX);
            let stored = Stored { value: &client, expires_at };
            table::write(change, Kind::Client, client.id.as_str().as_bytes(), &stored)
        })
        .await
    }

    async fn client(&self, id: &ClientId, now: UnixTime) -> Result<Option<Client>, StoreError> {
        let id = id.clone();
        self.read(move |transaction| {
            let stored = table::read::<Client>(transaction, Kind::Client, id.as_str().as_bytes())?;
            Ok(stored.and_then(|stored| stored.live(now)))
        })
        .await
    }

    async fn extend_client(
        &self,
        id: &ClientId,
        expires_at: UnixTime,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let id = id.clone();
        self.write(move |change| {
            let key = id.as_str().as_bytes();
            let stored = table::read_to_change::<Client>(change, Kind::Client, key)?;
            let Some(mut client) = stored.and_then(|stored| stored.live(now)) else { return Ok(()) };
            client.expires_at = Some(expires_at);
            table::write(change, Kind::Client, key, &Stored { value: &client, expires_at })
        })
        .await
    }
}
