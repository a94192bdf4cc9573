//! What clients may do on their own behalf.

use std::path::Path;

use gateway_core::scope::ScopeSet;
use serde::{Deserialize, Serialize};

use super::{Accounts, Roles, UserProblem, UsersFileError, allowed, is_false};
use crate::domain::client::ClientId;
use crate::domain::secret::Digest;
use crate::domain::user::{Subject, User};

#[derive(Serialize, Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClient {
    pub(super) client_id: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) roles: Vec<String>,
    #[serde(default)]
    pub(super) allowed_tools: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) disabled: bool,
}

/// One client that may act on its own behalf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAccount {
    /// Which.
    pub id: ClientId,
    /// The names of its roles.
    pub roles: Vec<String>,
    /// What it may do.
    pub allowed: ScopeSet,
    /// It may do nothing, as long as this is so.
    pub is_disabled: bool,
}

impl ClientAccount {
    /// The subject of the client, unless it is disabled.
    pub(super) fn subject(&self) -> Option<Subject> {
        (!self.is_disabled).then(|| Subject::of_client(&self.id))
    }
}

pub(super) fn accounts(
    raw: Vec<RawClient>,
    roles: &Roles,
    path: &Path,
) -> Result<Vec<ClientAccount>, UsersFileError> {
    let mut accounts: Vec<ClientAccount> = Vec::with_capacity(raw.len());
    for raw in raw {
        let client = raw.client_id.clone();
        let wrong = |problem| UsersFileError::Client { path: path.to_owned(), client, problem };
        let account = match account(raw, roles) {
            Ok(account) => account,
            Err(problem) => return Err(wrong(problem)),
        };
        if accounts.iter().any(|other| other.id == account.id) {
            return Err(wrong(UserProblem::Client));
        }
        accounts.push(account);
    }
    Ok(accounts)
}

fn account(raw: RawClient, roles: &Roles) -> Result<ClientAccount, UserProblem> {
    Ok(ClientAccount {
        id: ClientId::parse(&raw.client_id).ok_or(UserProblem::Client)?,
        allowed: allowed(roles, &raw.roles, &raw.allowed_tools)?,
        roles: raw.roles,
        is_disabled: raw.disabled,
    })
}

impl Accounts {
    /// The client whose subject this is, as who it is when it acts on its own behalf; a disabled one is nobody.
    #[must_use]
    pub fn client(&self, subject: &Subject) -> Option<User> {
        let account = self.clients.iter().find(|account| account.subject().as_ref() == Some(subject))?;
        let id = account.id.as_str();
        Some(User {
            subject: subject.clone(),
            username: id.to_owned(),
            allowed: account.allowed.clone(),
            credential: Digest::of_fields(&[Subject::CLIENT, id]),
        })
    }

    /// The clients that have an entry, in the order of the file.
    pub fn clients(&self) -> impl Iterator<Item = &ClientAccount> {
        self.clients.iter()
    }
}
