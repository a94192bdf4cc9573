//! Dynamic client registration (RFC 7591).

use gateway_core::time::UnixTime;
use service_kit::random::NoEntropy;

use super::Deps;
use super::error::FlowError;
use crate::audit::{self, Event};
use crate::domain::client::{Client, ClientAuthentication, ClientId};
use crate::domain::client_keys::ClientKeys;
use crate::domain::error::{ErrorCode, Refusal};
use crate::domain::metadata::{ClientMetadata, WantedAuthentication};
use crate::domain::secret::{ClientSecret, Digest, RegistrationToken, Secret};

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
    let token: Secret<RegistrationToken> = Secret::generate(deps.rng.as_ref())?;
    let (client, secret) = draw(deps, metadata, deps.unused_client_expiry(), Some(token.digest()))?;
    deps.store.insert_client(&client).await?;
    audit::record(Event::ClientRegistered).client(&client.id).detail(client.authentication.name()).ok();
    Ok(Registered { client, secret, token })
}

/// Registers a client for an operator, who alone looks after it: it never expires, and has no registration access token. Gives
/// also its secret, if it has one.
///
/// # Errors
/// `invalid_client_metadata`, and whatever keeps it from being stored.
pub async fn register_for_operator(
    deps: &Deps,
    metadata: ClientMetadata,
) -> Result<(Client, Option<Secret<ClientSecret>>), FlowError> {
    let (client, secret) = draw(deps, metadata, None, None)?;
    deps.store.insert_client(&client).await?;
    audit::record(Event::ClientRegistered).client(&client.id).detail("by an operator").ok();
    Ok((client, secret))
}

/// A new client, and its secret if it has one. Nothing is kept yet.
fn draw(
    deps: &Deps,
    metadata: ClientMetadata,
    expires_at: Option<UnixTime>,
    registration: Option<Digest>,
) -> Result<(Client, Option<Secret<ClientSecret>>), FlowError> {
    let ClientMetadata { profile, authentication } = honoured(deps, metadata)?;
    let (authentication, secret) = authentication_of(deps, authentication)?;
    let id = ClientId::generate(deps.rng.as_ref())?;
    Ok((Client { id, issued_at: deps.now(), expires_at, authentication, registration, profile }, secret))
}

/// How a client proves itself from now on, with a new secret if it wants one.
pub(super) fn authentication_of(
    deps: &Deps,
    wanted: WantedAuthentication,
) -> Result<(ClientAuthentication, Option<Secret<ClientSecret>>), NoEntropy> {
    Ok(match wanted {
        WantedAuthentication::None => (ClientAuthentication::None, None),
        WantedAuthentication::PrivateKey(keys) => (ClientAuthentication::PrivateKey(keys), None),
        WantedAuthentication::Secret(method) => {
            let secret = Secret::generate(deps.rng.as_ref())?;
            (ClientAuthentication::Secret { method, digest: secret.digest() }, Some(secret))
        }
    })
}

/// What is kept of a registration here: a grant that is switched off is left out of it (RFC 7591 §3.2.1).
///
/// # Errors
/// `invalid_client_metadata` when nothing is left, and when its keys would never be fetched.
pub(super) fn honoured(deps: &Deps, mut metadata: ClientMetadata) -> Result<ClientMetadata, Refusal> {
    let refused = |description| Err(Refusal::new(ErrorCode::InvalidClientMetadata, description));
    let profile = &mut metadata.profile;
    profile.devices &= deps.devices;
    profile.credentials &= deps.client_credentials;
    if profile.redirect_uris.is_empty() && !profile.devices && !profile.credentials {
        return refused(
            "grant_types holds only what is switched off here (DEVICE_GRANT, CLIENT_CREDENTIALS)",
        );
    }
    if let WantedAuthentication::PrivateKey(ClientKeys::At(url)) = &metadata.authentication
        && !deps.documents.as_ref().is_some_and(|documents| documents.take_keys_from(url))
    {
        return refused("keys are not fetched from the host of this jwks_uri; send jwks instead");
    }
    Ok(metadata)
}
