//! Signed-in browsers.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::{SessionStore, StoreError};
use super::EmbeddedStore;
use super::table::{self, Kind, Stored};
use crate::domain::grant::BrowserSignIn;
use crate::domain::secret::Digest;

#[async_trait]
impl SessionStore for EmbeddedStore {
    async fn insert_session(
        &self,
        secret: &Digest,
        sign_in: &BrowserSignIn,
        expires_at: UnixTime,
    ) -> Result<(), StoreError> {
        let (secret, sign_in) = (*secret, sign_in.clone());
        self.write(move |change| {
            let stored = Stored { value: &sign_in, expires_at };
            table::write(change, Kind::Session, secret.as_bytes(), &stored)
        })
        .await
    }

    async fn session(&self, secret: &Digest, now: UnixTime) -> Result<Option<BrowserSignIn>, StoreError> {
        self.look(|transaction| {
            let stored = table::read::<BrowserSignIn>(transaction, Kind::Session, secret.as_bytes())?;
            Ok(stored.and_then(|stored| stored.live(now)))
        })
    }

    async fn remove_session(&self, secret: &Digest) -> Result<(), StoreError> {
        let secret = *secret;
        self.write(move |change| table::remove(change, Kind::Session, secret.as_bytes())).await
    }
}
