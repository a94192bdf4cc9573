//! The decision about one request, and the keys that it is made with.

use crate::bearer::Authorization;
use crate::identity_headers;
use crate::jwks::cache::{Event, Fetch, JwksCache, Keys};
use crate::jwt::{Audience, Compact, Expectations, JwtError, TokenType, Unverified, Verified};
use crate::policy::{Access, Policy, Resource};
use crate::reply::Reply;
use crate::request::Request;
use crate::time::UnixTime;

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<'a> {
    /// It goes on, with these changes to its headers.
    Forward(Forward<'a>),
    /// It is answered here.
    Reply(Reply),
    /// It cannot be decided yet: keys are on their way. Decide again when the key set changed.
    Wait,
}

/// Changes to the headers of a request that goes on: first remove, then set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forward<'a> {
    /// Headers that are present and must not reach the upstream.
    pub remove: Vec<&'a str>,
    /// Headers that tell the upstream who is calling; values are visible ASCII.
    pub set: Vec<(&'static str, String)>,
}

/// All that the edge knows: the policy, and the keys as they stand.
#[derive(Debug)]
pub struct Gate {
    policy: Policy,
    jwks: JwksCache,
}

impl Gate {
    /// A gate that has no keys yet.
    #[must_use]
    pub const fn new(policy: Policy) -> Self {
        let jwks = JwksCache::new(policy.issuer.limits);
        Self { policy, jwks }
    }

    /// The policy that the gate keeps.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Whether there are keys to decide with.
    #[must_use]
    pub fn is_ready(&self, now: UnixTime) -> bool {
        matches!(self.jwks.keys(now), Keys::Usable(_))
    }

    /// Tells the key set's state machine what happened.
    pub fn on_keys_event(&mut self, now: UnixTime, event: Event) -> Option<Fetch> {
        self.jwks.on_event(now, event)
    }

    /// Decides about `request`, and says whether the key set has to be fetched for it.
    pub fn decide<'a>(&mut self, now: UnixTime, request: &Request<'a>) -> (Decision<'a>, Option<Fetch>) {
        let resource = match self.policy.access(request.path()) {
            Access::Nothing => return (Decision::Reply(Reply::nothing_here()), None),
            Access::Public => return (Decision::Forward(as_stranger(request)), None),
            Access::Protected(resource) => resource,
        };
        let token = match request.authorization() {
            Authorization::None => return (Decision::Reply(Reply::no_token(resource)), None),
            Authorization::Several => return (Decision::Reply(Reply::several_tokens(resource)), None),
            Authorization::Malformed => return (Decision::Reply(Reply::invalid_token(resource)), None),
            Authorization::Bearer(token) => token.reveal(),
        };
        match self.verify(now, token, resource) {
            Checked::Good(verified) => (permit(request, resource, &verified), None),
            Checked::Bad(_) => (Decision::Reply(Reply::invalid_token(resource)), None),
            Checked::NoKeys => (Decision::Reply(Reply::cannot_decide_yet()), None),
            Checked::KeysAwaited => (Decision::Wait, self.jwks.on_event(now, Event::Tick)),
            Checked::KeyUnknown => {
                let refused = Reply::invalid_token(resource);
                let fetch = self.jwks.on_event(now, Event::UnknownKid);
                let decision =
                    if self.jwks.is_fetching() { Decision::Wait } else { Decision::Reply(refused) };
                (decision, fetch)
            }
        }
    }

    /// Why `token` would be refused at `resource` now; `None` when it would pass. For metrics and tests.
    #[must_use]
    pub fn refusal(&self, now: UnixTime, token: &str, path: &[u8]) -> Option<JwtError> {
        let Access::Protected(resource) = self.policy.access(path) else { return None };
        match self.verify(now, token, resource) {
            Checked::Bad(error) => Some(error),
            Checked::KeyUnknown => Some(JwtError::UnknownKey),
            Checked::Good(_) | Checked::NoKeys | Checked::KeysAwaited => None,
        }
    }

    fn verify(&self, now: UnixTime, token: &str, resource: &Resource) -> Checked {
        let issuer = &self.policy.issuer;
        let unverified = Compact::parse(token)
            .and_then(|compact| Unverified::parse(compact, TokenType::AccessToken))
            .and_then(|token| {
                if issuer.algorithms.contains(&token.algorithm()) {
                    Ok(token)
                } else {
                    Err(JwtError::Algorithm)
                }
            });
        let unverified = match unverified {
            Ok(unverified) => unverified,
            Err(error) => return Checked::Bad(error),
        };
        let keys = match self.jwks.keys(now) {
            Keys::NotYet => return Checked::KeysAwaited,
            Keys::Expired => return Checked::NoKeys,
            Keys::Usable(keys) => keys,
        };
        let expected = Expectations {
            issuer: &issuer.name,
            audience: Audience::Only(resource.uri.as_str()),
            now,
            leeway: issuer.leeway,
        };
        match unverified.verify(keys, expected) {
            Ok(verified) => Checked::Good(Box::new(verified)),
            Err(JwtError::UnknownKey) => Checked::KeyUnknown,
            Err(error) => Checked::Bad(error),
        }
    }
}

enum Checked {
    Good(Box<Verified>),
    Bad(JwtError),
    /// The key may be newer than our set.
    KeyUnknown,
    /// The first key set has not arrived.
    KeysAwaited,
    /// The last key set is too old.
    NoKeys,
}

/// A public path: nobody is signed in here, so nobody may claim to be.
fn as_stranger<'a>(request: &Request<'a>) -> Forward<'a> {
    Forward { remove: request.identity_claims().to_vec(), set: vec![] }
}

fn permit<'a>(request: &Request<'a>, resource: &Resource, token: &Verified) -> Decision<'a> {
    if !token.scopes().covers(&resource.scope) {
        return Decision::Reply(Reply::insufficient_scope(resource));
    }
    let remove = [request.credentials(), request.identity_claims()].concat();
    let set = identity_headers::of(token.identity(), token.scopes());
    Decision::Forward(Forward { remove, set })
}

#[cfg(test)]
mod tests;
