//! A refresh token becomes its successor and a new access token (RFC 6749 §6, RFC 9700 §4.14.2).

use std::sync::Arc;

use gateway_core::scope::ScopeSet;

use super::error::{Cause, FlowError};
use super::revoke::user_is_gone;
use super::token::{IssuedTokens, RefreshExchange, access_token, is_due_for_renewal, keep_client};
use super::{Deps, names_no_permission};
use crate::audit::{self, Event};
use crate::domain::client::Client;
use crate::domain::error::{ErrorCode, Refusal};
use crate::domain::grant::{Access, FamilyId};
use crate::domain::refresh::RefreshToken;
use crate::domain::user::User;
use crate::store::{Rotated, Rotation};

/// The one answer to every refresh token that is not good.
const INVALID_TOKEN: Refusal = Refusal::new(
    ErrorCode::InvalidGrant,
    "the refresh token is unknown, expired, revoked, already used or not for this client",
);

/// Trades a refresh token. What the user may do is looked up again: who lost a permission loses it here, and who was
/// removed gets nothing. What was granted never changes, so it is looked at first, and everything is ready before the
/// one atomic step that trades the token: a request that is refused, or that we could not decide, spends nothing.
///
/// # Errors
/// `invalid_grant`, `invalid_target` or `invalid_scope`.
pub async fn refresh(
    deps: &Deps,
    client: &Client,
    request: &RefreshExchange<'_>,
) -> Result<IssuedTokens, FlowError> {
    let token = deps.refresh_key.open(request.token).ok_or(INVALID_TOKEN)?;
    let access = deps.store.family(token.family(), deps.now()).await?;
    let access = access.filter(|access| access.client == client.id).ok_or(INVALID_TOKEN)?;
    if !is_for(deps, &access, request) {
        return Err(FlowError::refused(
            ErrorCode::InvalidTarget,
            "the refresh token is for another resource",
        ));
    }
    let Some(user) = deps.identities.user(&access.subject).await? else {
        user_is_gone(deps, &access.subject).await?;
        return Err(INVALID_TOKEN.into());
    };
    let allowed = still_allowed(deps, &access, &user);
    if allowed.is_empty() {
        deps.store.revoke_family(token.family(), deps.now()).await?;
        record(Event::AccessWithdrawn, &access, token.family()).refused();
        return Err(INVALID_TOKEN.into());
    }
    let scope = narrowed(&allowed, request.scope)?;
    let trade = Trade::prepare(deps, token, &access, scope, &user)?;
    keep_client(deps, client).await?;
    let rotated = deps.store.rotate_refresh(&trade.rotation).await?;
    trade.settle(deps, rotated)
}

/// [`refresh`] in the one step that trades the token, on what this process saw last of the client and the family. The step makes
/// sure that the client is still `client` and the family still there. `None`, with nothing done, when this does not lead to a decision
/// on what is there now: then it is for [`refresh`] to decide, and to say why.
///
/// # Errors
/// `invalid_grant`.
pub async fn refresh_at_once(
    deps: &Deps,
    client: &Client,
    request: &RefreshExchange<'_>,
) -> Result<Option<IssuedTokens>, FlowError> {
    if !client.profile.refreshes || is_due_for_renewal(deps, client) {
        return Ok(None);
    }
    let Some(token) = deps.refresh_key.open(request.token) else { return Ok(None) };
    let access = deps.store.seen_family(token.family());
    let is_its_own = |access: &Arc<Access>| access.client == client.id && is_for(deps, access, request);
    let Some(access) = access.filter(is_its_own) else { return Ok(None) };
    let Some(user) = deps.identities.user(&access.subject).await? else { return Ok(None) };
    let allowed = still_allowed(deps, &access, &user);
    let Some(scope) = narrowed(&allowed, request.scope).ok().filter(|scope| !scope.is_empty()) else {
        return Ok(None);
    };
    let trade = Trade::prepare(deps, token, &access, scope, &user)?;
    let rotated = deps.store.rotate_seen(&trade.rotation, client).await?;
    rotated.map(|rotated| trade.settle(deps, rotated)).transpose()
}

/// Everything that is ready before the one step that trades a token.
struct Trade<'a> {
    token: RefreshToken,
    successor: RefreshToken,
    access: &'a Access,
    access_token: String,
    scope: ScopeSet,
    rotation: Rotation,
}

impl<'a> Trade<'a> {
    fn prepare(
        deps: &Deps,
        token: RefreshToken,
        access: &'a Access,
        scope: ScopeSet,
        user: &User,
    ) -> Result<Self, Cause> {
        let (access_token, issued) = access_token(deps, access, &scope, user)?;
        let successor = deps.refresh_key.successor(&token);
        let now = deps.now();
        let rotation = Rotation {
            family: token.family(),
            presented: token.digest(),
            successor: successor.digest(),
            issued,
            now,
            grace: deps.lifetimes.refresh_grace,
            expires_at: now.plus(deps.lifetimes.refresh_token),
        };
        Ok(Self { token, successor, access, access_token, scope, rotation })
    }

    /// What the client goes on with. Who comes late, with a token that another process of the same client or the same client
    /// itself traded a moment ago, gets the live one: all of them end up with the same token.
    fn settle(self, deps: &Deps, rotated: Rotated) -> Result<IssuedTokens, FlowError> {
        let Self { token, successor, access, access_token, scope, rotation } = self;
        let refresh_token = match rotated {
            Rotated::Fresh => successor,
            Rotated::Again { behind } => deps.refresh_key.descendant(token, behind),
            Rotated::Reused => {
                record(Event::RefreshReused, access, rotation.family).refused();
                return Err(INVALID_TOKEN.into());
            }
            Rotated::Unknown => return Err(INVALID_TOKEN.into()),
        };
        let record = audit::record(Event::TokenIssued).user(&access.subject).client(&access.client);
        record.detail(format_args!("{} for {scope}", rotation.issued.id)).ok();
        let expires_in = deps.lifetimes.access_token;
        Ok(IssuedTokens { access_token, expires_in, refresh_token: Some(refresh_token), scope })
    }
}

/// Whether the resource that is asked for, if any, is the one that was granted (RFC 8707 §2.2).
fn is_for(deps: &Deps, access: &Access, request: &RefreshExchange<'_>) -> bool {
    let is_its_resource = |text: &str| deps.catalogue.requested(Some(text)) == Some(&access.server);
    request.resource.is_none_or(is_its_resource)
}

/// What is left of the grant: nothing when the user's permissions or the server are gone.
fn still_allowed(deps: &Deps, access: &Access, user: &User) -> ScopeSet {
    let is_served = deps.catalogue.named(access.server.as_str()).is_some();
    if is_served { access.scope.intersect(&user.allowed) } else { ScopeSet::default() }
}

/// What of `allowed` the client asks for this time; the family keeps what was granted. Asking for more than was granted
/// never widens anything (C-20).
fn narrowed(allowed: &ScopeSet, requested: Option<&str>) -> Result<ScopeSet, Refusal> {
    let Some(text) = requested else { return Ok(allowed.clone()) };
    let scope = allowed.intersect(&ScopeSet::parse(text));
    match (scope.is_empty(), names_no_permission(text)) {
        (false, _) => Ok(scope),
        (true, true) => Ok(allowed.clone()),
        (true, false) => Err(Refusal::new(ErrorCode::InvalidScope, "no scope in the request was granted")),
    }
}

fn record(event: Event, access: &Access, family: FamilyId) -> audit::Record {
    let record = audit::record(event).user(&access.subject).client(&access.client);
    record.detail(format_args!("family {family} revoked"))
}
