//! How the command line changes the users file: under a lock, and only into a file that can be read again.

use std::path::{Path, PathBuf};

use super::{
    Accounts, RawClient, RawFile, RawUpstreamUser, RawUser, UsersFileError, is_outside, read_raw, to_json,
};
use crate::data_dir;
use crate::domain::user::Subject;

/// A user to be added.
#[derive(Debug, Default)]
pub struct NewUser {
    /// The name.
    pub username: String,
    /// A random id that no user had before.
    pub id: String,
    /// The hash of the password.
    pub password: String,
    /// The names of their roles.
    pub roles: Vec<String>,
    /// What they may be granted besides.
    pub allowed_tools: Vec<String>,
}

/// A user of a provider outside, to be added.
#[derive(Debug, Default)]
pub struct NewUpstreamUser {
    /// The `sub` of their tokens.
    pub subject: String,
    /// The names of their roles.
    pub roles: Vec<String>,
    /// What they may be granted besides.
    pub allowed_tools: Vec<String>,
}

/// What is changed about a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Another password, by its hash.
    Password(String),
    /// Shut out, or let in again.
    Disabled(bool),
    /// No user any more.
    Removed,
}

impl From<NewUser> for RawUser {
    fn from(user: NewUser) -> Self {
        let NewUser { username, id, password, roles, allowed_tools } = user;
        Self { username, id, password, roles, allowed_tools, disabled: false }
    }
}

impl From<NewUpstreamUser> for RawUpstreamUser {
    fn from(user: NewUpstreamUser) -> Self {
        let NewUpstreamUser { subject, roles, allowed_tools } = user;
        Self { subject, roles, allowed_tools, disabled: false }
    }
}

/// Creates the file with one user. Readable by its owner only.
///
/// # Errors
/// [`UsersFileError::Unwritable`], also when the file is there by now: it is never overwritten.
pub fn create(path: &Path, user: NewUser) -> Result<(), UsersFileError> {
    let raw = RawFile { users: vec![user.into()], ..RawFile::default() };
    Ok(data_dir::create_private(path, &to_json(&raw, path)?)?)
}

/// Adds a user.
///
/// # Errors
/// [`UsersFileError`]: also when the file with this user would not be acceptable; it stays as it was.
pub fn add(path: &Path, user: NewUser) -> Result<(), UsersFileError> {
    edit(path, |raw| {
        raw.users.push(user.into());
        true
    })
    .map(drop)
}

/// Adds an entry for a user of a provider outside.
///
/// # Errors
/// [`UsersFileError`]: also when the file with this entry would not be acceptable; it stays as it was.
pub fn add_upstream(path: &Path, user: NewUpstreamUser) -> Result<(), UsersFileError> {
    edit(path, |raw| {
        raw.upstream_users.push(user.into());
        true
    })
    .map(drop)
}

/// Says what the client `id` may do on its own behalf, instead of what was said before. One that is disabled stays so.
///
/// # Errors
/// [`UsersFileError`]: also when the file with this entry would not be acceptable; it stays as it was.
pub fn permit_client(
    path: &Path,
    id: &str,
    roles: Vec<String>,
    allowed_tools: Vec<String>,
) -> Result<(), UsersFileError> {
    edit(path, |raw| {
        let disabled = raw.clients.iter().any(|client| client.client_id == id && client.disabled);
        raw.clients.retain(|client| client.client_id != id);
        raw.clients.push(RawClient { client_id: id.to_owned(), roles, allowed_tools, disabled });
        true
    })
    .map(drop)
}

/// Takes away what a client may do on its own behalf; `false` when that was nothing.
///
/// # Errors
/// [`UsersFileError`].
pub fn remove_client(path: &Path, id: &str) -> Result<bool, UsersFileError> {
    edit(path, |raw| {
        let before = raw.clients.len();
        raw.clients.retain(|client| client.client_id != id);
        raw.clients.len() < before
    })
}

/// Changes the user named `username`, or the upstream user with that `sub`; `false` when there is neither. An upstream user who is
/// removed or disabled is shut out by an entry, whether or not there was one.
///
/// # Errors
/// [`UsersFileError`].
pub fn change(path: &Path, username: &str, change: &Change) -> Result<bool, UsersFileError> {
    edit(path, |raw| {
        let Some(at) = raw.users.iter().position(|user| user.username == username) else {
            return change_upstream(raw, username, change);
        };
        match (change, raw.users.get_mut(at)) {
            (Change::Password(hash), Some(user)) => hash.clone_into(&mut user.password),
            (Change::Disabled(disabled), Some(user)) => user.disabled = *disabled,
            (Change::Removed, _) => drop(raw.users.remove(at)),
            (Change::Password(_) | Change::Disabled(_), None) => return false,
        }
        true
    })
}

fn change_upstream(raw: &mut RawFile, subject: &str, change: &Change) -> bool {
    let known = raw.upstream_users.iter_mut().find(|user| user.subject == subject);
    match (change, known) {
        (Change::Disabled(disabled), Some(user)) => user.disabled = *disabled,
        // Without an entry the provider's default roles would let them in again: what is left shuts them out.
        (Change::Removed, Some(user)) => {
            user.roles.clear();
            user.allowed_tools.clear();
            user.disabled = true;
        }
        // Whoever has only the default roles is shut out by an entry.
        (Change::Disabled(true) | Change::Removed, None)
            if Subject::parse(subject).is_some_and(|it| is_outside(&it)) =>
        {
            raw.upstream_users.push(RawUpstreamUser {
                subject: subject.to_owned(),
                roles: Vec::new(),
                allowed_tools: Vec::new(),
                disabled: true,
            });
        }
        // They have no password here.
        (Change::Password(_), _) | (Change::Disabled(_) | Change::Removed, None) => return false,
    }
    true
}

/// Replaces the file by what `work` makes of it, if it makes anything of it; what that was is given back.
fn edit(path: &Path, work: impl FnOnce(&mut RawFile) -> bool) -> Result<bool, UsersFileError> {
    let _held = data_dir::lock(&beside(path))?;
    let mut raw = read_raw(path)?;
    if !work(&mut raw) {
        return Ok(false);
    }
    let json = to_json(&raw, path)?;
    Accounts::parse(raw, path)?;
    data_dir::replace_private(path, &json)?;
    Ok(true)
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("lock")
}
