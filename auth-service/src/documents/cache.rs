//! What is remembered of one document, and of how many. The time is an argument.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use gateway_core::time::UnixTime;

use super::NoDocument;
use crate::domain::document_url::DocumentUrl;

/// Seconds for which a document may still be used when it is no longer fresh and cannot be fetched (RFC 5861 §4): a client
/// outlives a bad day of its website.
pub const STALE: u64 = 86_400;

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
}

#[derive(Debug, Clone, Copy)]
struct Failure {
    error: NoDocument,
    retry_at: UnixTime,
}

impl<T> Slot<T> {
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
            Ok(Described { content, fresh_for }) => {
                let fresh_until = now.plus(fresh_for);
                self.failure = None;
                self.document =
                    Some(Document { content: Arc::clone(&content), fetched_at: now, fresh_until });
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
        let usable = self.document.as_ref().filter(|it| now < it.fresh_until.plus(STALE));
        usable.map(|document| Arc::clone(&document.content)).ok_or(error)
    }
}

/// Whether a failure says nothing about the client. The others are its own words: it has changed, or withdrawn.
const fn is_passing(error: NoDocument) -> bool {
    match error {
        NoDocument::Unavailable(_) | NoDocument::TooMany => true,
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

/// Who holds the lock fetches; who waits for it finds the answer.
pub(super) type Shared<T> = Arc<tokio::sync::Mutex<Slot<T>>>;

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
    /// The slot of a document, known or not.
    pub(super) fn of(&self, url: &DocumentUrl) -> Shared<T> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = kept.described.get(url) {
            return slot;
        }
        kept.others.get(url).unwrap_or_else(|| kept.others.insert(url, Shared::default()))
    }

    /// Whether a document is known that says something.
    pub(super) fn describe(&self, url: &DocumentUrl) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).described.get(url).is_some()
    }

    /// Keeps the slot of a document that says something among its like.
    pub(super) fn keep(&self, url: &DocumentUrl, slot: &Shared<T>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.others.remove(url);
        kept.described.insert(url, Arc::clone(slot));
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
mod tests {
    use super::*;
    use crate::domain::client::Client;
    use crate::domain::client_document::{self, DocumentError};
    use crate::outbound::OutboundError;

    const T0: UnixTime = UnixTime::from_secs(1_800_000_000);
    const DOWN: NoDocument = NoDocument::Unavailable(OutboundError::TimedOut);

    fn described(name: &str) -> Described<Client> {
        let json = serde_json::json!({
            "client_id": "https://app.example/c", "client_name": name, "redirect_uris": ["https://app.example/cb"],
        });
        let url = "https://app.example/c".parse().unwrap();
        let client = client_document::parse(json.to_string().as_bytes(), &url, T0).unwrap();
        Described { content: Arc::new(client), fresh_for: 600 }
    }

    fn name(answer: Option<Result<Arc<Client>, NoDocument>>) -> Option<Result<String, NoDocument>> {
        answer.map(|answer| answer.map(|client| client.profile.name.clone().unwrap()))
    }

    fn learned() -> Slot<Client> {
        let mut slot = Slot::default();
        slot.learn(Ok(described("first")), T0).unwrap();
        slot
    }

    #[test]
    fn d_22_a_fresh_document_is_not_fetched_again() {
        let slot = learned();
        assert_eq!(name(slot.known(T0.plus(599))), Some(Ok("first".to_owned())));
        assert_eq!(name(slot.known(T0.plus(600))), None);
        assert_eq!(name(Slot::default().known(T0)), None);
    }

    #[test]
    fn d_22_a_stale_document_stands_in_for_a_day_when_there_is_no_answer() {
        let mut slot = learned();
        let last = T0.plus(600 + STALE - 1);
        assert_eq!(name(Some(slot.learn(Err(DOWN), last))), Some(Ok("first".to_owned())));
        assert_eq!(name(slot.known(last)), Some(Ok("first".to_owned())), "without asking again at once");
        assert_eq!(name(slot.known(last.plus(1))), Some(Err(DOWN)), "a day is over");
        assert_eq!(slot.learn(Err(DOWN), last.plus(RETRY_AFTER)), Err(DOWN));
        slot.learn(Ok(described("second")), last.plus(60)).unwrap();
        assert_eq!(name(slot.known(last.plus(61))), Some(Ok("second".to_owned())));
    }

    #[test]
    fn d_22_a_document_that_was_withdrawn_or_broken_stands_in_for_nothing() {
        for error in [NoDocument::Gone, NoDocument::Refused(DocumentError::OtherClient)] {
            let mut slot = learned();
            assert_eq!(slot.learn(Err(error), T0.plus(600)), Err(error));
            assert_eq!(slot.learn(Err(DOWN), T0.plus(620)), Err(DOWN), "nor later");
        }
    }

    #[test]
    fn e_11_what_is_missing_in_a_fresh_document_is_looked_for_again_and_not_at_once() {
        let mut slot = learned();
        let known =
            |slot: &Slot<Client>, now: UnixTime, holds: bool| name(slot.known_to_hold(now, |_| holds));
        assert_eq!(known(&slot, T0.plus(RETRY_AFTER), true), Some(Ok("first".to_owned())));
        assert_eq!(known(&slot, T0.plus(RETRY_AFTER - 1), false), Some(Ok("first".to_owned())));
        assert_eq!(known(&slot, T0.plus(RETRY_AFTER), false), None);
        slot.learn(Err(DOWN), T0.plus(RETRY_AFTER)).unwrap();
        assert_eq!(known(&slot, T0.plus(2 * RETRY_AFTER - 1), false), Some(Ok("first".to_owned())));
        assert_eq!(known(&slot, T0.plus(2 * RETRY_AFTER), false), None);
    }

    #[test]
    fn d_22_a_failure_is_remembered_for_seconds_only() {
        let mut slot = Slot::default();
        assert_eq!(slot.learn(Err(NoDocument::Gone), T0), Err(NoDocument::Gone));
        assert_eq!(name(slot.known(T0.plus(RETRY_AFTER - 1))), Some(Err(NoDocument::Gone)));
        assert_eq!(name(slot.known(T0.plus(RETRY_AFTER))), None);
    }

    #[test]
    fn d_22_the_number_of_documents_is_bounded_and_those_in_use_stay() {
        let url = |number: usize| -> DocumentUrl { format!("https://app.example/{number}").parse().unwrap() };
        let slots = Slots::<Client>::default();
        let used = slots.of(&url(0));
        for number in 0..10 * MAX_SLOTS {
            let slot = slots.of(&url(number));
            slots.keep(&url(number), &slot);
            assert!(Arc::ptr_eq(&slots.of(&url(0)), &used));
        }
        let kept = slots.0.lock().unwrap();
        assert!(kept.described.young.len() + kept.described.old.len() <= MAX_SLOTS);
        assert_eq!(kept.others.young.len() + kept.others.old.len(), 0);
    }

    #[test]
    fn d_34_a_flood_of_documents_that_describe_nobody_drives_out_none_that_do() {
        let url = |number: usize| -> DocumentUrl { format!("https://app.example/{number}").parse().unwrap() };
        let slots = Slots::<Client>::default();
        let good = slots.of(&url(0));
        slots.keep(&url(0), &good);
        for number in 1..10 * MAX_SLOTS {
            slots.of(&url(number));
        }
        assert!(Arc::ptr_eq(&slots.of(&url(0)), &good));
        let kept = slots.0.lock().unwrap();
        assert!(kept.others.young.len() + kept.others.old.len() <= MAX_SLOTS);
    }
}
