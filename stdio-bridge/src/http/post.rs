//! `POST /{server}/mcp`: one message from the client.

use std::sync::Arc;

use axum::body::to_bytes;
use axum::extract::Request as HttpRequest;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use mcp_protocol::era::{Era, Evidence, classify};
use mcp_protocol::error::INVALID_REQUEST;
use mcp_protocol::headers::SESSION_ID;
use mcp_protocol::jsonrpc::{Kind, Message};
use mcp_protocol::params::Params;
use mcp_protocol::relay;
use tokio_util::bytes::Bytes;

use super::answer::{self, Recipient, Source};
use super::envelope::Envelope;
use super::modern::{self, Asked};
use super::refusal::Refusal;
use crate::app::Bridge;
use crate::config::Launch;
use crate::process::{Caller, Delivery, Failure, Line, Process, Request};
use crate::session::Session;

/// Answers a POST (2025-11-25, "Sending Messages to the Server"): 202 for notifications and responses; for requests
/// the answer as JSON, or as an event stream when something has to go before it.
pub(super) async fn post(
    bridge: &Arc<Bridge>,
    launch: &Arc<Launch>,
    request: HttpRequest,
) -> Result<Response, Refusal> {
    let (head, body) = request.into_parts();
    let envelope = Envelope::read(launch, &head.headers)?;
    require_json(&head.headers)?;
    let body = to_bytes(body, bridge.limits.max_message_bytes).await.map_err(|_| too_large())?;
    let message = Message::parse(&body)?;
    let posted = Posted { headers: &head.headers, message: &message, body: &body };
    serve(bridge, launch, &envelope, &posted).await.map_err(|refusal| refusal.about(message.request_id()))
}

/// A message, and what it came with.
struct Posted<'a> {
    headers: &'a HeaderMap,
    message: &'a Message<'a>,
    body: &'a Bytes,
}

async fn serve(
    bridge: &Arc<Bridge>,
    launch: &Arc<Launch>,
    envelope: &Envelope<'_>,
    posted: &Posted<'_>,
) -> Result<Response, Refusal> {
    let Posted { headers, message, body } = *posted;
    let params = Params::of(message)?;
    if era(envelope, message, &params)? == Era::Modern {
        return modern::post(bridge, launch, &Asked { envelope, headers, message, params: &params }).await;
    }
    let (id, method) = match message.kind() {
        Kind::Request { id, method } => (id, method),
        Kind::Notification { method } if method == "notifications/cancelled" => {
            let session = envelope.session(bridge)?;
            return cancel(&session, message, &params).await;
        }
        Kind::Notification { .. } | Kind::Response { .. } => {
            envelope.session(bridge)?.process().tell(Line::of(message, body)).await?;
            return Ok(StatusCode::ACCEPTED.into_response());
        }
    };
    let accepts = envelope.accepts;
    if !accepts.json && !accepts.stream {
        return Err(Refusal::not_acceptable());
    }
    let about = Recipient {
        server: launch.name.clone(),
        id: id.clone(),
        limits: bridge.limits,
        resumption: envelope.resumption(),
    };
    let request = |process: &Process, accepts_stream| {
        let wire = process.next_id();
        let progress_token = params.meta.progress_token.clone();
        let caller = Caller { progress_token, accepts_stream, ..Caller::of(id.clone()) };
        Request { line: Line::trusted(relay::request(message, &params, wire)), id: wire, caller }
    };
    if method == "initialize" {
        return initialize(bridge, launch, envelope, (|process: &Process| request(process, false), about))
            .await;
    }
    let session = envelope.session(bridge)?;
    let process = session.process();
    let deliveries = process.request(request(process, accepts.stream)).await?;
    Ok(answer::deliver(about, Source::Session(deliveries), accepts).await)
}

/// A client cancels a request: the child knows that under another id. One that is not open any more needs nothing.
async fn cancel(session: &Session, message: &Message<'_>, params: &Params<'_>) -> Result<Response, Refusal> {
    let process = session.process();
    let named = match &params.request_id {
        Some(id) => process.named(id.clone()).await?,
        None => None,
    };
    if let Some(wire) = named {
        process.tell(Line::trusted(relay::cancellation(message, params, wire))).await?;
    }
    Ok(StatusCode::ACCEPTED.into_response())
}

/// `initialize` makes a session. Its answer is waited for, as the head of the HTTP answer depends on it; when it is an
/// error, neither session nor child is left. A client that goes away meanwhile takes the child with it.
async fn initialize(
    bridge: &Arc<Bridge>,
    launch: &Arc<Launch>,
    envelope: &Envelope<'_>,
    (request, about): (impl FnOnce(&Process) -> Request, Recipient),
) -> Result<Response, Refusal> {
    if envelope.names_session() {
        envelope.session(bridge)?;
        return Err(Refusal::bad_request("this session is initialized already"));
    }
    let starting = bridge.sessions.start(envelope.owner.clone(), launch)?;
    let process = starting.process();
    // A child that is gone already has failed like one that dies later.
    let Ok(deliveries) = process.request(request(process)).await else {
        return Ok(answer::failed(&about, Failure::Exited, envelope.accepts));
    };
    let mut source = Source::Session(deliveries);
    let last = answer::last(&mut source).await;
    let is_success = matches!(&last, Delivery::Answer(answer) if answer.error_code.is_none());
    let mut response = answer::complete(&about, &source, last, envelope.accepts);
    if is_success {
        let id = starting.admit();
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(HeaderName::from_static(SESSION_ID), value);
        }
    }
    Ok(response)
}

fn era(envelope: &Envelope<'_>, message: &Message<'_>, params: &Params<'_>) -> Result<Era, Refusal> {
    let evidence = Evidence {
        method: message.method(),
        meta_version: params.meta.protocol_version.as_deref(),
        header_version: envelope.version,
        names_session: envelope.names_session(),
    };
    Ok(classify(evidence)?)
}

fn require_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Refusal::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        INVALID_REQUEST,
        "the Content-Type must be application/json",
    ))
}

fn too_large() -> Refusal {
    let message = "the message is too long (MCP_MAX_MESSAGE_BYTES), or was not received to its end";
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, INVALID_REQUEST, message)
}
