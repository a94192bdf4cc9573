//! The state of one VM, and the one way in which requests are decided: at once, or after they waited.

use std::time::Duration;

use gateway_core::gate::{Decision, Gate};
use gateway_core::jwks::cache::{Event, Fetch, FetchFailed};
use gateway_core::parking::Parking;
use gateway_core::policy::Policy;
use gateway_core::reply::Reply;
use gateway_core::request::Request;
use gateway_core::time::UnixTime;

use crate::host::{self, Refused};

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It goes on.
    Forwarded,
    /// It was answered.
    Answered,
    /// It waits for keys.
    Waiting,
}

/// The gate of this VM and the requests that wait at it.
#[derive(Debug)]
pub(crate) struct Filter {
    gate: Gate,
    parking: Parking,
    /// A fetch that a request asked for. It starts at the next tick: the SDK delivers the answer to the context that
    /// made the call, and a request may be gone by then.
    wanted: Option<Fetch>,
    /// What was last logged about the keys: only changes are.
    keys_were_fetched: Option<bool>,
}

impl Filter {
    pub(crate) const fn new(policy: Policy) -> Self {
        let parking = Parking::new(policy.waiting);
        Self { gate: Gate::new(policy), parking, wanted: None, keys_were_fetched: None }
    }

    /// Decides about the request of `context`, which the host's calls speak about now, and applies the decision.
    pub(crate) fn handle(&mut self, context: u32) -> Result<Outcome, Refused> {
        let now = host::now()?;
        let headers = host::request_headers()?;
        let request =
            match Request::read(headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()))) {
                Ok(request) => request,
                Err(ambiguous) => return self.answer(context, &Reply::ambiguous(&format!("{ambiguous}."))),
            };
        let (decision, fetch) = self.gate.decide(now, &request);
        self.wanted = self.wanted.or(fetch);
        match decision {
            Decision::Forward(forward) => {
                self.parking.leave(context);
                host::change_request(&forward)?;
                Ok(Outcome::Forwarded)
            }
            Decision::Wait if self.parking.park(context, now) => Ok(Outcome::Waiting),
            Decision::Wait => self.refuse(context, &request, &Reply::cannot_decide_yet()),
            Decision::Reply(reply) => self.refuse(context, &request, &reply),
        }
    }

    /// Answers without the identity that the client claimed, so that the access log does not repeat a lie.
    fn refuse(&mut self, context: u32, request: &Request<'_>, reply: &Reply) -> Result<Outcome, Refused> {
        for name in request.identity_claims() {
            host::remove_request_header(name)?;
        }
        self.answer(context, reply)
    }

    fn answer(&mut self, context: u32, reply: &Reply) -> Result<Outcome, Refused> {
        self.parking.leave(context);
        host::reply(reply)?;
        Ok(Outcome::Answered)
    }

    /// The request is gone, decided or not.
    pub(crate) fn forget(&mut self, context: u32) {
        self.parking.leave(context);
    }

    /// Time passed: fetch keys when they are due, end waits that took too long.
    pub(crate) fn on_tick(&mut self) -> Result<(), Refused> {
        let now = host::now()?;
        let due = self.gate.on_keys_event(now, Event::Tick);
        let fetch = self.wanted.take().or(due);
        self.start(fetch, now);
        for context in self.parking.overdue(now) {
            self.parking.leave(context);
            if host::enter(context).is_ok() {
                host::reply(&Reply::cannot_decide_yet())?;
            }
        }
        Ok(())
    }

    /// A fetch is over: note the outcome, then decide again about everybody who waited for it.
    pub(crate) fn on_fetched(&mut self, body_size: usize) -> Result<(), Refused> {
        let now = host::now()?;
        let outcome = host::fetched_jwks(body_size);
        self.log_change(outcome.is_ok());
        self.wanted = self.gate.on_keys_event(now, Event::Fetched(outcome));
        for context in self.parking.waiting() {
            if host::enter(context).is_err() {
                self.parking.leave(context);
            } else if self.handle(context)? == Outcome::Forwarded {
                host::resume()?;
            }
        }
        Ok(())
    }

    fn start(&mut self, fetch: Option<Fetch>, now: UnixTime) {
        let Some(Fetch) = fetch else { return };
        let issuer = &self.gate.policy().issuer;
        let timeout = Duration::from_secs(issuer.limits.fetch_timeout);
        if host::fetch_jwks(&issuer.jwks, timeout).is_err() {
            // The cluster does not exist or has no room; the state machine tries again after its pause.
            self.log_change(false);
            self.wanted = self.gate.on_keys_event(now, Event::Fetched(Err(FetchFailed)));
        }
    }

    fn log_change(&mut self, fetched: bool) {
        if self.keys_were_fetched.replace(fetched) == Some(fetched) {
            return;
        }
        let issuer = &self.gate.policy().issuer;
        if fetched {
            log::info!("keys of {} are here", issuer.name);
        } else {
            log::warn!("keys of {} could not be fetched from cluster {}", issuer.name, issuer.jwks.cluster);
        }
    }
}
