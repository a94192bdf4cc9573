//! How the answer to a request is written: JSON if nothing comes before it, else server-sent events.

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use mcp_protocol::error::{INTERNAL_ERROR, answer};
use mcp_protocol::jsonrpc::Id;
use tokio::time::timeout;
use tokio_util::bytes::Bytes;

use super::accept::Accepts;
use super::sse;
use crate::config::ServerName;
use crate::process::{Deliveries, Delivery, Failure};
use crate::settings::Limits;

/// Whose answer it is.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) server: ServerName,
    pub(super) id: Id,
    pub(super) limits: Limits,
}

impl Answer {
    /// The JSON text of the last delivery.
    pub(super) fn text(&self, last: Delivery) -> Bytes {
        match last {
            Delivery::Answer(line) | Delivery::Message(line) => line.bytes().clone(),
            Delivery::Failure(failure) => {
                let data = failure.data(self.server.as_str());
                let message = format!("{}: {failure}", self.server);
                answer(Some(&self.id), INTERNAL_ERROR, &message, Some(data)).into()
            }
        }
    }
}

/// Writes the answer in the way that fits the client and what comes first. The head of the HTTP answer waits for the
/// first delivery, or [`Limits::patience`]: until then both ways are open.
pub(super) async fn deliver(about: Answer, mut deliveries: Deliveries, accepts: Accepts) -> Response {
    if !accepts.stream {
        let last = last(&mut deliveries).await;
        return complete(&about, last, accepts);
    }
    if !accepts.json {
        return sse::answer(about, None, deliveries);
    }
    match timeout(about.limits.patience, deliveries.next()).await {
        Ok(Some(first @ Delivery::Message(_))) => sse::answer(about, Some(first), deliveries),
        Ok(last) => complete(&about, last.unwrap_or(Delivery::Failure(Failure::Stopped)), accepts),
        Err(_) => sse::answer(about, None, deliveries),
    }
}

/// The last delivery; what comes before it is dropped.
pub(super) async fn last(deliveries: &mut Deliveries) -> Delivery {
    loop {
        match deliveries.next().await {
            Some(Delivery::Message(_)) => {}
            Some(last) => return last,
            None => return Delivery::Failure(Failure::Stopped),
        }
    }
}

/// The whole answer at once.
pub(super) fn complete(about: &Answer, last: Delivery, accepts: Accepts) -> Response {
    let text = about.text(last);
    if accepts.json {
        return ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response();
    }
    sse::whole(&text)
}
