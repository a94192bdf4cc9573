//! A modern request: it stands for itself (2026-07-28, "Streamable HTTP").

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use mcp_protocol::capabilities::RequestMeta;
use mcp_protocol::era::Era;
use mcp_protocol::headers::{METHOD, NAME};
use mcp_protocol::input::{Reply, may_ask};
use mcp_protocol::jsonrpc::{Id, Kind, Message};
use mcp_protocol::operation::check_headers;
use mcp_protocol::params::Params;
use mcp_protocol::subscription::Filter;
use mcp_protocol::{relay, translate};
use tokio::time::Instant;

use super::answer::{self, Recipient, Source};
use super::envelope::Envelope;
use super::refusal::Refusal;
use super::sse::{self, Resumption};
use crate::app::Bridge;
use crate::config::Launch;
use crate::process::{Caller, Line, Request};
use crate::session::{Call, Host, Who};

/// A modern request, with what was read of it so far.
pub(super) struct Asked<'a> {
    pub(super) envelope: &'a Envelope<'a>,
    pub(super) headers: &'a HeaderMap,
    pub(super) message: &'a Message<'a>,
    pub(super) params: &'a Params<'a>,
}

/// Methods that the modern era has no more, whatever a legacy server behind the bridge makes of them.
const REMOVED: [&str; 5] =
    ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"];

/// The one method whose answer is a stream without end.
const LISTEN: &str = "subscriptions/listen";

/// Answers a modern POST.
pub(super) async fn post(
    bridge: &Arc<Bridge>,
    launch: &Arc<Launch>,
    asked: &Asked<'_>,
) -> Result<Response, Refusal> {
    let (id, method) = match asked.message.kind() {
        Kind::Request { id, method } => (id, method.as_ref()),
        // The revision defines no notifications from clients, but extensions may: they are none of a child's business.
        Kind::Notification { .. } => return Ok(StatusCode::ACCEPTED.into_response()),
        Kind::Response { .. } => {
            return Err(Refusal::bad_request("clients of this revision send no responses"));
        }
    };
    let header = |name| asked.headers.get(HeaderName::from_static(name)).map(HeaderValue::as_bytes);
    check_headers((header(METHOD), header(NAME)), asked.message, asked.params)?;
    let meta = RequestMeta::read(asked.params)?;
    if REMOVED.contains(&method) {
        return Err(Refusal::unknown_method(method));
    }
    let accepts = asked.envelope.accepts;
    if !(accepts.stream || (accepts.json && method != LISTEN)) {
        return Err(Refusal::not_acceptable());
    }
    let about = Recipient {
        server: launch.name.clone(),
        id: id.clone(),
        limits: bridge.limits,
        resumption: Resumption::None,
    };
    let host = bridge.hosts.open(&asked.envelope.owner, launch, &meta).await?;
    if bridge.servers().get(launch.name.as_str()) != Some(launch) {
        // The file has changed while this request was read; whoever comes next gets the server as it is now.
        host.process().stop();
        return Err(Refusal::busy("the server has just changed; try again"));
    }
    if let Some(introduction) = host.introduction() {
        match method {
            "server/discover" => {
                return Ok(answer::text(introduction.discover_answer(id), accepts));
            }
            LISTEN => return listen(&host, about, asked).await,
            _ => {}
        }
    }
    let meta = RequestMeta { log_level: meta.log_level.filter(|_| !launch.is_stateless), ..meta };
    let source = call((bridge, launch), host, asked, &meta, (id, method)).await?;
    Ok(answer::deliver(about, Source::Call(Box::new(source)), accepts).await)
}

/// Sends the request to the child. (What a shared legacy child logs, or asks for, could be about anybody's request: nobody
/// hears it.) Or, when the client comes back with what the child has asked for, goes on with the one
/// that the child is still working on.
async fn call(
    (bridge, launch): (&Arc<Bridge>, &Launch),
    host: Arc<Host>,
    asked: &Asked<'_>,
    meta: &RequestMeta<'_>,
    (id, method): (&Id, &str),
) -> Result<Call, Refusal> {
    let target = asked.params.name.as_ref().or(asked.params.uri.as_ref());
    let operation = (method.to_owned(), target.map(|target| target.clone().into_owned()));
    let owner = asked.envelope.owner.clone();
    let caller = Caller {
        progress_token: asked.params.meta.progress_token.clone(),
        accepts_stream: asked.envelope.accepts.stream,
        lasts: method == LISTEN,
        log_level: meta.log_level,
        may_be_asked: host.era() == Era::Legacy && may_ask(method) && !launch.is_stateless,
        translation: host.translation(method),
        ..Caller::of(id.clone())
    };
    if let Some(level) = meta.log_level {
        host.want_logs(level).await;
    }
    let reply = if caller.may_be_asked { Reply::read(asked.message)? } else { Reply::default() };
    let own = |(key, result): (std::borrow::Cow<'_, str>, &str)| (key.into_owned(), result.to_owned());
    let responses = reply.responses.into_iter().map(own).collect();
    let hosts = Arc::clone(&bridge.hosts);
    let who = Who::new(owner, id.clone(), operation, meta);
    if let Some(state) = reply.state {
        let now = Instant::now();
        let parked =
            hosts.unpark(&state, &who.owner, &who.operation, now).ok_or_else(Refusal::unknown_state)?;
        parked.deliveries.adopt(caller);
        let call = Call::new((hosts, parked.host), who, parked.deliveries, responses, &bridge.limits);
        return Ok(call.with_asks(parked.asks, now));
    }
    let wire = host.process().next_id();
    let text = match host.era() {
        Era::Legacy => translate::request(asked.message, asked.params, wire),
        Era::Modern => relay::request(asked.message, asked.params, wire),
    };
    let request = Request { line: Line::trusted(text), id: wire, caller };
    let deliveries = host.process().request(request).await.map_err(Refusal::of_stateless)?;
    Ok(Call::new((hosts, host), who, deliveries, responses, &bridge.limits))
}

/// `subscriptions/listen` in front of a legacy child: the bridge itself keeps the subscription.
async fn listen(host: &Arc<Host>, about: Recipient, asked: &Asked<'_>) -> Result<Response, Refusal> {
    let filter = Filter::read(asked.message)?;
    let filter = match host.introduction() {
        Some(introduction) => filter.honoured_by(introduction),
        None => filter,
    };
    let subscribed = host.subscribe(about.id.clone(), filter).await;
    let (deliveries, watch) = subscribed.map_err(Refusal::of_stateless)?;
    Ok(sse::subscription(about, deliveries, watch))
}
