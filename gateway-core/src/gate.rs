//! The decision about one request, and all that it is made with.

mod issuers;
mod judge;

use std::rc::Rc;

use crate::assertion::Assertion;
use crate::bearer::Authorization;
use crate::jwt::{JwtError, Verified};
use crate::origins::{self, Caller};
use crate::policy::{Access, Policy, Resource};
use crate::reply::Reply;
use crate::request::Request;
use crate::signature::SignatureCheck;
use crate::time::UnixTime;
use crate::token_cache::{CacheKey, Known};
use crate::tools::{Allowed, Judgement};
pub use issuers::{Answer, Order};
use judge::{Judge, Undecided};

/// What becomes of a request.
#[derive(Debug, Clone)]
pub enum Decision<'a> {
    /// It goes on, with these changes to its headers.
    Forward(Forward<'a>),
    /// It is answered here.
    Reply(Reply),
    /// It cannot be decided yet: keys are on their way. Decide again when something arrived.
    Wait,
    /// It cannot be decided without its body, of at most [`crate::tools::MAX_BODY`] bytes. Decide again with it.
    ReadBody,
}

/// A request that goes on, with these changes to its headers: first remove, then set.
#[derive(Debug, Clone, Default)]
pub struct Forward<'a> {
    /// Headers that are present and must not reach the upstream.
    pub remove: Vec<&'a str>,
    /// What matters of it until its answer has ended.
    pub passage: Passage,
    /// Proof for the upstream that the request was decided here: the value of [`crate::assertion::HEADER`].
    pub assertion: Option<String>,
}

/// What matters of a request that goes on until its answer has ended.
#[derive(Debug, Clone, Default)]
pub struct Passage {
    /// How it got to a protected resource; `None` on a public path.
    pub admission: Option<Admission>,
    /// The origin of the web page whose scripts may read the answer.
    pub page: Option<String>,
}

/// How a request got to a protected resource.
#[derive(Debug, Clone)]
pub struct Admission {
    known: Rc<Known>,
    resource: Rc<Resource>,
    /// The tools that the answer may speak of, when that is not all of them.
    pub only: Option<Allowed>,
}

impl Admission {
    /// The value of one of the headers that tell the upstream who is calling.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.known.headers.iter().find(|(header, _)| *header == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Forward<'_> {
    /// Headers that tell the upstream who is calling; values are visible ASCII.
    #[must_use]
    pub fn set(&self) -> &[(&'static str, String)] {
        self.passage.admission.as_ref().map_or(&[], |admission| &admission.known.headers)
    }
}

/// How a gate goes: the worst of its issuers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vitals {
    /// Seconds since the oldest key set was fetched; `None` while one is missing.
    pub keys_age: Option<u64>,
    /// Seconds since the feed that has been silent longest answered; `None` while one never has.
    pub revocations_age: Option<u64>,
    /// Entries in all sets of revocations.
    pub revocations: usize,
    /// Tokens in the cache.
    pub cached_tokens: usize,
    /// Tokens that were found in the cache since the gate was made.
    pub cache_hits: u64,
    /// Tokens that were not.
    pub cache_misses: u64,
}

/// All that the edge knows: the policy; keys and revocations as they stand; the tokens it has seen.
#[derive(Debug)]
pub struct Gate {
    policy: Policy,
    judge: Judge,
}

impl Gate {
    /// A gate that has no keys yet, but for those in its policy; `key` is for its token cache.
    #[must_use]
    pub fn new(policy: Policy, check: Box<dyn SignatureCheck>, key: CacheKey) -> Self {
        let judge = Judge::new(&policy, check, key);
        Self { policy, judge }
    }

    /// The policy that the gate keeps.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Time passed: what has to be fetched now?
    pub fn on_tick(&mut self, now: UnixTime) -> Vec<Order> {
        self.judge.on_tick(now)
    }

    /// The answer to `order` is here, or failed; what has to be fetched next?
    pub fn on_answer(&mut self, now: UnixTime, order: &Order, answer: Answer) -> Option<Order> {
        self.judge.on_answer(now, order.issuer(), answer)
    }

    /// Decides about `request`, and says what has to be fetched for it. Its body is needed only after
    /// [`Decision::ReadBody`].
    pub fn decide<'a>(
        &mut self,
        now: UnixTime,
        request: &Request<'a>,
        body: Option<&[u8]>,
    ) -> (Decision<'a>, Option<Order>) {
        let page = match self.policy.origins.judge(request) {
            Caller::Foreign => return (Decision::Reply(Reply::foreign_origin()), None),
            Caller::Program => None,
            Caller::Page(origin) => Some(origin),
        };
        let resource = match self.policy.access(request.authority, request.path) {
            Access::Nothing => return (Decision::Reply(Reply::nothing_here()), None),
            Access::Public => None,
            Access::Protected(resource) => Some(Rc::clone(resource)),
        };
        if let Some(origin) = page.filter(|_| request.is_preflight()) {
            let headers = origins::preflight(origin, request.preflight_headers);
            return (Decision::Reply(Reply::preflight(headers)), None);
        }
        let (decision, order) = match resource {
            None => (Decision::Forward(as_stranger(request)), None),
            Some(resource) => self.admit(now, &resource, request, body),
        };
        match page {
            None => (decision, order),
            Some(origin) => (decision.readable_by(origin), order),
        }
    }

    fn admit<'a>(
        &mut self,
        now: UnixTime,
        resource: &Rc<Resource>,
        request: &Request<'a>,
        body: Option<&[u8]>,
    ) -> (Decision<'a>, Option<Order>) {
        let refused = |why| Decision::Reply(Reply::invalid_token(resource, why));
        let token = match request.authorization {
            Authorization::None => return (Decision::Reply(Reply::no_token(resource)), None),
            Authorization::Several => return (Decision::Reply(Reply::several_tokens(resource)), None),
            Authorization::Malformed => return (refused(JwtError::NotCompact), None),
            Authorization::Bearer(token) => token.reveal(),
        };
        match self.judge.verify(&self.policy.issuers, now, token, resource) {
            Ok((known, verified)) => {
                let admission = Admission { known, resource: Rc::clone(resource), only: None };
                (self.vouched(now, request, permit(request, body, admission, &verified)), None)
            }
            Err(Undecided::Refused(why)) => (refused(why), None),
            Err(Undecided::Stale) => (Decision::Reply(Reply::cannot_decide_yet()), None),
            Err(Undecided::Awaited) => (Decision::Wait, None),
            Err(Undecided::KeyUnknown(issuer)) => {
                let (is_fetching, order) = self.judge.on_unknown_key(issuer, now);
                (if is_fetching { Decision::Wait } else { refused(JwtError::UnknownKey) }, order)
            }
        }
    }

    /// The same decision, with the proof that it was made here, if there is a key to prove it with.
    fn vouched<'a>(&self, now: UnixTime, request: &Request<'a>, decision: Decision<'a>) -> Decision<'a> {
        let Some(key) = &self.policy.edge_key else { return decision };
        let Decision::Forward(forward) = decision else { return decision };
        let identity = forward.set().iter().map(|(name, value)| (*name, value.as_bytes()));
        match Assertion::new(request.method, request.authority, request.path, identity) {
            Ok(assertion) => {
                let assertion = Some(assertion.sign(key, now.as_secs()));
                Decision::Forward(Forward { assertion, ..forward })
            }
            Err(_) => Decision::Reply(Reply::ambiguous("The request cannot be vouched for.")),
        }
    }

    /// Whether a request that was let through would be let through now: asked while its answer is a stream (H-10).
    /// Keys and revocations that are merely late end nothing that has begun.
    #[must_use]
    pub fn is_still_good(&self, now: UnixTime, admission: &Admission) -> bool {
        let checked = self.judge.check_now(&self.policy.issuers, now, &admission.known, &admission.resource);
        !matches!(checked, Err(Undecided::Refused(_)))
    }

    /// How it goes: for an operator's statistics.
    #[must_use]
    pub fn vitals(&self, now: UnixTime) -> Vitals {
        self.judge.vitals(now)
    }

    /// Why `token` would be refused by the resource `uri` now; `None` when it would pass, or cannot be decided.
    pub fn refusal(&mut self, now: UnixTime, token: &str, uri: &str) -> Option<JwtError> {
        let resource = self.policy.resource(uri)?;
        match self.judge.verify(&self.policy.issuers, now, token, resource) {
            Err(Undecided::Refused(error)) => Some(error),
            Err(Undecided::KeyUnknown(_)) => Some(JwtError::UnknownKey),
            Ok(_) | Err(Undecided::Awaited | Undecided::Stale) => None,
        }
    }
}

impl Decision<'_> {
    /// The same decision for a page at `origin`: its scripts may read the answer, whoever gives it.
    fn readable_by(self, origin: &str) -> Self {
        match self {
            Self::Forward(Forward { remove, passage, assertion }) => {
                let passage = Passage { page: Some(origin.to_owned()), ..passage };
                Self::Forward(Forward { remove, passage, assertion })
            }
            Self::Reply(reply) => Self::Reply(reply.readable_by(origin)),
            Self::Wait | Self::ReadBody => self,
        }
    }
}

/// A public path: nobody is signed in here, so nobody may claim to be.
fn as_stranger<'a>(request: &Request<'a>) -> Forward<'a> {
    Forward { remove: request.identity_claims().to_vec(), ..Forward::default() }
}

fn permit<'a>(
    request: &Request<'a>,
    body: Option<&[u8]>,
    admission: Admission,
    token: &Verified,
) -> Decision<'a> {
    let mut remove = [request.credentials(), request.identity_claims()].concat();
    let forward = |remove, admission| {
        let passage = Passage { admission: Some(admission), page: None };
        Decision::Forward(Forward { remove, passage, assertion: None })
    };
    let resource = &admission.resource;
    if token.scopes().covers(&resource.scope) {
        return forward(remove, admission);
    }
    let Some(allowed) = Allowed::of(token.scopes(), resource) else {
        return Decision::Reply(Reply::insufficient_scope(resource, &resource.scope));
    };
    match allowed.judge(request, body, resource) {
        Judgement::Allowed => {
            // A compressed answer could not be read, and what it must not name not be taken out.
            remove.extend(request.accepts_encodings().then_some("accept-encoding"));
            forward(remove, Admission { only: Some(allowed), ..admission })
        }
        Judgement::NeedsBody => Decision::ReadBody,
        Judgement::Refused(reply) => Decision::Reply(reply),
    }
}

#[cfg(test)]
mod tests;
