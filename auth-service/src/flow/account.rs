//! The account page: what clients may do in the name of a signed-in user, and taking it back.
//!
//! Everything is about the user of the browser's own session. No form names a user, so nobody can name another one.

use std::collections::BTreeMap;

use gateway_core::resource::{ResourceUri, ServerName};
use gateway_core::scope::ScopeSet;
use gateway_core::time::UnixTime;

use super::Deps;
use super::error::Cause;
use super::sign_in::{self, SignedIn};
use crate::audit::{self, Event};
use crate::domain::client::{Client, ClientId};
use crate::domain::grant::Access;
use crate::domain::revocation::Revocation;
use crate::domain::secret::{BrowserSession, Digest, Secret};
use crate::domain::user::User;
use crate::store::{Grant, Holdings};

/// What a user sees.
#[derive(Debug)]
pub struct Account {
    /// Who they are.
    pub user: User,
    /// The clients that have access, the one that was used last first.
    pub apps: Vec<App>,
    /// What the forms of the page must carry.
    pub token: Digest,
}

/// A client that has access.
#[derive(Debug)]
pub struct App {
    /// Its id.
    pub id: ClientId,
    /// What it registered, if it is still registered. A client that describes itself is not asked for that here: its
    /// address says more than the name that it chose.
    pub client: Option<Client>,
    /// What it may do, and where.
    pub access: Vec<Reach>,
    /// When the user allowed it first, as far as that is known.
    pub since: Option<UnixTime>,
    /// When it last got an access token; `None` when it has never.
    pub used_at: Option<UnixTime>,
    /// Whether there is something that it need not ask for again.
    pub is_remembered: bool,
}

/// What a client may do at one resource.
#[derive(Debug)]
pub struct Reach {
    /// The server.
    pub server: ServerName,
    /// Its URI.
    pub resource: ResourceUri,
    /// What was granted there.
    pub scope: ScopeSet,
}

/// What a user takes back.
#[derive(Debug, Clone, Copy)]
pub enum Order<'a> {
    /// All that the client with this id holds.
    Client(&'a str),
    /// All that any client holds, and with it every browser that is signed in as this user.
    Everything,
}

/// Why nothing was taken back.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The order did not come from the account page in this browser, or its user has signed out meanwhile.
    #[error("the order does not belong to this browser")]
    Forged,
    /// The client holds nothing of this user. Whether it holds anything of others is not told.
    #[error("the client has no access")]
    Nothing,
    /// We could not decide.
    #[error(transparent)]
    Internal(#[from] Cause),
}

/// What the user of this browser sees; `None` when nobody is signed in.
///
/// # Errors
/// When it cannot be said.
pub async fn show(deps: &Deps, cookie: Option<&Secret<BrowserSession>>) -> Result<Option<Account>, Cause> {
    let Some(SignedIn { user, session, .. }) = sign_in::current(deps, cookie).await? else { return Ok(None) };
    let Holdings { grants, remembered } = deps.store.holdings(&user.subject, deps.now()).await?;
    let mut held: BTreeMap<String, Held> = BTreeMap::new();
    for Grant { access, issued_at, used_at, .. } in grants {
        held.entry(access.client.to_string()).or_default().add(access, issued_at, used_at);
    }
    for consent in remembered {
        let held = held.entry(consent.access.client.to_string()).or_default();
        held.add(consent.access, Some(consent.given_at), None);
        held.is_remembered = true;
    }
    let mut apps = vec![];
    for (id, held) in held {
        let Some(id) = ClientId::parse(&id) else { continue };
        let client = deps.store.client(&id, deps.now()).await?;
        apps.push(held.shown(deps, id, client));
    }
    apps.sort_by_key(|app| std::cmp::Reverse(app.used_at));
    Ok(Some(Account { user, apps, token: form_token(session) }))
}

/// Everything of one client.
#[derive(Default)]
struct Held {
    access: BTreeMap<ServerName, ScopeSet>,
    since: Option<UnixTime>,
    used_at: Option<UnixTime>,
    is_remembered: bool,
}

impl Held {
    fn add(&mut self, access: Access, since: Option<UnixTime>, used_at: Option<UnixTime>) {
        let Access { server, scope, .. } = access;
        let known = self.access.entry(server).or_default();
        *known = known.iter().chain(scope.iter()).cloned().collect();
        self.since = [self.since, since].into_iter().flatten().min();
        self.used_at = self.used_at.max(used_at);
    }

    fn shown(self, deps: &Deps, id: ClientId, client: Option<Client>) -> App {
        let reach = |(server, scope)| Reach { resource: deps.catalogue.resource_of(&server), server, scope };
        let Self { access, since, used_at, is_remembered } = self;
        App { id, client, access: access.into_iter().map(reach).collect(), since, used_at, is_remembered }
    }
}

/// What the forms of a session's account page carry. Whoever does not have the session's secret cannot make it (B-10), and
/// it does not lead back to the secret. It may come twice: to take back what was taken back changes nothing.
fn form_token(session: Digest) -> Digest {
    Digest::of_fields(&["account page", &session.to_text()])
}

/// Carries out an order of the user of this browser: what it names ends at once, here and, through the feed, at the edge.
///
/// # Errors
/// [`AccountError`].
pub async fn withdraw(
    deps: &Deps,
    cookie: Option<&Secret<BrowserSession>>,
    token: Option<Digest>,
    order: Order<'_>,
) -> Result<(), AccountError> {
    let signed_in = sign_in::current(deps, cookie).await?;
    let Some(SignedIn { user, .. }) = signed_in.filter(|it| token == Some(form_token(it.session))) else {
        audit::record(Event::ConsentWithdrawn).detail("not from this browser").refused();
        return Err(AccountError::Forged);
    };
    let (subject, now) = (&user.subject, deps.now());
    let record = audit::record(Event::ConsentWithdrawn).user(subject);
    match order {
        Order::Everything => {
            let everything = Revocation::of_user(subject.clone(), now);
            deps.store.cut_off(&everything, now).await.map_err(Cause::from)?;
            record.detail("everything of the user").ok();
        }
        Order::Client(id) => {
            let client = ClientId::parse(id).ok_or(AccountError::Nothing)?;
            if !deps.store.withdraw(subject, &client, now).await.map_err(Cause::from)? {
                record.client(&client).detail("it has no access").refused();
                return Err(AccountError::Nothing);
            }
            record.client(&client).ok();
        }
    }
    Ok(())
}
