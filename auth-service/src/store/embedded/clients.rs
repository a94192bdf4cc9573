//! Registered clients.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::{ClientStore, StoreError};
use super::table::{self, Change, Kind, Stored};
use super::{EmbeddedStore, consents, revocations};
use crate::domain::client::{Client, ClientId};
use crate::domain::revocation::Revocation;

#[async_trait]
impl ClientStore for EmbeddedStore {
    async fn insert_client(&self, client: &Client) -> Result<(), StoreError> {
        let client = client.clone();
        self.write(move |change| write(change, &client)).await
    }

    async fn client(&self, id: &ClientId, now: UnixTime) -> Result<Option<Client>, StoreError> {
        self.look(|transaction| {
            let stored = table::read::<Client>(transaction, Kind::Client, id.as_str().as_bytes())?;
            Ok(stored.and_then(|stored| stored.live(now)))
        })
    }

    async fn extend_client(
        &self,
        id: &ClientId,
        expires_at: Option<UnixTime>,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let id = id.clone();
        self.write(move |change| {
            let Some(client) = living(change, id.as_str().as_bytes(), now)? else { return Ok(()) };
            write(change, &Client { expires_at, ..client })
        })
        .await
    }

    async fn replace_client(&self, client: &Client, now: UnixTime) -> Result<bool, StoreError> {
        let client = client.clone();
        self.write(move |change| {
            let key = client.id.as_str().as_bytes();
            let known = living(change, key, now)?;
            if known.is_none_or(|known| known.registration != client.registration) {
                return Ok(false);
            }
            write(change, &client)?;
            consents::forget_each(change, &client.id)?;
            Ok(true)
        })
        .await
    }

    async fn remove_client(&self, id: &ClientId, now: UnixTime) -> Result<bool, StoreError> {
        let id = id.clone();
        self.write(move |change| {
            let key = id.as_str().as_bytes();
            if living(change, key, now)?.is_none() {
                return Ok(false);
            }
            revocations::cut_off(change, &Revocation::of_client(id.clone(), now), now)?;
            table::remove(change, Kind::Client, key)?;
            Ok(true)
        })
        .await
    }
}

pub(super) fn living(change: &Change, key: &[u8], now: UnixTime) -> Result<Option<Client>, StoreError> {
    let stored = table::read_to_change::<Client>(change, Kind::Client, key)?;
    Ok(stored.and_then(|stored| stored.live(now)))
}

pub(super) fn write(change: &Change, client: &Client) -> Result<(), StoreError> {
    let expires_at = client.expires_at.unwrap_or(UnixTime::MAX);
    let stored = Stored { value: client, expires_at };
    table::write(change, Kind::Client, client.id.as_str().as_bytes(), &stored)
}
