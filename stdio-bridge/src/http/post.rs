//! `POST /{server}/mcp`: one message from the client.

use std::sync::Arc;

use axum::extract::Request as HttpRequest;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use mcp_protocol::era::{Era, Evidence, classify};
use mcp_protocol::error::INVALID_REQUEST;
use mcp_protocol::jsonrpc::{Kind, Message};
use mcp_protocol::params::Params;
use mcp_protocol::relay;
use tokio_util::bytes::Bytes;

use super::answer::{self, Recipient, Source};
use super::body;
use super::envelope::Envelope;
use super::initialize::{Opening, initialize};
use super::modern::{self, Asked};
use super::refusal::Refusal;
use crate::app::Bridge;
use crate::config::Launch;
use crate::process::{Caller, Line, Request};
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
    let limits = &bridge.limits;
    let body = body::read(body, limits.max_message_bytes, limits.read_timeout).await?;
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
            let session = envelope.session(bridge)?;
            tell(&session, message, body).await?;
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
    let progress_token = params.meta.progress_token.clone();
    let caller = Caller { progress_token, accepts_stream: accepts.stream, ..Caller::of(id.clone()) };
    if method == "initialize" {
        return initialize(bridge, launch, &Opening { envelope, message, params: &params, about }).await;
    }
    let session = envelope.session(bridge)?;
    let process = session.process();
    let id = process.next_id();
    let line = match session.translator() {
        None => Line::trusted(relay::request(message, &params, id)),
        Some(translator) if translator.serves(process, message, &params).await? => {
            return Ok(answer::empty(&about, accepts));
        }
        Some(translator) => translator.request(message, &params, id),
    };
    let deliveries = process.request(Request { line, id, caller }).await?;
    Ok(answer::deliver(about, Source::Session(deliveries), accepts).await)
}

/// Passes on a notification, or an answer to what the client was asked.
async fn tell(session: &Session, message: &Message<'_>, body: &Bytes) -> Result<(), Refusal> {
    let (process, line) = (session.process(), Line::of(message, body));
    match (session.translator(), message.method()) {
        (_, None) => process.respond(line).await?,
        (None, Some(_)) => process.tell(line).await?,
        // The modern era has no notifications from clients: this one begins what a modern client asks for.
        (Some(translator), Some("notifications/initialized")) => translator.listen(process).await?,
        (Some(_), Some(_)) => {}
    }
    Ok(())
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
