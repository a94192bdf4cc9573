//! A modern request on its way: what its child asks for becomes an answer that asks the client.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use mcp_protocol::capabilities::RequestMeta;
use mcp_protocol::era::Era;
use mcp_protocol::error::{MISSING_CAPABILITY, answer};
use mcp_protocol::input::{self, InputMethod, InputRequest};
use mcp_protocol::jsonrpc::{Id, Message};
use tokio::time::{Instant, timeout_at};

use super::Owner;
use super::host::Host;
use super::hosts::{Hosts, Parked};
use crate::process::{Answer, Ask, Deliveries, Delivery, Failure, Line};
use crate::settings::Limits;

/// A modern request on its way. When it is dropped before its end, it is cancelled.
#[derive(Debug)]
pub struct Call {
    hosts: Arc<Hosts>,
    host: Arc<Host>,
    who: Who,
    gather: Duration,
    input_timeout: Duration,
    /// `None` after the end.
    deliveries: Option<Deliveries>,
    /// What the client has sent along: results by key.
    responses: Vec<(String, String)>,
    /// What the child asks for, and the client has not sent.
    asks: Vec<Ask>,
    /// When the client is asked, with whatever the child has asked for until then.
    ask_at: Option<Instant>,
}

/// Who sends a modern request, and what it is about.
#[derive(Debug, Clone)]
pub struct Who {
    /// Who sends it.
    pub owner: Owner,
    /// The id it gave it.
    pub id: Id,
    /// The methods by which it can be asked.
    pub can: Vec<InputMethod>,
    /// What it asks for: method, and name or URI.
    pub operation: (String, Option<String>),
}

impl Who {
    /// Who sends the request `id` for `operation`, with this `_meta`.
    #[must_use]
    pub fn new(owner: Owner, id: Id, operation: (String, Option<String>), meta: &RequestMeta<'_>) -> Self {
        use InputMethod::{ElicitForm, ElicitUrl, Roots, Sampling};
        let all = [Roots, Sampling, ElicitForm, ElicitUrl].into_iter();
        let can = all.filter(|method| meta.capabilities.allows(*method)).collect();
        Self { owner, id, can, operation }
    }
}

impl Call {
    /// A request that was sent to `host`; its answer arrives at `deliveries`. `responses` are those that came with it.
    #[must_use]
    pub fn new(
        (hosts, host): (Arc<Hosts>, Arc<Host>),
        who: Who,
        deliveries: Deliveries,
        responses: Vec<(String, String)>,
        limits: &Limits,
    ) -> Self {
        Self {
            hosts,
            host,
            who,
            gather: limits.gather,
            input_timeout: limits.input_timeout,
            deliveries: Some(deliveries),
            responses,
            asks: Vec::new(),
            ask_at: None,
        }
    }

    /// What the child has asked for before the client came back; what the client brought is passed on.
    #[must_use]
    pub fn with_asks(mut self, asks: Vec<Ask>, now: Instant) -> Self {
        for ask in asks {
            if !self.respond(&ask) {
                self.asks.push(ask);
                // All that is to come has come.
                self.ask_at = Some(now);
            }
        }
        self
    }

    /// The next delivery; never a question of the child. May be dropped at any time without losing one.
    pub async fn next(&mut self) -> Option<Delivery> {
        loop {
            let deliveries = self.deliveries.as_mut()?;
            let delivery = match self.ask_at {
                Some(deadline) => match timeout_at(deadline, deliveries.next()).await {
                    Ok(delivery) => delivery,
                    Err(_) => return Some(self.ask_client(Instant::now())),
                },
                None => deliveries.next().await,
            };
            let ask = match delivery {
                Some(Delivery::Ask(ask)) => ask,
                Some(Delivery::Answer(answer)) => return Some(self.answered(answer)),
                other => return other,
            };
            if self.respond(&ask) {
                continue;
            }
            if !self.who.can.contains(&ask.method) {
                tracing::debug!(
                    method = ask.method.as_str(),
                    "the server asks for what its client cannot do"
                );
                self.tell_child(answer(Some(&ask.id), MISSING_CAPABILITY, "the client cannot do this", None));
                self.deliveries = None;
                return Some(self.refuse(ask.method));
            }
            self.asks.push(ask);
            if self.ask_at.is_none() {
                self.ask_at = Instant::now().checked_add(self.gather);
            }
        }
    }

    /// Answers the child with what the client has brought; `false` when it has not.
    fn respond(&mut self, ask: &Ask) -> bool {
        let key = input::key(&ask.id);
        let Some(at) = self.responses.iter().position(|(brought, _)| *brought == *key) else { return false };
        let (_, result) = self.responses.swap_remove(at);
        self.tell_child(input::answer(&ask.id, &result));
        true
    }

    /// The child has answered. An error that asks for a visit to a URL is a question, too, but one that nobody waits for: the
    /// client sends the request again.
    fn answered(&self, answer: Answer) -> Delivery {
        let is_error = answer.error_code.is_some();
        if is_error && self.host.era() == Era::Modern && self.who.operation.0 == "server/discover" {
            self.hosts.contradicted(&self.who.owner.server);
        }
        let is_legacy = is_error && self.host.era() == Era::Legacy;
        let message = is_legacy.then(|| Message::parse(answer.line.bytes()).ok()).flatten();
        match message.as_ref().and_then(input::required_urls) {
            None => Delivery::Answer(answer),
            Some(_) if !self.who.can.contains(&InputMethod::ElicitUrl) => self.refuse(InputMethod::ElicitUrl),
            Some(urls) => self.own_answer(input::required_result(&self.who.id, urls, None), None),
        }
    }

    /// The child needs what the client cannot do: the request cannot be served (-32021).
    fn refuse(&self, method: InputMethod) -> Delivery {
        let message = format!("the server needs a client that can do {}", method.as_str());
        let data = serde_json::json!({ "requiredCapabilities": method.required() });
        let text = answer(Some(&self.who.id), MISSING_CAPABILITY, &message, Some(data));
        self.own_answer(text, Some(MISSING_CAPABILITY))
    }

    /// The request waits for its client, who is told what the child asks for.
    fn ask_client(&mut self, now: Instant) -> Delivery {
        let asks = std::mem::take(&mut self.asks);
        let until = now.checked_add(self.input_timeout);
        let Some((deliveries, until)) = self.deliveries.take().zip(until) else {
            return Delivery::Failure(Failure::Stopped);
        };
        let shown = asks.clone();
        let (owner, operation, host) =
            (self.who.owner.clone(), self.who.operation.clone(), Arc::clone(&self.host));
        let parked = Parked { owner, operation, host, deliveries, asks, until };
        let Ok(state) = self.hosts.park(parked, now) else { return Delivery::Failure(Failure::Stopped) };
        let requests = shown.iter().map(|ask| {
            let params = ask.params.as_deref().and_then(|params| std::str::from_utf8(params).ok());
            let key: Cow<'_, str> = input::key(&ask.id);
            (key, InputRequest { method: ask.method, params })
        });
        self.own_answer(input::required_result(&self.who.id, requests, Some(&state)), None)
    }

    fn tell_child(&self, text: String) {
        if let (Some(deliveries), Ok(line)) = (&self.deliveries, Line::own(text)) {
            deliveries.reply(line);
        }
    }

    fn own_answer(&self, text: String, error_code: Option<i32>) -> Delivery {
        match Line::own(text) {
            Ok(line) => Delivery::Answer(Answer { number: 0, line, error_code: error_code.map(i64::from) }),
            Err(error) => {
                tracing::warn!(id = self.who.id.as_raw(), %error, "an answer could not be written");
                Delivery::Failure(Failure::Invalid)
            }
        }
    }
}
