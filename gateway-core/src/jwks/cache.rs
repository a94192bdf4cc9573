//! The life of a key set at the edge, as a state machine without a clock and without IO.
//!
//! Whoever owns a [`JwksCache`] tells it what happened ([`Event`]) and when; it answers whether the key set has to be
//! fetched now ([`Fetch`]). At most one fetch is under way, failures back off, and an unknown `kid` cannot make the
//! edge fetch more often than once per [`Limits::unknown_kid_interval`] (E-11).

use super::KeySet;
use crate::time::UnixTime;

/// How often keys are fetched and how long they are trusted. All in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A set is fetched again when it is this old, or earlier if its server calls it fresh for a shorter time.
    pub refresh_after: u64,
    /// A set that could not be refreshed is trusted up to this age; then every request gets 503.
    pub max_age: u64,
    /// Least time between two fetches that unknown key ids asked for.
    pub unknown_kid_interval: u64,
    /// First pause after a failed fetch; doubles up to [`Limits::MAX_BACKOFF`].
    pub first_backoff: u64,
    /// A fetch without an answer after this time is given up.
    pub fetch_timeout: u64,
}

impl Limits {
    /// Longest pause between two tries, in seconds.
    pub const MAX_BACKOFF: u64 = 30;
    /// A set is not fetched again before it is this old, in seconds, however short its server calls it fresh.
    pub const MIN_REFRESH: u64 = 30;
}

impl Default for Limits {
    /// Refresh every 5 minutes, trust for an hour, at most one extra fetch in 10 seconds.
    fn default() -> Self {
        Self {
            refresh_after: 300,
            max_age: 3600,
            unknown_kid_interval: 10,
            first_backoff: 1,
            fetch_timeout: 5,
        }
    }
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// Time passed.
    Tick,
    /// A token named a key that the set does not have.
    UnknownKid,
    /// The fetch that was asked for is over. An error keeps the last good set.
    Fetched(Result<Fetched, FetchFailed>),
}

/// A key set that has arrived.
#[derive(Debug)]
pub struct Fetched {
    /// The keys.
    pub keys: KeySet,
    /// Seconds for which its server calls it fresh; `None` if it does not say. [`Limits`] bound what that changes.
    pub fresh_for: Option<u64>,
}

impl From<KeySet> for Fetched {
    fn from(keys: KeySet) -> Self {
        Self { keys, fresh_for: None }
    }
}

/// What a `Cache-Control` header says about freshness, in seconds (RFC 9111 §5.2.2); `None` if nothing.
#[must_use]
pub fn freshness(cache_control: &str) -> Option<u64> {
    let directives = cache_control.split(',').map(|directive| directive.trim().to_ascii_lowercase());
    let said = directives.filter_map(|directive| match directive.split_once('=') {
        Some(("max-age", seconds)) => seconds.trim_matches('"').parse().ok(),
        None if directive == "no-store" || directive == "no-cache" => Some(0),
        Some(_) | None => None,
    });
    said.min()
}

/// A fetch brought no key set: no connection, a status other than 200, a document that was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchFailed;

/// The order to fetch the key set now, and to report [`Event::Fetched`] when that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Fetch;

/// The keys as they stand.
#[derive(Debug, Clone, Copy)]
pub enum Keys<'a> {
    /// No set has arrived yet; requests may wait for the first one.
    NotYet,
    /// This set may be used.
    Usable(&'a KeySet),
    /// The last good set is older than [`Limits::max_age`]: nothing can be decided.
    Expired,
}

#[derive(Debug)]
struct Current {
    keys: KeySet,
    at: UnixTime,
    refresh_after: u64,
}

/// The key set of one issuer, and what is being done to keep it fresh.
#[derive(Debug)]
pub struct JwksCache {
    limits: Limits,
    current: Option<Current>,
    fetching_since: Option<UnixTime>,
    failures: u32,
    next_try: UnixTime,
    last_unknown_kid: Option<UnixTime>,
}

impl JwksCache {
    /// A cache that has nothing yet and wants to fetch at its first event.
    #[must_use]
    pub const fn new(limits: Limits) -> Self {
        Self {
            limits,
            current: None,
            fetching_since: None,
            failures: 0,
            next_try: UnixTime::from_secs(0),
            last_unknown_kid: None,
        }
    }

    /// Takes note of `event` at `now`; answers whether to fetch.
    pub fn on_event(&mut self, now: UnixTime, event: Event) -> Option<Fetch> {
        match event {
            Event::Tick => self.fetch_if_due(now),
            Event::UnknownKid => self.fetch_for_unknown_kid(now),
            Event::Fetched(outcome) => {
                self.note_outcome(now, outcome);
                None
            }
        }
    }

    /// The keys that may be used at `now`.
    #[must_use]
    pub fn keys(&self, now: UnixTime) -> Keys<'_> {
        match &self.current {
            None => Keys::NotYet,
            Some(current) if now.since(current.at) >= self.limits.max_age => Keys::Expired,
            Some(current) => Keys::Usable(&current.keys),
        }
    }

    /// Seconds since the set was fetched.
    #[must_use]
    pub fn age(&self, now: UnixTime) -> Option<u64> {
        self.current.as_ref().map(|current| now.since(current.at))
    }

    /// Whether a fetch is under way, so that a request with an unknown key may wait for its outcome.
    #[must_use]
    pub const fn is_fetching(&self) -> bool {
        self.fetching_since.is_some()
    }

    fn fetch_if_due(&mut self, now: UnixTime) -> Option<Fetch> {
        let is_due = match &self.current {
            None => true,
            Some(current) => now.since(current.at) >= current.refresh_after,
        };
        if is_due && now >= self.next_try { self.start(now) } else { None }
    }

    fn fetch_for_unknown_kid(&mut self, now: UnixTime) -> Option<Fetch> {
        let too_soon =
            self.last_unknown_kid.is_some_and(|last| now.since(last) < self.limits.unknown_kid_interval);
        if too_soon || now < self.next_try {
            return None;
        }
        let fetch = self.start(now)?;
        self.last_unknown_kid = Some(now);
        Some(fetch)
    }

    fn start(&mut self, now: UnixTime) -> Option<Fetch> {
        if self.fetching_since.is_some_and(|since| now.since(since) < self.limits.fetch_timeout) {
            return None;
        }
        self.fetching_since = Some(now);
        Some(Fetch)
    }

    fn note_outcome(&mut self, now: UnixTime, outcome: Result<Fetched, FetchFailed>) {
        self.fetching_since = None;
        if let Ok(Fetched { keys, fresh_for }) = outcome {
            let fresh_for = fresh_for.map_or(u64::MAX, |seconds| seconds.max(Limits::MIN_REFRESH));
            let refresh_after = self.limits.refresh_after.min(fresh_for);
            self.current = Some(Current { keys, at: now, refresh_after });
            self.failures = 0;
            self.next_try = now;
        } else {
            let doubled = self.limits.first_backoff.saturating_mul(1 << self.failures.min(16));
            self.next_try = now.plus(doubled.min(Limits::MAX_BACKOFF));
            self.failures = self.failures.saturating_add(1);
        }
    }
}

#[cfg(test)]
mod tests;
