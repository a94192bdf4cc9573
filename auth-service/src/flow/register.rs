//! Dynamic client registration (RFC 7591).

use super::Deps;
use super::error::FlowError;
use crate::audit::{self, Event};
use crate::domain::client::{Client, ClientAuthentication, ClientId};
use crate::domain::error::{ErrorCode, Refusal};
use crate::domain::metadata::ClientMetadata;
use crate::domain::secret::{ClientSecret, RegistrationToken, Secret};

/// A client, as it is told about itself (RFC 7592 §3).
#[derive(Debug)]
pub struct Registered {
    /// What is stored.
    pub client: Client,
    /// Its secret, where we know it: when it is new, and when the client has just shown it.
    pub secret: Option<Secret<ClientSecret>>,
    /// What it manages its registration with.
    pub token: Secret<RegistrationToken>,
}

/// Registers a client.
///
/// # Errors
/// `invalid_client_metadata`, and whatever keeps it from being stored.
pub async fn register(deps: &Deps, metadata: ClientMetadata) -> Result<Registered, FlowError> {
    let metadata = honoured(deps, metadata)?;
    let (authentication, secret) = match metadata.secret_method {
        None => (ClientAuthentication::None, None),
        Some(method) => {
            let secret = Secret::generate(deps.rng.as_ref())?;
            (ClientAuthentication::Secret { method, digest: secret.digest() }, Some(secret))
        }
    };
    let token: Secret<RegistrationToken> = Secret::generate(deps.rng.as_ref())?;
    let client = Client {
        id: ClientId::generate(deps.rng.as_ref())?,
        issued_at: deps.now(),
        expires_at: deps.unused_client_expiry(),
        authentication,
        registration: Some(token.digest()),
        profile: metadata.profile,
    };
    deps.store.insert_client(&client).await?;
    audit::record(Event::ClientRegistered).client(&client.id).detail(client.authentication.name()).ok();
    Ok(Registered { client, secret, token })
}

/// What is kept of a registration here: a grant that is switched off is left out of it (RFC 7591 §3.2.1).
///
/// # Errors
/// `invalid_client_metadata` when nothing is left.
pub(super) fn honoured(deps: &Deps, mut metadata: ClientMetadata) -> Result<ClientMetadata, Refusal> {
    if deps.devices {
        return Ok(metadata);
    }
    metadata.profile.devices = false;
    if metadata.profile.redirect_uris.is_empty() {
        let description = "grant_types must hold authorization_code";
        return Err(Refusal::new(ErrorCode::InvalidClientMetadata, description));
    }
    Ok(metadata)
}
