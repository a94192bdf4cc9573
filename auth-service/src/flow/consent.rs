//! Consent: what a signed-in user is asked, and what their answer leads to.

use gateway_core::resource::ResourceUri;
use gateway_core::scope::ScopeSet;

use super::authorize::{AuthorizationRequest, AuthorizeError, Prompt};
use super::error::Cause;
use super::sign_in::{self, SignedIn};
use super::{CODE_LIFETIME, CODE_MEMORY, CONSENT_LIFETIME, Deps};
use crate::audit::{self, Event};
use crate::domain::error::ErrorCode;
use crate::domain::grant::{Access, CodeGrant, FamilyId, Handover, PendingConsent};
use crate::domain::secret::{AuthorizationCode, BrowserSession, ConsentTicket, Secret};
use crate::domain::user::User;
use crate::store::CodeLifetime;

/// Seconds for which a sign-in counts as "just now" for `prompt=login`.
const JUST_NOW: u64 = 300;

/// What the user sees next.
#[derive(Debug)]
pub enum Step {
    /// The sign-in page.
    SignIn(AuthorizationRequest),
    /// The consent page.
    Consent(Question),
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
    /// What the answer must carry, once.
    pub ticket: Secret<ConsentTicket>,
}

/// The answer to a consent page.
#[derive(Debug)]
pub struct Answer {
    /// Whether the user approved.
    pub approved: bool,
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

/// What a request leads to in this browser: signing in, or the question.
///
/// # Errors
/// [`AuthorizeError`], for `prompt=none` always.
pub async fn next_step(
    deps: &Deps,
    request: AuthorizationRequest,
    cookie: Option<&Secret<BrowserSession>>,
) -> Result<Step, AuthorizeError> {
    let signed_in = sign_in::current(deps, cookie).await?;
    let signed_in = signed_in.filter(|it| request.prompt != Prompt::SignIn || it.age < JUST_NOW);
    match (signed_in, request.prompt) {
        (None, Prompt::Nothing) => {
            Err(request.refused(ErrorCode::LoginRequired, "the user is not signed in"))
        }
        (Some(_), Prompt::Nothing) => {
            Err(request.refused(ErrorCode::ConsentRequired, "consent is asked for every time"))
        }
        (None, Prompt::Default | Prompt::SignIn) => Ok(Step::SignIn(request)),
        (Some(signed_in), Prompt::Default | Prompt::SignIn) => {
            Ok(Step::Consent(question(deps, request, signed_in).await?))
        }
    }
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
    Ok(Question { request, resource, user: signed_in.user, scope, ticket })
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
    let Some((signed_in, _)) = asked else {
        audit::record(Event::ConsentForged).client(&request.client.id).refused();
        return Err(ConsentError::Forged);
    };
    let scope = request.scope.intersect(&signed_in.user.allowed);
    let record = audit::record(Event::Consent).user(&signed_in.user.subject).client(&request.client.id);
    if !answer.approved {
        record.detail(&request.server).refused();
        return Err(request.refused(ErrorCode::AccessDenied, "the user said no").into());
    }
    if scope.is_empty() {
        record.detail("nothing of it is allowed").refused();
        return Err(request.refused(ErrorCode::AccessDenied, "the user may do nothing of it").into());
    }
    record.detail(&scope).ok();
    Ok(issue_code(deps, &request, &signed_in, scope).await?)
}

async fn issue_code(
    deps: &Deps,
    request: &AuthorizationRequest,
    signed_in: &SignedIn,
    scope: ScopeSet,
) -> Result<String, Cause> {
    let code: Secret<AuthorizationCode> = Secret::generate(deps.rng.as_ref())?;
    let grant = CodeGrant {
        access: Access {
            client: request.client.id.clone(),
            subject: signed_in.user.subject.clone(),
            server: request.server.clone(),
            scope,
        },
        handover: Handover::Redirect {
            redirect_uri: request.reply_to.redirect_uri.clone(),
            challenge: request.challenge,
        },
        session: signed_in.session,
        family: FamilyId::generate(deps.rng.as_ref())?,
    };
    let now = deps.now();
    let lifetime = CodeLifetime { expires_at: now.plus(CODE_LIFETIME), forgotten_at: now.plus(CODE_MEMORY) };
    deps.store.insert_code(&code.digest(), &grant, lifetime).await?;
    Ok(request.reply_to.with_code(code.expose()))
}
