//! What an operator may want to see: lists, in parts, and counts.

use async_trait::async_trait;

use gateway_core::time::UnixTime;

use super::StoreError;
use crate::domain::client::{Client, ClientId};

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<T, K> {
    /// What is in it. May be less than was asked for, even nothing, although there is more.
    pub items: Vec<T>,
    /// After which key to go on; `None` at the end.
    pub next: Option<K>,
}

/// How much is kept. What has expired since the last purge is counted too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Registered clients.
    pub clients: u64,
    /// Families of refresh tokens.
    pub families: u64,
    /// Codes, with the spent ones that are remembered.
    pub codes: u64,
    /// Signed-in browsers.
    pub sessions: u64,
    /// Revocations.
    pub revocations: u64,
}

/// What is there. Lists are in an order of the store's own that never changes; what is there from the first part to the last
/// is listed once.
#[async_trait]
pub trait InventoryStore: Send + Sync {
    /// The registered clients after `after`, or from the first; looks at `limit` of them.
    async fn clients(
        &self,
        after: Option<&ClientId>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Part<Client, ClientId>, StoreError>;

    /// How much there is of everything.
    async fn counts(&self) -> Result<Counts, StoreError>;
}
