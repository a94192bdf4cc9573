//! The users file: who may sign in, and what they may be granted.
//!
//! ```json
//! { "users": [ { "username": "ada", "id": "x7…", "password": "$argon2id$…", "allowed_tools": ["time/*", "fetch/get"] } ] }
//! ```
//!
//! A member that we do not know is a mistake and not ignored: it would be a rule that somebody believes in.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gateway_core::scope::{Scope, ScopeSet};
use serde::{Deserialize, Serialize};

use super::password;
use crate::data_dir::{self, DataDirError};
use crate::domain::secret::Digest;
use crate::domain::user::{Subject, User};

/// The provider part of a local user's subject.
pub const PROVIDER: &str = "local";

/// What is wrong with a users file, as a sentence for whoever edits it.
#[derive(Debug, thiserror::Error)]
pub enum UsersFileError {
    /// It is not there.
    #[error("{0} does not exist; run `auth-service init` to create it with a first user")]
    Missing(PathBuf),
    /// It is there and cannot be read.
    #[error("{0} cannot be read: {1}")]
    Unreadable(PathBuf, std::io::Error),
    /// It cannot be written.
    #[error(transparent)]
    Unwritable(#[from] DataDirError),
    /// It is not JSON of the form above.
    #[error("{0}: {1}")]
    Malformed(PathBuf, serde_json::Error),
    /// A user in it is not acceptable.
    #[error("{path}: user \"{username}\": {problem}")]
    User {
        /// The file.
        path: PathBuf,
        /// The user.
        username: String,
        /// What would be right.
        problem: UserProblem,
    },
}

/// What is wrong with one user.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UserProblem {
    /// The name cannot be typed or shown.
    #[error("username must be 1 to 64 printable characters")]
    Username,
    /// The id does not fit into `sub`.
    #[error("id must be 1 to 64 characters of A-Z, a-z, 0-9, _ and -")]
    Id,
    /// Two users cannot be told apart.
    #[error("username and id must be unique")]
    Duplicate,
    /// A password in clear, or another hash.
    #[error("password must be an argon2id hash; run `auth-service users passwd NAME` to make one")]
    Password,
    /// A pattern that we cannot read.
    #[error("allowed_tools: \"{0}\" is not *, server/* or server/tool")]
    Pattern(String),
}

impl UsersFileError {
    /// What it means that `path` cannot be opened.
    pub(super) fn reading(path: &Path, error: std::io::Error) -> Self {
        if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
            Self::Missing(path.to_owned())
        } else {
            Self::Unreadable(path.to_owned(), error)
        }
    }
}

#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawFile {
    users: Vec<RawUser>,
}

#[derive(Serialize, Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct RawUser {
    username: String,
    id: String,
    password: String,
    allowed_tools: Vec<String>,
}

/// The users of one file, all of them acceptable.
pub struct Accounts {
    all: Vec<Account>,
    subjects: Arc<[Subject]>,
}

/// One local user.
pub struct Account {
    /// Who they are and what they may do.
    pub user: User,
    /// The hash of their password.
    pub password: String,
}

impl Accounts {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`UsersFileError`].
    pub fn read(path: &Path) -> Result<Self, UsersFileError> {
        let raw = read_raw(path)?;
        let mut accounts: Vec<Account> = Vec::with_capacity(raw.users.len());
        for raw in raw.users {
            let username = raw.username.clone();
            let wrong =
                |problem| UsersFileError::User { path: path.to_owned(), username: username.clone(), problem };
            let account = Account::try_from(raw).map_err(wrong)?;
            let is_twin = |other: &Account| {
                other.user.username == account.user.username || other.user.subject == account.user.subject
            };
            if accounts.iter().any(is_twin) {
                return Err(wrong(UserProblem::Duplicate));
            }
            accounts.push(account);
        }
        let subjects = accounts.iter().map(|account| account.user.subject.clone()).collect();
        Ok(Self { all: accounts, subjects })
    }

    /// The user with this name.
    #[must_use]
    pub fn named(&self, username: &str) -> Option<&Account> {
        self.all.iter().find(|account| account.user.username == username)
    }

    /// The user with this subject.
    #[must_use]
    pub fn with_subject(&self, subject: &Subject) -> Option<&Account> {
        self.all.iter().find(|account| account.user.subject == *subject)
    }

    /// The names, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|account| account.user.username.as_str())
    }

    /// The subjects, in the order of the file.
    #[must_use]
    pub const fn subjects(&self) -> &Arc<[Subject]> {
        &self.subjects
    }
}

impl std::fmt::Debug for Accounts {
    /// Names only.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_list().entries(self.names()).finish()
    }
}

impl std::fmt::Debug for Account {
    /// The name only.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Account({})", self.user.username)
    }
}

impl TryFrom<RawUser> for Account {
    type Error = UserProblem;

    fn try_from(raw: RawUser) -> Result<Self, UserProblem> {
        let length = raw.username.chars().count();
        if !(1..=64).contains(&length) || raw.username.chars().any(char::is_control) {
            return Err(UserProblem::Username);
        }
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
        if !(1..=64).contains(&raw.id.len()) || !raw.id.bytes().all(is_plain) {
            return Err(UserProblem::Id);
        }
        if !password::is_hash(&raw.password) {
            return Err(UserProblem::Password);
        }
        let allowed =
            raw.allowed_tools.iter().map(|pattern| scope_of(pattern)).collect::<Result<ScopeSet, _>>()?;
        let credential = Digest::of(raw.password.as_bytes());
        let user =
            User { subject: Subject::new(PROVIDER, &raw.id), username: raw.username, allowed, credential };
        Ok(Self { user, password: raw.password })
    }
}

/// `*` → `mcp`, `time/*` → `mcp:time`, `time/now` → `mcp:time:now`.
fn scope_of(pattern: &str) -> Result<Scope, UserProblem> {
    let wrong = || UserProblem::Pattern(pattern.to_owned());
    match pattern.split_once('/') {
        None if pattern == "*" => Ok(Scope::All),
        None => Err(wrong()),
        Some((server, "*")) => Ok(Scope::Server(server.parse().map_err(|_| wrong())?)),
        Some((_, tool)) if tool.contains('*') => Err(wrong()),
        Some((server, tool)) => {
            Ok(Scope::Tool(server.parse().map_err(|_| wrong())?, tool.parse().map_err(|_| wrong())?))
        }
    }
}

/// A user to be added, with the hash of their password.
#[derive(Debug)]
pub struct NewUser<'a> {
    /// The name.
    pub username: &'a str,
    /// A random id that no user had before.
    pub id: &'a str,
    /// The hash.
    pub password: &'a str,
}

/// Creates the file with one user who may use everything. Readable by its owner only.
///
/// # Errors
/// [`UsersFileError::Unwritable`], also when the file is there by now: it is never overwritten.
pub fn create(path: &Path, user: &NewUser<'_>) -> Result<(), UsersFileError> {
    let raw = RawFile {
        users: vec![RawUser {
            username: user.username.to_owned(),
            id: user.id.to_owned(),
            password: user.password.to_owned(),
            allowed_tools: vec!["*".to_owned()],
        }],
    };
    Ok(data_dir::create_private(path, &to_json(&raw, path)?)?)
}

/// Gives the user named `username` another password hash; `false` when there is no such user.
///
/// # Errors
/// [`UsersFileError`].
pub fn set_password(path: &Path, username: &str, hash: &str) -> Result<bool, UsersFileError> {
    let mut raw = read_raw(path)?;
    let Some(user) = raw.users.iter_mut().find(|user| user.username == username) else { return Ok(false) };
    hash.clone_into(&mut user.password);
    data_dir::replace_private(path, &to_json(&raw, path)?)?;
    Ok(true)
}

fn read_raw(path: &Path) -> Result<RawFile, UsersFileError> {
    let text = std::fs::read_to_string(path).map_err(|error| UsersFileError::reading(path, error))?;
    serde_json::from_str(&text).map_err(|error| UsersFileError::Malformed(path.to_owned(), error))
}

fn to_json(raw: &RawFile, path: &Path) -> Result<Vec<u8>, UsersFileError> {
    let mut json =
        serde_json::to_vec_pretty(raw).map_err(|error| UsersFileError::Malformed(path.to_owned(), error))?;
    json.push(b'\n');
    Ok(json)
}

#[cfg(test)]
mod tests;
