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
use mcp_protocol::jsonrpc::{Id, Kind, Message};
use mcp_protocol::params::Params;
use tokio_util::bytes::Bytes;

use super::answer::{self, Answer};
use super::envelope::Envelope;
use super::refusal::Refusal;
use crate::app::Bridge;
use crate::config::Launch;
use crate::process::{Delivery, Failure, Line, Request};

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
    serve(bridge, launch, &envelope, (&message, &body))
        .await
        .map_err(|refusal| refusal.about(message.request_id()))
}

async fn serve(
    bridge: &Arc<Bridge>,
    launch: &Arc<Launch>,
    envelope: &Envelope<'_>,
    (message, body): (&Message<'_>, &Bytes),
) -> Result<Response, Refusal> {
    let params = Params::of(message)?;
    match era(envelope, message, &params)? {
        Era::Modern => return Err(Refusal::modern_era(envelope.version.unwrap_or_default())),
        Era::Legacy => {}
    }
    let line = Line::of(message, body);
    let Kind::Request { id, method } = message.kind() else {
        envelope.session(bridge)?.process().tell(line).await?;
        return Ok(StatusCode::ACCEPTED.into_response());
    };
    let accepts = envelope.accepts;
    if !accepts.json && !accepts.stream {
        return Err(not_acceptable());
    }
    let request = |accepts_stream| Request {
        line,
        id: id.clone(),
        progress_token: params.meta.progress_token.clone(),
        accepts_stream,
    };
    if method == "initialize" {
        return initialize(bridge, launch, envelope, (request(false), id)).await;
    }
    let session = envelope.session(bridge)?;
    let deliveries = session.process().request(request(accepts.stream)).await?;
    let about = Answer { server: launch.name.clone(), id: id.clone(), limits: bridge.limits };
    Ok(answer::deliver(about, deliveries, accepts).await)
}

/// `initialize` makes a session. Its answer is waited for, as the head of the HTTP answer depends on it; when it is an
/// error, neither session nor child is left. A client that goes away meanwhile takes the child with it.
async fn initialize(
    bridge: &Arc<Bridge>,
    launch: &Arc<Launch>,
    envelope: &Envelope<'_>,
    (request, id): (Request, &Id),
) -> Result<Response, Refusal> {
    if envelope.names_session() {
        envelope.session(bridge)?;
        return Err(Refusal::bad_request("this session is initialized already"));
    }
    let starting = bridge.sessions.start(envelope.owner.clone(), launch)?;
    let about = Answer { server: launch.name.clone(), id: id.clone(), limits: bridge.limits };
    // A child that is gone already has failed like one that dies later.
    let last = match starting.initialize(request).await {
        Ok(mut deliveries) => answer::last(&mut deliveries).await,
        Err(_) => Delivery::Failure(Failure::Exited),
    };
    let is_success = matches!(&last, Delivery::Answer(line) if is_result(line));
    let mut response = answer::complete(&about, last, envelope.accepts);
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

fn is_result(line: &Line) -> bool {
    Message::parse(line.bytes())
        .is_ok_and(|message| matches!(message.kind(), Kind::Response { is_error: false, .. }))
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

fn not_acceptable() -> Refusal {
    let message = "the header Accept must list application/json and text/event-stream";
    Refusal::new(StatusCode::NOT_ACCEPTABLE, INVALID_REQUEST, message)
}
