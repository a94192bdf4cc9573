//! Reading the body of a request: not longer than a message may be, and not slower than a living client.

use std::time::Duration;

use axum::body::Body;
use futures_util::StreamExt as _;
use http::StatusCode;
use mcp_protocol::error::INVALID_REQUEST;
use tokio::time::timeout;
use tokio_util::bytes::{Bytes, BytesMut};

use super::refusal::Refusal;

/// The whole body. A body of one piece is not copied.
///
/// # Errors
/// 413 for more than `limit` bytes, 408 when nothing comes for as long as `patience`, 400 when it breaks off.
pub(super) async fn read(body: Body, limit: usize, patience: Duration) -> Result<Bytes, Refusal> {
    let mut pieces = body.into_data_stream();
    let mut next = async || match timeout(patience, pieces.next()).await {
        Ok(Some(Ok(piece))) => Ok(Some(piece)),
        Ok(Some(Err(_))) => Err(Refusal::bad_request("the message was not received to its end")),
        Ok(None) => Ok(None),
        Err(_) => Err(too_slow()),
    };
    let Some(first) = next().await? else { return Ok(Bytes::new()) };
    let Some(second) = next().await? else { return within(first, limit) };
    let mut whole = BytesMut::from(first);
    let mut more = Some(second);
    while let Some(piece) = more {
        if whole.len().saturating_add(piece.len()) > limit {
            return Err(too_large());
        }
        whole.extend_from_slice(&piece);
        more = next().await?;
    }
    Ok(whole.freeze())
}

fn within(whole: Bytes, limit: usize) -> Result<Bytes, Refusal> {
    if whole.len() > limit { Err(too_large()) } else { Ok(whole) }
}

fn too_slow() -> Refusal {
    Refusal::new(StatusCode::REQUEST_TIMEOUT, INVALID_REQUEST, "nothing more of the message came in time")
}

fn too_large() -> Refusal {
    let message = "the message is too long (MCP_MAX_MESSAGE_BYTES)";
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, INVALID_REQUEST, message)
}
