//! Revoking: by an operator's order, and when a user is no more.

use std::sync::Arc;

use super::Deps;
use super::error::{Cause, FlowError};
use crate::audit::{self, Event, Record};
use crate::domain::client::ClientId;
use crate::domain::error::ErrorCode;
use crate::domain::revocation::{Revocation, Target};
use crate::domain::token::TokenId;
use crate::domain::user::Subject;

/// What an operator wants dead.
#[derive(Debug, Clone, Copy)]
pub enum Order<'a> {
    /// One access token, by its `jti`.
    Token(&'a str),
    /// Everything of a user, by their name or `sub`.
    User(&'a str),
    /// Everything of a client.
    Client(&'a str),
}

/// Carries out an order: access tokens die by the feed, and whatever could lead to another one ends in the same step.
/// A user may sign in again, and a client ask them again: who must not is taken out of the users file.
///
/// # Errors
/// `invalid_request` when nobody is meant.
pub async fn revoke(deps: &Deps, order: Order<'_>) -> Result<Revocation, FlowError> {
    let invalid = |description| FlowError::refused(ErrorCode::InvalidRequest, description);
    let now = deps.now();
    let revocation = match order {
        Order::Token(id) => {
            let id = TokenId::parse(id).ok_or(invalid("jti is not the id of a token of this service"))?;
            Revocation::of_token_id(id, now)
        }
        Order::User(name) => {
            let subject = subject(deps, name).await?;
            let subject = subject.ok_or(invalid(
                "there is no user with this name; name a user who was removed by the `sub` of their tokens",
            ))?;
            Revocation::of_user(subject, now)
        }
        Order::Client(id) => {
            let id = ClientId::parse(id).ok_or(invalid("client_id is not the id of a client"))?;
            Revocation::of_client(id, now)
        }
    };
    deps.store.cut_off(&revocation, now).await?;
    record(&revocation.target).ok();
    Ok(revocation)
}

/// The user named `text`, or else the `sub` that it is. A `sub` is taken even when users cannot be looked up.
pub(super) async fn subject(deps: &Deps, text: &str) -> Result<Option<Subject>, Cause> {
    match (deps.identities.named(text).await, Subject::parse(text)) {
        (Ok(Some(user)), _) => Ok(Some(user.subject)),
        (Ok(None) | Err(_), Some(subject)) => Ok(Some(subject)),
        (Ok(None), None) => Ok(None),
        (Err(error), None) => Err(error.into()),
    }
}

fn record(target: &Target) -> Record {
    let record = audit::record(Event::Revoked);
    match target {
        Target::Token(id) => record.detail(format_args!("token {id}")),
        Target::User { subject, .. } => record.user(subject).detail("everything of the user"),
        Target::Client { client, .. } => record.client(client).detail("everything of the client"),
        Target::Everyone { .. } => record.detail("everything of everyone"),
    }
}

/// Ends everything of a user who is no more.
pub(super) async fn user_is_gone(deps: &Deps, subject: &Subject) -> Result<(), Cause> {
    let now = deps.now();
    deps.store.cut_off(&Revocation::of_user(subject.clone(), now), now).await?;
    audit::record(Event::UserRemoved).user(subject).detail("everything of the user").ok();
    Ok(())
}

/// Notices that users are no more, without waiting for them to come by. (Less permission is noticed at the next refresh.)
#[derive(Debug, Default)]
pub struct Watch {
    last: Option<Arc<[Subject]>>,
}

impl Watch {
    /// Looks whether the list of users has changed since the last look, and ends everything of those who are no more: who
    /// were in it, and who have anything left in the store, which also finds those who went while the service was down.
    ///
    /// # Errors
    /// When users or store do not answer. The next look tries again.
    pub async fn look(&mut self, deps: &Deps) -> Result<(), Cause> {
        let roster = deps.identities.roster().await?;
        if self.last.as_ref().is_some_and(|last| Arc::ptr_eq(last, &roster)) {
            return Ok(());
        }
        let mut known = deps.store.users().await?;
        known.extend(self.last.iter().flat_map(|last| last.iter().cloned()));
        known.sort_unstable_by(|one, two| one.as_str().cmp(two.as_str()));
        known.dedup();
        // One of whom nothing can be said keeps nobody else.
        let mut undecided = None;
        for subject in &known {
            match deps.identities.user(subject).await {
                Ok(Some(_)) => {}
                Ok(None) => user_is_gone(deps, subject).await?,
                Err(error) => undecided = Some(error),
            }
        }
        if let Some(error) = undecided {
            return Err(error.into());
        }
        self.last = Some(roster);
        Ok(())
    }
}
