//! `GET` and `POST /authorize` (RFC 6749 §3.1): the pages, and the forms on them.
//!
//! The request stays in the query string from the first page to the last. Forms post to the same address.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::error::ApiError;
use super::form::Form;
use super::limits::ClientAddress;
use super::redirect::see_other;
use super::sign_in::{self, Purpose, Visit};
use super::{cookie, origin, page};
use crate::domain::parameters::Parameters;
use crate::domain::secret::{BrowserSession, Secret};
use crate::flow::Deps;
use crate::flow::authorize::{AuthorizationRequest, AuthorizeError, Untrusted};
use crate::flow::consent::{self, Answer, ConsentError, Step};
use crate::flow::sign_in::ways;

/// Shows the page that comes next: signing in, or the question. Or goes on, where neither is needed.
pub(super) async fn get(State(deps): State<Arc<Deps>>, headers: HeaderMap, uri: Uri) -> Response {
    show(&deps, &headers, &uri).await.unwrap_or_else(refused)
}

async fn show(deps: &Deps, headers: &HeaderMap, uri: &Uri) -> Result<Response, AuthorizeError> {
    let request = request(deps, uri).await?;
    let session = cookie::read::<Secret<BrowserSession>>(deps, headers);
    Ok(match consent::next_step(deps, request, session.as_ref()).await? {
        Step::SignIn(request) => page::sign_in(Purpose::Connect(&request), &ways(deps).await?, None),
        Step::Consent(question) => page::consent(&question, deps.lifetimes.refresh_token),
        Step::Granted(address) => see_other(&address),
    })
}

/// Takes a form from one of the pages.
pub(super) async fn post(
    State(deps): State<Arc<Deps>>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    headers: HeaderMap,
    uri: Uri,
    form: Result<Form, ApiError>,
) -> Response {
    if !origin::is_our_own(&deps, &headers) {
        return page::forbidden();
    }
    let Ok(Form(form)) = form else { return page::untrusted(Untrusted::Malformed) };
    let request = match request(&deps, &uri).await {
        Ok(request) => request,
        Err(error) => return refused(error),
    };
    let (uri, headers) = (&uri, &headers);
    let purpose = Purpose::Connect(&request);
    let visit = Visit { deps: &deps, address, headers, uri, purpose, form: &form };
    if let Some(response) = sign_in::answered(visit).await {
        return response;
    }
    match form.get("action") {
        Ok(Some("approve")) => answered(&deps, headers, request, answer(&form, true)).await,
        Ok(Some("cancel")) => refused(consent::not_signed_in(request)),
        Ok(Some("deny")) => answered(&deps, headers, request, answer(&form, false)).await,
        _ => page::forbidden(),
    }
}

/// Tells the client whose request `address` is that the user does not want to sign in. `None` when no client waits there.
pub(super) async fn denied(deps: &Deps, address: &str) -> Option<Response> {
    let uri: Uri = address.parse().ok()?;
    if uri.path() != "/authorize" {
        return None;
    }
    Some(refused(match request(deps, &uri).await {
        Ok(request) => consent::not_signed_in(request),
        Err(error) => error,
    }))
}

async fn request(deps: &Deps, uri: &Uri) -> Result<AuthorizationRequest, AuthorizeError> {
    let query = uri.query().unwrap_or_default();
    let parameters = Parameters::parse(query.as_bytes());
    let parameters = parameters.map_err(|_| AuthorizeError::Untrusted(Untrusted::Malformed))?;
    AuthorizationRequest::read(deps, &parameters).await
}

pub(super) fn answer(form: &Parameters, approved: bool) -> Answer {
    let get = |name| form.get(name).ok().flatten();
    Answer { approved, remembered: get("remember").is_some(), ticket: get("ticket").and_then(Secret::parse) }
}

async fn answered(
    deps: &Deps,
    headers: &HeaderMap,
    request: AuthorizationRequest,
    answer: Answer,
) -> Response {
    let session = cookie::read(deps, headers);
    match consent::answer(deps, request, session.as_ref(), answer).await {
        Ok(address) => see_other(&address),
        Err(ConsentError::Forged) => page::forbidden(),
        Err(ConsentError::Authorize(error)) => refused(error),
    }
}

fn refused(error: AuthorizeError) -> Response {
    match error {
        AuthorizeError::Untrusted(reason) => page::untrusted(reason),
        AuthorizeError::Refused(reply_to, refusal) => see_other(&reply_to.with_refusal(&refusal)),
        AuthorizeError::TooMany(error) => page::too_many(error),
        AuthorizeError::Internal(cause) => sign_in::unavailable(&cause),
    }
}
