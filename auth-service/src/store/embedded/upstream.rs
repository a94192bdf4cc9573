//! People who sign in at a provider outside.

use async_trait::async_trait;
use gateway_core::time::UnixTime;

use super::super::{StoreError, UpstreamStore};
use super::EmbeddedStore;
use super::table::{self, Kind, Stored};
use crate::domain::secret::Digest;
use crate::domain::upstream::{Departure, Person};
use crate::domain::user::Subject;

#[async_trait]
impl UpstreamStore for EmbeddedStore {
    async fn insert_departure(
        &self,
        state: &Digest,
        departure: &Departure,
        expires_at: UnixTime,
    ) -> Result<(), StoreError> {
        let (state, departure) = (*state, departure.clone());
        self.write(move |change| {
            let stored = Stored { value: &departure, expires_at };
            table::write(change, Kind::Departure, state.as_bytes(), &stored)
        })
        .await
    }

    async fn take_departure(&self, state: &Digest, now: UnixTime) -> Result<Option<Departure>, StoreError> {
        let state = *state;
        self.write(move |change| {
            let key = state.as_bytes();
            let stored = table::read_to_change::<Departure>(change, Kind::Departure, key)?;
            table::remove(change, Kind::Departure, key)?;
            Ok(stored.and_then(|stored| stored.live(now)))
        })
        .await
    }

    async fn keep_person(&self, person: &Person, expires_at: UnixTime) -> Result<(), StoreError> {
        let person = person.clone();
        self.write(move |change| {
            let key = key_of(&person.subject);
            table::write(change, Kind::Person, key.as_bytes(), &Stored { value: &person, expires_at })
        })
        .await
    }

    async fn person(&self, subject: &Subject, now: UnixTime) -> Result<Option<Person>, StoreError> {
        self.look(|transaction| {
            let stored = table::read::<Person>(transaction, Kind::Person, key_of(subject).as_bytes())?;
            Ok(stored.and_then(|stored| stored.live(now)))
        })
    }
}

/// Of one length, whatever a provider calls its users (J-08).
fn key_of(subject: &Subject) -> Digest {
    Digest::of(subject.as_str().as_bytes())
}
