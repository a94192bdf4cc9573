//! The forms of the sign-in page, and of the line that says who is signed in: the same on every page that needs a user.

use std::net::IpAddr;

use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::redirect::back_to;
use super::{callback, cookie, device, error, limits, page};
use crate::domain::parameters::Parameters;
use crate::domain::secret::{BrowserSession, Secret};
use crate::flow::Deps;
use crate::flow::authorize::AuthorizationRequest;
use crate::flow::error::Cause;
use crate::flow::sign_in::{self, Credentials};
use crate::flow::upstream;
use crate::limits::{Door, TooMany};

/// A form that came from a page of ours.
#[derive(Clone, Copy)]
pub(super) struct Visit<'a> {
    pub(super) deps: &'a Deps,
    pub(super) address: IpAddr,
    pub(super) headers: &'a HeaderMap,
    pub(super) uri: &'a Uri,
    pub(super) purpose: Purpose<'a>,
    pub(super) form: &'a Parameters,
}

/// What a user signs in for.
#[derive(Clone, Copy)]
pub(super) enum Purpose<'a> {
    /// An app wants something.
    Connect(&'a AuthorizationRequest),
    /// A device does. Which one is not looked at before.
    Device,
    /// To see the account page.
    Account,
}

/// The answer to the form; `None` when it is about something else.
pub(super) async fn answered(visit: Visit<'_>) -> Option<Response> {
    match visit.form.get("action") {
        Ok(Some("sign-in")) => Some(match may_try(visit) {
            Ok(()) => signed_in(visit).await,
            Err(error) => page::too_many(error),
        }),
        // What is kept of a departure is as much work as a password is.
        Ok(Some("upstream")) => Some(match limits::count(visit.deps, Door::SignIn, visit.address) {
            Ok(()) => departed(visit).await,
            Err(error) => page::too_many(error),
        }),
        Ok(Some("sign-out")) => Some(signed_out(visit).await),
        _ => None,
    }
}

/// Passwords are counted for each address and for each name, whoever types it: guessing is slow from many places too.
fn may_try(Visit { deps, address, form, .. }: Visit<'_>) -> Result<(), TooMany> {
    limits::count(deps, Door::SignIn, address)?;
    limits::count_user(deps, form.get("username").ok().flatten().unwrap_or_default())
}

async fn signed_in(Visit { deps, headers, uri, purpose, form, .. }: Visit<'_>) -> Response {
    let typed = |name| form.get(name).ok().flatten().unwrap_or_default();
    let credentials = Credentials { username: typed("username"), password: typed("password") };
    let before = cookie::read(deps, headers);
    match sign_in::sign_in(deps, &credentials, before.as_ref()).await {
        Ok(Some(secret)) => back_to(address_of(uri), cookie::set(deps, &secret)),
        Ok(None) => match sign_in::ways(deps).await {
            Ok(ways) => page::sign_in(purpose, &ways, Some(credentials.username)),
            Err(cause) => unavailable(&cause),
        },
        Err(cause) => unavailable(&cause),
    }
}

/// The user wants to sign in at a provider outside.
async fn departed(Visit { deps, headers, uri, purpose, form, .. }: Visit<'_>) -> Response {
    let provider = form.get("provider").ok().flatten().unwrap_or_default();
    let browser = cookie::read(deps, headers);
    let (again, return_to) = match purpose {
        Purpose::Connect(request) => (request.prompt.wants_sign_in(), address_of(uri)),
        // The way back is stored as it is, and user codes only as digests: the browser keeps the code.
        Purpose::Device | Purpose::Account => (false, uri.path()),
    };
    match upstream::depart(deps, again, provider, return_to, browser).await {
        Ok(way) => {
            let mut response = page::leaving(&way);
            cookie::add(&mut response, cookie::set(deps, &way.browser));
            if matches!(purpose, Purpose::Device) {
                cookie::add(&mut response, device::kept_code(deps, uri));
            }
            response
        }
        Err(error) => callback::refused(error),
    }
}

async fn signed_out(Visit { deps, headers, uri, .. }: Visit<'_>) -> Response {
    match sign_in::sign_out(deps, cookie::read(deps, headers).as_ref()).await {
        Ok(()) => back_to(address_of(uri), cookie::clear::<Secret<BrowserSession>>(deps)),
        Err(cause) => unavailable(&cause),
    }
}

pub(super) fn unavailable(cause: &Cause) -> Response {
    error::log(cause);
    page::unavailable()
}

/// The address of a request, on this server.
fn address_of(uri: &Uri) -> &str {
    uri.path_and_query().map_or_else(|| uri.path(), PathAndQuery::as_str)
}
