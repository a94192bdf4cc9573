//! A client manages its own registration (RFC 7592): it reads it, replaces it, deletes it.
//!
//! The registration access token is made once, at registration, and stays the same: a client that loses an answer must
//! not lose its registration with it. It ends with the registration. (RFC 7592 §5 leaves rotation to the server.)

use super::Deps;
use super::error::FlowError;
use super::register::{Registered, authentication_of, honoured};
use super::verify::living;
use crate::audit::{self, Event};
use crate::domain::client::{Client, ClientAuthentication, ClientId};
use crate::domain::client_update::ClientUpdate;
use crate::domain::error::{ErrorCode, Refusal};
use crate::domain::metadata::WantedAuthentication;
use crate::domain::revocation::Revocation;
use crate::domain::secret::{RegistrationToken, Secret};

/// The one answer to a token that does not fit, and to a client that does not exist: nobody learns which it was (D-10).
const INVALID_TOKEN: Refusal =
    Refusal::new(ErrorCode::InvalidToken, "the registration access token is not that of this client");

/// A registration, and the proof that whoever asks may manage it. Only [`managed`] makes one.
#[derive(Debug)]
pub struct Managed {
    client: Client,
    token: Secret<RegistrationToken>,
}

/// The registration of the client `id`, for who has its token.
///
/// # Errors
/// `invalid_token`; `insufficient_scope` for an access token, which is for MCP servers only.
pub async fn managed(deps: &Deps, id: &str, token: &str) -> Result<Managed, FlowError> {
    if living(deps, token, &deps.catalogue.audiences()).is_some() {
        audit::record(Event::RegistrationAccess).detail("with an access token").refused();
        return Err(FlowError::refused(
            ErrorCode::InsufficientScope,
            "an access token does not manage registrations; use the registration access token",
        ));
    }
    let known = match ClientId::parse(id) {
        Some(id) => deps.store.client(&id, deps.now()).await?,
        None => None,
    };
    let shown: Option<Secret<RegistrationToken>> = Secret::parse(token);
    match (known, shown) {
        (Some(client), Some(token)) if client.is_managed_with(&token.digest()) => {
            Ok(Managed { client, token })
        }
        (known, _) => {
            let record = audit::record(Event::RegistrationAccess);
            known.iter().fold(record, |record, client| record.client(&client.id)).refused();
            Err(INVALID_TOKEN.into())
        }
    }
}

/// What is stored (RFC 7592 §2.1). The secret is not: only its digest is kept.
#[must_use]
pub fn read(managed: Managed) -> Registered {
    Registered { client: managed.client, secret: None, token: managed.token }
}

/// Replaces all that the client said about itself (RFC 7592 §2.2). Of a registration that is in use it counts as a
/// use; one that has led to no token does not come to a long life by it.
///
/// What was granted stays, unless the client becomes public or confidential or gives up refresh tokens: then it ends, and
/// before the change, so that a crash between the two leaves nothing that is protected otherwise than when it was granted.
/// A code whose
/// redirect URI is gone, and a consent page under the old name, are worth nothing any more; [`super::exchange`] and
/// [`super::authorize`] see to that.
///
/// # Errors
/// `invalid_client_metadata` or `invalid_redirect_uri`; `invalid_token` when the client was deleted meanwhile.
pub async fn replace(deps: &Deps, managed: Managed, body: &[u8]) -> Result<Registered, FlowError> {
    let Managed { client: before, token } = managed;
    let update = ClientUpdate::parse(body, &before)?;
    let metadata = honoured(deps, update.metadata)?;
    let (authentication, new_secret) = match (&before.authentication, metadata.authentication) {
        // It says where it sends its secret; which one that is remains ours to choose.
        (ClientAuthentication::Secret { digest, .. }, WantedAuthentication::Secret(method)) => {
            (ClientAuthentication::Secret { method, digest: *digest }, None)
        }
        (_, wanted) => authentication_of(deps, wanted)?,
    };
    let profile = metadata.profile;
    let client = Client {
        id: before.id.clone(),
        issued_at: before.issued_at,
        expires_at: if deps.is_unused(&before) { deps.unused_client_expiry() } else { deps.client_expiry() },
        authentication,
        registration: before.registration,
        profile,
    };
    let now = deps.now();
    let loses_grants = before.loses_grants_as(&client);
    if loses_grants {
        deps.store.cut_off(&Revocation::of_client(client.id.clone(), now), now).await?;
    }
    if !deps.store.replace_client(&client, now).await? {
        return Err(INVALID_TOKEN.into());
    }
    let detail = if loses_grants { "its grants are revoked" } else { "its grants are kept" };
    audit::record(Event::ClientUpdated).client(&client.id).detail(detail).ok();
    Ok(Registered { client, secret: new_secret.or(update.secret), token })
}

/// Deletes the client (RFC 7592 §2.3): it, its codes and refresh tokens go in one step, in which its access tokens are
/// revoked too. A consent page that is still open finds no client when it is answered.
///
/// # Errors
/// `invalid_token` when it was deleted meanwhile.
pub async fn remove(deps: &Deps, managed: Managed) -> Result<(), FlowError> {
    let id = managed.client.id;
    if !deps.store.remove_client(&id, deps.now()).await? {
        return Err(INVALID_TOKEN.into());
    }
    audit::record(Event::ClientDeleted).client(&id).detail("everything of the client").ok();
    Ok(())
}
