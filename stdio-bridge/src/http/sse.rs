//! Server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, unfold};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use tokio::time::timeout;
use tokio_util::bytes::{Bytes, BytesMut};

use super::answer::Answer;
use crate::process::{Deliveries, Delivery, Failure};

/// A comment: a sign of life that no client shows.
const KEEP_ALIVE: Bytes = Bytes::from_static(b":\r\n\r\n");

/// The event stream that ends with the answer to a request; `first` has arrived already.
pub(super) fn answer(about: Answer, first: Option<Delivery>, deliveries: Deliveries) -> Response {
    let keep_alive = about.limits.keep_alive;
    let state = Some((about, first, deliveries));
    stream(unfold(state, move |state| async move {
        let (about, first, mut deliveries) = state?;
        let delivery = match first {
            Some(first) => Some(first),
            None => match timeout(keep_alive, deliveries.next()).await {
                Ok(delivery) => Some(delivery.unwrap_or(Delivery::Failure(Failure::Stopped))),
                Err(_) => None,
            },
        };
        Some(match delivery {
            None => (KEEP_ALIVE, Some((about, None, deliveries))),
            Some(Delivery::Message(line)) => (event(line.bytes()), Some((about, None, deliveries))),
            Some(last) => (event(&about.text(last)), None),
        })
    }))
}

/// The event stream for messages that belong to no request. It ends with its session.
pub(super) fn listen(deliveries: Deliveries, keep_alive: Duration) -> Response {
    // A first comment sends the head on its way: a client must not wait for it until the server says something.
    let state = (true, deliveries);
    stream(unfold(state, move |(is_first, mut deliveries)| async move {
        if is_first {
            return Some((KEEP_ALIVE, (false, deliveries)));
        }
        match timeout(keep_alive, deliveries.next()).await {
            Ok(Some(Delivery::Message(line) | Delivery::Answer(line))) => {
                Some((event(line.bytes()), (false, deliveries)))
            }
            Ok(Some(Delivery::Failure(_)) | None) => None,
            Err(_) => Some((KEEP_ALIVE, (false, deliveries))),
        }
    }))
}

/// An event stream of one event.
pub(super) fn whole(text: &Bytes) -> Response {
    respond(Body::from(event(text)))
}

/// The text has no line ends ([`crate::process::Line`]), so it cannot break out of its event.
fn event(text: &Bytes) -> Bytes {
    const HEAD: &[u8] = b"event: message\ndata: ";
    const END: &[u8] = b"\n\n";
    let mut event = BytesMut::with_capacity(HEAD.len().saturating_add(text.len()).saturating_add(END.len()));
    event.extend_from_slice(HEAD);
    event.extend_from_slice(text);
    event.extend_from_slice(END);
    event.freeze()
}

fn stream(events: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    use futures_util::StreamExt;
    respond(Body::from_stream(events.map(Ok::<_, Infallible>)))
}

fn respond(body: Body) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        // nginx and others would collect events before they pass them on.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, body).into_response()
}
