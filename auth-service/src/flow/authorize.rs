//! The authorization request (RFC 6749 §4.1.1), from its parameters to something that can be consented to.
//!
//! It is read anew at every step and nothing is stored for it before a user has signed in: some clients fetch the
//! address themselves before they open the browser on it.

use gateway_core::resource::ServerName;
use gateway_core::scope::{Scope, ScopeSet};

use super::clients::{self, ClientError};
use super::error::Cause;
use super::{Deps, names_no_permission};
use crate::domain::client::{Client, ClientId};
use crate::domain::error::{ErrorCode, Refusal};
use crate::domain::parameters::Parameters;
use crate::domain::pkce::CodeChallenge;
use crate::domain::redirect_uri::RedirectUri;
use crate::domain::secret::Digest;
use crate::limits::TooMany;

/// A request that may be put before a user.
#[derive(Debug)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client: Client,
    /// Where the answer goes; registered.
    pub reply_to: ReplyTo,
    /// PKCE, always (RFC 9700 §2.1.1).
    pub challenge: CodeChallenge,
    /// The one server that is asked for.
    pub server: ServerName,
    /// What is asked for there; not empty.
    pub scope: ScopeSet,
    /// How the user may be bothered.
    pub prompt: Prompt,
    /// Tells this request from every other one.
    pub fingerprint: Digest,
}

/// Where an answer goes, and what it carries back.
#[derive(Debug, Clone)]
pub struct ReplyTo {
    /// A redirect URI of the client.
    pub redirect_uri: RedirectUri,
    /// The client's own value, returned as it came.
    pub state: Option<String>,
    issuer: String,
}

/// `prompt` (`OpenID` Connect Core §3.1.2.1). Values without a meaning here are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt {
    /// `none`: show nothing.
    Nothing,
    /// Show the pages that are needed.
    Pages {
        /// `login`: sign in, needed or not.
        sign_in: bool,
        /// `consent`: ask, needed or not. So does `select_account`: the page that asks is where an account is chosen.
        consent: bool,
    },
}

impl Prompt {
    /// Whether the user is to sign in even if they are signed in.
    #[must_use]
    pub const fn wants_sign_in(self) -> bool {
        matches!(self, Self::Pages { sign_in: true, .. })
    }

    /// Whether the user is to be asked even if they have been asked before.
    #[must_use]
    pub const fn wants_consent(self) -> bool {
        matches!(self, Self::Pages { consent: true, .. })
    }
}

/// Why a request cannot be put before a user.
#[derive(Debug, thiserror::Error)]
pub enum AuthorizeError {
    /// There is no trustworthy place to send an error to: tell the user, and redirect nowhere (RFC 6749 §4.1.2.1).
    #[error("{0}")]
    Untrusted(Untrusted),
    /// The client is told: where, and why.
    #[error("{1}")]
    Refused(Box<ReplyTo>, Refusal),
    /// Too many clients that are new here were brought from where the user is.
    #[error(transparent)]
    TooMany(TooMany),
    /// We could not decide.
    #[error(transparent)]
    Internal(#[from] Cause),
}

/// What is wrong with a request that must not be answered by a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// The query is not well-formed.
    #[error("The address of this page is damaged.")]
    Malformed,
    /// `client_id` is missing, repeated, or of nobody we know.
    #[error("The app that sent you here is not registered, or its registration has expired.")]
    Client,
    /// `client_id` is an address where no client is described. Why is not told: the reader is not who can mend it, and a
    /// stranger would learn what our network is like (D-30).
    #[error(
        "What the app that sent you here publishes about itself cannot be read, or does not describe an app."
    )]
    Description,
    /// `redirect_uri` is missing, repeated, or not registered.
    #[error("The app that sent you here asked to be answered at an address that it has not registered.")]
    RedirectUri,
}

impl ReplyTo {
    /// The redirect that brings the client its code.
    #[must_use]
    pub fn with_code(&self, code: &str) -> String {
        self.redirect(&[("code", code)])
    }

    /// The redirect that tells the client why there is none.
    #[must_use]
    pub fn with_refusal(&self, refusal: &Refusal) -> String {
        self.redirect(&[("error", refusal.code.as_str()), ("error_description", refusal.description)])
    }

    /// Every answer names its issuer (RFC 9207).
    fn redirect(&self, answer: &[(&str, &str)]) -> String {
        let state = self.state.as_deref().map(|state| ("state", state));
        let parameters: Vec<(&str, &str)> =
            answer.iter().copied().chain(state).chain([("iss", self.issuer.as_str())]).collect();
        self.redirect_uri.with_query(&parameters)
    }
}

impl AuthorizationRequest {
    /// Reads a request. The client and its redirect URI come first: until they are known to belong together, there is
    /// nobody to send an error to.
    ///
    /// # Errors
    /// [`AuthorizeError`].
    pub async fn read(deps: &Deps, parameters: &Parameters) -> Result<Self, AuthorizeError> {
        let client = client(deps, parameters).await?;
        let redirect_uri = redirect_uri(&client, parameters)?;
        let state = parameters.get("state").ok().flatten().map(str::to_owned);
        let reply_to = ReplyTo { redirect_uri, state, issuer: deps.catalogue.issuer().to_string() };
        match Asked::read(deps, parameters) {
            Ok(asked) => Ok(Self::new(client, reply_to, asked)),
            Err(refusal) => Err(AuthorizeError::Refused(Box::new(reply_to), refusal)),
        }
    }

    fn new(client: Client, reply_to: ReplyTo, asked: Asked) -> Self {
        let Asked { challenge, server, scope, prompt } = asked;
        // With all that the consent page shows: a client may describe itself anew before the answer comes.
        let fingerprint = Digest::of_fields(&[
            client.id.as_str(),
            // Under another name it is another question (B-14).
            client.profile.name.as_deref().unwrap_or_default(),
            if client.profile.refreshes { "stays connected" } else { "once" },
            reply_to.redirect_uri.as_str(),
            if reply_to.state.is_some() { "state" } else { "no state" },
            reply_to.state.as_deref().unwrap_or_default(),
            &challenge.to_text(),
            server.as_str(),
            &scope.to_string(),
        ]);
        Self { client, reply_to, challenge, server, scope, prompt, fingerprint }
    }

    /// The answer that this request is refused with.
    #[must_use]
    pub fn refused(self, code: ErrorCode, description: &'static str) -> AuthorizeError {
        AuthorizeError::Refused(Box::new(self.reply_to), Refusal::new(code, description))
    }
}

async fn client(deps: &Deps, parameters: &Parameters) -> Result<Client, AuthorizeError> {
    let unknown = || AuthorizeError::Untrusted(Untrusted::Client);
    let text = parameters.get("client_id").ok().flatten().ok_or_else(unknown)?;
    let id = ClientId::parse(text).ok_or_else(unknown)?;
    clients::find(deps, &id).await.map_err(|error| match error {
        ClientError::Unknown => unknown(),
        ClientError::Undescribed(_) | ClientError::Unavailable(_) => {
            AuthorizeError::Untrusted(Untrusted::Description)
        }
        ClientError::TooMany(error) => AuthorizeError::TooMany(error),
        ClientError::Internal(cause) => cause.into(),
    })
}

fn redirect_uri(client: &Client, parameters: &Parameters) -> Result<RedirectUri, AuthorizeError> {
    let text = parameters.get("redirect_uri").ok().flatten();
    let parsed = text.and_then(|text| text.parse::<RedirectUri>().ok());
    parsed.filter(|uri| client.may_redirect_to(uri)).ok_or(AuthorizeError::Untrusted(Untrusted::RedirectUri))
}

/// Everything in a request that a redirect can complain about.
struct Asked {
    challenge: CodeChallenge,
    server: ServerName,
    scope: ScopeSet,
    prompt: Prompt,
}

impl Asked {
    fn read(deps: &Deps, parameters: &Parameters) -> Result<Self, Refusal> {
        if parameters.repeats("resource") {
            return Err(Refusal::new(ErrorCode::InvalidTarget, "a token is for one resource: ask for one"));
        }
        if parameters.has_repeated() {
            return Err(Refusal::new(ErrorCode::InvalidRequest, "a parameter is repeated"));
        }
        response(parameters)?;
        let challenge = challenge(parameters)?;
        let (server, scope) = target(deps, parameters)?;
        let prompt = prompt(parameters.get("prompt")?)?;
        Ok(Self { challenge, server, scope, prompt })
    }
}

/// The server that `resource` means, and what `scope` asks for there.
pub(super) fn target(deps: &Deps, parameters: &Parameters) -> Result<(ServerName, ScopeSet), Refusal> {
    target_of(deps, parameters.get("resource")?, parameters.get("scope")?)
}

/// [`target`], of the values of the two parameters.
pub(super) fn target_of(
    deps: &Deps,
    resource: Option<&str>,
    asked: Option<&str>,
) -> Result<(ServerName, ScopeSet), Refusal> {
    let server = deps.catalogue.requested(resource).ok_or(Refusal::new(
        ErrorCode::InvalidTarget,
        "resource must be the URI of one MCP server of this gateway",
    ))?;
    let scope = scope(server, asked)?;
    Ok((server.clone(), scope))
}

fn response(parameters: &Parameters) -> Result<(), Refusal> {
    // Request objects are refused by name and never fetched: `request_uri` would make us a proxy.
    if parameters.get("request")?.is_some() {
        return Err(Refusal::new(ErrorCode::RequestNotSupported, "request objects are not supported"));
    }
    if parameters.get("request_uri")?.is_some() {
        return Err(Refusal::new(ErrorCode::RequestUriNotSupported, "request_uri is not supported"));
    }
    match parameters.get("response_type")? {
        Some("code") => {}
        Some(_) => {
            return Err(Refusal::new(ErrorCode::UnsupportedResponseType, "response_type must be code"));
        }
        None => return Err(Refusal::new(ErrorCode::InvalidRequest, "response_type is missing")),
    }
    match parameters.get("response_mode")? {
        None | Some("query") => Ok(()),
        Some(_) => Err(Refusal::new(ErrorCode::InvalidRequest, "response_mode must be query")),
    }
}

fn challenge(parameters: &Parameters) -> Result<CodeChallenge, Refusal> {
    let invalid = |description| Refusal::new(ErrorCode::InvalidRequest, description);
    let text =
        parameters.get("code_challenge")?.ok_or(invalid("PKCE is required: code_challenge is missing"))?;
    // An absent method means plain (RFC 7636 §4.3), which is not supported.
    if parameters.get("code_challenge_method")? != Some("S256") {
        return Err(invalid("code_challenge_method must be S256"));
    }
    CodeChallenge::parse(text).ok_or(invalid("code_challenge must be a SHA-256 in base64url"))
}

/// What is asked for at `server`: everything there when the client does not say. Tokens that mean nothing to us are
/// skipped; a request of nothing but those is refused.
fn scope(server: &ServerName, text: Option<&str>) -> Result<ScopeSet, Refusal> {
    let everything: ScopeSet = [Scope::Server(server.clone())].into_iter().collect();
    let Some(text) = text.filter(|text| !names_no_permission(text)) else { return Ok(everything) };
    let asked = ScopeSet::parse(text).intersect(&everything);
    if asked.is_empty() {
        return Err(Refusal::new(ErrorCode::InvalidScope, "no scope in the request belongs to the resource"));
    }
    Ok(asked)
}

fn prompt(text: Option<&str>) -> Result<Prompt, Refusal> {
    let values: Vec<&str> = text.unwrap_or_default().split(' ').filter(|value| !value.is_empty()).collect();
    match values.as_slice() {
        ["none"] => Ok(Prompt::Nothing),
        several if several.contains(&"none") => {
            Err(Refusal::new(ErrorCode::InvalidRequest, "prompt=none cannot be combined"))
        }
        several => Ok(Prompt::Pages {
            sign_in: several.contains(&"login"),
            consent: several.contains(&"consent") || several.contains(&"select_account"),
        }),
    }
}
