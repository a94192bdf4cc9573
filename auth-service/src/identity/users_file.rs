//! The users file: who may sign in, and what they may be granted.
//!
//! ```json
//! {
//!   "roles": { "clerk": ["time/*", "fetch/fetch"] },
//!   "users": [
//!     { "username": "ada", "id": "x7…", "password": "$argon2id$…", "roles": ["clerk"], "allowed_tools": ["git/git_log"] }
//!   ],
//!   "upstream_users": [{ "subject": "github:583231", "roles": ["clerk"], "allowed_tools": [] }],
//!   "clients": [{ "client_id": "client_k2…", "roles": ["clerk"], "allowed_tools": [] }]
//! }
//! ```
//!
//! A user may be granted what their roles and their own `allowed_tools` cover. One with `"disabled": true` is nobody, until
//! that is taken away. Whoever signs in at a provider outside is in `upstream_users`, by the `sub` of their tokens, or gets
//! the default roles of that provider; whether they may come in at all is said by its lists. What a client may do on its own
//! behalf (RFC 6749 §4.4) is in `clients`; one that is not there may do nothing.
//!
//! A member that we do not know is a mistake and not ignored: it would be a rule that somebody believes in.

mod clients;
pub mod edit;
mod upstream;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gateway_core::scope::{Scope, ScopeSet};
use serde::{Deserialize, Serialize};

use super::password;
use clients::RawClient;
use upstream::RawUpstreamUser;

pub use clients::ClientAccount;
pub use upstream::UpstreamAccount;

use crate::data_dir::DataDirError;
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
    /// A role in it is not acceptable.
    #[error("{path}: role \"{role}\": {problem}")]
    Role {
        /// The file.
        path: PathBuf,
        /// The role.
        role: String,
        /// What would be right.
        problem: UserProblem,
    },
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
    /// A client in it is not acceptable.
    #[error("{path}: client \"{client}\": {problem}")]
    Client {
        /// The file.
        path: PathBuf,
        /// The client.
        client: String,
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
    /// Not a `sub` of a provider outside.
    #[error("subject must be like github:583231, of a provider other than local, and unique")]
    Subject,
    /// Not the id of a client.
    #[error("client_id must be the id of a client, and unique")]
    Client,
    /// A pattern that we cannot read.
    #[error("allowed_tools: \"{0}\" is not *, server/* or server/tool")]
    Pattern(String),
    /// A role that the file does not define.
    #[error("roles: there is no role \"{0}\"")]
    Role(String),
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
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    roles: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    users: Vec<RawUser>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    upstream_users: Vec<RawUpstreamUser>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    clients: Vec<RawClient>,
}

#[derive(Serialize, Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct RawUser {
    username: String,
    id: String,
    password: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(default)]
    allowed_tools: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    disabled: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it skips by reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// What each role covers.
type Roles = BTreeMap<String, ScopeSet>;

/// The users of one file, all of them acceptable.
#[derive(Default)]
pub struct Accounts {
    all: Vec<Account>,
    upstream: Vec<UpstreamAccount>,
    clients: Vec<ClientAccount>,
    roles: Roles,
    subjects: Arc<[Subject]>,
}

/// One local user.
pub struct Account {
    /// Who they are and what they may do.
    pub user: User,
    /// The hash of their password.
    pub password: String,
    /// The names of their roles.
    pub roles: Vec<String>,
    /// They are shut out, and nobody as long as they are.
    pub is_disabled: bool,
}

impl Accounts {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// [`UsersFileError`].
    pub fn read(path: &Path) -> Result<Self, UsersFileError> {
        Self::parse(read_raw(path)?, path)
    }

    fn parse(raw: RawFile, path: &Path) -> Result<Self, UsersFileError> {
        let roles = roles(&raw.roles, path)?;
        let mut accounts: Vec<Account> = Vec::with_capacity(raw.users.len());
        for raw in raw.users {
            let username = raw.username.clone();
            let wrong =
                |problem| UsersFileError::User { path: path.to_owned(), username: username.clone(), problem };
            let account = Account::parse(raw, &roles).map_err(wrong)?;
            let is_twin = |other: &Account| {
                other.user.username == account.user.username || other.user.subject == account.user.subject
            };
            if accounts.iter().any(is_twin) {
                return Err(wrong(UserProblem::Duplicate));
            }
            accounts.push(account);
        }
        let subjects = accounts.iter().filter(|account| !account.is_disabled);
        let subjects = subjects.map(|account| account.user.subject.clone());
        let clients = clients::accounts(raw.clients, &roles, path)?;
        let subjects = subjects.chain(clients.iter().filter_map(ClientAccount::subject)).collect();
        let upstream = upstream::accounts(raw.upstream_users, &roles, path)?;
        Ok(Self { all: accounts, upstream, clients, roles, subjects })
    }

    /// The user with this name; a disabled one is nobody.
    #[must_use]
    pub fn named(&self, username: &str) -> Option<&Account> {
        self.enabled().find(|account| account.user.username == username)
    }

    /// The user with this subject; a disabled one is nobody.
    #[must_use]
    pub fn with_subject(&self, subject: &Subject) -> Option<&Account> {
        self.enabled().find(|account| account.user.subject == *subject)
    }

    fn enabled(&self) -> impl Iterator<Item = &Account> {
        self.all.iter().filter(|account| !account.is_disabled)
    }

    /// All users, disabled ones too, in the order of the file.
    pub fn all(&self) -> impl Iterator<Item = &Account> {
        self.all.iter()
    }

    /// The names, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(|account| account.user.username.as_str())
    }

    /// The subjects of all who are not disabled, clients last, in the order of the file.
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

impl Account {
    fn parse(raw: RawUser, roles: &Roles) -> Result<Self, UserProblem> {
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
        let allowed = allowed(roles, &raw.roles, &raw.allowed_tools)?;
        let credential = Digest::of(raw.password.as_bytes());
        let user =
            User { subject: Subject::new(PROVIDER, &raw.id), username: raw.username, allowed, credential };
        Ok(Self { user, password: raw.password, roles: raw.roles, is_disabled: raw.disabled })
    }
}

/// What named roles and patterns cover together.
fn allowed(roles: &Roles, named: &[String], patterns: &[String]) -> Result<ScopeSet, UserProblem> {
    let of_role = |role: &String| roles.get(role).ok_or_else(|| UserProblem::Role(role.clone()));
    let of_roles = named.iter().map(of_role).collect::<Result<Vec<_>, _>>()?;
    let own = scopes_of(patterns)?;
    Ok(of_roles.into_iter().chain([&own]).flat_map(ScopeSet::iter).cloned().collect())
}

fn roles(raw: &BTreeMap<String, Vec<String>>, path: &Path) -> Result<Roles, UsersFileError> {
    let read = |(role, patterns): (&String, &Vec<String>)| match scopes_of(patterns) {
        Ok(scopes) => Ok((role.clone(), scopes)),
        Err(problem) => Err(UsersFileError::Role { path: path.to_owned(), role: role.clone(), problem }),
    };
    raw.iter().map(read).collect()
}

fn scopes_of(patterns: &[String]) -> Result<ScopeSet, UserProblem> {
    patterns.iter().map(|pattern| scope_of(pattern)).collect()
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

/// Whether a subject is somebody's at a provider outside.
fn is_outside(subject: &Subject) -> bool {
    [PROVIDER, Subject::CLIENT].iter().all(|provider| subject.id_within(provider).is_none())
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
