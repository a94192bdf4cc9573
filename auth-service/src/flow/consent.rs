//! Consent: what a signed-in user is asked, and what their answer leads to.

use gateway_core::resource::ResourceUri;
use gateway_core::scope::ScopeSet;

use super::authorize::{AuthorizationRequest, AuthorizeError, Prompt};
use super::error::Cause;
use super::sign_in::{self, SignedIn};
use super::{CODE_LIFETIME, CODE_MEMORY, CONSENT_LIFETIME, Deps};
use crate::audit::{self, Event};
use crate::domain::consent::{ConsentKey, RememberedConsent};
use crate::domain::error::ErrorCode;
use crate::domain::grant::{Access, CodeGrant, FamilyId, Handover, PendingConsent};
use crate::domain::secret::{AuthorizationCode, BrowserSession, ConsentTicket, Secret};
use crate::domain::user::User;
use crate::store::CodeLifetime;

/// Seconds for which a sign-in counts as "just now" for `prompt=login`.
const JUST_NOW: u64 = 300;

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// The sign-in page.
    SignIn(AuthorizationRequest),
    /// The consent page.
    Consent(Question),
    /// Nothing to see: the user need not be asked again. The browser is sent to this address.
    Granted(String),
}

/// What a consent page asks.
#[derive(Debug)]
pub struct Question {
    /// What the client asked for.
    pub request: AuthorizationRequest,
    /// The resource that was asked for.
    pub resource: ResourceUri,
    /// Who is asked.
    pub user: User,
    /// What would be granted. Empty when this user may do nothing of it; then there is nothing to approve.
    pub scope: ScopeSet,
    /// Seconds for which the user can have their approval remembered; `None` when they are asked every time.
    pub memory: Option<u64>,
    /// What the answer must carry, once.
    pub ticket: Secret<ConsentTicket>,
}

/// The answer to a consent page.
#[derive(Debug)]
pub struct Answer {
    /// Whether the user approved.
    pub approved: bool,
    /// Whether they do not want to be asked again. It counts only where that is possible.
    pub remembered: bool,
    /// What the page carried; `None` when it carried nothing that could be a ticket.
    pub ticket: Option<Secret<ConsentTicket>>,
}

/// Why an answer leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum ConsentError {
    /// The answer is not to a page that was shown to this browser for this request, or it came twice.
    #[error("the consent does not belong to this browser and request")]
    Forged,
    /// The client is told.
    #[error(transparent)]
    Authorize(#[from] AuthorizeError),
}

impl From<Cause> for ConsentError {
    fn from(cause: Cause) -> Self {
        Self::Authorize(cause.into())
    }
}

/// What a request leads to in this browser: signing in, the question, or a code at once.
///
/// # Errors
/// [`AuthorizeError`], for `prompt=none` whenever there is something to show.
pub async fn next_step(
    deps: &Deps,
    request: AuthorizationRequest,
    cookie: Option<&Secret<BrowserSession>>,
) -> Result<Step, AuthorizeError> {
    let signed_in = sign_in::current(deps, cookie).await?;
    let signed_in = signed_in.filter(|it| !request.prompt.wants_sign_in() || it.age < JUST_NOW);
    let is_silent = request.prompt == Prompt::Nothing;
    let Some(signed_in) = signed_in else {
        return if is_silent {
            Err(request.refused(ErrorCode::LoginRequired, "the user is not signed in"))
        } else {
            Ok(Step::SignIn(request))
        };
    };
    if let Some((key, scope)) = remembered(deps, &request, &signed_in.user).await? {
        let record = audit::record(Event::ConsentRemembered).user(&signed_in.user.subject);
        let record = record.client(&request.client.id).detail(&scope);
        // One that was taken back in this very moment counts no more: they are asked.
        if let Some(address) = issue_code(deps, &request, &signed_in, scope, Some(&key)).await? {
            record.ok();
            return Ok(Step::Granted(address));
        }
    }
    if is_silent {
        return Err(request.refused(ErrorCode::ConsentRequired, "the user must be asked"));
    }
    Ok(Step::Consent(question(deps, request, signed_in).await?))
}

/// What the user need not be asked about again, and by which consent: what they have granted to this very request, as far as they may still
/// grant it. `None` when they must be asked.
async fn remembered(
    deps: &Deps,
    request: &AuthorizationRequest,
    user: &User,
) -> Result<Option<(ConsentKey, ScopeSet)>, Cause> {
    let key = consent_key(deps, request, user).filter(|_| !request.prompt.wants_consent());
    let Some(key) = key else { return Ok(None) };
    let Some(consent) = deps.store.remembered_consent(&key, deps.now()).await? else { return Ok(None) };
    let scope = request.scope.intersect(&user.allowed).intersect(&consent.access.scope);
    Ok((!scope.is_empty()).then_some((key, scope)))
}

/// What the consent of `user` to this request is remembered by; `None` when it is not.
fn consent_key(deps: &Deps, request: &AuthorizationRequest, user: &User) -> Option<ConsentKey> {
    let AuthorizationRequest { client, reply_to, server, scope, .. } = request;
    let clients = &deps.remembered_clients;
    let key = clients.key(client, &reply_to.redirect_uri, &user.subject, server, scope);
    key.filter(|_| deps.lifetimes.remembered_consent > 0)
}

async fn question(
    deps: &Deps,
    request: AuthorizationRequest,
    signed_in: SignedIn,
) -> Result<Question, AuthorizeError> {
    let ticket: Secret<ConsentTicket> = Secret::generate(deps.rng.as_ref()).map_err(Cause::from)?;
    let pending = PendingConsent { session: signed_in.session, request: request.fingerprint };
    let expires_at = deps.now().plus(CONSENT_LIFETIME);
    deps.store.insert_pending(&ticket.digest(), &pending, expires_at).await.map_err(Cause::from)?;
    let scope = request.scope.intersect(&signed_in.user.allowed);
    let resource = deps.catalogue.resource_of(&request.server);
    let key = consent_key(deps, &request, &signed_in.user);
    let memory = key.map(|_| deps.lifetimes.remembered_consent);
    Ok(Question { request, resource, user: signed_in.user, scope, memory, ticket })
}

/// The user goes back without having signed in: nobody was asked, and the client is told no.
#[must_use]
pub fn not_signed_in(request: AuthorizationRequest) -> AuthorizeError {
    audit::record(Event::Consent).client(&request.client.id).detail("not signed in").refused();
    request.refused(ErrorCode::AccessDenied, "the user did not sign in")
}

/// Takes the user's answer; gives the address that the browser is sent to.
///
/// # Errors
/// [`ConsentError`].
pub async fn answer(
    deps: &Deps,
    request: AuthorizationRequest,
    cookie: Option<&Secret<BrowserSession>>,
    answer: Answer,
) -> Result<String, ConsentError> {
    let signed_in = sign_in::current(deps, cookie).await?;
    let pending = match &answer.ticket {
        Some(ticket) => deps.store.take_pending(&ticket.digest(), deps.now()).await.map_err(Cause::from)?,
        None => None,
    };
    let asked = signed_in.zip(pending).filter(|(signed_in, pending)| {
        pending.session == signed_in.session && pending.request == request.fingerprint
    });
    let Some((signed_in, _)) = asked else { return Err(forged(&request)) };
    let scope = request.scope.intersect(&signed_in.user.allowed);
    let record = audit::record(Event::Consent).user(&signed_in.user.subject).client(&request.client.id);
    let key = consent_key(deps, &request, &signed_in.user);
    if !answer.approved {
        if let Some(key) = &key {
            deps.store.forget_consent(key).await.map_err(Cause::from)?;
        }
        record.detail(&request.server).refused();
        return Err(request.refused(ErrorCode::AccessDenied, "the user said no").into());
    }
    if scope.is_empty() {
        record.detail("nothing of it is allowed").refused();
        return Err(request.refused(ErrorCode::AccessDenied, "the user may do nothing of it").into());
    }
    let key = key.filter(|_| answer.remembered);
    let record = match key {
        Some(_) => record.detail(format_args!("{scope}, to be remembered")),
        None => record.detail(&scope),
    };
    // Whoever was signed out or cut off while they answered has granted nothing.
    let address = issue_code(deps, &request, &signed_in, scope.clone(), None).await?;
    let address = address.ok_or_else(|| forged(&request))?;
    if let Some(key) = key {
        remember(deps, &key, access(&request, &signed_in.user, scope), &signed_in).await?;
    }
    record.ok();
    Ok(address)
}

fn forged(request: &AuthorizationRequest) -> ConsentError {
    audit::record(Event::ConsentForged).client(&request.client.id).refused();
    ConsentError::Forged
}

/// Remembers what was granted, unless the browser is no longer signed in: then there will be no code either.
async fn remember(deps: &Deps, key: &ConsentKey, access: Access, signed_in: &SignedIn) -> Result<(), Cause> {
    let now = deps.now();
    let consent = RememberedConsent { access, given_at: now };
    let expires_at = now.plus(deps.lifetimes.remembered_consent);
    deps.store.remember_consent(key, &consent, &signed_in.session, expires_at, now).await?;
    Ok(())
}

fn access(request: &AuthorizationRequest, user: &User, scope: ScopeSet) -> Access {
    Access {
        client: request.client.id.clone(),
        subject: user.subject.clone(),
        server: request.server.clone(),
        scope,
    }
}

/// The address that takes a new code to the client; `None` when the user is not signed in any more, or the consent is not `remembered`
/// any more that is why they were not asked.
async fn issue_code(
    deps: &Deps,
    request: &AuthorizationRequest,
    signed_in: &SignedIn,
    scope: ScopeSet,
    remembered: Option<&ConsentKey>,
) -> Result<Option<String>, Cause> {
    let code: Secret<AuthorizationCode> = Secret::generate(deps.rng.as_ref())?;
    let grant = CodeGrant {
        access: access(request, &signed_in.user, scope),
        handover: Handover::Redirect {
            redirect_uri: request.reply_to.redirect_uri.clone(),
            challenge: request.challenge,
        },
        session: signed_in.session,
        family: FamilyId::generate(deps.rng.as_ref())?,
    };
    let now = deps.now();
    let lifetime = CodeLifetime { expires_at: now.plus(CODE_LIFETIME), forgotten_at: now.plus(CODE_MEMORY) };
    let is_kept = deps.store.insert_code(&code.digest(), &grant, remembered, lifetime, now).await?;
    Ok(is_kept.then(|| request.reply_to.with_code(code.expose())))
}
