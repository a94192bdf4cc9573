//! The revocation feed: what is dead stays dead, and when nobody can say what is dead, nobody passes.

use serde_json::{Value, json};

use crate::world::{Edge, Key, Sees, Service, T0, claims};

const LIFE: u64 = 90_000;
const MAX_STALENESS: u64 = 300;

fn batch(cursor: &str, snapshot: bool, entries: &Value) -> Vec<u8> {
    let batch = json!({ "cursor": cursor, "snapshot": snapshot, "entries": entries });
    batch.to_string().into_bytes()
}

/// Every way in which a feed fails.
fn failures() -> Vec<(&'static str, Option<Vec<u8>>)> {
    let odd = json!([{ "jti": "x", "expires_at": T0 + LIFE }, { "session": "y", "expires_at": T0 + LIFE }]);
    vec![
        ("down or 500", None),
        ("nothing", Some(Vec::new())),
        ("a page", Some(b"<html>".to_vec())),
        ("no cursor", Some(batch("", true, &json!([])))),
        ("a cursor with a line break", Some(batch("a\r\nb", true, &json!([])))),
        ("an entry that is not understood", Some(batch("c2", true, &odd))),
    ]
}

#[test]
fn e_12_without_the_feed_tokens_pass_for_five_minutes_and_the_dead_ones_never() {
    let key = Key::new(1);
    let dead = json!([{ "jti": "dead", "expires_at": T0 + LIFE }]);
    let [alive, killed] = ["alive", "dead"].map(|id| key.token(&claims(id, T0, LIFE)));
    for (name, failure) in failures() {
        let mut service = Service::publishing(&[&key]);
        service.feed = Some(batch("c1", true, &dead));
        let mut edge = Edge::with_feed();
        edge.tick(T0, &service);
        let sees = |edge: &mut Edge, now| [edge.sees(now, &alive), edge.sees(now, &killed)];
        assert_eq!(sees(&mut edge, T0), [Sees::Good, Sees::Refused], "{name}");
        service.feed = failure;
        for age in 1..=MAX_STALENESS + 60 {
            edge.tick(T0 + age, &service);
            let expected = if age < MAX_STALENESS {
                [Sees::Good, Sees::Refused]
            } else {
                [Sees::Unavailable, Sees::Unavailable]
            };
            assert_eq!(sees(&mut edge, T0 + age), expected, "{name}, age {age}");
        }
        assert!(edge.polls() <= MAX_STALENESS + 61, "{name}: at most one in a second, {}", edge.polls());
        service.feed = Some(batch("c2", false, &json!([])));
        let back = T0 + MAX_STALENESS + 62;
        edge.tick(back, &service);
        assert_eq!(sees(&mut edge, back), [Sees::Good, Sees::Refused], "{name}");
    }
}

#[test]
fn e_12_before_the_first_answer_of_the_feed_requests_wait() {
    let key = Key::new(1);
    let token = key.token(&claims("t", T0, LIFE));
    for (name, failure) in failures() {
        let mut service = Service::publishing(&[&key]);
        service.feed = failure;
        let mut edge = Edge::with_feed();
        for second in 0..30 {
            edge.tick(T0 + second, &service);
            assert_eq!(edge.sees(T0 + second, &token), Sees::Waits, "{name}");
        }
        service.feed = Some(batch("c1", true, &json!([])));
        edge.tick(T0 + 31, &service);
        assert_eq!(edge.sees(T0 + 31, &token), Sees::Good, "{name}");
    }
}

#[test]
fn f_18_a_token_that_is_known_well_is_refused_with_the_batch_that_names_it_its_user_or_its_client() {
    let key = Key::new(1);
    let token = key.token(&claims("t", T0, LIFE));
    for entry in [
        json!({ "jti": "t", "expires_at": T0 + LIFE }),
        json!({ "sub": "local:ada", "issued_before": T0 + 5, "expires_at": T0 + LIFE }),
        json!({ "client_id": "client_1", "issued_before": T0 + 5, "expires_at": T0 + LIFE }),
    ] {
        let mut service = Service::publishing(&[&key]);
        service.feed = Some(batch("c1", true, &json!([])));
        let mut edge = Edge::with_feed();
        edge.tick(T0, &service);
        assert_eq!(edge.sees(T0, &token), Sees::Good);
        service.feed = Some(batch("c2", false, &json!([entry])));
        // The question that followed the first answer is given up after 30 s and asked again.
        edge.tick(T0 + 30, &service);
        assert_eq!(edge.sees(T0 + 30, &token), Sees::Refused, "{entry}");
        service.publish(&[&Key::new(2), &key]);
        edge.tick(T0 + 330, &service);
        assert_eq!(edge.sees(T0 + 330, &token), Sees::Refused, "{entry}: also after new keys");
    }
}
