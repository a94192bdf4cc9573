//! What an operator sees of clients, and what they do about them.

use super::Deps;
use super::clients::{self, ClientError};
use super::error::FlowError;
use super::revoke::{Order, revoke, subject};
use crate::audit::{self, Event};
use crate::domain::client::{Client, ClientId};
use crate::domain::error::ErrorCode;
use crate::domain::grant::FamilyId;
use crate::store::{Grant, Part};

/// What became of a client that an operator deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// It and everything of it are gone.
    Done,
    /// It describes itself, so there was no registration to delete; everything of it is gone.
    Revoked,
    /// There is no such client.
    Unknown,
}

/// The client with this id, if there is one: as it registered, or as it describes itself.
///
/// # Errors
/// `temporarily_unavailable` when its description cannot be had.
pub async fn client(deps: &Deps, id: &str) -> Result<Option<Client>, FlowError> {
    let Some(id) = ClientId::parse(id) else { return Ok(None) };
    match clients::find(deps, &id).await {
        Ok(client) => Ok(Some(client)),
        Err(ClientError::Unknown | ClientError::Undescribed(_)) => Ok(None),
        Err(ClientError::Unavailable(_)) => Err(FlowError::refused(
            ErrorCode::TemporarilyUnavailable,
            "the metadata document of the client cannot be fetched; try again later",
        )),
        Err(ClientError::TooMany(error)) => Err(error.into()),
        Err(ClientError::Internal(cause)) => Err(cause.into()),
    }
}

/// Deletes the client with this id, as it could itself (RFC 7592 §2.3).
///
/// # Errors
/// When the store does not answer.
pub async fn delete_client(deps: &Deps, id: &str) -> Result<Deletion, FlowError> {
    match ClientId::parse(id) {
        None => Ok(Deletion::Unknown),
        Some(ClientId::Document(_)) => {
            revoke(deps, Order::Client(id)).await?;
            Ok(Deletion::Revoked)
        }
        Some(id @ ClientId::Registered(_)) => {
            if !deps.store.remove_client(&id, deps.now()).await? {
                return Ok(Deletion::Unknown);
            }
            audit::record(Event::ClientDeleted)
                .client(&id)
                .detail("everything of the client, by an operator")
                .ok();
            Ok(Deletion::Done)
        }
    }
}

/// Whose grants an operator wants to see; everybody's without either.
#[derive(Debug, Clone, Copy, Default)]
pub struct Whose<'a> {
    /// A user's, by their name or `sub`.
    pub user: Option<&'a str>,
    /// A client's.
    pub client: Option<&'a str>,
}

/// The living grants after the family `after`; looks at `limit` of them.
///
/// # Errors
/// `invalid_request` when there is no such user.
pub async fn grants(
    deps: &Deps,
    whose: Whose<'_>,
    after: Option<FamilyId>,
    limit: usize,
) -> Result<Part<Grant, FamilyId>, FlowError> {
    let user = match whose.user {
        None => None,
        Some(name) => {
            let unknown = FlowError::refused(ErrorCode::InvalidRequest, "there is no user with this name");
            Some(subject(deps, name).await?.ok_or(unknown)?)
        }
    };
    let mut part = deps.store.grants(after, limit, deps.now()).await?;
    part.items.retain(|grant| {
        user.as_ref().is_none_or(|user| *user == grant.access.subject)
            && whose.client.is_none_or(|client| client == grant.access.client.as_str())
    });
    Ok(part)
}
