//! Browsers that sign in and out, and who is behind them.

use super::Deps;
use super::error::Cause;
use super::revoke::user_is_gone;
use crate::audit::{self, Event};
use crate::domain::grant::BrowserSignIn;
use crate::domain::secret::{BrowserSession, Digest, Secret};
use crate::domain::user::User;
use crate::identity::PasswordCheck;

/// A browser whose user is known, as they are now.
#[derive(Debug)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// In which browser.
    pub session: Digest,
    /// Seconds since they gave their password.
    pub age: u64,
}

/// The ways in which a user can sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ways {
    /// With a password.
    pub with_password: bool,
    /// At a provider: its name, and what people call it.
    pub upstream: Vec<(String, String)>,
}

/// Name and password, as they were typed.
pub struct Credentials<'a> {
    /// The name.
    pub username: &'a str,
    /// The password.
    pub password: &'a str,
}

impl std::fmt::Debug for Credentials<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Credentials(…)")
    }
}

/// Who is behind the cookie of a browser; `None` when it is signed out, its user is gone or has another password.
///
/// # Errors
/// When it cannot be said.
pub async fn current(
    deps: &Deps,
    cookie: Option<&Secret<BrowserSession>>,
) -> Result<Option<SignedIn>, Cause> {
    let Some(session) = cookie.map(Secret::digest) else { return Ok(None) };
    let Some(sign_in) = deps.store.session(&session, deps.now()).await? else { return Ok(None) };
    let Some(user) = deps.identities.user(&sign_in.subject).await? else {
        user_is_gone(deps, &sign_in.subject).await?;
        return Ok(None);
    };
    let user = Some(user).filter(|user| user.credential == sign_in.credential);
    let age = deps.now().since(sign_in.signed_in_at);
    Ok(user.map(|user| SignedIn { user, session, age }))
}

/// Signs a user in; `None` when name or password is wrong. Every sign-in is a new session: one that was planted in the
/// browser before is worth nothing (B-15).
///
/// # Errors
/// When it cannot be said.
pub async fn sign_in(
    deps: &Deps,
    credentials: &Credentials<'_>,
    before: Option<&Secret<BrowserSession>>,
) -> Result<Option<Secret<BrowserSession>>, Cause> {
    let user = match deps.identities.sign_in(credentials.username, credentials.password).await? {
        PasswordCheck::Right(user) => user,
        PasswordCheck::Wrong(subject) => {
            let record = audit::record(Event::SignIn);
            subject.iter().fold(record, audit::Record::user).refused();
            return Ok(None);
        }
    };
    open_session(deps, &user, before).await.map(Some)
}

/// A new session for a user who has just proved who they are; the one before ends.
pub(super) async fn open_session(
    deps: &Deps,
    user: &User,
    before: Option<&Secret<BrowserSession>>,
) -> Result<Secret<BrowserSession>, Cause> {
    let secret = Secret::generate(deps.rng.as_ref())?;
    let now = deps.now();
    let sign_in =
        BrowserSignIn { subject: user.subject.clone(), signed_in_at: now, credential: user.credential };
    deps.store.insert_session(&secret.digest(), &sign_in, now.plus(deps.lifetimes.session)).await?;
    if let Some(before) = before {
        deps.store.remove_session(&before.digest()).await?;
    }
    audit::record(Event::SignIn).user(&user.subject).ok();
    Ok(secret)
}

/// The ways in which a user can sign in.
///
/// # Errors
/// When it cannot be said.
pub async fn ways(deps: &Deps) -> Result<Ways, Cause> {
    let upstream: Vec<_> =
        deps.providers.iter().map(|it| (it.id().to_string(), it.label().to_owned())).collect();
    // Whoever has set up nothing else yet still gets a page that says what is missing, at the first try.
    let with_password = upstream.is_empty() || deps.identities.has_local().await?;
    Ok(Ways { with_password, upstream })
}

/// Ends a browser's session.
///
/// # Errors
/// When the store does not answer; the session lives on then.
pub async fn sign_out(deps: &Deps, cookie: Option<&Secret<BrowserSession>>) -> Result<(), Cause> {
    let Some(session) = cookie.map(Secret::digest) else { return Ok(()) };
    let known = deps.store.session(&session, deps.now()).await?;
    deps.store.remove_session(&session).await?;
    if let Some(sign_in) = known {
        audit::record(Event::SignOut).user(&sign_in.subject).ok();
    }
    Ok(())
}
