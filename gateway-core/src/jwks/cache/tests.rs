use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::jwt::Algorithm;
use crate::jwt::sign::SigningKey;

const START: u64 = 1_000_000;

fn key_set() -> KeySet {
    let key = SigningKey::from_seed(Algorithm::EdDsa, &[7; 32]).unwrap();
    KeySet::parse(json!({ "keys": [key.public_jwk()] }).to_string().as_bytes()).unwrap()
}

fn at(offset: u64) -> UnixTime {
    UnixTime::from_secs(START + offset)
}

fn loaded() -> JwksCache {
    let mut cache = JwksCache::new(Limits::default());
    assert_eq!(cache.on_event(at(0), Event::Tick), Some(Fetch));
    assert_eq!(cache.on_event(at(0), Event::Fetched(Ok(key_set().into()))), None);
    cache
}

fn fail(cache: &mut JwksCache, offset: u64) {
    assert_eq!(cache.on_event(at(offset), Event::Fetched(Err(FetchFailed))), None);
}

#[test]
fn the_first_tick_fetches_and_until_then_there_are_no_keys() {
    let mut cache = JwksCache::new(Limits::default());
    assert!(matches!(cache.keys(at(0)), Keys::NotYet));
    assert_eq!(cache.on_event(at(0), Event::Tick), Some(Fetch));
    assert!(matches!(loaded().keys(at(0)), Keys::Usable(_)));
}

#[test]
fn only_one_fetch_is_under_way_until_it_is_given_up() {
    let mut cache = JwksCache::new(Limits::default());
    assert_eq!(cache.on_event(at(0), Event::Tick), Some(Fetch));
    assert_eq!(cache.on_event(at(1), Event::Tick), None);
    assert_eq!(cache.on_event(at(1), Event::UnknownKid), None);
    assert_eq!(cache.on_event(at(5), Event::Tick), Some(Fetch));
}

#[test]
fn a_set_is_refreshed_before_it_is_stale() {
    let mut cache = loaded();
    assert_eq!(cache.on_event(at(299), Event::Tick), None);
    assert_eq!(cache.on_event(at(300), Event::Tick), Some(Fetch));
    assert!(matches!(cache.keys(at(300)), Keys::Usable(_)));
}

#[test]
fn e_12_the_last_good_set_is_kept_until_its_stated_age_and_then_nothing_is() {
    let mut cache = loaded();
    assert_eq!(cache.on_event(at(300), Event::Tick), Some(Fetch));
    fail(&mut cache, 300);
    assert!(matches!(cache.keys(at(3599)), Keys::Usable(_)));
    assert!(matches!(cache.keys(at(3600)), Keys::Expired));
}

#[test]
fn failures_back_off_and_success_resets_them() {
    let mut cache = JwksCache::new(Limits::default());
    let mut now = 0;
    for pause in [1, 2, 4, 8, 16, 30, 30] {
        assert_eq!(cache.on_event(at(now), Event::Tick), Some(Fetch), "at {now}");
        fail(&mut cache, now);
        assert_eq!(cache.on_event(at(now + pause - 1), Event::Tick), None, "before {pause} s");
        now += pause;
    }
    assert_eq!(cache.on_event(at(now), Event::Tick), Some(Fetch));
    assert_eq!(cache.on_event(at(now), Event::Fetched(Ok(key_set().into()))), None);
    assert_eq!(cache.on_event(at(now + 300), Event::Tick), Some(Fetch));
}

#[test]
fn e_11_unknown_key_ids_cause_one_fetch_per_interval() {
    let mut cache = loaded();
    let mut fetches = 0;
    for second in 1..=60 {
        for _ in 0..1000 {
            if cache.on_event(at(second), Event::UnknownKid).is_some() {
                fetches += 1;
                assert_eq!(cache.on_event(at(second), Event::Fetched(Ok(key_set().into()))), None);
            }
        }
    }
    assert_eq!(fetches, 6);
}

#[test]
fn an_unknown_key_id_respects_the_pause_after_a_failure() {
    let mut cache = loaded();
    assert_eq!(cache.on_event(at(20), Event::UnknownKid), Some(Fetch));
    fail(&mut cache, 20);
    assert_eq!(cache.on_event(at(20), Event::UnknownKid), None);
    assert!(!cache.is_fetching());
}

proptest! {
    #[test]
    fn whatever_happens_there_is_never_a_second_fetch_within_the_timeout(
        events in proptest::collection::vec((0_u64..4, 0_u8..4), 1..200),
    ) {
        let mut cache = JwksCache::new(Limits::default());
        let (mut now, mut under_way): (u64, Option<u64>) = (0, None);
        for (pause, event) in events {
            now += pause;
            let event = match event {
                0 => Event::Tick,
                1 => Event::UnknownKid,
                2 => Event::Fetched(Err(FetchFailed)),
                _ => Event::Fetched(Ok(key_set().into())),
            };
            if matches!(event, Event::Fetched(_)) {
                under_way = None;
            }
            if cache.on_event(at(now), event).is_some() {
                prop_assert!(under_way.is_none_or(|since| now - since >= 5));
                under_way = Some(now);
            }
        }
    }
}

#[test]
fn a_server_may_ask_for_an_earlier_refresh_but_not_for_a_later_one_nor_for_a_flood() {
    let cases = [
        (None, 300),
        (Some("max-age=86400"), 300),
        (Some("public, Max-Age=\"120\", must-revalidate"), 120),
        (Some("max-age=1"), 30),
        (Some("no-store"), 30),
        (Some("max-age=60, no-cache"), 30),
        (Some("max-age=, private"), 300),
    ];
    for (header, due) in cases {
        let mut cache = JwksCache::new(Limits::default());
        assert_eq!(cache.on_event(at(0), Event::Tick), Some(Fetch));
        let fetched = Fetched { keys: key_set(), fresh_for: header.and_then(freshness) };
        assert_eq!(cache.on_event(at(0), Event::Fetched(Ok(fetched))), None);
        assert_eq!(cache.on_event(at(due - 1), Event::Tick), None, "{header:?}");
        assert_eq!(cache.on_event(at(due), Event::Tick), Some(Fetch), "{header:?}");
    }
}
