//! `GET /{server}/mcp`: the stream for messages that belong to no request.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderMap, StatusCode};
use mcp_protocol::era::{Era, Evidence, classify};
use mcp_protocol::error::INVALID_REQUEST;

use super::envelope::Envelope;
use super::refusal::Refusal;
use super::sse;
use crate::app::Bridge;
use crate::config::Launch;

/// Opens the stream of a session (2025-11-25, "Listening for Messages from the Server"). A session has one; a newer
/// one takes over, because a client that comes back after a broken connection must not find it taken.
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
    let deliveries = envelope.session(bridge)?.process().listen().await?;
    Ok(sse::listen(deliveries, bridge.limits.keep_alive))
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
