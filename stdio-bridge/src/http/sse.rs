//! Server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, unfold};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use mcp_protocol::subscription::end;
use tokio::time::timeout;
use tokio_util::bytes::{Bytes, BytesMut};

use super::answer::{Recipient, Source};
use crate::process::{Deliveries, Delivery, EventId, Failure, StreamId};
use crate::session::Watch;

/// A comment: a sign of life that no client shows.
const KEEP_ALIVE: Bytes = Bytes::from_static(b":\r\n\r\n");
/// Milliseconds after which a client that knows the ids of events is to come back when its connection broke.
const RETRY_MILLISECONDS: u64 = 1000;

/// What a client does with the ids of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resumption {
    /// Nothing: streams of the modern era cannot be resumed.
    None,
    /// It may come back for what it has missed.
    Ids,
    /// It also wants to know the id of the beginning (an event without data, since 2025-11-25; older clients would take
    /// that for a broken message).
    Primed,
}

/// The event stream that ends with the answer to a request; `first` has arrived already.
pub(super) fn answer(about: Recipient, first: Option<Delivery>, source: Source) -> Response {
    let writer = Writer { resumption: about.resumption, stream: source.streamed() };
    let beginning = writer.beginning(0, false);
    let keep_alive = about.limits.keep_alive;
    let state = Some((about, beginning, first, source));
    stream(unfold(state, move |state| async move {
        let (about, beginning, first, mut source) = state?;
        if let Some(beginning) = beginning {
            return Some((beginning, Some((about, None, first, source))));
        }
        let delivery = match first {
            Some(first) => Some(first),
            None => match timeout(keep_alive, source.next()).await {
                Ok(delivery) => Some(delivery.unwrap_or(Delivery::Failure(Failure::Stopped))),
                Err(_) => None,
            },
        };
        Some(match delivery {
            None => (KEEP_ALIVE, Some((about, None, None, source))),
            Some(Delivery::Message(event)) => {
                (writer.event(event.number, event.line.bytes()), Some((about, None, None, source)))
            }
            Some(last) => (writer.last(&about, last), None),
        })
    }))
}

/// The event stream of a subscription that the bridge itself keeps. It ends with the child, in an orderly way.
pub(super) fn subscription(about: Recipient, deliveries: Deliveries, watch: Watch) -> Response {
    let keep_alive = about.limits.keep_alive;
    let state = Some((about, deliveries, watch));
    stream(unfold(state, move |state| async move {
        let (about, mut deliveries, watch) = state?;
        match timeout(keep_alive, deliveries.next()).await {
            Ok(Some(Delivery::Message(message))) => {
                Some((event("", message.line.bytes()), Some((about, deliveries, watch))))
            }
            Ok(_) => Some((event("", &end(&about.id).into()), None)),
            Err(_) => Some((KEEP_ALIVE, Some((about, deliveries, watch)))),
        }
    }))
}

/// The event stream for messages that belong to no request, or one that goes on behind the event `from`. It ends with its session, or with the
/// answer that it was waiting for.
pub(super) fn listen(
    (deliveries, from): (Deliveries, u64),
    resumption: Resumption,
    keep_alive: Duration,
) -> Response {
    deliveries.is_streamed();
    let writer = Writer { resumption, stream: Some(deliveries.stream()) };
    // Something goes first, and with it the head: a client must not wait for it until the server says something.
    let state = (writer.beginning(from, true), deliveries);
    stream(unfold(state, move |(beginning, mut deliveries)| async move {
        if let Some(beginning) = beginning {
            return Some((beginning, (None, deliveries)));
        }
        match timeout(keep_alive, deliveries.next()).await {
            Ok(Some(Delivery::Message(event))) => {
                Some((writer.event(event.number, event.line.bytes()), (None, deliveries)))
            }
            Ok(Some(Delivery::Answer(answer))) => {
                Some((writer.event(answer.number, answer.line.bytes()), (None, deliveries)))
            }
            Ok(Some(Delivery::Ask(_) | Delivery::Failure(_)) | None) => None,
            Err(_) => Some((KEEP_ALIVE, (None, deliveries))),
        }
    }))
}

/// Writes the events of one stream.
#[derive(Debug, Clone, Copy)]
struct Writer {
    resumption: Resumption,
    /// `None` where events have no ids.
    stream: Option<StreamId>,
}

impl Writer {
    /// What goes first, if something has to.
    fn beginning(self, from: u64, is_needed: bool) -> Option<Bytes> {
        match (self.resumption, self.id(from)) {
            (Resumption::Primed, Some(id)) => {
                Some(format!("id: {id}\nretry: {RETRY_MILLISECONDS}\ndata: \n\n").into())
            }
            _ => is_needed.then_some(KEEP_ALIVE),
        }
    }

    /// The text has no line ends ([`crate::process::Line`]), so it cannot break out of its event.
    fn event(self, number: u64, text: &Bytes) -> Bytes {
        let id = self.id(number).map(|id| format!("id: {id}\n"));
        event(id.as_deref().unwrap_or_default(), text)
    }

    fn id(self, number: u64) -> Option<EventId> {
        let stream = self.stream.filter(|_| self.resumption != Resumption::None)?;
        Some(EventId { stream, number })
    }

    fn last(self, about: &Recipient, last: Delivery) -> Bytes {
        match &last {
            Delivery::Answer(answer) => self.event(answer.number, answer.line.bytes()),
            Delivery::Message(_) | Delivery::Ask(_) | Delivery::Failure(_) => event("", &about.text(last)),
        }
    }
}

/// An event stream of one event.
pub(super) fn whole(text: &Bytes) -> Response {
    respond(Body::from(event("", text)))
}

fn event(id: &str, text: &Bytes) -> Bytes {
    const HEAD: &[u8] = b"event: message\ndata: ";
    const END: &[u8] = b"\n\n";
    let parts = [id.as_bytes(), HEAD, text, END];
    let mut event = BytesMut::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        event.extend_from_slice(part);
    }
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
