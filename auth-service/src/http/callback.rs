//! `GET /callback/{provider}`: where providers send browsers back to (RFC 6749 §4.1.2). Each provider has its own address,
//! so that no answer of one is taken for another's (RFC 9700 §4.4).

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;

use super::{authorize, cookie, device, error, page, redirect};
use crate::domain::device::UserCode;
use crate::domain::parameters::Parameters;
use crate::domain::secret::{BrowserSession, Secret, UpstreamBrowser};
use crate::flow::Deps;
use crate::flow::upstream::{self, Arrival, Cookies, Place, UpstreamFlowError};

/// Signs the user in, and goes on with what they wanted before.
pub(super) async fn get(
    State(deps): State<Arc<Deps>>,
    Path(provider): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Response {
    let Ok(parameters) = Parameters::parse(uri.query().unwrap_or_default().as_bytes()) else {
        return page::upstream_stale();
    };
    let browser = cookie::read::<Secret<UpstreamBrowser>>(&deps, &headers);
    let session = cookie::read::<Secret<BrowserSession>>(&deps, &headers);
    let cookies = Cookies { browser: browser.as_ref(), session: session.as_ref() };
    match upstream::arrive(&deps, &provider, &parameters, cookies).await {
        Ok(arrival) => returned(&deps, &headers, &arrival),
        Err(UpstreamFlowError::Denied(place)) => denied(&deps, &place).await,
        Err(error) => refused(error),
    }
}

/// Back to the page that the browser left, with the code that it kept where a device is to be asked about.
fn returned(deps: &Deps, headers: &HeaderMap, arrival: &Arrival) -> Response {
    let session = cookie::set(deps, &arrival.session);
    let code = cookie::read::<UserCode>(deps, headers).filter(|_| arrival.return_to == device::PATH);
    let Some(code) = code else { return redirect::back_to(&arrival.return_to, session) };
    let mut response = redirect::back_to(&device::page_of(&code), session);
    cookie::add(&mut response, cookie::clear::<UserCode>(deps));
    response
}

/// Who says no at the provider says no to the client, which is told (B-19). A device is told nothing: its user may still sign
/// in another way.
async fn denied(deps: &Deps, place: &Place) -> Response {
    let told = authorize::denied(deps, &place.return_to).await;
    told.unwrap_or_else(|| page::upstream_declined(place))
}

/// The page that says why nobody is signed in.
pub(super) fn refused(error: UpstreamFlowError) -> Response {
    match error {
        UpstreamFlowError::NoProvider | UpstreamFlowError::Stale => page::upstream_stale(),
        UpstreamFlowError::OtherBrowser => page::forbidden(),
        UpstreamFlowError::Denied(place) | UpstreamFlowError::Declined(place) => {
            page::upstream_declined(&place)
        }
        UpstreamFlowError::Failed(place) => page::upstream_failed(&place),
        UpstreamFlowError::NotAdmitted(place, person) => page::not_admitted(&place, &person),
        UpstreamFlowError::Internal(cause) => {
            error::log(&cause);
            page::unavailable()
        }
    }
}
