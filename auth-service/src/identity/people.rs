//! Everybody: local users, and those who sign in at a provider outside.

use std::sync::Arc;

use async_trait::async_trait;
use gateway_core::time::UnixTime;
use service_kit::clock::Clock;

use super::local::LocalUsers;
use super::upstream::Providers;
use super::{Identities, IdentityError, PasswordCheck};
use crate::domain::secret::Digest;
use crate::domain::upstream::Person;
use crate::domain::user::{Subject, User};
use crate::store::UpstreamStore;

/// Local users, and what providers said about theirs.
#[derive(Debug)]
pub struct People<S: ?Sized> {
    local: LocalUsers,
    providers: Arc<Providers>,
    store: Arc<S>,
    clock: Arc<dyn Clock>,
}

impl<S: UpstreamStore + ?Sized> People<S> {
    /// The users of `local`, and those of `providers` of whom `store` knows something.
    #[must_use]
    pub fn new(local: LocalUsers, providers: Arc<Providers>, store: Arc<S>, clock: Arc<dyn Clock>) -> Self {
        // Without local users the file need not be there.
        let local = if providers.iter().next().is_some() { local.optional() } else { local };
        Self { local, providers, store, clock }
    }
}

#[async_trait]
impl<S: UpstreamStore + std::fmt::Debug + ?Sized> Identities for People<S> {
    async fn sign_in(&self, username: &str, password: &str) -> Result<PasswordCheck, IdentityError> {
        self.local.sign_in(username, password).await
    }

    async fn admit(&self, person: &Person) -> Result<Option<User>, IdentityError> {
        let Some(provider) = self.providers.of(&person.subject).filter(|it| it.admits(person)) else {
            return Ok(None);
        };
        let accounts = self.local.accounts().await?;
        let allowed = accounts.allowed_upstream(&person.subject, provider.default_roles());
        Ok(allowed.map(|allowed| User {
            subject: person.subject.clone(),
            username: person.username.clone(),
            allowed,
            credential: Digest::of_fields(&["upstream", &person.issuer, person.subject.as_str()]),
        }))
    }

    async fn user(&self, subject: &Subject) -> Result<Option<User>, IdentityError> {
        if self.providers.of(subject).is_none() {
            return self.local.user(subject);
        }
        let now = UnixTime::from_secs(self.clock.now());
        match self.store.person(subject, now).await? {
            Some(person) => self.admit(&person).await,
            None => Ok(None),
        }
    }

    async fn named(&self, username: &str) -> Result<Option<User>, IdentityError> {
        self.local.named(username).await
    }

    async fn roster(&self) -> Result<Arc<[Subject]>, IdentityError> {
        self.local.roster().await
    }

    async fn has_local(&self) -> Result<bool, IdentityError> {
        Ok(self.local.accounts().await?.has_local())
    }
}
