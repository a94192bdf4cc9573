//! Client assertions that were shown.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::records::Spent;
use super::super::{AssertionStore, StoreError};
use super::EmbeddedStore;
use super::table::{self, Kind, Stored};
use crate::domain::client_assertion::SingleUse;

#[async_trait]
impl AssertionStore for EmbeddedStore {
    async fn spend_assertion(&self, assertion: &SingleUse, now: UnixTime) -> Result<bool, StoreError> {
        let SingleUse { id, expires_at } = *assertion;
        self.write(move |change| {
            let key = id.as_bytes();
            let stored = table::read_to_change::<Spent>(change, Kind::Assertion, key)?;
            if stored.and_then(|stored| stored.live(now)).is_some() {
                return Ok(false);
            }
            table::write(change, Kind::Assertion, key, &Stored { value: &Spent, expires_at })?;
            Ok(true)
        })
        .await
    }
}
