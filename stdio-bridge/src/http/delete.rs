//! `DELETE /{server}/mcp`: the client ends its session.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

use super::envelope::Envelope;
use super::get::require_legacy;
use super::refusal::Refusal;
use crate::app::Bridge;
use crate::config::Launch;

/// Ends a session (2025-11-25, "Session Management"): 204 at once; its child has its time to end after that.
pub(super) fn delete(
    bridge: &Arc<Bridge>,
    launch: &Launch,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let envelope = Envelope::read(launch, headers)?;
    require_legacy(&envelope)?;
    if bridge.sessions.end(&envelope.session_id()?, &envelope.owner) {
        Ok(StatusCode::NO_CONTENT.into_response())
    } else {
        Err(Refusal::unknown_session())
    }
}
