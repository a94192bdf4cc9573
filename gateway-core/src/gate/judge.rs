//! Whether a token is good, from the cache where possible.

use std::rc::Rc;

use super::Vitals;
use super::issuers::{Answer, Order, Readiness, State};
use crate::jwt::{Compact, Expectations, JwtError, TokenType, Unverified, Verified};
use crate::policy::{Issuer, Policy, Resource};
use crate::signature::SignatureCheck;
use crate::time::UnixTime;
use crate::token_cache::{CacheKey, Known, TokenCache};

/// Keys and revocations of all issuers, and the tokens that were seen.
#[derive(Debug)]
pub(super) struct Judge {
    states: Vec<State>,
    cache: TokenCache,
    hits: u64,
    misses: u64,
    check: Box<dyn SignatureCheck>,
}

/// Why a token did not pass.
pub(super) enum Undecided {
    /// It never will.
    Refused(JwtError),
    /// Its key may be newer than this issuer's set.
    KeyUnknown(usize),
    /// The first keys or revocations have not arrived.
    Awaited,
    /// What there is is too old to be trusted.
    Stale,
}

impl From<JwtError> for Undecided {
    fn from(error: JwtError) -> Self {
        Self::Refused(error)
    }
}

impl Judge {
    pub(super) fn new(policy: &Policy, check: Box<dyn SignatureCheck>, key: CacheKey) -> Self {
        let states = policy.issuers.iter().map(State::new).collect();
        Self { states, cache: TokenCache::new(key, policy.cached_tokens), hits: 0, misses: 0, check }
    }

    pub(super) fn on_tick(&mut self, now: UnixTime) -> Vec<Order> {
        let states = self.states.iter_mut().enumerate();
        states.flat_map(|(issuer, state)| state.on_tick(issuer, now)).collect()
    }

    pub(super) fn on_answer(&mut self, now: UnixTime, issuer: usize, answer: Answer) -> Option<Order> {
        let outcome = self.states.get_mut(issuer)?.on_answer(issuer, now, answer);
        if outcome.keys_changed {
            self.cache.forget_issuer(issuer);
        }
        outcome.next
    }

    /// A token names a key that an issuer's set does not have: whether newer keys are on their way, and what to fetch.
    pub(super) fn on_unknown_key(&mut self, issuer: usize, now: UnixTime) -> (bool, Option<Order>) {
        let Some(state) = self.states.get_mut(issuer) else { return (false, None) };
        let order = state.on_unknown_key(issuer, now);
        (state.is_fetching_keys(), order)
    }

    /// Whether `token` is good for `resource` now.
    pub(super) fn verify(
        &mut self,
        issuers: &[Issuer],
        now: UnixTime,
        token: &str,
        resource: &Resource,
    ) -> Result<(Rc<Known>, Verified), Undecided> {
        let hash = self.cache.hash(token);
        let known = if let Some(known) = self.cache.get(&hash) {
            self.hits = self.hits.wrapping_add(1);
            known
        } else {
            self.misses = self.misses.wrapping_add(1);
            let known = Rc::new(self.authenticate(issuers, now, token)?);
            self.cache.insert(hash, Rc::clone(&known));
            known
        };
        let verified = self.check_now(issuers, now, &known, resource);
        if let Err(Undecided::Refused(JwtError::Expired | JwtError::Revoked)) = verified {
            self.cache.remove(&hash);
        }
        verified.map(|verified| (known, verified))
    }

    pub(super) fn vitals(&self, now: UnixTime) -> Vitals {
        let oldest = |ages: Vec<Option<u64>>| ages.into_iter().collect::<Option<Vec<u64>>>();
        let keys = oldest(self.states.iter().map(|state| state.keys_age(now)).collect());
        let feeds = oldest(self.states.iter().map(|state| state.feed_age(now)).collect());
        Vitals {
            keys_age: keys.and_then(|ages| ages.into_iter().max()),
            revocations_age: feeds.map(|ages| ages.into_iter().max().unwrap_or_default()),
            revocations: self.states.iter().map(State::revocations).sum(),
            cached_tokens: self.cache.len(),
            cache_hits: self.hits,
            cache_misses: self.misses,
        }
    }

    /// What is asked of a token each time, however well it is known.
    pub(super) fn check_now(
        &self,
        issuers: &[Issuer],
        now: UnixTime,
        known: &Known,
        resource: &Resource,
    ) -> Result<Verified, Undecided> {
        let (issuer, state) = self.issuer(issuers, known.issuer)?;
        let audience = issuer.audience.at(&resource.uri);
        let expected = Expectations { issuer: &issuer.name, audience, now, leeway: issuer.leeway };
        let verified = known.token.verify(expected)?;
        let revocations = match state.readiness(now) {
            Readiness::Awaited => return Err(Undecided::Awaited),
            Readiness::Stale => return Err(Undecided::Stale),
            Readiness::Ready { revocations, .. } => revocations,
        };
        if revocations.is_some_and(|revocations| known.is_killed_by(revocations)) {
            return Err(Undecided::Refused(JwtError::Revoked));
        }
        Ok(verified)
    }

    fn authenticate(&self, issuers: &[Issuer], now: UnixTime, token: &str) -> Result<Known, Undecided> {
        let compact = Compact::parse(token)?;
        let index = choose(issuers, compact)?;
        let (issuer, state) = self.issuer(issuers, index)?;
        let unverified = Unverified::parse(compact, issuer.token_type)?;
        if !issuer.algorithms.contains(&unverified.algorithm()) {
            return Err(Undecided::Refused(JwtError::Algorithm));
        }
        let keys = match state.readiness(now) {
            Readiness::Awaited => return Err(Undecided::Awaited),
            Readiness::Stale => return Err(Undecided::Stale),
            Readiness::Ready { keys, .. } => keys,
        };
        match unverified.authenticate(keys, &issuer.claims, self.check.as_ref()) {
            Ok(token) => Ok(Known::new(index, token)),
            Err(JwtError::UnknownKey) => Err(Undecided::KeyUnknown(index)),
            Err(error) => Err(Undecided::Refused(error)),
        }
    }

    fn issuer<'a>(
        &'a self,
        issuers: &'a [Issuer],
        index: usize,
    ) -> Result<(&'a Issuer, &'a State), JwtError> {
        issuers.get(index).zip(self.states.get(index)).ok_or(JwtError::Issuer)
    }
}

/// The issuer whose keys may check a token: the only one there is, or the one that the token claims.
fn choose(issuers: &[Issuer], compact: Compact<'_>) -> Result<usize, JwtError> {
    if let [_] = issuers {
        return Ok(0);
    }
    let claimed = Unverified::parse(compact, TokenType::Jwt)?.claimed_issuer()?;
    issuers.iter().position(|issuer| issuer.name == claimed).ok_or(JwtError::Issuer)
}
