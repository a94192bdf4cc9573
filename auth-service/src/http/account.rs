//! `GET` and `POST /account`: the page on which users see what apps may do in their name, and take it back.
//!
//! Looking changes nothing. Forms post to the same address, and lead back to it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::error::ApiError;
use super::form::Form;
use super::limits::ClientAddress;
use super::sign_in::{self, Purpose, Visit};
use super::{cookie, origin, page, redirect};
use crate::domain::parameters::Parameters;
use crate::domain::secret::Digest;
use crate::flow::Deps;
use crate::flow::account::{self, AccountError, Order};
use crate::flow::error::Cause;

/// Where the page is.
pub(super) const PATH: &str = "/account";

/// Shows the page, or the one to sign in first.
pub(super) async fn get(State(deps): State<Arc<Deps>>, headers: HeaderMap) -> Response {
    show(&deps, &headers).await.unwrap_or_else(|cause| sign_in::unavailable(&cause))
}

async fn show(deps: &Deps, headers: &HeaderMap) -> Result<Response, Cause> {
    let session = cookie::read(deps, headers);
    Ok(match account::show(deps, session.as_ref()).await? {
        Some(account) => page::account(&account, deps.now()),
        None => page::sign_in(Purpose::Account, &crate::flow::sign_in::ways(deps).await?, None),
    })
}

/// Takes a form from the page.
pub(super) async fn post(
    State(deps): State<Arc<Deps>>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    headers: HeaderMap,
    uri: Uri,
    form: Result<Form, ApiError>,
) -> Response {
    let (true, Ok(Form(form))) = (origin::is_our_own(&deps, &headers), form) else {
        return page::not_from_account();
    };
    let purpose = Purpose::Account;
    let visit = Visit { deps: &deps, address, headers: &headers, uri: &uri, purpose, form: &form };
    if let Some(response) = sign_in::answered(visit).await {
        return response;
    }
    let get = |name| form.get(name).ok().flatten();
    let order = match get("action") {
        Some("revoke") => Order::Client(get("client_id").unwrap_or_default()),
        Some("revoke-all") => Order::Everything,
        _ => return page::not_from_account(),
    };
    withdrawn(&deps, &headers, &form, order).await
}

async fn withdrawn(deps: &Deps, headers: &HeaderMap, form: &Parameters, order: Order<'_>) -> Response {
    let token = form.get("token").ok().flatten().and_then(Digest::from_text);
    let session = cookie::read(deps, headers);
    match account::withdraw(deps, session.as_ref(), token, order).await {
        Ok(()) => redirect::back_to(PATH, None),
        Err(AccountError::Forged) => page::not_from_account(),
        Err(AccountError::Nothing) => page::nothing_to_revoke(),
        Err(AccountError::Internal(cause)) => sign_in::unavailable(&cause),
    }
}
