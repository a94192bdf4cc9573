//! What of a store outlives it: the clients that registered.
//!
//! Grants do not. A refresh token that was used since the backup was made has another successor than the one in it, and one that was
//! revoked since would be good again; nobody can tell. Users sign in again, clients need not register again.

use async_trait::async_trait;
use gateway_core::time::UnixTime;
use serde::{Deserialize, Serialize};

use super::records::{ClientRecord, Recorded as _};
use super::{StoreError, StoreErrorKind};
use crate::domain::client::Client;

/// A client as it is written outside of a store: of its secrets only what the store keeps, their SHA-256.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub struct SavedClient(ClientRecord);

impl std::fmt::Debug for SavedClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("SavedClient")
    }
}

impl From<&Client> for SavedClient {
    fn from(client: &Client) -> Self {
        Self(client.record())
    }
}

impl TryFrom<SavedClient> for Client {
    type Error = StoreError;

    fn try_from(saved: SavedClient) -> Result<Self, StoreError> {
        Self::restore(saved.0).map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error))
    }
}

/// What a store is to hold from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restoration {
    /// The clients.
    pub clients: Vec<Client>,
    /// Whether what the store holds may go.
    pub replaces: bool,
    /// Random bits: what tells the revocations that follow from all that were before, so that edges read them from the beginning.
    pub epoch: u64,
    /// The present. Every access token that was issued before it dies.
    pub now: UnixTime,
}

/// What became of a [`Restoration`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restored {
    /// The store holds the clients, and the revocation of everyone's tokens, with those that it does not include.
    Done,
    /// The store holds something that may not go; nothing has changed.
    Occupied,
}

/// Starting over from a backup.
#[async_trait]
pub trait BackupStore: Send + Sync {
    /// Forgets everything, keeps the clients and revokes every access token there is, in one step: everyone's that were issued before
    /// `now`, and by name those that the store knows to be younger, as a replica whose clock is ahead issues them. What was revoked by
    /// name stays so, and client assertions that were shown stay spent. Other processes that share the store go on with what it holds
    /// then.
    async fn restore(&self, restoration: &Restoration) -> Result<Restored, StoreError>;
}
