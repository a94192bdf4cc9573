//! `POST /device_authorization` (RFC 8628 §3.1), and `GET` and `POST /device`, the page for the device's user (§3.3).
//!
//! The code stays in the query string from the first page to the last. Forms post to the same address. On the way to a
//! provider outside, the browser keeps the code in a cookie; when it is back, the page shows it and asks about it as ever.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::Serialize;

use super::error::ApiError;
use super::form::{Form, StrictForm};
use super::limits::{self, ClientAddress};
use super::middleware::no_store;
use super::sign_in::{self, Purpose, Visit};
use super::{authorize, client_auth, cookie, origin, page};
use crate::domain::device::{FIRST_INTERVAL, UserCode};
use crate::domain::parameters::Parameters;
use crate::domain::secret::{BrowserSession, Secret};
use crate::flow::device::{self, DeviceError, Step};
use crate::flow::{DEVICE_LIFETIME, Deps};
use crate::limits::Door;

/// The page for the device's user.
pub(super) const PATH: &str = "/device";

/// RFC 8628 §3.2.
#[derive(Serialize)]
struct DeviceResponse<'a> {
    device_code: &'a str,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: String,
    expires_in: u64,
    interval: u64,
}

/// A device begins to wait.
pub(super) async fn begin(
    State(deps): State<Arc<Deps>>,
    headers: HeaderMap,
    StrictForm(form): StrictForm,
) -> Result<Response, ApiError> {
    let client = client_auth::client(&deps, &headers, &form).await?;
    limits::count_client(&deps, &client)?;
    let waiting = device::begin(&deps, &client, &form).await?;
    let issuer = deps.catalogue.issuer();
    let body = DeviceResponse {
        device_code: waiting.device_code.expose(),
        verification_uri_complete: format!("{issuer}{}", page_of(&waiting.user_code)),
        user_code: waiting.user_code.expose(),
        verification_uri: format!("{issuer}{PATH}"),
        expires_in: DEVICE_LIFETIME,
        interval: FIRST_INTERVAL,
    };
    Ok((no_store(), Json(body)).into_response())
}

/// The address of the page that asks about the device with this code, on this server.
pub(super) fn page_of(code: &UserCode) -> String {
    format!("{PATH}?user_code={}", code.expose())
}

/// The header that makes a browser keep the code in the address `uri`, if there is one, and no older one.
pub(super) fn kept_code(deps: &Deps, uri: &Uri) -> Option<HeaderValue> {
    let parameters = Parameters::parse(uri.query().unwrap_or_default().as_bytes()).ok();
    let typed = parameters.as_ref().and_then(|parameters| parameters.get("user_code").ok().flatten());
    match typed.and_then(UserCode::parse) {
        Some(code) => cookie::set(deps, &code),
        None => cookie::clear::<UserCode>(deps),
    }
}

/// What the address of the page says.
struct Typed(Option<String>);

impl Typed {
    /// Reads the address. Every code is counted, right or wrong (RFC 8628 §5.1).
    fn read(deps: &Deps, address: IpAddr, uri: &Uri) -> Result<Self, DeviceError> {
        let parameters = Parameters::parse(uri.query().unwrap_or_default().as_bytes());
        // What cannot be read is a code with which no device waits.
        let code = parameters.as_ref().map_or(Ok(Some("")), |parameters| parameters.get("user_code"));
        let code = code.unwrap_or(Some(""));
        if code.is_some() {
            limits::count(deps, Door::Device, address).map_err(DeviceError::TooMany)?;
        }
        Ok(Self(code.map(str::to_owned)))
    }
}

/// Shows the page that comes next: signing in, the code, or the question.
pub(super) async fn get(
    State(deps): State<Arc<Deps>>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    show(&deps, address, &headers, &uri).await.unwrap_or_else(refused)
}

async fn show(deps: &Deps, address: IpAddr, headers: &HeaderMap, uri: &Uri) -> Result<Response, DeviceError> {
    let Typed(code) = Typed::read(deps, address, uri)?;
    let session = cookie::read::<Secret<BrowserSession>>(deps, headers);
    let step = device::next_step(deps, code.as_deref(), session.as_ref()).await?;
    Ok(match step {
        Step::SignIn => {
            let ways = crate::flow::sign_in::ways(deps).await?;
            page::sign_in(Purpose::Device, &ways, None)
        }
        Step::AskForCode { user, was_wrong } => page::device_code(&user, was_wrong),
        Step::Consent(question) => page::device_consent(&question, deps.lifetimes.refresh_token),
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
    let (true, Ok(Form(form))) = (origin::is_our_own(&deps, &headers), form) else {
        return page::forbidden();
    };
    let purpose = Purpose::Device;
    let visit = Visit { deps: &deps, address, headers: &headers, uri: &uri, purpose, form: &form };
    if let Some(response) = sign_in::answered(visit).await {
        return response;
    }
    let approved = match form.get("action") {
        Ok(Some("approve")) => true,
        Ok(Some("deny")) => false,
        _ => return page::forbidden(),
    };
    let code = match Typed::read(&deps, address, &uri) {
        Ok(Typed(code)) => code.unwrap_or_default(),
        Err(error) => return refused(error),
    };
    let session = cookie::read(&deps, &headers);
    match device::answer(&deps, &code, session.as_ref(), authorize::answer(&form, approved)).await {
        Ok(has_access) => page::device_answered(has_access),
        Err(error) => refused(error),
    }
}

fn refused(error: DeviceError) -> Response {
    match error {
        DeviceError::Forged => page::forbidden(),
        DeviceError::TooMany(error) => page::too_many(error),
        DeviceError::Internal(cause) => sign_in::unavailable(&cause),
    }
}
