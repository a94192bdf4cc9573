//! The decision about one request, and all that it is made with.

mod issuers;
mod judge;

use std::rc::Rc;

use crate::bearer::Authorization;
use crate::jwt::{JwtError, Verified};
use crate::policy::{Access, Policy, Resource};
use crate::reply::Reply;
use crate::request::Request;
use crate::signature::SignatureCheck;
use crate::time::UnixTime;
use crate::token_cache::Known;
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
    /// It cannot be decided without its body, of at most [`tools::MAX_BODY`] bytes. Decide again with it.
    ReadBody,
}

/// Changes to the headers of a request that goes on: first remove, then set.
#[derive(Debug, Clone, Default)]
pub struct Forward<'a> {
    /// Headers that are present and must not reach the upstream.
    pub remove: Vec<&'a str>,
    /// The tools that the answer may speak of, when that is not all of them.
    pub only: Option<Allowed>,
    identity: Option<Rc<Known>>,
}

impl Forward<'_> {
    /// Headers that tell the upstream who is calling; values are visible ASCII. None on a public path.
    #[must_use]
    pub fn set(&self) -> &[(&'static str, String)] {
        self.identity.as_ref().map_or(&[], |known| &known.headers)
    }
}

/// All that the edge knows: the policy; keys and revocations as they stand; the tokens it has seen.
#[derive(Debug)]
pub struct Gate {
    policy: Policy,
    judge: Judge,
}

impl Gate {
    /// A gate that has no keys yet, but for those in its policy.
    #[must_use]
    pub fn new(policy: Policy, check: Box<dyn SignatureCheck>) -> Self {
        let judge = Judge::new(&policy, check);
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
        let resource = match self.policy.access(request.path) {
            Access::Nothing => return (Decision::Reply(Reply::nothing_here()), None),
            Access::Public => return (Decision::Forward(as_stranger(request)), None),
            Access::Protected(resource) => resource,
        };
        let token = match request.authorization {
            Authorization::None => return (Decision::Reply(Reply::no_token(resource)), None),
            Authorization::Several => return (Decision::Reply(Reply::several_tokens(resource)), None),
            Authorization::Malformed => return (Decision::Reply(Reply::invalid_token(resource)), None),
            Authorization::Bearer(token) => token.reveal(),
        };
        let refused = || Decision::Reply(Reply::invalid_token(resource));
        match self.judge.verify(&self.policy.issuers, now, token, resource) {
            Ok((known, verified)) => (permit((request, body), resource, known, &verified), None),
            Err(Undecided::Refused(_)) => (refused(), None),
            Err(Undecided::Stale) => (Decision::Reply(Reply::cannot_decide_yet()), None),
            Err(Undecided::Awaited) => (Decision::Wait, None),
            Err(Undecided::KeyUnknown(issuer)) => {
                let (is_fetching, order) = self.judge.on_unknown_key(issuer, now);
                (if is_fetching { Decision::Wait } else { refused() }, order)
            }
        }
    }

    /// Why `token` would be refused at `path` now; `None` when it would pass, or cannot be decided.
    pub fn refusal(&mut self, now: UnixTime, token: &str, path: &[u8]) -> Option<JwtError> {
        let Access::Protected(resource) = self.policy.access(path) else { return None };
        match self.judge.verify(&self.policy.issuers, now, token, resource) {
            Err(Undecided::Refused(error)) => Some(error),
            Err(Undecided::KeyUnknown(_)) => Some(JwtError::UnknownKey),
            Ok(_) | Err(Undecided::Awaited | Undecided::Stale) => None,
        }
    }
}

/// A public path: nobody is signed in here, so nobody may claim to be.
fn as_stranger<'a>(request: &Request<'a>) -> Forward<'a> {
    Forward { remove: request.identity_claims().to_vec(), only: None, identity: None }
}

fn permit<'a>(
    (request, body): (&Request<'a>, Option<&[u8]>),
    resource: &Resource,
    known: Rc<Known>,
    token: &Verified,
) -> Decision<'a> {
    let mut remove = [request.credentials(), request.identity_claims()].concat();
    if token.scopes().covers(&resource.scope) {
        return Decision::Forward(Forward { remove, only: None, identity: Some(known) });
    }
    let Some(allowed) = Allowed::of(token.scopes(), resource) else {
        return Decision::Reply(Reply::insufficient_scope(resource, &resource.scope));
    };
    match allowed.judge(request, body, resource) {
        Judgement::Allowed => {
            // A compressed answer could not be read, and what it must not name not be taken out.
            remove.extend(request.accepts_encodings().then_some("accept-encoding"));
            Decision::Forward(Forward { remove, only: Some(allowed), identity: Some(known) })
        }
        Judgement::NeedsBody => Decision::ReadBody,
        Judgement::Refused(reply) => Decision::Reply(reply),
    }
}

#[cfg(test)]
mod tests;
