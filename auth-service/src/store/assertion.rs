//! What is remembered of client assertions (RFC 7523 §3).

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::StoreError;
use crate::domain::client_assertion::SingleUse;

/// Assertions that were shown.
#[async_trait]
pub trait AssertionStore: Send + Sync {
    /// Spends an assertion, and remembers it until it expires. Gives whether it was the first time: of any number of callers, one
    /// hears yes.
    async fn spend_assertion(&self, assertion: &SingleUse, now: UnixTime) -> Result<bool, StoreError>;
}
