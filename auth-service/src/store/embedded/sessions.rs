//! Signed-in browsers.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::{SessionStore, StoreError};
use super::EmbeddedStore;
use super::table::{self, Change, Kind, Stored};
use crate::domain::grant::BrowserSignIn;
use crate::domain::secret::Digest;
use crate::domain::user::Subject;

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

/// Whether a browser session is there and is this user's.
pub(super) fn is_there(
    change: &Change,
    secret: &Digest,
    user: &Subject,
    now: UnixTime,
) -> Result<bool, StoreError> {
    let stored = table::read_to_change::<BrowserSignIn>(change, Kind::Session, secret.as_bytes())?;
    Ok(stored.and_then(|stored| stored.live(now)).is_some_and(|sign_in| sign_in.subject == *user))
}
