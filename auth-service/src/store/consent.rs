//! What a user has granted, as they see it: consents that are remembered, what clients hold, and taking both back.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::{Grant, StoreError};
use crate::domain::client::ClientId;
use crate::domain::consent::{ConsentKey, RememberedConsent};
use crate::domain::secret::Digest;
use crate::domain::user::Subject;

/// Everything that clients can do in the name of one user, now or without asking them again. In no order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holdings {
    /// What clients live on: families of refresh tokens, and access tokens that came without one.
    pub grants: Vec<Grant>,
    /// What is not asked again.
    pub remembered: Vec<RememberedConsent>,
}

/// Consents of users. [`RevocationStore::cut_off`](super::RevocationStore::cut_off) of a user or client forgets those that are
/// remembered, [`ClientStore::remove_client`](super::ClientStore::remove_client) and
/// [`ClientStore::replace_client`](super::ClientStore::replace_client) those to that client.
#[async_trait]
pub trait ConsentStore: Send + Sync {
    /// Remembers a consent, instead of what was remembered under this key, if the browser session in which its user has given it is still
    /// there. Gives whether it did.
    async fn remember_consent(
        &self,
        key: &ConsentKey,
        consent: &RememberedConsent,
        session: &Digest,
        expires_at: UnixTime,
        now: UnixTime,
    ) -> Result<bool, StoreError>;

    /// The consent that is remembered under this key.
    async fn remembered_consent(
        &self,
        key: &ConsentKey,
        now: UnixTime,
    ) -> Result<Option<RememberedConsent>, StoreError>;

    /// Forgets a consent. Nothing to forget is no error.
    async fn forget_consent(&self, key: &ConsentKey) -> Result<(), StoreError>;

    /// What clients hold of a user.
    async fn holdings(&self, subject: &Subject, now: UnixTime) -> Result<Holdings, StoreError>;

    /// Takes back all that a user has granted to a client: its codes and refresh tokens of that user end, its access tokens
    /// that came from them are revoked, and no consent to it is remembered. One step ends a bounded number of them, what leads to others
    /// first; should it break off in the middle, it has failed, and is made again. Gives whether there was anything. Other users and other
    /// clients notice nothing.
    async fn withdraw(&self, subject: &Subject, client: &ClientId, now: UnixTime)
    -> Result<bool, StoreError>;
}
