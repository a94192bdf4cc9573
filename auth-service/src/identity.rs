//! Who users are. The seam behind which identity providers stand: the flows ask it and know none of them.

pub mod local;
pub mod password;
pub mod people;
pub mod upstream;
pub mod users_file;

use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::upstream::Person;
use crate::domain::user::{Subject, User};
use crate::store::StoreError;

/// Why it cannot be said who a user is. Not the same as "nobody": whoever asked must try again later, not revoke.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The users file cannot be read right now.
    #[error("users cannot be looked up: {0}")]
    Users(#[from] users_file::UsersFileError),
    /// What a provider said about them cannot be read right now.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// More people are signing in than there is memory for password hashes.
    #[error("too many sign-ins at once")]
    Busy,
    /// The password could not be compared.
    #[error("the password check failed: {0}")]
    Password(String),
}

/// What name and password come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PasswordCheck {
    /// They belong together.
    Right(User),
    /// They do not. The subject is for the log only, when the name is somebody's: whoever tries must not learn it.
    Wrong(Option<Subject>),
}

/// Where users come from.
#[async_trait]
pub trait Identities: Send + Sync + std::fmt::Debug {
    /// Checks a name and a password. Takes the same time whether or not the name is somebody's.
    async fn sign_in(&self, username: &str, password: &str) -> Result<PasswordCheck, IdentityError>;

    /// The user whom a provider describes so; `None` when they may not come in.
    async fn admit(&self, person: &Person) -> Result<Option<User>, IdentityError>;

    /// The user as they are now, with what they may do now; `None` when they are no more. Asked again at every step,
    /// so that a change applies without a restart. A client that acts on its own behalf is its own user.
    async fn user(&self, subject: &Subject) -> Result<Option<User>, IdentityError>;

    /// The user who signs in as `username`.
    async fn named(&self, username: &str) -> Result<Option<User>, IdentityError>;

    /// Everybody, as far as they can be listed: the same `Arc` for as long as nothing has changed.
    async fn roster(&self) -> Result<Arc<[Subject]>, IdentityError>;

    /// Whether anybody can sign in with a password.
    async fn has_local(&self) -> Result<bool, IdentityError>;
}
