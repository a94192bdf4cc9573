//! Requests that are not served: HTTP status and JSON-RPC error, decided in one place.

use std::fmt;

use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use mcp_protocol::capabilities::MetaError;
use mcp_protocol::era::{EraError, supported};
use mcp_protocol::error::{
    HEADER_MISMATCH, INTERNAL_ERROR, INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND,
    UNSUPPORTED_PROTOCOL_VERSION, answer,
};
use mcp_protocol::input::ReplyError;
use mcp_protocol::jsonrpc::{Id, ParseError};
use mcp_protocol::operation::HeaderMismatch;
use mcp_protocol::params::ParamsError;
use mcp_protocol::subscription::FilterError;
use serde_json::{Value, json};

use crate::process::SendError;
use crate::session::OpenError;

/// Why a request is not served. Always a JSON-RPC error in the body, so that every client can show a reason.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: i32,
    message: String,
    id: Option<Id>,
    data: Option<Box<Value>>,
    hint: Option<Hint>,
}

/// A header that says what would work.
#[derive(Debug, Clone, Copy)]
enum Hint {
    Allow(&'static str),
    /// Seconds.
    Retry(u64),
}

/// Seconds after which a client should try again.
const RETRY_SECONDS: u64 = 5;

impl Refusal {
    pub(super) fn new(status: StatusCode, code: i32, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), id: None, data: None, hint: None }
    }

    /// 400 for a request that the client must not send like this.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, message)
    }

    pub(super) fn unknown_server() -> Self {
        Self::new(StatusCode::NOT_FOUND, INVALID_REQUEST, "there is no server with this name")
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, INVALID_REQUEST, "there is nothing at this path")
    }

    /// 400: every legacy request but `initialize` needs a session.
    pub(super) fn no_session() -> Self {
        Self::bad_request("the header Mcp-Session-Id is required; send initialize first")
    }

    /// 404: the client has to initialize again. Said of sessions of others, too.
    pub(super) fn unknown_session() -> Self {
        Self::new(StatusCode::NOT_FOUND, INVALID_REQUEST, "there is no such session; send initialize again")
    }

    pub(super) fn method_not_allowed(allowed: &'static str) -> Self {
        let refusal =
            Self::new(StatusCode::METHOD_NOT_ALLOWED, INVALID_REQUEST, "this method is not allowed here");
        Self { hint: Some(Hint::Allow(allowed)), ..refusal }
    }

    /// 404: the modern era's word for a method that is not there.
    pub(super) fn unknown_method(method: &str) -> Self {
        let message = format!("this revision has no method {}", method.escape_debug());
        Self::new(StatusCode::NOT_FOUND, METHOD_NOT_FOUND, message)
    }

    /// 400: a `requestState` that was changed, is too old, was used, or is somebody else's.
    pub(super) fn unknown_state() -> Self {
        let message =
            "this requestState is not valid (any more) for this request; send the request without it";
        Self::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, message)
    }

    pub(super) fn not_acceptable() -> Self {
        let message = "the header Accept must list application/json and text/event-stream";
        Self::new(StatusCode::NOT_ACCEPTABLE, INVALID_REQUEST, message)
    }

    /// A request without a session was not taken: the next one finds another child, so there is only to try again.
    pub(super) fn of_stateless(error: SendError) -> Self {
        Self::busy(error.to_string())
    }

    /// The request that is refused, where it has an id.
    pub(super) fn about(self, id: Option<&Id>) -> Self {
        Self { id: id.cloned(), ..self }
    }

    pub(super) const fn status(&self) -> StatusCode {
        self.status
    }

    pub(super) fn busy(message: impl Into<String>) -> Self {
        let refusal = Self::new(StatusCode::SERVICE_UNAVAILABLE, INTERNAL_ERROR, message);
        Self { hint: Some(Hint::Retry(RETRY_SECONDS)), ..refusal }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = answer(self.id.as_ref(), self.code, &self.message, self.data.map(|data| *data));
        let json = (CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let mut response = (self.status, [json], body).into_response();
        let hint = self.hint.map(|hint| match hint {
            Hint::Allow(methods) => (ALLOW, HeaderValue::from_static(methods)),
            Hint::Retry(seconds) => (RETRY_AFTER, HeaderValue::from(seconds)),
        });
        response.headers_mut().extend(hint);
        response
    }
}

impl From<ParseError> for Refusal {
    fn from(error: ParseError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error.code(), error.to_string())
    }
}

impl From<ParamsError> for Refusal {
    fn from(error: ParamsError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, error.to_string())
    }
}

impl From<HeaderMismatch> for Refusal {
    fn from(error: HeaderMismatch) -> Self {
        Self::new(StatusCode::BAD_REQUEST, HEADER_MISMATCH, error.to_string())
    }
}

impl From<MetaError> for Refusal {
    fn from(error: MetaError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, error.to_string())
    }
}

impl From<ReplyError> for Refusal {
    fn from(error: ReplyError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, error.to_string())
    }
}

impl From<FilterError> for Refusal {
    fn from(error: FilterError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID_PARAMS, error.to_string())
    }
}

impl From<EraError> for Refusal {
    fn from(error: EraError) -> Self {
        match &error {
            EraError::HeaderMismatch => {
                Self::new(StatusCode::BAD_REQUEST, HEADER_MISMATCH, error.to_string())
            }
            EraError::UnknownVersion { requested, alternatives } => {
                let data = json!({ "supported": supported(alternatives), "requested": requested });
                let code = UNSUPPORTED_PROTOCOL_VERSION;
                let refusal = Self::new(StatusCode::BAD_REQUEST, code, error.to_string());
                Self { data: Some(Box::new(data)), ..refusal }
            }
        }
    }
}

impl From<SendError> for Refusal {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Gone => Self::unknown_session(),
            SendError::DuplicateId | SendError::Forgotten => Self::bad_request(error.to_string()),
            SendError::Busy => Self::busy(error.to_string()),
        }
    }
}

impl From<OpenError> for Refusal {
    fn from(error: OpenError) -> Self {
        tracing::warn!(%error, "no new session");
        match error {
            OpenError::Full | OpenError::FullForUser => Self::busy(error.to_string()),
            OpenError::KeepsFailing(failing) => {
                let wait = failing.wait.as_secs().saturating_add(1);
                Self { hint: Some(Hint::Retry(wait)), ..Self::busy(failing.to_string()) }
            }
            // What the operating system said is for the operator's log only.
            OpenError::Start(_) | OpenError::Handshake | OpenError::NoEntropy(_) => {
                Self::busy("the server could not be started")
            }
        }
    }
}
