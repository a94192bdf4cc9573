use super::*;
use crate::domain::client::Client;
use crate::domain::client_document::{self, DocumentError};
use crate::outbound::OutboundError;

const T0: UnixTime = UnixTime::from_secs(1_800_000_000);
const STALE: u64 = 86_400;
const DOWN: NoDocument = NoDocument::Unavailable(OutboundError::TimedOut);

fn described(name: &str) -> Described<Client> {
    let json = serde_json::json!({
        "client_id": "https://app.example/c", "client_name": name, "redirect_uris": ["https://app.example/cb"],
    });
    let url = "https://app.example/c".parse().unwrap();
    let client = client_document::parse(json.to_string().as_bytes(), &url, T0).unwrap();
    Described { content: Arc::new(client), fresh_for: 600, stale_for: STALE }
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
    let known = |slot: &Slot<Client>, now: UnixTime, holds: bool| name(slot.known_to_hold(now, |_| holds));
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

fn url(number: usize) -> DocumentUrl {
    format!("https://app.example/{number}").parse().unwrap()
}

/// Puts a document there.
fn fill(slots: &Slots<Client>, url: &DocumentUrl) -> Shared<Client> {
    let place = slots.of(url);
    place.slot().learn(Ok(described("first")), T0).unwrap();
    slots.sort(url, &place);
    place
}

#[test]
fn d_22_the_number_of_documents_is_bounded_and_those_in_use_stay() {
    let slots = Slots::default();
    let used = fill(&slots, &url(0));
    for number in 1..4 * MAX_SLOTS {
        fill(&slots, &url(number));
        assert!(Arc::ptr_eq(&slots.of(&url(0)), &used));
    }
    let kept = slots.kept();
    assert!(kept.described.young.len() + kept.described.old.len() <= MAX_SLOTS);
    assert_eq!(kept.others.young.len() + kept.others.old.len(), 0);
}

#[test]
fn d_34_a_flood_of_documents_that_describe_nobody_drives_out_none_that_do() {
    let slots = Slots::default();
    let good = fill(&slots, &url(0));
    for number in 1..10 * MAX_SLOTS {
        slots.of(&url(number));
    }
    assert!(Arc::ptr_eq(&slots.of(&url(0)), &good));
    let kept = slots.kept();
    assert!(kept.others.young.len() + kept.others.old.len() <= MAX_SLOTS);
}

#[test]
fn d_34_a_document_that_is_gone_takes_no_place_from_those_that_describe_somebody() {
    let slots = Slots::default();
    let gone = fill(&slots, &url(0));
    assert_eq!(gone.slot().learn(Err(NoDocument::Gone), T0), Err(NoDocument::Gone));
    slots.sort(&url(0), &gone);
    assert!(Arc::ptr_eq(&slots.of(&url(0)), &gone), "it is still known that it is gone");
    let kept = slots.kept();
    assert_eq!((kept.described.young.len(), kept.others.young.len()), (0, 1));
}

#[tokio::test]
async fn d_34_only_who_asks_for_what_is_not_known_waits_for_the_one_who_fetches() {
    let slots = Slots::default();
    let (begun, answered) = (tokio::sync::Notify::new(), tokio::sync::Notify::new());
    let url = url(0);
    fill(&slots, &url);
    let later = T0.plus(RETRY_AFTER);
    let slow = async {
        begun.notify_one();
        answered.notified().await;
        Ok(described("second"))
    };
    let stranger = slots.get(&url, later, |_| false, || Ok(()), slow);
    let friend = async {
        begun.notified().await;
        let known = slots.get(&url, later, |_| true, || Ok(()), async { Err(DOWN) }).await;
        answered.notify_one();
        known
    };
    let (found, known) = tokio::join!(stranger, friend);
    assert_eq!(name(Some(known)), Some(Ok("first".to_owned())));
    assert_eq!(name(Some(found)), Some(Ok("second".to_owned())));
}

#[tokio::test]
async fn d_34_a_fetch_counts_until_somebody_is_described_and_what_is_remembered_does_not() {
    let slots = Slots::default();
    let counted = std::cell::Cell::new(0);
    let ask = async |now, fetched: Result<Described<Client>, NoDocument>| {
        let admit = || {
            counted.set(counted.get() + 1);
            if counted.get() == 3 { Err(TooMany { seconds: 7 }) } else { Ok(()) }
        };
        let answer = slots.get(&url(0), now, |_| true, admit, async { fetched }).await;
        (name(Some(answer)).unwrap(), counted.get())
    };
    let again = |times: u64| T0.plus(times * RETRY_AFTER);
    assert_eq!(ask(T0, Err(DOWN)).await, (Err(DOWN), 1));
    assert_eq!(ask(T0, Err(DOWN)).await, (Err(DOWN), 1), "the failure is remembered");
    assert_eq!(ask(again(1), Err(DOWN)).await, (Err(DOWN), 2));
    let too_many = Err(NoDocument::TooMany(TooMany { seconds: 7 }));
    assert_eq!(ask(again(2), Ok(described("first"))).await, (too_many, 3));
    assert_eq!(ask(again(2), Ok(described("first"))).await, (Ok("first".to_owned()), 4), "which is not");
    assert_eq!(ask(again(90), Ok(described("second"))).await, (Ok("second".to_owned()), 4), "stale");
}
