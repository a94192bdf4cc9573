//! What a token is worth, for those who are to know (RFC 7662).
//!
//! Only clients that prove who they are may ask, and each hears only of its own: a resource server of the access tokens whose
//! audience is a server that the operator said it stands for, a client of its own refresh tokens. Everything else is not
//! active, whatever it is: nobody can find out about tokens that are not for them.

use gateway_core::jwt::Authentic;
use gateway_core::time::UnixTime;

use super::Deps;
use super::error::FlowError;
use super::token::keep_client;
use super::verify::living;
use crate::audit::{self, Event};
use crate::domain::client::{Client, ClientAuthentication};
use crate::domain::error::ErrorCode;
use crate::domain::refresh::RefreshToken;

/// What is told of a token that is active (RFC 7662 §2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Active {
    /// `client_id`: whom it was issued to.
    pub client: String,
    /// `sub`: for whom that client acts.
    pub subject: String,
    /// `scope`: what it allows, or what was granted to the family of a refresh token.
    pub scope: String,
    /// `aud`: the one resource.
    pub audience: String,
    /// `exp`.
    pub expires_at: UnixTime,
    /// What only an access token has.
    pub access: Option<AccessFacts>,
}

/// What is told of an access token only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessFacts {
    /// `jti`.
    pub id: String,
    /// `iat`.
    pub issued_at: UnixTime,
    /// `username`.
    pub username: Option<String>,
}

/// What `client` is told about the token `text`; `None` for one that is not active, or not for it to know about. An answer
/// is a use of the registration: resource servers do nothing else with theirs.
///
/// # Errors
/// `invalid_client` for a public client: anybody could ask in its name.
pub async fn introspect(deps: &Deps, client: &Client, text: &str) -> Result<Option<Active>, FlowError> {
    let record = audit::record(Event::Introspection).client(&client.id);
    if client.authentication == ClientAuthentication::None {
        record.detail("a public client").refused();
        let description = "introspection is for clients that authenticate";
        return Err(FlowError::refused(ErrorCode::InvalidClient, description));
    }
    if !deps.store.live().is_current() {
        // A token may have been revoked elsewhere without our knowing.
        return Err(FlowError::refused(
            ErrorCode::TemporarilyUnavailable,
            "revocations are not known at the moment",
        ));
    }
    let active = match deps.refresh_key.open(text) {
        Some(token) => refresh_token(deps, client, &token).await?,
        None => access_token(deps, client, text),
    };
    let Some(active) = active else {
        record.detail("not active").ok();
        return Ok(None);
    };
    keep_client(deps, client).await?;
    let kind = active.access.as_ref().map_or("a refresh token", |access| &access.id);
    record.user(&active.subject).detail(kind).ok();
    Ok(Some(active))
}

fn access_token(deps: &Deps, client: &Client, text: &str) -> Option<Active> {
    deps.catalogue.audiences_of(&client.id).into_iter().find_map(|audience| {
        let token = living(deps, text, std::slice::from_ref(&audience))?;
        facts(&token, audience)
    })
}

fn facts(token: &Authentic, audience: String) -> Option<Active> {
    let facts = token.facts();
    let identity = facts.identity();
    Some(Active {
        client: identity.client?.to_owned(),
        subject: identity.user.to_owned(),
        scope: facts.scopes().to_string(),
        audience,
        expires_at: facts.expiry(),
        access: Some(AccessFacts {
            id: identity.token?.to_owned(),
            issued_at: facts.issued_at(),
            username: identity.name.map(str::to_owned),
        }),
    })
}

/// Only the live token of a family is active: an older one is spent, even while it is still answered with the live one.
async fn refresh_token(
    deps: &Deps,
    client: &Client,
    token: &RefreshToken,
) -> Result<Option<Active>, FlowError> {
    let live = deps.store.live_refresh(token.family(), &token.digest(), deps.now()).await?;
    let live = live.filter(|live| live.access.client == client.id);
    Ok(live.and_then(|live| {
        let server = deps.catalogue.named(live.access.server.as_str())?;
        Some(Active {
            client: live.access.client.to_string(),
            subject: live.access.subject.to_string(),
            scope: live.access.scope.to_string(),
            audience: deps.catalogue.resource_of(server).to_string(),
            expires_at: live.expires_at,
            access: None,
        })
    }))
}
