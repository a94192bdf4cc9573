//! The state of one VM, and the one way in which requests are decided: at once, after they waited, or after their body
//! was read.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::gate::{Admission, Answer, Decision, Gate, Order, Passage};
use gateway_core::parking::Parking;
use gateway_core::policy::Policy;
use gateway_core::publication::{MAX_MESSAGE, Source};
use gateway_core::reply::Reply;
use gateway_core::request::Request;
use gateway_core::signature::SignatureCheck;
use gateway_core::time::UnixTime;
use gateway_core::tools::{BODY_PATIENCE, MAX_BODY};

use crate::fetch::{self, Calls};
use crate::host::{self, Refused};
use crate::journal::Journal;
use crate::tally::Tally;

/// What became of a request.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// It goes on.
    Forwarded(Passage),
    /// It went on before; this is more of it.
    Passing,
    /// It was answered.
    Answered,
    /// It is held back: it waits for keys, or for the rest of its body.
    Held,
}

/// How far a held request has come.
#[derive(Debug, Clone, Copy, Default)]
struct Held {
    /// Its body has to be read before it can be decided.
    needs_body: bool,
    /// All of its body has arrived.
    is_whole: bool,
    /// Until when the body has to begin; nothing once it has, or when there is none to wait for.
    body_due: Option<UnixTime>,
}

/// The gate of this VM and the requests that are held at it.
#[derive(Debug)]
pub(crate) struct Filter {
    gate: Gate,
    /// The time of the last event outside of a request: a tick old at most, and for that without a call for each request.
    now: UnixTime,
    parking: Parking,
    held: BTreeMap<u32, Held>,
    /// How requests that were let go after they waited got through: their contexts ask for it when the answer comes.
    released: BTreeMap<u32, Passage>,
    /// Answers that are streams: they end when their token does.
    streams: BTreeMap<u32, Admission>,
    streams_checked_at: UnixTime,
    /// Requests that went on, of which only the message says what the operator wants to know.
    untold: BTreeSet<u32>,
    tally: Tally,
    calls: Calls,
    /// Fetches that requests asked for. They start at the next tick: the SDK delivers an answer to the context that made
    /// the call, and a request may be gone by then.
    wanted: Vec<Order>,
    journal: Journal,
}

impl Filter {
    pub(crate) fn start(policy: Policy, check: Box<dyn SignatureCheck>) -> Result<Self, Refused> {
        let journal = Journal::start(&policy);
        let parking = Parking::new(policy.waiting);
        Ok(Self {
            gate: Gate::new(policy, check, host::cache_key()?),
            now: host::now()?,
            parking,
            held: BTreeMap::new(),
            released: BTreeMap::new(),
            streams: BTreeMap::new(),
            streams_checked_at: UnixTime::default(),
            untold: BTreeSet::new(),
            tally: Tally::default(),
            calls: Calls::default(),
            wanted: Vec::new(),
            journal,
        })
    }

    /// The headers of a request have arrived, and its body too if it `is_whole`.
    pub(crate) fn on_headers(&mut self, context: u32, is_whole: bool) -> Result<Outcome, Refused> {
        let decided = self.decide(context, Held { is_whole, ..Held::default() });
        if decided.is_err() {
            // Undecided: nothing of it may pass.
            self.held.entry(context).or_default();
        }
        decided
    }

    /// Whether a request is held back, so that its body must not pass.
    pub(crate) fn is_held(&self, context: u32) -> bool {
        self.held.contains_key(&context)
    }

    /// A part of a held request's body has arrived, so that `size` bytes are there; the last part if it `is_whole`.
    pub(crate) fn on_body(&mut self, context: u32, size: usize, is_whole: bool) -> Result<Outcome, Refused> {
        let held = self.held.entry(context).or_default();
        held.is_whole |= is_whole;
        held.body_due = None;
        match *held {
            Held { needs_body: true, .. } if size > MAX_BODY => self
                .on_request(context, |filter, request| {
                    filter.refuse(context, request, &Reply::too_long(), None)
                }),
            held @ Held { needs_body: true, is_whole: true, .. } => self.decide(context, held),
            Held { .. } => Ok(Outcome::Held),
        }
    }

    /// A part of the body of a request that went on passes by: `size` bytes. Only the first is looked at.
    pub(crate) fn on_passing_body(&mut self, context: u32, size: usize) -> Result<(), Refused> {
        if size == 0 || !self.untold.remove(&context) || size > MAX_MESSAGE {
            return Ok(());
        }
        host::publish(&self.gate.policy().publication.of_message(&host::request_body()?))
    }

    /// Decides about a request that waited.
    fn decide_again(&mut self, context: u32) -> Result<Outcome, Refused> {
        let held = self.held.get(&context).copied().unwrap_or_default();
        self.decide(context, held)
    }

    /// Decides about the request which the host's calls speak about now, and applies the decision.
    fn decide(&mut self, context: u32, held: Held) -> Result<Outcome, Refused> {
        self.on_request(context, |filter, request| filter.judge(context, held, request))
    }

    /// Does `work` on the request which the host's calls speak about now; one that cannot be read in one way only is
    /// refused.
    fn on_request(
        &mut self,
        context: u32,
        work: impl FnOnce(&mut Self, &Request<'_>) -> Result<Outcome, Refused>,
    ) -> Result<Outcome, Refused> {
        let headers = host::request_headers()?;
        let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
        match Request::read(pairs) {
            Ok(request) => work(self, &request),
            Err(ambiguous) => {
                let nothing_said = Request::claiming(headers.iter().map(|(name, _)| name.as_str()));
                self.refuse(context, &nothing_said, &Reply::ambiguous(&format!("{ambiguous}.")), None)
            }
        }
    }

    fn judge(&mut self, context: u32, held: Held, request: &Request<'_>) -> Result<Outcome, Refused> {
        let Held { needs_body, is_whole, .. } = held;
        let body = if needs_body && is_whole { Some(host::request_body()?) } else { None };
        let (mut decision, mut order) = self.gate.decide(self.now, request, body.as_deref());
        if matches!(decision, Decision::Reply(_)) && self.catch_up()? {
            // A token may be younger than the last tick.
            (decision, order) = self.gate.decide(self.now, request, body.as_deref());
        }
        self.wanted.extend(order);
        match decision {
            Decision::Forward(forward) => {
                host::change_request(&forward)?;
                let message = if is_whole { self.message(request, body)? } else { body };
                self.forget(context);
                let admission = forward.passage.admission.as_ref();
                self.tell(context, request, "allowed", (admission, message.as_deref()))?;
                Ok(Outcome::Forwarded(forward.passage))
            }
            Decision::ReadBody => {
                self.parking.leave(context);
                let body_due = (!is_whole).then(|| self.now.plus(BODY_PATIENCE));
                let held = Held { needs_body: true, is_whole, body_due };
                self.held.insert(context, held);
                if is_whole { self.judge(context, held, request) } else { Ok(Outcome::Held) }
            }
            Decision::Wait if self.parking.park(context, self.now) => {
                self.held.insert(context, held);
                Ok(Outcome::Held)
            }
            Decision::Wait => self.refuse(context, request, &Reply::cannot_decide_yet(), None),
            Decision::Reply(reply) => self.refuse(context, request, &reply, body.as_deref()),
        }
    }

    /// The message of a request that has arrived whole, if it is needed to tell what is asked.
    fn message(&self, request: &Request<'_>, read: Option<Vec<u8>>) -> Result<Option<Vec<u8>>, Refused> {
        let policy = self.gate.policy();
        if read.is_some() || policy.publication.source(policy, request) != Source::Message {
            return Ok(read);
        }
        Ok(Some(host::request_body()?).filter(|body| body.len() <= MAX_MESSAGE))
    }

    /// Looks at the clock: whether time has passed since the last tick.
    fn catch_up(&mut self) -> Result<bool, Refused> {
        let now = host::now()?;
        Ok(std::mem::replace(&mut self.now, now) != now)
    }

    /// Counts a decided request, and tells the rest of Envoy what its operator wants to know: now, or when its message
    /// passes by.
    fn tell(
        &mut self,
        context: u32,
        request: &Request<'_>,
        outcome: &'static str,
        (admission, message): (Option<&Admission>, Option<&[u8]>),
    ) -> Result<(), Refused> {
        let policy = self.gate.policy();
        self.tally.count(policy, request, outcome);
        let publication = &policy.publication;
        if publication.is_empty() {
            return Ok(());
        }
        let source = publication.source(policy, request);
        host::publish(&publication.of_request(policy, request, source, (outcome, admission)))?;
        if source == Source::Message {
            match message {
                Some(message) => host::publish(&publication.of_message(message))?,
                None => {
                    self.untold.insert(context);
                }
            }
        }
        Ok(())
    }

    /// Answers without the identity that the client claimed, so that the access log does not repeat a lie.
    fn refuse(
        &mut self,
        context: u32,
        request: &Request<'_>,
        reply: &Reply,
        message: Option<&[u8]>,
    ) -> Result<Outcome, Refused> {
        if self.tell(context, request, reply.reason, (None, message)).is_err() {
            log::error!("the host does not take what was decided");
        }
        for name in request.identity_claims() {
            host::remove_request_header(name)?;
        }
        self.forget(context);
        host::reply(reply)?;
        Ok(Outcome::Answered)
    }

    /// The request is gone, or decided.
    pub(crate) fn forget(&mut self, context: u32) {
        self.parking.leave(context);
        self.held.remove(&context);
        self.released.remove(&context);
        self.untold.remove(&context);
    }

    /// How a request that was held got through.
    pub(crate) fn take_released(&mut self, context: u32) -> Option<Passage> {
        self.released.remove(&context)
    }

    /// The answer of `context` is a stream.
    pub(crate) fn watch(&mut self, context: u32, admission: Admission) {
        self.streams.insert(context, admission);
    }

    /// The answer of `context` has ended.
    pub(crate) fn unwatch(&mut self, context: u32) {
        self.streams.remove(&context);
    }

    /// Cuts the streams whose token has expired or was revoked: at most a second late.
    fn check_streams(&mut self, now: UnixTime) -> Result<(), Refused> {
        self.streams_checked_at = now;
        let gate = &self.gate;
        let over = |(context, admission): (&u32, &Admission)| {
            (!gate.is_still_good(now, admission)).then_some(*context)
        };
        let over: Vec<u32> = self.streams.iter().filter_map(over).collect();
        for context in over {
            self.streams.remove(&context);
            if host::enter(context).is_ok() {
                host::cut_response()?;
            }
        }
        Ok(())
    }

    /// Time passed: fetch what is due, end waits that took too long.
    pub(crate) fn on_tick(&mut self) -> Result<(), Refused> {
        let now = host::now()?;
        self.now = now;
        let due = self.gate.on_tick(now);
        self.wanted.extend(due);
        self.start_wanted(now);
        for context in self.parking.overdue(now) {
            self.refuse_later(context, &Reply::cannot_decide_yet());
        }
        if now > self.streams_checked_at {
            self.give_up_on_bodies(now);
            self.check_streams(now)?;
            self.tally.publish(self.gate.vitals(now))?;
        }
        Ok(())
    }

    /// Refuses requests whose bodies have not begun to arrive.
    fn give_up_on_bodies(&mut self, now: UnixTime) {
        let is_late = |held: &Held| held.body_due.is_some_and(|due| due <= now);
        let late: Vec<u32> =
            self.held.iter().filter(|(_, held)| is_late(held)).map(|(context, _)| *context).collect();
        for context in late {
            self.journal.note_missing_body();
            self.refuse_later(context, &Reply::no_body());
        }
    }

    /// Refuses a request that is held, if it is still there.
    fn refuse_later(&mut self, context: u32, reply: &Reply) {
        if host::enter(context).is_err() {
            self.forget(context);
            return;
        }
        let refused =
            self.on_request(context, |filter, request| filter.refuse(context, request, reply, None));
        if refused.is_err() {
            self.give_up(context);
        }
    }

    /// The host refused a call for a request that is held: it stays held, so that nothing of it passes, and is answered if
    /// the host still lets us.
    fn give_up(&mut self, context: u32) {
        self.parking.leave(context);
        self.held.insert(context, Held::default());
        if host::reply(&Reply::cannot_decide_yet()).is_err() {
            log::error!("the host refused a call for a request");
        }
    }

    /// A call is over: note what it brought, then decide again about everybody who waited for it.
    pub(crate) fn on_fetched(&mut self, call: u32, body_size: usize) -> Result<(), Refused> {
        let Some(order) = self.calls.finish(call) else { return Ok(()) };
        let now = host::now()?;
        self.now = now;
        self.note(&order, fetch::read(&order, body_size), now);
        self.start_wanted(now);
        for context in self.parking.waiting() {
            if host::enter(context).is_err() {
                self.forget(context);
                continue;
            }
            match self.decide_again(context) {
                Ok(Outcome::Forwarded(passage)) => {
                    self.released.insert(context, passage);
                    host::resume()?;
                }
                Ok(Outcome::Passing | Outcome::Answered | Outcome::Held) => {}
                Err(Refused) => self.give_up(context),
            }
        }
        if matches!(order, Order::Revocations(..)) {
            self.check_streams(now)?;
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
