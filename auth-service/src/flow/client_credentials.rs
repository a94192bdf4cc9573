//! A client acts on its own behalf (RFC 6749 §4.4; MCP's extension `io.modelcontextprotocol/oauth-client-credentials`).
//!
//! To register gives nobody any power: what a client may do is said by the operator, in the users file. Its subject is a name that
//! no user has, so nothing that a user was granted becomes the client's, or the other way round.

use super::Deps;
use super::authorize::target_of;
use super::client_authentication::FAILED;
use super::error::FlowError;
use super::token::{CredentialsExchange, IssuedTokens, access_token, keep_client};
use crate::audit::{self, Event};
use crate::domain::client::{Client, ClientAuthentication, ClientId};
use crate::domain::error::{ErrorCode, Refusal};
use crate::domain::grant::{Access, FamilyId};
use crate::domain::user::{Subject, User};

/// To a client that is not meant to do this.
const NOT_REGISTERED: Refusal = Refusal::new(
    ErrorCode::UnauthorizedClient,
    "the client is not registered for the client_credentials grant",
);

/// To a client that nobody has given anything.
const NOT_PERMITTED: Refusal = Refusal::new(
    ErrorCode::UnauthorizedClient,
    "the client may do nothing on its own behalf; an operator can permit it (auth-service clients permit)",
);

/// Issues an access token to a client, for itself. There is no refresh token (§4.4.3): the client can ask again.
///
/// # Errors
/// `unauthorized_client`, `invalid_target` or `invalid_scope`.
pub async fn client_credentials(
    deps: &Deps,
    client: &Client,
    request: &CredentialsExchange<'_>,
) -> Result<IssuedTokens, FlowError> {
    // Anybody could ask in the name of a public client.
    if !client.profile.credentials || client.authentication == ClientAuthentication::None {
        return Err(NOT_REGISTERED.into());
    }
    let (server, asked) = target_of(deps, request.resource, request.scope)?;
    let user = permitted(deps, client).await?;
    let scope = asked.intersect(&user.allowed);
    if scope.is_empty() {
        let description = "the client may do nothing of what it asks for at this resource";
        return Err(FlowError::refused(ErrorCode::InvalidScope, description));
    }
    let access = Access { client: client.id.clone(), subject: user.subject.clone(), server, scope };
    let (access_token, issued) = access_token(deps, &access, &access.scope, &user)?;
    let family = FamilyId::generate(deps.rng.as_ref())?;
    keep_client(deps, client).await?;
    deps.store.insert_grant(family, &access, issued).await?;
    // Whoever was shut out meanwhile was so before the grant could be found and ended.
    if let Err(error) = still_there(deps, client).await {
        deps.store.revoke_family(family, deps.now()).await?;
        return Err(error);
    }
    let record = audit::record(Event::TokenIssued).user(&access.subject).client(&client.id);
    record.detail(format_args!("{} for {}", issued.id, access.scope)).ok();
    let expires_in = deps.lifetimes.access_token;
    Ok(IssuedTokens { access_token, expires_in, refresh_token: None, scope: access.scope })
}

/// The client as its own user, with what it may do.
async fn permitted(deps: &Deps, client: &Client) -> Result<User, FlowError> {
    let user = deps.identities.user(&Subject::of_client(&client.id)).await?;
    Ok(user.ok_or(NOT_PERMITTED)?)
}

async fn still_there(deps: &Deps, client: &Client) -> Result<(), FlowError> {
    permitted(deps, client).await?;
    let is_registered = match &client.id {
        ClientId::Registered(_) => deps.store.client(&client.id, deps.now()).await?.is_some(),
        ClientId::Document(_) => true,
    };
    if is_registered { Ok(()) } else { Err(FAILED.into()) }
}
