//! What an operator may want to see: lists, in parts, and counts.

use async_trait::async_trait;

use gateway_core::time::UnixTime;

use super::StoreError;
use crate::domain::client::{Client, ClientId};
use crate::domain::grant::{Access, FamilyId};

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

/// A grant that a client lives on: a family of refresh tokens, or a code whose access token came without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Which. All that came from one approval has the same.
    pub family: FamilyId,
    /// What was granted.
    pub access: Access,
    /// When its first token was issued; earlier versions did not write it down.
    pub issued_at: Option<UnixTime>,
    /// When its last access token was issued.
    pub used_at: Option<UnixTime>,
    /// When it ends unless it is used.
    pub expires_at: UnixTime,
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

    /// The grants after the family `after`, or from the first; looks at `limit` of them.
    async fn grants(
        &self,
        after: Option<FamilyId>,
        limit: usize,
        now: UnixTime,
    ) -> Result<Part<Grant, FamilyId>, StoreError>;

    /// How much there is of everything.
    async fn counts(&self) -> Result<Counts, StoreError>;
}
