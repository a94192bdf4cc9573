//! The copy of the revocations in memory, and what keeps it up to date with what other replicas revoke.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gateway_core::time::UnixTime;
use tokio::time::Instant;

use super::super::{Cursor, Live, StoreError};
use super::link::Link;
use super::reply::{Numbered, Page};
use super::{Inner, keys};

/// How long one wait for a new revocation lasts. After each it is seen whether Redis still counts as it did: so long a
/// flush goes unnoticed.
const WAIT: Duration = Duration::from_secs(1);

/// The pause after a failure.
const PAUSE: Duration = Duration::from_millis(100);

/// The copy, and how far it goes.
#[derive(Debug)]
pub(super) struct Copy {
    live: Live,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    seen: Option<Cursor>,
    /// Numbers after `seen` that this replica made itself and has published.
    ahead: BTreeSet<u64>,
}

impl Copy {
    pub(super) fn new() -> Self {
        Self { live: Live::new(&[]), progress: Mutex::default() }
    }

    pub(super) const fn live(&self) -> &Live {
        &self.live
    }

    /// Publishes what this replica has just revoked, before its verb returns.
    pub(super) fn announce(&self, revoked: Vec<Numbered>) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = progress.seen.map_or(0, |cursor| cursor.sequence);
        progress.ahead.extend(revoked.iter().map(|it| it.number).filter(|number| *number > seen));
        self.publish(revoked);
    }

    /// Publishes what all replicas have revoked, without what was announced.
    fn take_over(&self, page: Page) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if page.is_snapshot {
            progress.ahead.clear();
        }
        let entries = page.entries.into_iter();
        let news = entries.filter(|it| !progress.ahead.remove(&it.number)).collect();
        // What was revoked and replaced meanwhile does not come any more.
        progress.ahead = progress.ahead.split_off(&page.cursor.sequence.saturating_add(1));
        progress.seen = Some(page.cursor);
        self.publish(news);
    }

    fn publish(&self, news: Vec<Numbered>) {
        let news: Vec<_> = news.into_iter().map(|it| it.revocation).collect();
        self.live.publish(&news);
    }

    fn seen(&self) -> Option<Cursor> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).seen
    }
}

/// For how long a copy that hears nothing is relied on: as long as edges rely on a feed that is silent.
const MAX_SILENCE: Duration = Duration::from_secs(300);

/// Reads everything that came after what was seen.
pub(super) async fn catch_up(inner: &Inner) -> Result<(), StoreError> {
    loop {
        // Nothing has expired at the beginning of time: what has is dropped by the purge, here as there.
        let page = inner.page(inner.copy.seen(), UnixTime::default()).await?;
        let has_more = page.has_more;
        inner.copy.take_over(page);
        if !has_more {
            return Ok(());
        }
    }
}

/// Follows for ever. `bell` is a connection of its own, which waits for entries of the stream.
pub(super) async fn follow(inner: Arc<Inner>, bell: Link) {
    let mut has_failed = false;
    let mut heard = Instant::now();
    loop {
        let number = inner.copy.seen().map_or(0, |cursor| cursor.sequence);
        let followed = match bell.wait_for_entry(keys::REVOCATIONS, number, WAIT).await {
            Ok(()) => catch_up(&inner).await,
            Err(error) => Err(error),
        };
        // One line per change of state.
        match (&followed, has_failed) {
            (Err(error), false) => tracing::warn!(%error, "revocations of other replicas do not arrive"),
            (Ok(()), true) => tracing::info!("revocations of other replicas arrive again"),
            _ => {}
        }
        has_failed = followed.is_err();
        if has_failed {
            inner.copy.live().set_current(heard.elapsed() < MAX_SILENCE);
            tokio::time::sleep(PAUSE).await;
        } else {
            heard = Instant::now();
            inner.copy.live().set_current(true);
        }
    }
}
