//! What an operator sees of clients, and what they do about them.

use super::Deps;
use super::clients::{self, ClientError};
use super::error::FlowError;
use super::revoke::{Order, revoke};
use crate::audit::{self, Event};
use crate::domain::client::{Client, ClientId};
use crate::domain::error::ErrorCode;

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
