//! What users of providers outside of the gateway may be granted.

use std::path::Path;

use gateway_core::scope::ScopeSet;
use serde::{Deserialize, Serialize};

use super::{Accounts, Roles, UserProblem, UsersFileError, allowed, is_false, is_outside};
use crate::domain::user::Subject;

#[derive(Serialize, Deserialize, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct RawUpstreamUser {
    pub(super) subject: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) roles: Vec<String>,
    #[serde(default)]
    pub(super) allowed_tools: Vec<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) disabled: bool,
}

/// One user of a provider outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamAccount {
    /// Who it is.
    pub subject: Subject,
    /// The names of their roles.
    pub roles: Vec<String>,
    /// What they may be granted.
    pub allowed: ScopeSet,
    /// They are shut out, whatever the provider's lists say.
    pub is_disabled: bool,
}

pub(super) fn accounts(
    raw: Vec<RawUpstreamUser>,
    roles: &Roles,
    path: &Path,
) -> Result<Vec<UpstreamAccount>, UsersFileError> {
    let mut accounts: Vec<UpstreamAccount> = Vec::with_capacity(raw.len());
    for raw in raw {
        let username = raw.subject.clone();
        let wrong = |problem| UsersFileError::User { path: path.to_owned(), username, problem };
        let account = match account(raw, roles) {
            Ok(account) => account,
            Err(problem) => return Err(wrong(problem)),
        };
        if accounts.iter().any(|other| other.subject == account.subject) {
            return Err(wrong(UserProblem::Subject));
        }
        accounts.push(account);
    }
    Ok(accounts)
}

fn account(raw: RawUpstreamUser, roles: &Roles) -> Result<UpstreamAccount, UserProblem> {
    let subject = Subject::parse(&raw.subject).filter(is_outside);
    Ok(UpstreamAccount {
        subject: subject.ok_or(UserProblem::Subject)?,
        allowed: allowed(roles, &raw.roles, &raw.allowed_tools)?,
        roles: raw.roles,
        is_disabled: raw.disabled,
    })
}

impl Accounts {
    /// What an upstream user may be granted: by their own entry, or else by those of `default_roles` that the file defines.
    /// `None` when they are shut out.
    #[must_use]
    pub fn allowed_upstream(&self, subject: &Subject, default_roles: &[String]) -> Option<ScopeSet> {
        match self.upstream.iter().find(|account| account.subject == *subject) {
            Some(account) => (!account.is_disabled).then(|| account.allowed.clone()),
            None => Some(
                default_roles
                    .iter()
                    .filter_map(|role| self.roles.get(role))
                    .flat_map(ScopeSet::iter)
                    .cloned()
                    .collect(),
            ),
        }
    }

    /// The upstream users who have an entry, in the order of the file.
    pub fn upstream(&self) -> impl Iterator<Item = &UpstreamAccount> {
        self.upstream.iter()
    }

    /// Whether the file defines this role.
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.roles.contains_key(role)
    }

    /// Whether anybody can sign in with a password.
    #[must_use]
    pub fn has_local(&self) -> bool {
        self.enabled().next().is_some()
    }
}
