//! Signing in at a provider outside: out with a `state`, back with a code, and then a session like any other.
//!
//! A browser leaves only when its user asks for it: on a page that names the client (B-01), on the one for devices, where no
//! code is looked at before, or on the account page. It comes back to that page: what was asked for is still to be consented
//! to. Between the two it is known by a cookie. What proves at the provider that we are who asked, and that the answer is to this question, is derived from cookie and `state`: the store holds neither.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use oauth2::{AuthorizationCode, CsrfToken, PkceCodeVerifier};

use super::error::Cause;
use super::revoke::user_is_gone;
use super::sign_in;
use super::{DEPARTURE_LIFETIME, Deps};
use crate::audit::{self, Event};
use crate::domain::parameters::Parameters;
use crate::domain::secret::{BrowserSession, Digest, Secret, UpstreamBrowser, UpstreamState};
use crate::domain::upstream::{Departure, Person};
use crate::identity::upstream::grant::{Luggage, Souvenir};
use crate::identity::upstream::{Provider, UpstreamError};

/// A browser that may go.
pub struct Way {
    /// Where to.
    pub address: String,
    /// What people call that.
    pub label: String,
    /// What it will be known by when it comes back.
    pub browser: Secret<UpstreamBrowser>,
}

impl std::fmt::Debug for Way {
    /// Not the address: `state` is in it.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Way({})", self.label)
    }
}

/// A browser that came back, with its user signed in.
#[derive(Debug)]
pub struct Arrival {
    /// Its session.
    pub session: Secret<BrowserSession>,
    /// Path and query of what it wanted before.
    pub return_to: String,
}

/// Why nobody is signed in.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamFlowError {
    /// There is no such provider.
    #[error("there is no such provider")]
    NoProvider,
    /// Nobody was sent to this provider with this `state`, or long ago, or has been back already.
    #[error("the answer is to no question of ours")]
    Stale,
    /// Somebody was, in another browser.
    #[error("the answer belongs to another browser")]
    OtherBrowser,
    /// The user said no there (RFC 6749 §4.1.2.1, `access_denied`).
    #[error("the user did not want to sign in")]
    Denied(Place),
    /// The provider sent them back without a code, for another reason.
    #[error("the provider did not sign the user in")]
    Declined(Place),
    /// The provider cannot say who it is.
    #[error("the provider did not say who signed in")]
    Failed(Place),
    /// The provider says who it is, and they may not come in, or do nothing here.
    #[error("the user may not come in")]
    NotAdmitted(Place, Box<Person>),
    /// We could not decide.
    #[error(transparent)]
    Internal(#[from] Cause),
}

/// At which provider it was, and where the user can try again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What people call the provider.
    pub label: String,
    /// Path and query of the authorization request.
    pub return_to: String,
}

/// What a browser is known by.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cookies<'a> {
    /// On its way to a provider.
    pub browser: Option<&'a Secret<UpstreamBrowser>>,
    /// Signed in, before.
    pub session: Option<&'a Secret<BrowserSession>>,
}

/// Sends a browser to the provider named `name`; it will come back to `return_to`. With `again`, its user
/// is to prove there who they are even if the provider knows them still. A browser that is
/// on its way already, in another tab, stays known by the same secret.
///
/// # Errors
/// [`UpstreamFlowError`].
pub async fn depart(
    deps: &Deps,
    again: bool,
    name: &str,
    return_to: &str,
    browser: Option<Secret<UpstreamBrowser>>,
) -> Result<Way, UpstreamFlowError> {
    let provider = deps.providers.named(name).ok_or(UpstreamFlowError::NoProvider)?;
    let browser = match browser {
        Some(known) => known,
        None => Secret::generate(deps.rng.as_ref()).map_err(Cause::from)?,
    };
    let state: Secret<UpstreamState> = Secret::generate(deps.rng.as_ref()).map_err(Cause::from)?;
    let luggage = Luggage {
        state: CsrfToken::new(state.expose().to_owned()),
        nonce: derived("nonce", &browser, &state),
        verifier: PkceCodeVerifier::new(derived("verifier", &browser, &state)),
        again,
    };
    let place = Place { label: provider.label().to_owned(), return_to: return_to.to_owned() };
    let address =
        provider.address(&luggage, deps.now()).await.map_err(|error| failed(provider, error, place))?;
    let departure = Departure {
        provider: provider.id().clone(),
        browser: browser.digest(),
        return_to: return_to.to_owned(),
    };
    let expires_at = deps.now().plus(DEPARTURE_LIFETIME);
    deps.store.insert_departure(&state.digest(), &departure, expires_at).await.map_err(Cause::from)?;
    Ok(Way { address, label: provider.label().to_owned(), browser })
}

/// Takes what a browser brought back from the provider named `name`. Its `state` is spent, whatever comes of it (B-05).
///
/// # Errors
/// [`UpstreamFlowError`].
pub async fn arrive(
    deps: &Deps,
    name: &str,
    parameters: &Parameters,
    cookies: Cookies<'_>,
) -> Result<Arrival, UpstreamFlowError> {
    let provider = deps.providers.named(name).ok_or(UpstreamFlowError::NoProvider)?;
    let (state, departure) = departure(deps, parameters).await?;
    if departure.provider != *provider.id() || parameters.has_repeated() {
        return Err(forged(provider, UpstreamFlowError::Stale));
    }
    let Some(browser) = cookies.browser.filter(|browser| browser.digest() == departure.browser) else {
        return Err(forged(provider, UpstreamFlowError::OtherBrowser));
    };
    let place = Place { label: provider.label().to_owned(), return_to: departure.return_to };
    let parameter = |name| parameters.get(name).ok().flatten();
    let is_its = provider.is_named(parameter("iss"), deps.now()).await;
    if !is_its.map_err(|error| failed(provider, error, place.clone()))? {
        return Err(forged(provider, UpstreamFlowError::Stale));
    }
    let (None, Some(code)) = (parameter("error"), parameter("code")) else {
        audit::record(Event::SignInFailed).detail(format_args!("{}: declined", provider.id())).refused();
        let is_denied = parameter("error") == Some("access_denied");
        return Err(if is_denied {
            UpstreamFlowError::Denied(place)
        } else {
            UpstreamFlowError::Declined(place)
        });
    };
    let souvenir = Souvenir {
        code: AuthorizationCode::new(code.to_owned()),
        nonce: derived("nonce", browser, &state),
        verifier: PkceCodeVerifier::new(derived("verifier", browser, &state)),
    };
    let person = provider.person(souvenir, deps.now()).await;
    let person = person.map_err(|error| failed(provider, error, place.clone()))?;
    let session = welcome(deps, person, &place, cookies.session).await?;
    Ok(Arrival { session, return_to: place.return_to })
}

async fn departure(
    deps: &Deps,
    parameters: &Parameters,
) -> Result<(Secret<UpstreamState>, Departure), UpstreamFlowError> {
    let state = parameters.get("state").ok().flatten().and_then(Secret::parse);
    let state: Secret<UpstreamState> = state.ok_or(UpstreamFlowError::Stale)?;
    let taken = deps.store.take_departure(&state.digest(), deps.now()).await.map_err(Cause::from)?;
    Ok((state, taken.ok_or(UpstreamFlowError::Stale)?))
}

/// Signs in whom the provider described, if they may come in and there is anything for them to do. What was said about
/// them is remembered for [`super::Lifetimes::upstream`]: by that they are judged again at every refresh (B-09).
async fn welcome(
    deps: &Deps,
    person: Person,
    place: &Place,
    before: Option<&Secret<BrowserSession>>,
) -> Result<Secret<BrowserSession>, UpstreamFlowError> {
    let user = deps.identities.admit(&person).await.map_err(Cause::from)?;
    let known = deps.store.person(&person.subject, deps.now()).await.map_err(Cause::from)?;
    if known.is_some_and(|known| user.is_none() || known.issuer != person.issuer) {
        // They were let in by what was said about them before, which is not true any more; or it was said by another issuer
        // under the same name, and about somebody else.
        user_is_gone(deps, &person.subject).await?;
    }
    let Some(user) = user.filter(|user| !user.allowed.is_empty()) else {
        audit::record(Event::SignIn).user(&person.subject).detail("not admitted").refused();
        return Err(UpstreamFlowError::NotAdmitted(place.clone(), Box::new(person)));
    };
    let expires_at = deps.now().plus(deps.lifetimes.upstream);
    deps.store.keep_person(&person, expires_at).await.map_err(Cause::from)?;
    Ok(sign_in::open_session(deps, &user, before).await?)
}

/// A value that only this browser on this way can lead to: 43 characters, as RFC 7636 §4.1 wants a verifier to be.
fn derived(what: &str, browser: &Secret<UpstreamBrowser>, state: &Secret<UpstreamState>) -> String {
    let digest = Digest::of_fields(&["upstream", what, browser.expose(), state.expose()]);
    URL_SAFE_NO_PAD.encode(digest.as_bytes())
}

fn forged(provider: &Provider, error: UpstreamFlowError) -> UpstreamFlowError {
    audit::record(Event::SignInForged).detail(format_args!("{}: {error}", provider.id())).refused();
    error
}

fn failed(provider: &Provider, error: UpstreamError, place: Place) -> UpstreamFlowError {
    audit::record(Event::SignInFailed).detail(format_args!("{}: {error}", provider.id())).refused();
    UpstreamFlowError::Failed(place)
}
