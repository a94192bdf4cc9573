//! Signed-in browsers.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::{SessionStore, StoreError};
use super::records::Owner;
use super::{RedisStore, keys};
use crate::domain::grant::BrowserSignIn;
use crate::domain::secret::Digest;

#[async_trait]
impl SessionStore for RedisStore {
    async fn insert_session(
        &self,
        secret: &Digest,
        sign_in: &BrowserSignIn,
        expires_at: UnixTime,
    ) -> Result<(), StoreError> {
        let owner = Owner { user: sign_in.subject.as_str(), client: "" };
        self.inner.insert_owned(&keys::session(secret), sign_in, expires_at, owner, vec![]).await
    }

    async fn session(&self, secret: &Digest, now: UnixTime) -> Result<Option<BrowserSignIn>, StoreError> {
        let found = self.inner.read::<BrowserSignIn>(&keys::session(secret), now).await?;
        Ok(found.map(|(sign_in, _)| sign_in))
    }

    async fn remove_session(&self, secret: &Digest) -> Result<(), StoreError> {
        self.inner.verb(&self.inner.scripts.remove, &keys::session(secret), &[]).await.map(drop)
    }
}
