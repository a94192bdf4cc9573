//! Client assertions that were shown.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::{AssertionStore, StoreError};
use super::reply::{corrupt, seconds};
use super::{RedisStore, keys};
use crate::domain::client_assertion::SingleUse;

#[async_trait]
impl AssertionStore for RedisStore {
    async fn spend_assertion(&self, assertion: &SingleUse, now: UnixTime) -> Result<bool, StoreError> {
        let arguments = [seconds(now), seconds(assertion.expires_at)];
        let key = keys::assertion(&assertion.id);
        match self.inner.verb(&self.inner.scripts.spend, &key, &arguments).await?.0.as_str() {
            "first" => Ok(true),
            "spent" => Ok(false),
            other => Err(corrupt(format_args!("spend answered {other}"))),
        }
    }
}
