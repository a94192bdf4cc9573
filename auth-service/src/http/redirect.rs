//! Where a browser is sent: back to a page of ours, or on to a client.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::cookie;
use super::error::ApiError;
use crate::domain::error::{ErrorCode, Refusal};

/// A page of ours again, in a browser whose cookie has changed.
pub(super) fn back_to(address: &str, cookie: Option<HeaderValue>) -> Response {
    let mut response = see_other(address);
    cookie::add(&mut response, cookie);
    response
}

/// 303, so that no browser posts a password to a client (RFC 9700 §4.12).
pub(super) fn see_other(address: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(address) else {
        let refusal = Refusal::new(ErrorCode::InvalidRequest, "the redirect cannot be written");
        return ApiError::Refused(refusal).into_response();
    };
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::LOCATION, location),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}
