//! How the answer to a request is written: JSON if nothing comes before it, else server-sent events.

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use mcp_protocol::error::{
    HEADER_MISMATCH, METHOD_NOT_FOUND, MISSING_CAPABILITY, UNSUPPORTED_PROTOCOL_VERSION,
};
use mcp_protocol::jsonrpc::Id;
use tokio::time::timeout;
use tokio_util::bytes::Bytes;

use super::accept::Accepts;
use super::sse::{self, Resumption};
use crate::config::ServerName;
use crate::process::{Deliveries, Delivery, Failure, StreamId};
use crate::session::Call;
use crate::settings::Limits;

/// Whose answer it is.
#[derive(Debug, Clone)]
pub(super) struct Recipient {
    pub(super) server: ServerName,
    pub(super) id: Id,
    pub(super) limits: Limits,
    pub(super) resumption: Resumption,
}

/// Where an answer comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// The child of a legacy session.
    Session(Deliveries),
    /// A child that serves modern requests.
    Call(Box<Call>),
}

impl Source {
    /// The next delivery. May be dropped at any time without losing one.
    pub(super) async fn next(&mut self) -> Option<Delivery> {
        match self {
            Self::Session(deliveries) => deliveries.next().await,
            Self::Call(call) => call.next().await,
        }
    }

    /// The stream whose event ids the client knows from now on; `None` where events have none.
    pub(super) fn streamed(&self) -> Option<StreamId> {
        match self {
            Self::Session(deliveries) => {
                deliveries.is_streamed();
                Some(deliveries.stream())
            }
            Self::Call(_) => None,
        }
    }

    /// The HTTP status of an answer that comes at once: in the legacy era, errors are answers like all others.
    fn status(&self, last: &Delivery) -> StatusCode {
        match (self, last) {
            (Self::Call(_), Delivery::Answer(answer)) => modern_status(answer.error_code),
            _ => StatusCode::OK,
        }
    }
}

/// The HTTP status for a JSON-RPC error (2026-07-28, "Protocol Version Header" and "Server Validation").
fn modern_status(error_code: Option<i64>) -> StatusCode {
    const BAD: [i32; 3] = [HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_PROTOCOL_VERSION];
    match error_code.and_then(|code| i32::try_from(code).ok()) {
        Some(METHOD_NOT_FOUND) => StatusCode::NOT_FOUND,
        Some(code) if BAD.contains(&code) => StatusCode::BAD_REQUEST,
        _ => StatusCode::OK,
    }
}

impl Recipient {
    /// The JSON text of the last delivery.
    pub(super) fn text(&self, last: Delivery) -> Bytes {
        match last {
            Delivery::Answer(answer) => answer.line.bytes().clone(),
            Delivery::Message(event) => event.line.bytes().clone(),
            Delivery::Failure(failure) => failure.answer(self.server.as_str(), &self.id).into(),
            // Only calls are asked, and those keep it to themselves.
            Delivery::Ask(_) => Failure::Invalid.answer(self.server.as_str(), &self.id).into(),
        }
    }
}

/// Writes the answer in the way that fits the client and what comes first. The head of the HTTP answer waits for the
/// first delivery, or [`Limits::patience`]: until then both ways are open.
pub(super) async fn deliver(about: Recipient, mut source: Source, accepts: Accepts) -> Response {
    if !accepts.stream {
        let last = last(&mut source).await;
        return complete(&about, &source, last, accepts);
    }
    if !accepts.json {
        return sse::answer(about, None, source);
    }
    match timeout(about.limits.patience, source.next()).await {
        Ok(Some(first @ Delivery::Message(_))) => sse::answer(about, Some(first), source),
        Ok(last) => complete(&about, &source, last.unwrap_or(Delivery::Failure(Failure::Stopped)), accepts),
        Err(_) => sse::answer(about, None, source),
    }
}

/// The last delivery; what comes before it is dropped.
pub(super) async fn last(source: &mut Source) -> Delivery {
    loop {
        match source.next().await {
            Some(Delivery::Message(_)) => {}
            Some(last) => return last,
            None => return Delivery::Failure(Failure::Stopped),
        }
    }
}

/// The whole answer at once.
pub(super) fn complete(about: &Recipient, source: &Source, last: Delivery, accepts: Accepts) -> Response {
    let status = source.status(&last);
    write(status, about.text(last), accepts)
}

/// The whole answer, when there is none.
pub(super) fn failed(about: &Recipient, failure: Failure, accepts: Accepts) -> Response {
    write(StatusCode::OK, about.text(Delivery::Failure(failure)), accepts)
}

/// An answer of the bridge itself that says nothing but that all is well.
pub(super) fn empty(about: &Recipient, accepts: Accepts) -> Response {
    text(format!(r#"{{"jsonrpc":"2.0","id":{},"result":{{}}}}"#, about.id.as_raw()), accepts)
}

/// An answer of the bridge itself.
pub(super) fn text(text: String, accepts: Accepts) -> Response {
    write(StatusCode::OK, text.into(), accepts)
}

fn write(status: StatusCode, text: Bytes, accepts: Accepts) -> Response {
    if accepts.json {
        let json = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))];
        return (status, json, text).into_response();
    }
    sse::whole(&text)
}
