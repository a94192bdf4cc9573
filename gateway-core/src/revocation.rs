//! Which tokens are dead before they expire: a set in memory, kept current by a feed.
//!
//! The feed is the auth service's `GET /internal/revocations?after={cursor}&wait={seconds}`, a long poll. As with keys,
//! whoever owns a [`Feed`] tells it what happened, and it answers whether to ask again now.

use std::collections::HashMap;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::hash::FirstBytes;
use crate::json;
use crate::jwt::Facts;
use crate::time::UnixTime;

/// The dead tokens of one issuer. An entry takes 32 bytes, about 60 with the table around it.
#[derive(Debug, Default)]
pub struct Revocations {
    entries: HashMap<[u8; 16], Entry, FirstBytes>,
    /// Every token that was issued before is dead: a revocation of everyone's, or what is left of a feed that grew too long.
    everyone_before: UnixTime,
    version: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Tokens issued up to here are dead, this second included: a revocation and a token of the same second cannot be
    /// told apart.
    issued_until: UnixTime,
    /// When the last of them has expired anyway.
    expires_at: UnixTime,
}

/// One answer of the feed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Batch {
    /// Where to go on.
    pub cursor: String,
    /// Whether there is more to read before the set is complete: a long answer comes in parts.
    #[serde(default)]
    pub more: bool,
    /// What is dead.
    pub entries: Vec<Revoked>,
}

/// One revocation: a token, or all tokens of a user, a client or everyone that were issued before a time.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    #[serde(default)]
    jti: Option<String>,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    client_id: Option<String>,
    #[serde(default)]
    issued_before: Option<UnixTime>,
    expires_at: UnixTime,
}

/// An answer that cannot be understood. It is treated like no answer: the set stays, and ages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an answer of the revocation feed")]
pub struct NotABatch;

impl Batch {
    /// Largest accepted answer, in bytes.
    pub const MAX_BYTES: usize = 4 * 1024 * 1024;

    /// Reads an answer.
    ///
    /// # Errors
    /// [`NotABatch`], also when a single entry is not understood: what it kills would live on.
    pub fn parse(document: &[u8]) -> Result<Self, NotABatch> {
        let batch: Self = json::object(document).map_err(|_| NotABatch)?;
        let is_sane = !batch.cursor.is_empty()
            && batch.cursor.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
            && batch.entries.iter().all(|entry| entry.kills().is_some());
        if is_sane { Ok(batch) } else { Err(NotABatch) }
    }
}

impl Revoked {
    /// What it names, and up to which time of issue it kills. Exactly one of the four forms is right.
    fn kills(&self) -> Option<(Named, UnixTime)> {
        match (&self.jti, &self.sub, &self.client_id, self.issued_before) {
            (Some(jti), None, None, None) => Some((Named::One(key(b't', jti)), UnixTime::MAX)),
            (None, Some(sub), None, Some(before)) => Some((Named::One(key(b'u', sub)), before)),
            (None, None, Some(client), Some(before)) => Some((Named::One(key(b'c', client)), before)),
            (None, None, None, Some(before)) => Some((Named::Everyone, before)),
            _ => None,
        }
    }
}

/// Whom a revocation names.
enum Named {
    One([u8; 16]),
    Everyone,
}

/// A name of any length as 128 bits: the set's size does not depend on what names look like.
fn key(kind: u8, name: &str) -> [u8; 16] {
    let digest = Sha256::new().chain_update([kind]).chain_update(name).finalize();
    let mut key = [0; 16];
    key.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    key
}

impl Revocations {
    /// Most entries. A longer feed ends in "everybody sign in again", not in more memory.
    pub const MAX_ENTRIES: usize = 100_000;

    /// Changes with every batch that brought something; a token that was checked at this version needs no new check.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.everyone_before == UnixTime::default()
    }

    /// Takes in a batch. It only ever adds, a snapshot too: what is dead stays dead.
    pub fn apply(&mut self, batch: &Batch, now: UnixTime) {
        if !batch.entries.is_empty() {
            self.version = self.version.wrapping_add(1);
        }
        for (named, issued_until, expires_at) in batch
            .entries
            .iter()
            .filter_map(|entry| entry.kills().map(|(named, until)| (named, until, entry.expires_at)))
        {
            match named {
                Named::One(key) => {
                    let entry = self.entries.entry(key).or_insert(Entry { issued_until, expires_at });
                    entry.issued_until = entry.issued_until.max(issued_until);
                    entry.expires_at = entry.expires_at.max(expires_at);
                }
                // Kept for ever: it says nothing about a token that is issued later.
                Named::Everyone => self.everyone_before = self.everyone_before.max(issued_until.plus(1)),
            }
        }
        if self.entries.len() > Self::MAX_ENTRIES {
            self.entries.clear();
            self.everyone_before = self.everyone_before.max(now);
        }
    }

    /// Forgets what has expired.
    pub fn purge(&mut self, now: UnixTime) {
        self.entries.retain(|_, entry| entry.expires_at > now);
    }

    /// Whether a token is dead.
    #[must_use]
    pub fn kill(&self, token: &Facts) -> bool {
        if token.issued_at() < self.everyone_before {
            return true;
        }
        if self.entries.is_empty() {
            return false;
        }
        let identity = token.identity();
        let names = [(b't', identity.token), (b'u', Some(identity.user)), (b'c', identity.client)];
        let mut keys = names.into_iter().filter_map(|(kind, name)| name.map(|name| key(kind, name)));
        keys.any(|key| self.entries.get(&key).is_some_and(|entry| token.issued_at() <= entry.issued_until))
    }
}

/// How the feed is asked. All in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedLimits {
    /// How long the auth service may hold an answer back while there is nothing new.
    pub wait: u64,
    /// Without an answer for this long, nothing can be decided: closed.
    pub max_staleness: u64,
}

impl Default for FeedLimits {
    /// An answer at least every 25 s; closed after 300 s without one.
    fn default() -> Self {
        Self { wait: 25, max_staleness: 300 }
    }
}

/// The order to ask the feed now.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Poll {
    /// Where to go on; `None` asks for everything.
    pub after: Option<String>,
}

/// What happened to the feed.
#[derive(Debug)]
pub enum FeedEvent {
    /// Time passed.
    Tick,
    /// The question that was asked is over.
    Answered(Result<Batch, NotABatch>),
}

/// The state of the feed, and the set that it keeps.
#[derive(Debug)]
pub struct Feed {
    limits: FeedLimits,
    revocations: Revocations,
    cursor: Option<String>,
    /// When the set was last known to be complete.
    answered_at: Option<UnixTime>,
    asking_since: Option<UnixTime>,
    next_try: UnixTime,
    purged_at: UnixTime,
}

impl Feed {
    /// Pause after a question that brought nothing, in seconds.
    const PAUSE: u64 = 1;
    /// How much longer than [`FeedLimits::wait`] an answer may take, in seconds.
    pub const PATIENCE: u64 = 5;
    /// Pause between two clean-ups of the set, in seconds.
    const PURGE_PAUSE: u64 = 30;

    /// A feed that has not been asked yet.
    #[must_use]
    pub fn new(limits: FeedLimits) -> Self {
        Self {
            limits,
            revocations: Revocations::default(),
            cursor: None,
            answered_at: None,
            asking_since: None,
            next_try: UnixTime::default(),
            purged_at: UnixTime::default(),
        }
    }

    /// Takes note of `event` at `now`; answers whether to ask. After an answer the next question follows at once.
    pub fn on_event(&mut self, now: UnixTime, event: FeedEvent) -> Option<Poll> {
        match event {
            FeedEvent::Tick => {}
            FeedEvent::Answered(Ok(batch)) => {
                let was_held_back = self.asking_since.is_some_and(|since| now.since(since) >= Self::PAUSE);
                if batch.entries.is_empty() && !was_held_back && !self.is_new() {
                    // Nothing new, and at once: a service that does not wait must not be asked in a circle.
                    self.next_try = now.plus(Self::PAUSE);
                }
                self.revocations.apply(&batch, now);
                self.cursor = Some(batch.cursor);
                if !batch.more {
                    self.answered_at = Some(now);
                }
                self.asking_since = None;
            }
            FeedEvent::Answered(Err(NotABatch)) => {
                self.asking_since = None;
                self.next_try = now.plus(Self::PAUSE);
            }
        }
        if now.since(self.purged_at) >= Self::PURGE_PAUSE {
            self.revocations.purge(now);
            self.purged_at = now;
        }
        self.ask(now)
    }

    fn ask(&mut self, now: UnixTime) -> Option<Poll> {
        let given_up = self.limits.wait.saturating_add(Self::PATIENCE);
        let is_asking = self.asking_since.is_some_and(|since| now.since(since) < given_up);
        if is_asking || now < self.next_try {
            return None;
        }
        self.asking_since = Some(now);
        Some(Poll { after: self.cursor.clone() })
    }

    /// What is dead; `None` before the first answer, and when the last one is too old.
    #[must_use]
    pub fn revocations(&self, now: UnixTime) -> Option<&Revocations> {
        let is_fresh = |at: UnixTime| now.since(at) < self.limits.max_staleness;
        self.answered_at.is_some_and(is_fresh).then_some(&self.revocations)
    }

    /// Whether the first answer is still awaited.
    #[must_use]
    pub const fn is_new(&self) -> bool {
        self.answered_at.is_none()
    }

    /// How many entries the set has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.revocations.len()
    }

    /// Whether the set has no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.revocations.is_empty()
    }

    /// Seconds since the last answer.
    #[must_use]
    pub fn age(&self, now: UnixTime) -> Option<u64> {
        self.answered_at.map(|at| now.since(at))
    }
}

#[cfg(test)]
mod tests;
