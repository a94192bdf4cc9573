//! Errors as JSON (RFC 6749 §5.2, RFC 6750 §3, RFC 7591 §3.2.2). What went wrong inside is logged here, once, and not sent.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::audit;
use crate::domain::error::{ErrorCode, Refusal};
use crate::flow::error::{Cause, FlowError};
use crate::limits::TooMany;

/// An error that goes to a client.
#[derive(Debug)]
pub(super) enum ApiError {
    /// A refusal by a flow or a parser.
    Refused(Refusal),
    /// `invalid_client` after HTTP Basic was tried: the answer must say so (RFC 6749 §5.2).
    BasicRefused(Refusal),
    /// Nothing was sent that could be a bearer token: the challenge has no error code then (RFC 6750 §3.1).
    NoToken,
    /// A body of more than [`super::form::MAX_BODY`] bytes.
    TooLarge,
    /// Asked too often.
    TooMany(TooMany),
    /// Something inside failed.
    Internal(Cause),
}

impl From<TooMany> for ApiError {
    fn from(error: TooMany) -> Self {
        Self::TooMany(error)
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Cause> for ApiError {
    fn from(cause: Cause) -> Self {
        Self::Internal(cause)
    }
}

impl From<FlowError> for ApiError {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Refused(refusal) => Self::Refused(refusal),
            FlowError::TooMany(error) => Self::TooMany(error),
            FlowError::Internal(cause) => Self::Internal(cause),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refusal) => match challenge_of(refusal.code) {
                Some(challenge) => challenged(refusal, challenge),
                None => oauth(status_of(refusal.code), refusal),
            },
            Self::BasicRefused(refusal) => challenged(refusal, "Basic realm=\"token\""),
            Self::NoToken => {
                let description = "the registration access token is missing";
                let refusal = Refusal::new(ErrorCode::InvalidToken, description);
                challenged(refusal, "Bearer realm=\"registration\"")
            }
            Self::TooLarge => oauth(
                StatusCode::PAYLOAD_TOO_LARGE,
                Refusal::new(ErrorCode::InvalidRequest, "the body is too large"),
            ),
            Self::TooMany(error) => {
                let description = "too many requests; Retry-After says when to try again";
                let refusal = Refusal::new(ErrorCode::TemporarilyUnavailable, description);
                let retry = [(header::RETRY_AFTER, error.seconds.to_string())];
                (retry, oauth(StatusCode::TOO_MANY_REQUESTS, refusal)).into_response()
            }
            Self::Internal(cause) => {
                log(&cause);
                let refusal = Refusal::new(ErrorCode::TemporarilyUnavailable, "try again later");
                oauth(StatusCode::SERVICE_UNAVAILABLE, refusal)
            }
        }
    }
}

/// Logs what kept us from answering.
pub(super) fn log(cause: &Cause) {
    tracing::error!(%cause, request_id = audit::request_id(), "a request could not be decided");
}

fn oauth(status: StatusCode, refusal: Refusal) -> Response {
    let body = json!({ "error": refusal.code.as_str(), "error_description": refusal.description });
    (status, super::middleware::no_store(), Json(body)).into_response()
}

fn challenged(refusal: Refusal, challenge: &'static str) -> Response {
    let mut response = oauth(status_of(refusal.code), refusal);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

/// What an answer to a bearer token that is not good must say (RFC 6750 §3).
fn challenge_of(code: ErrorCode) -> Option<&'static str> {
    let challenges = [
        (ErrorCode::InvalidToken, "Bearer realm=\"registration\", error=\"invalid_token\""),
        (ErrorCode::InsufficientScope, "Bearer realm=\"registration\", error=\"insufficient_scope\""),
    ];
    challenges.into_iter().find_map(|(its_code, challenge)| (its_code == code).then_some(challenge))
}

const fn status_of(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::InvalidClient | ErrorCode::InvalidToken => StatusCode::UNAUTHORIZED,
        ErrorCode::InsufficientScope => StatusCode::FORBIDDEN,
        ErrorCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
        ErrorCode::AccessDenied
        | ErrorCode::AuthorizationPending
        | ErrorCode::ConsentRequired
        | ErrorCode::ExpiredToken
        | ErrorCode::InvalidClientMetadata
        | ErrorCode::InvalidGrant
        | ErrorCode::InvalidRedirectUri
        | ErrorCode::InvalidRequest
        | ErrorCode::InvalidScope
        | ErrorCode::InvalidTarget
        | ErrorCode::LoginRequired
        | ErrorCode::RequestNotSupported
        | ErrorCode::RequestUriNotSupported
        | ErrorCode::SlowDown
        | ErrorCode::UnauthorizedClient
        | ErrorCode::UnsupportedGrantType
        | ErrorCode::UnsupportedResponseType => StatusCode::BAD_REQUEST,
    }
}

/// Every address that nobody answers: 404 and never 401, which would break the discovery of clients.
pub(super) async fn not_found() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "error": "not_found" }))).into_response()
}

/// HEAD on a page that keeps state for its browser.
pub(super) async fn not_allowed() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, POST")]).into_response()
}

/// HEAD where looking already changes something.
pub(super) async fn only_get() -> Response {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET")]).into_response()
}
