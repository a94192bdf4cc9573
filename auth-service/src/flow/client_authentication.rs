//! Who a client is, and what it shows for it (RFC 6749 §2.3).

use std::sync::Arc;

use gateway_core::jwks::KeySet;

use super::Deps;
use super::clients::{self, ClientError};
use super::error::FlowError;
use crate::audit::{self, Event};
use crate::documents::NoDocument;
use crate::domain::client::{Client, ClientAuthentication, ClientId};
use crate::domain::client_assertion::{AssertionError, ClientAssertion, Expected};
use crate::domain::client_keys::ClientKeys;
use crate::domain::error::{ErrorCode, Refusal};
use crate::domain::secret::Digest;

/// The one answer to every proof that is not good. An unknown client is answered like a wrong secret.
pub const FAILED: Refusal = Refusal::new(ErrorCode::InvalidClient, "client authentication failed");

/// What the client publishes cannot be had. `invalid_client` would make it give up what it has (RFC 6749 §5.2).
const LATER: Refusal = Refusal::new(
    ErrorCode::TemporarilyUnavailable,
    "what the client publishes about itself cannot be fetched; try again later",
);

/// Who a client says it is, and what it shows for it.
#[derive(Debug)]
pub struct ClientCredentials<'a> {
    /// The client.
    pub id: ClientId,
    /// What it shows.
    pub proof: Proof<'a>,
}

/// What a client shows: one thing, or nothing.
#[derive(Debug)]
pub enum Proof<'a> {
    /// Nothing.
    None,
    /// Digest of a secret.
    Secret(Digest),
    /// An assertion (RFC 7523 §2.2).
    Assertion(ClientAssertion<'a>),
}

/// The client that these credentials prove.
///
/// # Errors
/// `invalid_client`, `temporarily_unavailable` when the client's own words cannot be had, or [`FlowError::TooMany`].
pub async fn authenticate(deps: &Deps, credentials: &ClientCredentials<'_>) -> Result<Client, FlowError> {
    let record = audit::record(Event::ClientAuthentication);
    let client = match clients::find(deps, &credentials.id).await {
        Ok(client) => client,
        Err(ClientError::Unknown | ClientError::Undescribed(_)) => {
            record.refused();
            return Err(FAILED.into());
        }
        Err(ClientError::Unavailable(_)) => return Err(LATER.into()),
        Err(ClientError::TooMany(error)) => return Err(error.into()),
        Err(ClientError::Internal(cause)) => return Err(cause.into()),
    };
    let shown = match (&client.authentication, &credentials.proof) {
        (ClientAuthentication::PrivateKey(keys), Proof::Assertion(assertion)) => {
            let Err(error) = believe(deps, &client.id, keys, assertion).await? else { return Ok(client) };
            record.client(&client.id).detail(format_args!("assertion: {error}")).refused();
            return Err(FlowError::refused(ErrorCode::InvalidClient, error.advice()));
        }
        (_, Proof::Assertion(_)) => false,
        (authentication, Proof::Secret(digest)) => authentication.accepts(Some(digest)),
        (authentication, Proof::None) => authentication.accepts(None),
    };
    if shown {
        return Ok(client);
    }
    record.client(&client.id).refused();
    Err(FAILED.into())
}

/// The client that these credentials prove if it is still what this process saw last: a guess, on which only
/// [`refresh_at_once`](super::refresh::refresh_at_once) may go on. No assertion is believed that way, because looking at one spends it.
#[must_use]
pub fn authenticate_seen(deps: &Deps, credentials: &ClientCredentials<'_>) -> Option<Arc<Client>> {
    let presented = match &credentials.proof {
        Proof::None => None,
        Proof::Secret(digest) => Some(digest),
        Proof::Assertion(_) => return None,
    };
    deps.store.seen_client(&credentials.id).filter(|client| client.authentication.accepts(presented))
}

/// Whether an assertion is the client's own and good now, for the first time. The inner error says why it is not.
async fn believe(
    deps: &Deps,
    client: &ClientId,
    keys: &ClientKeys,
    assertion: &ClientAssertion<'_>,
) -> Result<Result<(), AssertionError>, FlowError> {
    let issuer = deps.catalogue.issuer().to_string();
    let audiences = [format!("{issuer}/token"), issuer];
    let keys = keys_of(deps, keys, assertion.kid()).await?;
    let now = deps.now();
    let once = match assertion.verify(&keys, Expected { client, audiences: &audiences, now }) {
        Ok(once) => once,
        Err(error) => return Ok(Err(error)),
    };
    let is_first = deps.store.spend_assertion(&once, now).await?;
    Ok(if is_first { Ok(()) } else { Err(AssertionError::Replayed) })
}

/// The keys of a client; one named `kid` should be among them.
async fn keys_of(deps: &Deps, keys: &ClientKeys, kid: Option<&str>) -> Result<Arc<KeySet>, FlowError> {
    let url = match keys {
        ClientKeys::Inline(keys) => return Ok(Arc::clone(keys.set())),
        ClientKeys::At(url) => url,
    };
    let documents = deps.documents.as_ref().filter(|_| !clients::is_ours(deps, url)).ok_or(FAILED)?;
    match documents.keys(url, kid, deps.now(), || clients::count_newcomer(deps)).await {
        Ok(keys) => Ok(keys),
        Err(NoDocument::Unavailable(_)) => Err(LATER.into()),
        Err(NoDocument::TooMany(error)) => Err(error.into()),
        Err(NoDocument::NotAllowed | NoDocument::Refused(_) | NoDocument::Gone) => Err(FAILED.into()),
    }
}
