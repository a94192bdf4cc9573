//! Local users, from the users file. The file is read again whenever it has changed.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::users_file::{Accounts, PROVIDER, UsersFileError};
use super::{IdentityError, PasswordCheck, password};
use crate::domain::user::{Subject, User};

/// Most passwords that are hashed at once: each takes 19 MiB and a processor for tens of milliseconds.
const PARALLEL_HASHES: usize = 2;

/// How long a sign-in waits for its turn.
const PATIENCE: Duration = Duration::from_secs(5);

/// The users of one users file.
#[derive(Debug)]
pub struct LocalUsers {
    file: Arc<CachedFile>,
    permits: Arc<Semaphore>,
}

/// A users file and what was read from it last.
#[derive(Debug)]
struct CachedFile {
    path: PathBuf,
    /// What it counts as until it is there for the first time.
    without: Option<Arc<Accounts>>,
    last: Mutex<Option<(Stamp, Arc<Accounts>)>>,
}

/// Says whether a file is still the one that was read: modification time (seconds, nanoseconds), length, inode.
type Stamp = (i64, i64, u64, u64);

impl LocalUsers {
    /// The users of the file at `path`, which need not be there yet; but nobody can be looked up before it is.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        let file = CachedFile { path: path.to_owned(), without: None, last: Mutex::new(None) };
        Self { file: Arc::new(file), permits: Arc::new(Semaphore::new(PARALLEL_HASHES)) }
    }

    /// The same, but a file that was never there is one without users. One that has gone is still an outage and revokes
    /// nothing: editors make files go for a moment.
    #[must_use]
    pub fn optional(self) -> Self {
        let without = Some(Arc::new(Accounts::default()));
        let file = CachedFile { path: self.file.path.clone(), without, last: Mutex::new(None) };
        Self { file: Arc::new(file), permits: self.permits }
    }

    pub(super) async fn accounts(&self) -> Result<Arc<Accounts>, IdentityError> {
        let file = Arc::clone(&self.file);
        let read = tokio::task::spawn_blocking(move || file.read()).await;
        Ok(read.map_err(|error| IdentityError::Password(error.to_string()))??)
    }
}

impl CachedFile {
    fn read(&self) -> Result<Arc<Accounts>, UsersFileError> {
        match (self.present(), &self.without) {
            (Err(UsersFileError::Missing(_)), Some(nobody)) if !self.was_there() => Ok(Arc::clone(nobody)),
            (read, _) => read,
        }
    }

    fn was_there(&self) -> bool {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// What stands in the file, which has to be there.
    fn present(&self) -> Result<Arc<Accounts>, UsersFileError> {
        let stamp = self.stamp()?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, accounts)) = last.as_ref()
            && *known == stamp
        {
            return Ok(Arc::clone(accounts));
        }
        let accounts = Arc::new(Accounts::read(&self.path)?);
        *last = Some((stamp, Arc::clone(&accounts)));
        Ok(accounts)
    }

    fn stamp(&self) -> Result<Stamp, UsersFileError> {
        let metadata =
            std::fs::metadata(&self.path).map_err(|error| UsersFileError::reading(&self.path, error))?;
        Ok((metadata.mtime(), metadata.mtime_nsec(), metadata.len(), metadata.ino()))
    }
}

impl LocalUsers {
    /// See [`super::Identities::sign_in`].
    pub(super) async fn sign_in(
        &self,
        username: &str,
        password: &str,
    ) -> Result<PasswordCheck, IdentityError> {
        let accounts = self.accounts().await?;
        let account = accounts.named(username);
        let hash = account.map_or(password::DECOY, |account| account.password.as_str()).to_owned();
        let password = password.to_owned();
        let permit = tokio::time::timeout(PATIENCE, Arc::clone(&self.permits).acquire_owned()).await;
        let permit = permit.map_err(|_| IdentityError::Busy)?.map_err(|_| IdentityError::Busy)?;
        let check = tokio::task::spawn_blocking(move || {
            let is_right = password::matches(&hash, &password);
            drop(permit);
            is_right
        });
        let is_right = check.await.map_err(|error| IdentityError::Password(error.to_string()))?;
        Ok(match account {
            Some(account) if is_right => PasswordCheck::Right(account.user.clone()),
            other => PasswordCheck::Wrong(other.map(|account| account.user.subject.clone())),
        })
    }

    /// See [`super::Identities::user`].
    pub(super) fn user(&self, subject: &Subject) -> Result<Option<User>, IdentityError> {
        let is_client = subject.id_within(Subject::CLIENT).is_some();
        if !is_client && subject.id_within(PROVIDER).is_none() {
            return Ok(None);
        }
        // Somebody who was a local user is not gone because the file is not there yet. It is asked for with every token:
        // unless it has changed, that is one `stat`, which is done sooner than another thread is woken.
        let accounts = self.file.present()?;
        Ok(if is_client {
            accounts.client(subject)
        } else {
            accounts.with_subject(subject).map(|account| account.user.clone())
        })
    }

    /// See [`super::Identities::named`].
    pub(super) async fn named(&self, username: &str) -> Result<Option<User>, IdentityError> {
        Ok(self.accounts().await?.named(username).map(|account| account.user.clone()))
    }

    /// See [`super::Identities::roster`].
    pub(super) async fn roster(&self) -> Result<Arc<[Subject]>, IdentityError> {
        Ok(Arc::clone(self.accounts().await?.subjects()))
    }
}
