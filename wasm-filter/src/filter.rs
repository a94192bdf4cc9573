//! The state of one VM, and the one way in which requests are decided: at once, or after they waited.

use gateway_core::gate::{Answer, Decision, Gate, Order};
use gateway_core::parking::Parking;
use gateway_core::policy::Policy;
use gateway_core::reply::Reply;
use gateway_core::request::Request;
use gateway_core::signature::SignatureCheck;
use gateway_core::time::UnixTime;

use crate::fetch::{self, Calls};
use crate::host::{self, Refused};
use crate::journal::Journal;

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
    calls: Calls,
    /// Fetches that requests asked for. They start at the next tick: the SDK delivers an answer to the context that made
    /// the call, and a request may be gone by then.
    wanted: Vec<Order>,
    journal: Journal,
}

impl Filter {
    pub(crate) fn new(policy: Policy, check: Box<dyn SignatureCheck>) -> Self {
        let journal = Journal::start(&policy);
        let parking = Parking::new(policy.waiting);
        Self { gate: Gate::new(policy, check), parking, calls: Calls::default(), wanted: Vec::new(), journal }
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
        let (decision, order) = self.gate.decide(now, &request);
        self.wanted.extend(order);
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
        let due = self.gate.on_tick(now);
        self.wanted.extend(due);
        self.start_wanted(now);
        for context in self.parking.overdue(now) {
            self.parking.leave(context);
            if host::enter(context).is_ok() {
                host::reply(&Reply::cannot_decide_yet())?;
            }
        }
        Ok(())
    }

    /// A call is over: note what it brought, then decide again about everybody who waited for it.
    pub(crate) fn on_fetched(&mut self, call: u32, body_size: usize) -> Result<(), Refused> {
        let Some(order) = self.calls.finish(call) else { return Ok(()) };
        let now = host::now()?;
        self.note(&order, fetch::read(&order, body_size), now);
        self.start_wanted(now);
        for context in self.parking.waiting() {
            if host::enter(context).is_err() {
                self.parking.leave(context);
            } else if self.handle(context)? == Outcome::Forwarded {
                host::resume()?;
            }
        }
        Ok(())
    }

    /// Only in the root context; what fails at once is tried again after its pause.
    fn start_wanted(&mut self, now: UnixTime) {
        for order in std::mem::take(&mut self.wanted) {
            if let Err(order) = self.calls.start(self.gate.policy(), order) {
                let failed = fetch::failed(&order);
                self.note(&order, failed, now);
            }
        }
    }

    fn note(&mut self, order: &Order, answer: Answer, now: UnixTime) {
        self.journal.note(self.gate.policy(), order, &answer);
        let next = self.gate.on_answer(now, order, answer);
        self.wanted.extend(next);
    }
}
