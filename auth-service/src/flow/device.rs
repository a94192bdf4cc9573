//! The device authorization grant (RFC 8628): a device begins, its user types a code somewhere else and is asked there.
//!
//! Whoever begins may be anybody, and may send the code, or the address with the code in it, to somebody else (§5.4). So the
//! question is put to a signed-in user, and it shows the code and says that it must be on the user's own device.

use gateway_core::resource::ResourceUri;
use gateway_core::scope::ScopeSet;

use super::authorize::target;
use super::clients::{self, ClientError};
use super::consent::Answer;
use super::error::{Cause, FlowError};
use super::sign_in::{self, SignedIn};
use super::{CONSENT_LIFETIME, DEVICE_LIFETIME, DEVICE_MEMORY, Deps};
use crate::audit::{self, Event};
use crate::domain::client::Client;
use crate::domain::device::{DeviceRequest, UserCode};
use crate::domain::error::{ErrorCode, Refusal};
use crate::domain::grant::{Access, CodeGrant, FamilyId, Handover, PendingConsent};
use crate::domain::parameters::Parameters;
use crate::domain::secret::{BrowserSession, ConsentTicket, DeviceCode, Digest, Secret};
use crate::domain::user::User;
use crate::limits::TooMany;
use crate::store::CodeLifetime;

/// Most user codes that are tried for one device. One that is taken is one in ten thousand million.
const TRIES: usize = 4;

/// A device that waits from now on.
#[derive(Debug)]
pub struct Waiting {
    /// What it asks with.
    pub device_code: Secret<DeviceCode>,
    /// What its user types.
    pub user_code: UserCode,
}

/// What the user sees next.
#[derive(Debug)]
pub enum Step {
    /// The sign-in page.
    SignIn,
    /// The page that asks for the code.
    AskForCode {
        /// Who is asked.
        user: User,
        /// Whether they typed one with which no device waits.
        was_wrong: bool,
    },
    /// The consent page.
    Consent(Box<Question>),
}

/// What a consent page asks.
#[derive(Debug)]
pub struct Question {
    /// Who asks.
    pub client: Client,
    /// What for.
    pub request: DeviceRequest,
    /// The code that the device shows.
    pub code: UserCode,
    /// The resource that was asked for.
    pub resource: ResourceUri,
    /// Who is asked.
    pub user: User,
    /// What would be granted. Empty when this user may do nothing of it.
    pub scope: ScopeSet,
    /// What the answer must carry, once.
    pub ticket: Secret<ConsentTicket>,
}

/// Why an answer leads nowhere.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// The answer is not to a page that was shown to this browser for this device, it came twice, or too late.
    #[error("the answer does not belong to this browser and device")]
    Forged,
    /// Too many clients that are new here were brought from where the user is: whose device it is cannot be said yet.
    #[error(transparent)]
    TooMany(TooMany),
    /// We could not decide.
    #[error(transparent)]
    Internal(#[from] Cause),
}

/// Refuses clients that are not registered for the grant.
///
/// # Errors
/// `unauthorized_client`.
pub(super) fn may_use(client: &Client) -> Result<(), Refusal> {
    let description = "the client is not registered for the device_code grant";
    let refusal = Refusal::new(ErrorCode::UnauthorizedClient, description);
    if client.profile.devices { Ok(()) } else { Err(refusal) }
}

/// A device begins to wait (RFC 8628 §3.1).
///
/// # Errors
/// `unauthorized_client`, `invalid_target`, `invalid_scope` or `temporarily_unavailable`.
pub async fn begin(deps: &Deps, client: &Client, parameters: &Parameters) -> Result<Waiting, FlowError> {
    may_use(client)?;
    let (server, scope) = target(deps, parameters)?;
    let request = DeviceRequest { client: client.id.clone(), server, scope };
    let device_code: Secret<DeviceCode> = Secret::generate(deps.rng.as_ref())?;
    let now = deps.now();
    let lifetime =
        CodeLifetime { expires_at: now.plus(DEVICE_LIFETIME), forgotten_at: now.plus(DEVICE_MEMORY) };
    for _ in 0..TRIES {
        let user_code = UserCode::generate(deps.rng.as_ref())?;
        let (device, user) = (device_code.digest(), user_code.digest());
        if deps.store.insert_device(&device, &user, &request, lifetime, now).await? {
            audit::record(Event::DeviceRequested).client(&client.id).detail(&request.scope).ok();
            return Ok(Waiting { device_code, user_code });
        }
    }
    Err(FlowError::refused(ErrorCode::TemporarilyUnavailable, "too many devices wait; try again later"))
}

/// A device that waits, and who it says it is.
struct Asked {
    code: UserCode,
    request: DeviceRequest,
    client: Client,
}

impl Asked {
    /// The device with the code that `user` typed. A client that is gone, or that gave up the grant, has none.
    async fn find(deps: &Deps, typed: &str, user: &User) -> Result<Option<Self>, DeviceError> {
        let known = match UserCode::parse(typed) {
            Some(code) => {
                let request = deps.store.device_request(&code.digest(), deps.now()).await;
                request.map_err(Cause::from)?.zip(Some(code))
            }
            None => None,
        };
        let Some((request, code)) = known else {
            audit::record(Event::UserCodeWrong).user(&user.subject).refused();
            return Ok(None);
        };
        match clients::find(deps, &request.client).await {
            Ok(client) => Ok(client.profile.devices.then_some(Self { code, request, client })),
            Err(ClientError::TooMany(error)) => Err(DeviceError::TooMany(error)),
            Err(ClientError::Internal(cause)) => Err(cause.into()),
            Err(ClientError::Unknown | ClientError::Undescribed(_) | ClientError::Unavailable(_)) => Ok(None),
        }
    }

    /// Tells this question from every other one, with all that the page shows.
    fn fingerprint(&self) -> Digest {
        Digest::of_fields(&[
            "device",
            &self.code.expose(),
            self.client.id.as_str(),
            self.client.profile.name.as_deref().unwrap_or_default(),
            self.request.server.as_str(),
            &self.request.scope.to_string(),
        ])
    }
}

/// What comes next in this browser. Nobody learns which codes there are without having signed in.
///
/// # Errors
/// [`DeviceError`], and never that something is forged.
pub async fn next_step(
    deps: &Deps,
    typed: Option<&str>,
    cookie: Option<&Secret<BrowserSession>>,
) -> Result<Step, DeviceError> {
    let Some(SignedIn { user, session, .. }) = sign_in::current(deps, cookie).await? else {
        return Ok(Step::SignIn);
    };
    let Some(typed) = typed else { return Ok(Step::AskForCode { user, was_wrong: false }) };
    let Some(asked) = Asked::find(deps, typed, &user).await? else {
        return Ok(Step::AskForCode { user, was_wrong: true });
    };
    let ticket: Secret<ConsentTicket> = Secret::generate(deps.rng.as_ref()).map_err(Cause::from)?;
    let pending = PendingConsent { session, request: asked.fingerprint() };
    let expires_at = deps.now().plus(CONSENT_LIFETIME);
    deps.store.insert_pending(&ticket.digest(), &pending, expires_at).await.map_err(Cause::from)?;
    let Asked { code, request, client } = asked;
    let scope = request.scope.intersect(&user.allowed);
    let resource = deps.catalogue.resource_of(&request.server);
    Ok(Step::Consent(Box::new(Question { client, request, code, resource, user, scope, ticket })))
}

/// Takes the user's answer; gives whether the device has access now.
///
/// # Errors
/// [`DeviceError`].
pub async fn answer(
    deps: &Deps,
    typed: &str,
    cookie: Option<&Secret<BrowserSession>>,
    answer: Answer,
) -> Result<bool, DeviceError> {
    let signed_in = sign_in::current(deps, cookie).await?;
    let pending = match &answer.ticket {
        Some(ticket) => deps.store.take_pending(&ticket.digest(), deps.now()).await.map_err(Cause::from)?,
        None => None,
    };
    let Some((signed_in, pending)) = signed_in.zip(pending) else { return Err(forged()) };
    let asked = Asked::find(deps, typed, &signed_in.user).await?;
    let asked =
        asked.filter(|it| pending.session == signed_in.session && pending.request == it.fingerprint());
    let Some(Asked { code, request, client }) = asked else { return Err(forged()) };
    let scope = request.scope.intersect(&signed_in.user.allowed);
    let record = audit::record(Event::Consent).user(&signed_in.user.subject).client(&client.id);
    let grant = if answer.approved && !scope.is_empty() {
        Some(grant(deps, request, &signed_in, scope)?)
    } else {
        None
    };
    if !deps.store.answer_device(&code.digest(), grant.as_ref(), deps.now()).await.map_err(Cause::from)? {
        return Err(forged());
    }
    match &grant {
        Some(grant) => record.detail(format_args!("device: {}", grant.access.scope)).ok(),
        None => record.detail("device").refused(),
    }
    Ok(grant.is_some())
}

fn forged() -> DeviceError {
    audit::record(Event::ConsentForged).detail("device").refused();
    DeviceError::Forged
}

fn grant(
    deps: &Deps,
    request: DeviceRequest,
    signed_in: &SignedIn,
    scope: ScopeSet,
) -> Result<CodeGrant, Cause> {
    let DeviceRequest { client, server, .. } = request;
    Ok(CodeGrant {
        access: Access { client, subject: signed_in.user.subject.clone(), server, scope },
        handover: Handover::Device,
        session: signed_in.session,
        family: FamilyId::generate(deps.rng.as_ref())?,
    })
}
