//! A client gives a token back (RFC 7009): from then on nobody can use it.

use gateway_core::jwt::Authentic;

use super::Deps;
use super::error::Cause;
use super::verify::living;
use crate::audit::{self, Event};
use crate::domain::client::Client;
use crate::domain::grant::FamilyId;
use crate::domain::revocation::Revocation;
use crate::domain::token::{IssuedToken, TokenId};

/// Revokes the token `text`, if it is one of `client`: an access token by itself, a refresh token with its family and
/// every access token that came from it (RFC 7009 §2.1). An older token of a family stands for it too: who has one and
/// wants it dead gets more than they know to ask for.
///
/// A token of another client is left alone and told from an unknown one by nobody but the log: in both cases nothing is
/// left to do for this client (§2.2).
///
/// # Errors
/// When the store does not answer; the token lives on then.
pub async fn revoke_token(deps: &Deps, client: &Client, text: &str) -> Result<(), Cause> {
    if let Some(token) = deps.refresh_key.open(text) {
        return end_family(deps, client, token.family()).await;
    }
    match living(deps, text, &deps.catalogue.audiences()) {
        Some(token) => end_access_token(deps, client, &token).await,
        None => Ok(()),
    }
}

async fn end_family(deps: &Deps, client: &Client, family: FamilyId) -> Result<(), Cause> {
    let Some(access) = deps.store.family(family, deps.now()).await? else { return Ok(()) };
    let record = audit::record(Event::TokenRevoked).client(&client.id);
    let record = record.detail(format_args!("family {family}"));
    if access.client != client.id {
        record.refused();
        return Ok(());
    }
    deps.store.revoke_family(family, deps.now()).await?;
    record.user(&access.subject).ok();
    Ok(())
}

async fn end_access_token(deps: &Deps, client: &Client, token: &Authentic) -> Result<(), Cause> {
    let facts = token.facts();
    let identity = facts.identity();
    let Some(id) = identity.token.and_then(TokenId::parse) else { return Ok(()) };
    let record = audit::record(Event::TokenRevoked).client(&client.id).detail(format_args!("token {id}"));
    if identity.client != Some(client.id.as_str()) {
        record.refused();
        return Ok(());
    }
    let token = IssuedToken { id, issued_at: facts.issued_at(), expires_at: facts.expiry() };
    deps.store.revoke(&[Revocation::of_token(token)], deps.now()).await?;
    record.user(&identity.user).ok();
    Ok(())
}
