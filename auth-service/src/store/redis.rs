//! The store that several replicas share: Redis, alone, behind Sentinels or as a Cluster.
//!
//! Every verb is one script, so it happens whole or not at all, and one round trip. Scripts decide by the caller's
//! *now*; the server's clock only bounds how long what nobody purges stays.
//!
//! # Keys
//!
//! | key | what |
//! |---|---|
//! | `{oauth}:client:{id}` `{oauth}:session:{sha256}` `{oauth}:consent:{sha256}` `{oauth}:code:{sha256}` `{oauth}:family:{id}` `{oauth}:device:{sha256}` `{oauth}:user_code:{sha256}` `{oauth}:state:{sha256}` `{oauth}:person:{sub}` `{oauth}:remembered:{sha256}` `{oauth}:assertion:{sha256}` | hashes: `record`, the JSON that the embedded store writes too, and beside it whatever changes |
//! | `{oauth}:user_tokens:{user}` `{oauth}:client_tokens:{client}` `{oauth}:users` | whose they are: sorted sets of keys by expiry, and the users that have one |
//! | `{oauth}:held:{kind}:{client} {user}` `{oauth}:client_remembered:{client}` | the same for what a client has of a user (families, codes, remembered consents), and for the consents to a client |
//! | `{oauth}:expiry` | sorted set of all records by expiry, for the purge |
//! | `{oauth}:names` | sorted set of all records by name, for lists and counts |
//! | `{oauth}:revocations` `{oauth}:revoked` `{oauth}:sequence` `{oauth}:epoch` | the stream, its newest entry for each name, its last number, and which stream it is |
//!
//! An access token is remembered with the code or family that it came from, and a refresh token with its family: neither has
//! a key of its own.
//!
//! The braces around `oauth` are written: they are the hash tag, so a Cluster keeps all keys in one slot. A revocation,
//! the grants that it ends and its place in the one sequence that all edges follow change in the same step; they can only
//! do that on one server. What a Cluster gives here is that another server takes over, not that the load is spread: a
//! rotation takes one server a tenth of a millisecond. Scripts reach keys that they find in an index and that are not among
//! their `KEYS`; those are in the same slot.
//!
//! # What is decided where
//!
//! Redis runs no Rust, and a rotation that is decided here would need a second round trip. So the rules of
//! [`Rotation`](super::Rotation), [`Pace`](crate::domain::device::Pace), [`Trail`](crate::domain::token::Trail) and
//! [`Revocation::includes`](crate::domain::revocation::Revocation::includes) are there twice, in Rust and in Lua. Their
//! bounds come from Rust, and a test drives both stores with the same verbs and compares every answer.
//!
//! # What is not asked first
//!
//! A refresh is one round trip: the process remembers the clients and families that it has seen, and prepares the trade on that; the
//! script that trades compares the client with what is there, byte for byte, and does nothing when it differs. Then it is read, and
//! decided anew. What was granted to a family never changes, and whether it is still there the script sees anyway.
//!
//! # What takes more than one step
//!
//! Redis answers nobody else while a script runs. So a cut ends a thousand records at a time: the first step revokes, the others end what
//! is left, and a token that a record led to meanwhile is revoked by its name when the record ends. A cut that breaks off in the middle has
//! failed, and is made again. A withdrawal, the consents to a client that changes and the records of a user are taken in such steps too.
//!
//! # What a failover can lose
//!
//! Redis replicates after it has answered. A server that takes over may lack the last moments: a code may be redeemed
//! again within its minute, a traded refresh token be live again, a revocation be missing. Edges and other replicas keep
//! the revocations that they have heard of; the sequence of a server that took over counts as another one, so that nobody
//! goes on in it where he was in the old one. `min-replicas-to-write 1` narrows the window.

mod assertions;
mod authorizations;
mod backup;
mod clients;
mod consents;
mod devices;
mod follower;
mod inventory;
mod keys;
mod link;
mod records;
mod refresh;
mod reply;
mod revocations;
mod scripts;
mod seen;
mod sessions;
mod settings;
mod upstream;

use std::sync::Arc;

use async_trait::async_trait;
use fred::types::scripts::Script;
use gateway_core::time::UnixTime;
use service_kit::random::Rng;
use tokio::task::JoinHandle;

use super::{Cursor, Store, StoreError, StoreErrorKind};
use follower::Copy;
use link::Link;
use reply::{Answer, Page, corrupt, seconds};
use scripts::Scripts;
use seen::Seen;

pub use settings::{RedisSettings, RedisSettingsError};

/// Most records that one script forgets: a few milliseconds in which Redis answers nobody else.
const BITE: usize = 250;

/// The only policy under which Redis keeps what it has promised to keep.
const NO_EVICTION: &str = "noeviction";

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// Redis does not answer, or not to us.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Redis may drop codes, grants and revocations when its memory is full.
    #[error(
        "its maxmemory-policy is {0}, so it may drop revocations when its memory is full; set it to noeviction"
    )]
    Evicts(String),
}

/// A store in Redis. Any number of them, in any number of processes, are one store.
#[derive(Debug)]
pub struct RedisStore {
    inner: Arc<Inner>,
    settings: RedisSettings,
    follower: JoinHandle<()>,
}

/// What the verbs and the follower share.
#[derive(Debug)]
struct Inner {
    link: Link,
    scripts: Scripts,
    copy: Copy,
    seen: Seen,
    rng: Arc<dyn Rng>,
}

impl RedisStore {
    /// Connects, makes sure that Redis keeps what it is given, and reads the revocations. After that, connections that
    /// break are made again, and verbs fail while there is none.
    ///
    /// # Errors
    /// [`RedisError`].
    pub async fn open(settings: &RedisSettings, rng: Arc<dyn Rng>) -> Result<Self, RedisError> {
        let link = Link::connect(settings).await?;
        let inner = Inner { link, scripts: Scripts::new(), copy: Copy::new(), seen: Seen::new(), rng };
        inner.check_eviction().await?;
        follower::catch_up(&inner).await?;
        let bell = Link::connect(settings).await?;
        let inner = Arc::new(inner);
        let follower = tokio::spawn(follower::follow(Arc::clone(&inner), bell));
        Ok(Self { inner, settings: settings.clone(), follower })
    }
}

impl Drop for RedisStore {
    fn drop(&mut self) {
        self.follower.abort();
    }
}

impl Inner {
    /// Runs the script of a verb. What it has revoked is in the copy when this returns.
    async fn verb(
        &self,
        script: &Script,
        key: &str,
        arguments: &[String],
    ) -> Result<(String, String), StoreError> {
        let Answer { word, payload, revoked } = Answer::read(self.link.run(script, key, arguments).await?)?;
        self.copy.announce(revoked);
        Ok((word, payload))
    }

    /// Runs the script of a verb that cuts somebody off, until there is nothing left to cut. The first run revokes, so that nothing that
    /// happens between two of them leads to a token that lives: what it led to is named when its turn comes.
    async fn cut(&self, script: &Script, key: &str, arguments: &[String]) -> Result<String, StoreError> {
        loop {
            let (word, _) = self.verb(script, key, arguments).await?;
            if word != "more" {
                return Ok(word);
            }
        }
    }

    /// What was revoked after `after`.
    async fn page(&self, after: Option<Cursor>, now: UnixTime) -> Result<Page, StoreError> {
        let mut bits = [0; 8];
        self.rng.fill(&mut bits).map_err(|error| StoreError::new(StoreErrorKind::Unavailable, error))?;
        let (epoch, number) = after
            .map(|cursor| (format!("{:016x}", cursor.epoch), cursor.sequence.to_string()))
            .unwrap_or_default();
        let drawn = format!("{:016x}", u64::from_be_bytes(bits));
        let arguments = [seconds(now), super::Batch::MAX.to_string(), epoch, number, drawn];
        Page::read(self.link.run(&self.scripts.feed, keys::REVOCATIONS, &arguments).await?)
    }

    /// Refuses a server that evicts. One that will not say is believed, with a warning.
    async fn check_eviction(&self) -> Result<(), RedisError> {
        let told = self.link.run(&self.scripts.memory, keys::EXPIRY, &[]).await?;
        let told = told.iter().flat_map(|text| text.lines());
        let policy = told.filter_map(|line| line.strip_prefix("maxmemory_policy:")).next_back();
        let policy = match policy {
            Some(policy) => Some(policy.trim().to_owned()),
            None => self.link.server_setting("maxmemory-policy").await.ok().flatten(),
        };
        match policy {
            Some(policy) if policy == NO_EVICTION => Ok(()),
            Some(policy) => Err(RedisError::Evicts(policy)),
            None => {
                tracing::warn!(
                    "Redis does not tell its maxmemory-policy: make sure that it is noeviction, or revocations may get lost"
                );
                Ok(())
            }
        }
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.inner.link.fields(keys::PROBE, ["record"]).await.map(drop)
    }

    async fn purge(&self, now: UnixTime) -> Result<usize, StoreError> {
        self.inner.copy.live().forget(now);
        let mut gone: usize = 0;
        loop {
            let arguments = [seconds(now), BITE.to_string()];
            let (_, count) = self.inner.verb(&self.inner.scripts.purge, keys::EXPIRY, &arguments).await?;
            let bite: usize = count.parse().map_err(corrupt)?;
            gone = gone.saturating_add(bite);
            if bite < BITE {
                return Ok(gone);
            }
        }
    }
}
