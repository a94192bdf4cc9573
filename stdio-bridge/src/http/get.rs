//! `GET /{server}/mcp`: the stream for messages that belong to no request.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderMap, HeaderName, StatusCode};
use mcp_protocol::era::{Era, Evidence, classify};
use mcp_protocol::error::INVALID_REQUEST;
use mcp_protocol::headers::LAST_EVENT_ID;

use super::envelope::Envelope;
use super::refusal::Refusal;
use super::sse;
use crate::app::Bridge;
use crate::config::Launch;
use crate::process::{EventId, SendError};

/// Opens a stream of a session (2025-11-25, "Listening for Messages from the Server"), or goes on with one whose
/// connection broke (`Last-Event-ID`), whichever way it began.
pub(super) async fn get(
    bridge: &Arc<Bridge>,
    launch: &Launch,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let envelope = Envelope::read(launch, headers)?;
    require_legacy(&envelope)?;
    if !envelope.accepts.stream {
        let message = "the header Accept must list text/event-stream";
        return Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, INVALID_REQUEST, message));
    }
    let session = envelope.session(bridge)?;
    let deliveries = match headers.get(HeaderName::from_static(LAST_EVENT_ID)) {
        Some(last) => {
            let last = EventId::parse(last.as_bytes()).ok_or(SendError::Forgotten)?;
            (session.process().resume(last).await?, last.number)
        }
        None => (session.process().listen().await?, 0),
    };
    Ok(sse::listen(deliveries, envelope.resumption(), bridge.limits.keep_alive))
}

/// The modern era knows POST only (2026-07-28, "Earlier revisions").
pub(super) fn require_legacy(envelope: &Envelope<'_>) -> Result<(), Refusal> {
    let evidence = Evidence {
        header_version: envelope.version,
        names_session: envelope.names_session(),
        ..Evidence::default()
    };
    match classify(evidence)? {
        Era::Legacy => Ok(()),
        Era::Modern => Err(Refusal::method_not_allowed("POST")),
    }
}
