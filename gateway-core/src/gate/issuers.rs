//! The keys and revocations of one issuer, as they stand.

use crate::jwks::KeySet;
use crate::jwks::cache::{Event, Fetch, FetchFailed, Fetched, JwksCache, Keys};
use crate::policy::{Issuer, KeySource};
use crate::revocation::{Batch, Feed, FeedEvent, NotABatch, Poll, Revocations};
use crate::time::UnixTime;

/// Something to fetch, for the issuer at this place of the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Its key set.
    Keys(usize),
    /// Its revocations, after this cursor.
    Revocations(usize, Option<String>),
}

/// What an order brought.
#[derive(Debug)]
pub enum Answer {
    /// A key set.
    Keys(Result<Fetched, FetchFailed>),
    /// Revocations.
    Revocations(Result<Batch, NotABatch>),
}

impl Order {
    /// The issuer that it is for.
    #[must_use]
    pub const fn issuer(&self) -> usize {
        match self {
            Self::Keys(issuer) | Self::Revocations(issuer, _) => *issuer,
        }
    }
}

/// What has changed with an answer.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) next: Option<Order>,
    pub(super) keys_changed: bool,
}

/// Whether something can be decided.
pub(super) enum Readiness<'a> {
    /// Not yet; requests may wait.
    Awaited,
    /// Not any more; requests are refused.
    Stale,
    /// With these.
    Ready { keys: &'a KeySet, revocations: Option<&'a Revocations> },
}

#[derive(Debug)]
pub(super) struct State {
    keys: KeyState,
    feed: Option<Feed>,
}

#[derive(Debug)]
enum KeyState {
    Inline(KeySet),
    Fetched(Box<JwksCache>),
}

impl State {
    pub(super) fn new(issuer: &Issuer) -> Self {
        let keys = match &issuer.keys {
            KeySource::Inline(keys) => KeyState::Inline(keys.clone()),
            KeySource::Fetched(_, limits) => KeyState::Fetched(Box::new(JwksCache::new(*limits))),
        };
        Self { keys, feed: issuer.revocations.as_ref().map(|(_, limits)| Feed::new(*limits)) }
    }

    pub(super) fn on_tick(&mut self, issuer: usize, now: UnixTime) -> Vec<Order> {
        let keys = self.keys_event(now, Event::Tick).map(|Fetch| Order::Keys(issuer));
        let poll = self.feed.as_mut().and_then(|feed| feed.on_event(now, FeedEvent::Tick));
        keys.into_iter().chain(poll.map(|Poll { after }| Order::Revocations(issuer, after))).collect()
    }

    pub(super) fn on_unknown_key(&mut self, issuer: usize, now: UnixTime) -> Option<Order> {
        self.keys_event(now, Event::UnknownKid).map(|Fetch| Order::Keys(issuer))
    }

    pub(super) fn is_fetching_keys(&self) -> bool {
        matches!(&self.keys, KeyState::Fetched(cache) if cache.is_fetching())
    }

    pub(super) fn on_answer(&mut self, issuer: usize, now: UnixTime, answer: Answer) -> Outcome {
        match answer {
            Answer::Keys(keys) => {
                let keys_changed = keys.as_ref().is_ok_and(|new| !self.has(now, &new.keys));
                let next = self.keys_event(now, Event::Fetched(keys)).map(|Fetch| Order::Keys(issuer));
                Outcome { next, keys_changed }
            }
            Answer::Revocations(batch) => {
                let poll = self.feed.as_mut().and_then(|feed| feed.on_event(now, FeedEvent::Answered(batch)));
                Outcome {
                    next: poll.map(|Poll { after }| Order::Revocations(issuer, after)),
                    keys_changed: false,
                }
            }
        }
    }

    pub(super) fn readiness(&self, now: UnixTime) -> Readiness<'_> {
        let keys = match &self.keys {
            KeyState::Inline(keys) => keys,
            KeyState::Fetched(cache) => match cache.keys(now) {
                Keys::NotYet => return Readiness::Awaited,
                Keys::Expired => return Readiness::Stale,
                Keys::Usable(keys) => keys,
            },
        };
        match &self.feed {
            None => Readiness::Ready { keys, revocations: None },
            Some(feed) => match feed.revocations(now) {
                Some(revocations) => Readiness::Ready { keys, revocations: Some(revocations) },
                None if feed.is_new() => Readiness::Awaited,
                None => Readiness::Stale,
            },
        }
    }

    /// Seconds since the keys were fetched; 0 for keys that were not.
    pub(super) fn keys_age(&self, now: UnixTime) -> Option<u64> {
        match &self.keys {
            KeyState::Inline(_) => Some(0),
            KeyState::Fetched(cache) => cache.age(now),
        }
    }

    /// Seconds since the feed answered; 0 where there is none.
    pub(super) fn feed_age(&self, now: UnixTime) -> Option<u64> {
        self.feed.as_ref().map_or(Some(0), |feed| feed.age(now))
    }

    /// How many revocations are known.
    pub(super) fn revocations(&self) -> usize {
        self.feed.as_ref().map_or(0, Feed::len)
    }

    fn has(&self, now: UnixTime, new: &KeySet) -> bool {
        matches!(&self.keys, KeyState::Fetched(cache) if matches!(cache.keys(now), Keys::Usable(old) if old == new))
    }

    fn keys_event(&mut self, now: UnixTime, event: Event) -> Option<Fetch> {
        match &mut self.keys {
            KeyState::Inline(_) => None,
            KeyState::Fetched(cache) => cache.on_event(now, event),
        }
    }
}
