//! A code becomes tokens (RFC 6749 §4.1.3).

use gateway_core::scope::ScopeSet;

use super::error::FlowError;
use super::revoke::user_is_gone;
use super::token::{CodeExchange, DeviceExchange, IssuedTokens, access_token, keep_client};
use super::{Deps, device};
use crate::audit::{self, Event};
use crate::domain::client::Client;
use crate::domain::error::{ErrorCode, Refusal};
use crate::domain::grant::{CodeGrant, Handover};
use crate::domain::pkce::CodeVerifier;
use crate::domain::secret::{AuthorizationCode, DeviceCode, Digest, Secret};
use crate::domain::user::User;
use crate::store::{FamilyOpening, Issue, Polled, Redemption};

/// The one answer to every code that is not good: it tells nobody what was wrong with it (C-03).
const INVALID_CODE: Refusal =
    Refusal::new(ErrorCode::InvalidGrant, "the code is unknown, expired, spent or not for this client");

/// To a device whose time is over. RFC 8628 §3.5: it may begin again.
const EXPIRED: Refusal = Refusal::new(ErrorCode::ExpiredToken, "the device code has expired; begin again");

/// Redeems a code. What stands behind it never changes, so it is looked at first, and everything is ready before the
/// one atomic step that spends it: a code is never spent without its tokens being issued.
///
/// # Errors
/// `invalid_grant`, `invalid_target` or `invalid_request`.
pub async fn exchange_code(
    deps: &Deps,
    client: &Client,
    request: &CodeExchange<'_>,
) -> Result<IssuedTokens, FlowError> {
    let verifier = CodeVerifier::parse(request.verifier).ok_or(FlowError::refused(
        ErrorCode::InvalidRequest,
        "code_verifier must be 43 to 128 unreserved characters",
    ))?;
    let code = Secret::<AuthorizationCode>::parse(request.code).ok_or(INVALID_CODE)?.digest();
    let grant = deps.store.code(&code, deps.now()).await?.ok_or(INVALID_CODE)?;
    if !is_presented_rightly(&grant, client, request, &verifier) {
        return Err(burn(deps, &code, &grant).await?);
    }
    exchange_grant(deps, client, &code, grant, request.resource).await
}

/// Redeems the device code of a device whose user has approved (RFC 8628 §3.5); until then it hears how things stand.
///
/// # Errors
/// `authorization_pending`, `slow_down`, `access_denied`, `expired_token`, `invalid_grant`, `invalid_target` or
/// `unauthorized_client`.
pub async fn exchange_device_code(
    deps: &Deps,
    client: &Client,
    request: &DeviceExchange<'_>,
) -> Result<IssuedTokens, FlowError> {
    device::may_use(client)?;
    let code = Secret::<DeviceCode>::parse(request.code).ok_or(INVALID_CODE)?.digest();
    let refused = |code, description| Err(FlowError::refused(code, description));
    match deps.store.poll_device(&code, &client.id, deps.now()).await? {
        Polled::Granted => {}
        Polled::Pending => return refused(ErrorCode::AuthorizationPending, "the user has not answered yet"),
        Polled::TooSoon => return refused(ErrorCode::SlowDown, "wait 5 seconds longer between two requests"),
        Polled::Denied => return refused(ErrorCode::AccessDenied, "the user said no"),
        Polled::Expired => return Err(EXPIRED.into()),
        Polled::Unknown => {
            // Whoever has the approved code of another client's device must not try again (C-03).
            return Err(match deps.store.code(&code, deps.now()).await? {
                Some(grant) => burn(deps, &code, &grant).await?,
                None => INVALID_CODE.into(),
            });
        }
    }
    let grant = deps.store.code(&code, deps.now()).await?.ok_or(EXPIRED)?;
    exchange_grant(deps, client, &code, grant, request.resource).await
}

async fn exchange_grant(
    deps: &Deps,
    client: &Client,
    code: &Digest,
    grant: CodeGrant,
    resource: Option<&str>,
) -> Result<IssuedTokens, FlowError> {
    let is_its_resource = |text: &str| deps.catalogue.requested(Some(text)) == Some(&grant.access.server);
    if !resource.is_none_or(is_its_resource) {
        return Err(FlowError::refused(ErrorCode::InvalidTarget, "the code is for another resource"));
    }
    let Some((user, scope)) = still_allowed(deps, &grant).await? else {
        return Err(burn(deps, code, &grant).await?);
    };
    redeem(deps, client, code, &Redeemable { grant, user, scope }).await
}

/// What a good code stands for now.
struct Redeemable {
    grant: CodeGrant,
    user: User,
    scope: ScopeSet,
}

fn is_presented_rightly(
    grant: &CodeGrant,
    client: &Client,
    request: &CodeExchange<'_>,
    verifier: &CodeVerifier,
) -> bool {
    let Handover::Redirect { redirect_uri, challenge } = &grant.handover else { return false };
    let is_its_client = grant.access.client == client.id;
    let is_its_address = request.redirect_uri.is_none_or(|uri| uri == redirect_uri.as_str());
    // The client may have given up the address since: whoever listens there now is not to get anything (D-12).
    let is_still_its_address = client.may_redirect_to(redirect_uri);
    let is_proven = challenge.is_met_by(verifier);
    is_its_client && is_its_address && is_still_its_address && is_proven
}

async fn still_allowed(deps: &Deps, grant: &CodeGrant) -> Result<Option<(User, ScopeSet)>, FlowError> {
    let Some(user) = deps.identities.user(&grant.access.subject).await? else {
        user_is_gone(deps, &grant.access.subject).await?;
        return Ok(None);
    };
    let scope = grant.access.scope.intersect(&user.allowed);
    Ok((!scope.is_empty()).then_some((user, scope)))
}

async fn redeem(
    deps: &Deps,
    client: &Client,
    code: &Digest,
    good: &Redeemable,
) -> Result<IssuedTokens, FlowError> {
    let access = &good.grant.access;
    let (token, issued) = access_token(deps, access, &good.scope, &good.user)?;
    let refresh_token = if client.profile.refreshes {
        Some(deps.refresh_key.first(good.grant.family, deps.rng.as_ref())?)
    } else {
        None
    };
    keep_client(deps, client).await?;
    let now = deps.now();
    let family = refresh_token.as_ref().map(|first| FamilyOpening {
        first: first.digest(),
        expires_at: now.plus(deps.lifetimes.refresh_token),
    });
    match deps.store.redeem_code(code, Some(&Issue { token: issued, family }), now).await? {
        Redemption::First(_) => {}
        Redemption::Replayed(grant) => {
            record_replay(&grant);
            return Err(INVALID_CODE.into());
        }
        Redemption::Unknown => return Err(INVALID_CODE.into()),
    }
    let record = audit::record(Event::TokenIssued).user(&access.subject).client(&client.id);
    record.detail(format_args!("{} for {}", issued.id, good.scope)).ok();
    let expires_in = deps.lifetimes.access_token;
    Ok(IssuedTokens { access_token: token, expires_in, refresh_token, scope: good.scope.clone() })
}

/// Spends a code that came with the wrong client, address or proof: whoever has it must not try again.
async fn burn(deps: &Deps, code: &Digest, grant: &CodeGrant) -> Result<FlowError, FlowError> {
    match deps.store.redeem_code(code, None, deps.now()).await? {
        Redemption::Replayed(grant) => record_replay(&grant),
        Redemption::First(_) | Redemption::Unknown => {
            audit::record(Event::CodeBurned)
                .user(&grant.access.subject)
                .client(&grant.access.client)
                .refused();
        }
    }
    Ok(INVALID_CODE.into())
}

fn record_replay(grant: &CodeGrant) {
    let record = audit::record(Event::CodeReplayed).user(&grant.access.subject).client(&grant.access.client);
    record.detail(format_args!("family {} revoked", grant.family)).refused();
}
