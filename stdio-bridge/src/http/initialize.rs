//! `initialize`: a legacy client begins a session.

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderName, HeaderValue};
use mcp_protocol::era::Era;
use mcp_protocol::headers::SESSION_ID;
use mcp_protocol::jsonrpc::Message;
use mcp_protocol::modernize::ClientIntroduction;
use mcp_protocol::params::Params;
use mcp_protocol::relay;

use super::answer::{self, Recipient, Source};
use super::envelope::Envelope;
use super::refusal::Refusal;
use crate::app::Bridge;
use crate::config::Launch;
use crate::process::{Caller, Delivery, Failure, Line, Request};
use crate::session::{Owner, Starting, Translator};

/// An `initialize` request.
pub(super) struct Opening<'a> {
    pub(super) envelope: &'a Envelope<'a>,
    pub(super) message: &'a Message<'a>,
    pub(super) params: &'a Params<'a>,
    pub(super) about: Recipient,
}

/// `initialize` makes a session. Its answer is waited for, as the head of the HTTP answer depends on it; when it is an
/// error, neither session nor child is left. A client that goes away meanwhile takes the child with it.
///
/// A server that knows no `initialize` because it is a modern one gets a child of its own era, and somebody who speaks for
/// the client.
pub(super) async fn initialize(
    bridge: &Arc<Bridge>,
    launch: &Arc<Launch>,
    opening: &Opening<'_>,
) -> Result<Response, Refusal> {
    let Opening { envelope, message, params, about } = opening;
    if envelope.names_session() {
        envelope.session(bridge)?;
        return Err(Refusal::bad_request("this session is initialized already"));
    }
    if bridge.sessions.needs_translator(launch) {
        return translated(bridge, launch, opening).await;
    }
    let starting = bridge.sessions.start(envelope.owner.clone(), launch, Era::Legacy)?;
    let process = starting.process();
    let id = process.next_id();
    let line = Line::trusted(relay::request(message, params, id));
    let request = Request { line, id, caller: Caller::of(about.id.clone()) };
    // A child that is gone already has failed like one that dies later.
    let Ok(deliveries) = process.request(request).await else {
        return Ok(answer::failed(about, Failure::Exited, envelope.accepts));
    };
    let mut source = Source::Session(deliveries);
    let last = answer::last(&mut source).await;
    match &last {
        Delivery::Answer(answer) if answer.error_code.is_none() => {
            let response = answer::complete(about, &source, last, envelope.accepts);
            return Ok(admit(bridge, (launch, &envelope.owner), starting, response));
        }
        Delivery::Answer(_) if bridge.sessions.is_modern(&envelope.owner, launch).await => {
            drop((source, starting));
            return translated(bridge, launch, opening).await;
        }
        Delivery::Answer(_) | Delivery::Message(_) | Delivery::Ask(_) | Delivery::Failure(_) => {}
    }
    Ok(answer::complete(about, &source, last, envelope.accepts))
}

async fn translated(
    bridge: &Arc<Bridge>,
    launch: &Arc<Launch>,
    opening: &Opening<'_>,
) -> Result<Response, Refusal> {
    let Opening { envelope, message, params: _, about } = opening;
    let starting = bridge.sessions.start(envelope.owner.clone(), launch, Era::Modern)?;
    let client = ClientIntroduction::read(message);
    let Some(translator) = Translator::introduce(starting.process(), client).await else {
        return Ok(answer::failed(about, Failure::Invalid, envelope.accepts));
    };
    let response = answer::text(translator.initialize_answer(&about.id), envelope.accepts);
    Ok(admit(bridge, (launch, &envelope.owner), starting.translated(translator), response))
}

fn admit(
    bridge: &Bridge,
    (launch, owner): (&Arc<Launch>, &Owner),
    starting: Starting,
    mut response: Response,
) -> Response {
    let id = starting.admit();
    if bridge.servers().get(launch.name.as_str()) != Some(launch) && bridge.sessions.end(&id, owner) {
        tracing::info!(server = %launch.name, "its entry has changed while a session began");
    }
    if let Ok(value) = HeaderValue::from_str(id.as_str()) {
        response.headers_mut().insert(HeaderName::from_static(SESSION_ID), value);
    }
    response
}
