//! The revocations in memory, and the bell that rings when there is a new one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

use gateway_core::time::UnixTime;
use tokio::sync::watch;

use crate::domain::revocation::{Revocation, RevocationSet, TokenFacts};

/// A copy of what the store holds. It is changed after the change is durable and before the verb that made it returns, so
/// that it never says more than the store and whoever revoked something finds it dead.
#[derive(Debug)]
pub struct Live {
    set: RwLock<RevocationSet>,
    changes: watch::Sender<u64>,
    is_current: AtomicBool,
}

impl Live {
    /// The copy of a store that holds `revocations`.
    #[must_use]
    pub fn new(revocations: &[Revocation]) -> Self {
        let mut set = RevocationSet::default();
        for revocation in revocations {
            set.insert(revocation);
        }
        Self { set: RwLock::new(set), changes: watch::Sender::new(0), is_current: AtomicBool::new(true) }
    }

    /// Whether a token is dead.
    #[must_use]
    pub fn kills(&self, token: &TokenFacts<'_>) -> bool {
        self.set.read().unwrap_or_else(PoisonError::into_inner).kills(token)
    }

    /// Whether it can be relied on. Not when others may have revoked something and the store was out of reach for longer
    /// than can be tolerated: then nobody can say that a token is good.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.is_current.load(Ordering::Acquire)
    }

    /// Says whether it can be relied on.
    pub fn set_current(&self, is_current: bool) {
        self.is_current.store(is_current, Ordering::Release);
    }

    /// Rings for every revocation from here on.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Takes over what has become durable, then rings.
    pub fn publish(&self, revocations: &[Revocation]) {
        if revocations.is_empty() {
            return;
        }
        let mut set = self.set.write().unwrap_or_else(PoisonError::into_inner);
        for revocation in revocations {
            set.insert(revocation);
        }
        drop(set);
        self.changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Drops what has expired.
    pub fn forget(&self, now: UnixTime) {
        self.set.write().unwrap_or_else(PoisonError::into_inner).forget(now);
    }

    /// How many revocations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.set.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether nothing is revoked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
