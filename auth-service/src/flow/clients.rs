//! Who a client is: the one place that knows where clients come from.

use std::sync::Arc;

use super::Deps;
use super::error::Cause;
use crate::documents::NoDocument;
use crate::domain::client::{Client, ClientId};
use crate::domain::document_url::DocumentUrl;
use crate::limits::{self, Door, TooMany};
use crate::metrics;
use crate::store::StoreError;

/// Why a client is not known.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no such client here.
    #[error("the client is not known")]
    Unknown,
    /// What the client publishes about itself is missing or wrong.
    #[error("{0}")]
    Undescribed(NoDocument),
    /// What the client publishes about itself cannot be had at the moment: it may well be known later.
    #[error("{0}")]
    Unavailable(NoDocument),
    /// Too many clients that are new here were brought from one address.
    #[error(transparent)]
    TooMany(TooMany),
    /// We could not decide.
    #[error(transparent)]
    Internal(#[from] Cause),
}

impl From<StoreError> for ClientError {
    fn from(error: StoreError) -> Self {
        Self::Internal(error.into())
    }
}

impl From<NoDocument> for ClientError {
    fn from(error: NoDocument) -> Self {
        match error {
            NoDocument::NotAllowed => Self::Unknown,
            NoDocument::Refused(_) | NoDocument::Gone => Self::Undescribed(error),
            NoDocument::Unavailable(_) => Self::Unavailable(error),
            NoDocument::TooMany(error) => Self::TooMany(error),
        }
    }
}

/// The client with this id.
///
/// # Errors
/// [`ClientError`].
pub async fn find(deps: &Deps, id: &ClientId) -> Result<Client, ClientError> {
    match id {
        ClientId::Registered(_) => deps.store.client(id, deps.now()).await?.ok_or(ClientError::Unknown),
        ClientId::Document(url) => {
            let documents =
                deps.documents.as_ref().filter(|_| !is_ours(deps, url)).ok_or(ClientError::Unknown)?;
            let client = documents.client(url, deps.now(), || count_newcomer(deps)).await?;
            Ok(Arc::unwrap_or_clone(client))
        }
    }
}

/// Whether an address is one of this service. Asking ourselves could go round in circles, and nobody publishes anything here
/// (D-30).
pub(super) fn is_ours(deps: &Deps, url: &DocumentUrl) -> bool {
    deps.catalogue.is_ours(&url.url().origin().ascii_serialization())
}

/// A fetch of what describes nobody so far, be it a client or its keys, counts as one more registration for whoever brings it: else one
/// address could have us fetch without end, and keep everybody else's clients waiting (D-34).
pub(super) fn count_newcomer(deps: &Deps) -> Result<(), TooMany> {
    let Some(address) = limits::asker() else { return Ok(()) };
    deps.limits.address(Door::Register, address).inspect_err(|_| metrics::limited(Door::Register))
}
