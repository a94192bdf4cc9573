//! `users`: who may sign in. The commands change the users file; a running service notices within two seconds.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::Subcommand;
use serde_json::{Value, json};
use service_kit::random::{NoEntropy, Rng, SystemRng};

use super::CommandError;
use crate::identity::password;
use crate::identity::users_file::edit::{self, Change, NewUpstreamUser, NewUser};
use crate::identity::users_file::{Account, Accounts, ClientAccount, UpstreamAccount, UsersFileError};

/// The first user of a new installation.
const FIRST_USER: &str = "admin";

/// What can be done with users.
#[derive(Debug, Subcommand)]
pub(super) enum Users {
    /// Add a user with a generated password and print it, once.
    Add {
        /// The user's name; with --upstream the `sub` of their tokens, such as github:583231.
        name: String,
        /// The user signs in at a provider outside and gets no password here. Whether they may come in is said by the
        /// provider's lists.
        #[arg(long)]
        upstream: bool,
        /// A role that the users file defines; may be repeated.
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<String>,
        /// What the user may be granted besides: `*`, `server/*` or `server/tool`; may be repeated.
        #[arg(long = "allow", value_name = "PATTERN")]
        allowed_tools: Vec<String>,
    },
    /// Show all users, and what they may be granted; and the clients that may act on their own behalf.
    List,
    /// Give a user a new generated password and print it, once.
    Passwd {
        /// The user's name.
        name: String,
    },
    /// Shut a user out: everything of theirs ends at once. `enable` lets them in again, to sign in anew.
    Disable {
        /// The user's name.
        name: String,
    },
    /// Let a user in again.
    Enable {
        /// The user's name.
        name: String,
    },
    /// Remove a user: everything of theirs ends at once.
    Remove {
        /// The user's name.
        name: String,
    },
}

/// Carries out `order` on the users file at `path`; gives what is printed.
pub(super) fn run(path: &Path, order: Users) -> Result<Value, CommandError> {
    match order {
        Users::Add { name: subject, upstream: true, roles, allowed_tools } => {
            let shown = json!({ "added": { "sub": subject } });
            edit::add_upstream(path, NewUpstreamUser { subject, roles, allowed_tools })?;
            Ok(shown)
        }
        Users::Add { name, upstream: false, roles, allowed_tools } => add(path, name, (roles, allowed_tools)),
        Users::List => {
            let accounts = Accounts::read(path)?;
            let upstream: Vec<Value> = accounts.upstream().map(described_upstream).collect();
            let clients: Vec<Value> = accounts.clients().map(described_client).collect();
            let users: Vec<Value> = accounts.all().map(described).collect();
            Ok(json!({ "users": users, "upstream_users": upstream, "clients": clients }))
        }
        Users::Passwd { name } => {
            // Before the hash is made, which takes its time.
            named(path, &name)?;
            let (password, hash) = new_password()?;
            change(path, &name, &Change::Password(hash))?;
            Ok(json!({ "changed": { "username": name, "password": password } }))
        }
        Users::Disable { name } => {
            change(path, &name, &Change::Disabled(true)).map(|()| json!({ "disabled": name }))
        }
        Users::Enable { name } => {
            change(path, &name, &Change::Disabled(false)).map(|()| json!({ "enabled": name }))
        }
        Users::Remove { name } => change(path, &name, &Change::Removed).map(|()| json!({ "removed": name })),
    }
}

/// Makes a first user if there is no users file, and says who is there.
pub(super) fn first(path: &Path) -> Result<Value, CommandError> {
    match Accounts::read(path) {
        Ok(accounts) => Ok(json!({ "users": accounts.names().collect::<Vec<_>>() })),
        Err(UsersFileError::Missing(_)) => {
            let (password, hash) = new_password()?;
            let user = NewUser {
                username: FIRST_USER.to_owned(),
                id: user_id(&SystemRng)?,
                password: hash,
                allowed_tools: vec!["*".to_owned()],
                roles: Vec::new(),
            };
            edit::create(path, user)?;
            Ok(json!({ "created": { "username": FIRST_USER, "password": password } }))
        }
        Err(error) => Err(error.into()),
    }
}

fn add(
    path: &Path,
    username: String,
    (roles, allowed_tools): (Vec<String>, Vec<String>),
) -> Result<Value, CommandError> {
    let (password, hash) = new_password()?;
    let shown = json!({ "added": { "username": username, "password": password } });
    edit::add(path, NewUser { username, id: user_id(&SystemRng)?, password: hash, roles, allowed_tools })?;
    Ok(shown)
}

fn change(path: &Path, name: &str, change: &Change) -> Result<(), CommandError> {
    if edit::change(path, name, change)? { Ok(()) } else { Err(no_such_user(path, name)?) }
}

fn named(path: &Path, name: &str) -> Result<(), CommandError> {
    let accounts = Accounts::read(path)?;
    if accounts.names().any(|other| other == name) { Ok(()) } else { Err(no_such_user(path, name)?) }
}

fn no_such_user(path: &Path, name: &str) -> Result<CommandError, CommandError> {
    let names = Accounts::read(path)?.names().collect::<Vec<_>>().join(", ");
    Ok(CommandError::NoSuchUser(name.to_owned(), names))
}

fn described(account: &Account) -> Value {
    json!({
        "username": account.user.username,
        "sub": account.user.subject.as_str(),
        "roles": account.roles,
        "scopes": account.user.allowed.to_string(),
        "disabled": account.is_disabled,
    })
}

fn described_client(account: &ClientAccount) -> Value {
    json!({
        "client_id": account.id.as_str(),
        "roles": account.roles,
        "scopes": account.allowed.to_string(),
        "disabled": account.is_disabled,
    })
}

fn described_upstream(account: &UpstreamAccount) -> Value {
    json!({
        "sub": account.subject.as_str(),
        "roles": account.roles,
        "scopes": account.allowed.to_string(),
        "disabled": account.is_disabled,
    })
}

/// A generated password and its hash.
fn new_password() -> Result<(String, String), CommandError> {
    let password = password::generate(&SystemRng)?;
    let hash = password::hash(&password, &SystemRng)?;
    Ok((password, hash))
}

fn user_id(rng: &dyn Rng) -> Result<String, NoEntropy> {
    let mut bytes = [0; 12];
    rng.fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
