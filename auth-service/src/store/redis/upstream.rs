//! People who sign in at a provider outside.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::{StoreError, UpstreamStore};
use super::reply::{restore, seconds};
use super::{RedisStore, keys};
use crate::domain::secret::Digest;
use crate::domain::upstream::{Departure, Person};
use crate::domain::user::Subject;

#[async_trait]
impl UpstreamStore for RedisStore {
    async fn insert_departure(
        &self,
        state: &Digest,
        departure: &Departure,
        expires_at: UnixTime,
    ) -> Result<(), StoreError> {
        self.inner.insert(&keys::departure(state), departure, expires_at).await
    }

    async fn take_departure(&self, state: &Digest, now: UnixTime) -> Result<Option<Departure>, StoreError> {
        let taken =
            self.inner.verb(&self.inner.scripts.take, &keys::departure(state), &[seconds(now)]).await?;
        match (taken.0.as_str(), taken.1) {
            ("taken", record) => restore(&record).map(Some),
            _ => Ok(None),
        }
    }

    /// It is nobody's, so that it makes nobody somebody who has something to lose; a cut of the user removes it by its name.
    async fn keep_person(&self, person: &Person, expires_at: UnixTime) -> Result<(), StoreError> {
        self.inner.insert(&keys::person(&person.subject), person, expires_at).await
    }

    async fn person(&self, subject: &Subject, now: UnixTime) -> Result<Option<Person>, StoreError> {
        let found = self.inner.read::<Person>(&keys::person(subject), now).await?;
        Ok(found.map(|(person, _)| person))
    }
}
