//! What is remembered of one document, and of how many. The time is an argument.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway_core::time::UnixTime;

use super::NoDocument;
use crate::domain::document_url::DocumentUrl;
use crate::limits::TooMany;

/// Seconds after a failure until the same document is fetched again. This is no cached answer, which the draft forbids
/// (§5.2), but a limit on how often anybody can make us ask.
pub const RETRY_AFTER: u64 = 10;

/// Most documents that are remembered, of each kind: usually 1 KiB each, and never more than a few.
const MAX_SLOTS: usize = 2048;

/// What was fetched, as what it says.
#[derive(Debug)]
pub(super) struct Described<T> {
    pub(super) content: Arc<T>,
    /// Seconds.
    pub(super) fresh_for: u64,
    /// Seconds after that for which it may still be used while it cannot be fetched (RFC 5861 §4).
    pub(super) stale_for: u64,
}

/// What is known of one document.
#[derive(Debug)]
pub(super) struct Slot<T> {
    document: Option<Document<T>>,
    failure: Option<Failure>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { document: None, failure: None }
    }
}

#[derive(Debug)]
struct Document<T> {
    content: Arc<T>,
    fetched_at: UnixTime,
    fresh_until: UnixTime,
    stale_until: UnixTime,
}

#[derive(Debug, Clone, Copy)]
struct Failure {
    error: NoDocument,
    retry_at: UnixTime,
}

impl<T> Slot<T> {
    /// Whether a document is known that says something.
    const fn describes(&self) -> bool {
        self.document.is_some()
    }

    /// Like [`Self::known`], but a document in which something is missing is asked for again, long before it is stale.
    pub(super) fn known_to_hold(
        &self,
        now: UnixTime,
        holds: impl Fn(&T) -> bool,
    ) -> Option<Result<Arc<T>, NoDocument>> {
        let was_just_asked = self.failure.is_some_and(|it| now < it.retry_at)
            || self.document.as_ref().is_some_and(|it| now.since(it.fetched_at) < RETRY_AFTER);
        self.known(now).filter(|known| was_just_asked || known.as_ref().is_ok_and(|content| holds(content)))
    }

    /// The answer, if it is known without asking again.
    pub(super) fn known(&self, now: UnixTime) -> Option<Result<Arc<T>, NoDocument>> {
        if let Some(document) = self.document.as_ref().filter(|it| now < it.fresh_until) {
            return Some(Ok(Arc::clone(&document.content)));
        }
        let failure = self.failure.filter(|it| now < it.retry_at)?;
        Some(self.after(failure.error, now))
    }

    /// Takes in what came of asking; gives the answer.
    pub(super) fn learn(
        &mut self,
        fetched: Result<Described<T>, NoDocument>,
        now: UnixTime,
    ) -> Result<Arc<T>, NoDocument> {
        match fetched {
            Ok(Described { content, fresh_for, stale_for }) => {
                let fresh_until = now.plus(fresh_for);
                self.failure = None;
                self.document = Some(Document {
                    content: Arc::clone(&content),
                    fetched_at: now,
                    fresh_until,
                    stale_until: fresh_until.plus(stale_for),
                });
                Ok(content)
            }
            Err(error) => {
                self.failure = Some(Failure { error, retry_at: now.plus(RETRY_AFTER) });
                if !is_passing(error) {
                    self.document = None;
                }
                self.after(error, now)
            }
        }
    }

    /// After a failure: the old document, as long as it may stand in.
    fn after(&self, error: NoDocument, now: UnixTime) -> Result<Arc<T>, NoDocument> {
        let usable = self.document.as_ref().filter(|it| now < it.stale_until);
        usable.map(|document| Arc::clone(&document.content)).ok_or(error)
    }
}

/// Whether a failure says nothing about the client. The others are its own words: it has changed, or withdrawn.
const fn is_passing(error: NoDocument) -> bool {
    match error {
        NoDocument::Unavailable(_) | NoDocument::TooMany(_) => true,
        NoDocument::NotAllowed | NoDocument::Refused(_) | NoDocument::Gone => false,
    }
}

/// One slot for each document. Those that say nothing are kept apart, so that no flood of them drives out the others.
#[derive(Debug)]
pub(super) struct Slots<T>(Mutex<Kept<T>>);

#[derive(Debug)]
struct Kept<T> {
    described: Generations<T>,
    others: Generations<T>,
}

/// Two generations: what is asked for moves to the young one; when that is full, the old one is dropped.
#[derive(Debug)]
struct Generations<T> {
    young: HashMap<DocumentUrl, Shared<T>>,
    old: HashMap<DocumentUrl, Shared<T>>,
}

type Shared<T> = Arc<Place<T>>;

/// A slot, and whose turn it is to fill it.
#[derive(Debug)]
struct Place<T> {
    slot: Mutex<Slot<T>>,
    /// Who holds it fetches; who waits for it finds the answer. What is known is read without it.
    turn: tokio::sync::Mutex<()>,
}

impl<T> Default for Place<T> {
    fn default() -> Self {
        Self { slot: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }
}

impl<T> Place<T> {
    fn slot(&self) -> MutexGuard<'_, Slot<T>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self(Mutex::new(Kept { described: Generations::default(), others: Generations::default() }))
    }
}

impl<T> Default for Generations<T> {
    fn default() -> Self {
        Self { young: HashMap::new(), old: HashMap::new() }
    }
}

impl<T> Slots<T> {
    /// The document at `url`: as it is known, if that `holds` what is looked for, or else as it is fetched. Of those who ask at the
    /// same time one fetches, and only those wait for it whose answer is not known yet. Just before a document is fetched
    /// that describes nobody so far, `admit` is asked.
    ///
    /// # Errors
    /// [`NoDocument`].
    pub(super) async fn get(
        &self,
        url: &DocumentUrl,
        now: UnixTime,
        holds: impl Fn(&T) -> bool,
        admit: impl FnOnce() -> Result<(), TooMany>,
        fetch: impl Future<Output = Result<Described<T>, NoDocument>>,
    ) -> Result<Arc<T>, NoDocument> {
        let place = self.of(url);
        let known = || place.slot().known_to_hold(now, &holds);
        if let Some(answer) = known() {
            return answer;
        }
        let _turn = place.turn.lock().await;
        if let Some(answer) = known() {
            return answer;
        }
        if !place.slot().describes() {
            admit()?;
        }
        let fetched = fetch.await;
        let answer = place.slot().learn(fetched, now);
        self.sort(url, &place);
        answer
    }

    /// The slot of a document, known or not.
    fn of(&self, url: &DocumentUrl) -> Shared<T> {
        let mut kept = self.kept();
        if let Some(slot) = kept.described.get(url) {
            return slot;
        }
        kept.others.get(url).unwrap_or_else(|| kept.others.insert(url, Shared::default()))
    }

    /// Puts the slot of a document among its like.
    fn sort(&self, url: &DocumentUrl, place: &Shared<T>) {
        let describes = place.slot().describes();
        let mut kept = self.kept();
        let Kept { described, others } = &mut *kept;
        let (its, not_its) = if describes { (described, others) } else { (others, described) };
        not_its.remove(url);
        its.insert(url, Arc::clone(place));
    }

    fn kept(&self) -> MutexGuard<'_, Kept<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Generations<T> {
    fn get(&mut self, url: &DocumentUrl) -> Option<Shared<T>> {
        if let Some(slot) = self.young.get(url) {
            return Some(Arc::clone(slot));
        }
        let slot = self.old.remove(url)?;
        Some(self.insert(url, slot))
    }

    fn insert(&mut self, url: &DocumentUrl, slot: Shared<T>) -> Shared<T> {
        if self.young.len() >= MAX_SLOTS / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(url.clone(), Arc::clone(&slot));
        slot
    }

    fn remove(&mut self, url: &DocumentUrl) {
        self.young.remove(url);
        self.old.remove(url);
    }
}

#[cfg(test)]
mod tests;
