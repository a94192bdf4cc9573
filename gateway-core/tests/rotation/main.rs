//! Keys and revocations over time: an auth service that rotates, fails and recovers, and edges that follow it.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    reason = "a helper of tests may stop them and counts with small numbers"
)]

mod feed;
mod world;

use gateway_core::gate::Order;
use world::{Edge, Key, Sees, Service, T0, claims};

/// How long a token lives, in seconds.
const LIFE: u64 = 900;
/// How old a set is when an edge fetches it again, and when it trusts it no longer.
const REFRESH: u64 = 300;
const MAX_AGE: u64 = 3600;

#[test]
fn e_10_no_valid_token_is_refused_in_a_whole_rotation_on_any_node() {
    let (old, new) = (Key::new(1), Key::new(2));
    let mut service = Service::publishing(&[&old]);
    // Nodes that started at other times fetch at other times.
    let mut nodes = [0, 97, 211].map(|phase| (phase, Edge::new()));
    let (published, signs_with_new) = (1000, 1000 + REFRESH + 10);
    let retired = signs_with_new + LIFE + 30;
    let mut alive: Vec<(u64, String)> = Vec::new();
    let mut asked = 0;
    for second in 0..retired + 2 * REFRESH {
        match second {
            at if at == published => service.publish(&[&old, &new]),
            at if at == retired => service.publish(&[&new]),
            _ => {}
        }
        let now = T0 + second;
        if second % 30 == 0 {
            let signer = if second < signs_with_new { &old } else { &new };
            alive.push((now + LIFE, signer.token(&claims(&format!("t{second}"), now, LIFE))));
        }
        alive.retain(|(expiry, _)| *expiry > now);
        for (_, node) in nodes.iter_mut().filter(|(phase, _)| second >= *phase) {
            node.tick(now, &service);
            for (_, token) in alive.iter().step_by(5).chain(alive.last()) {
                assert_eq!(node.sees(now, token), Sees::Good, "second {second}");
                asked += 1;
            }
        }
    }
    assert!(asked > 10_000, "{asked}");
    for (phase, node) in &nodes {
        assert!(node.fetches() <= (retired + 2 * REFRESH) / REFRESH + 1, "{phase}: {}", node.fetches());
    }
}

#[test]
fn e_10_a_key_that_signs_before_it_was_seen_makes_its_first_token_wait_and_refuses_none() {
    let (old, new) = (Key::new(1), Key::new(2));
    let mut service = Service::publishing(&[&old]);
    let mut edge = Edge::new();
    edge.tick(T0, &service);
    service.publish(&[&old, &new]);
    let now = T0 + 50;
    let token = new.token(&claims("t", now, LIFE));
    let (sees, order) = edge.ask(now, &token);
    assert_eq!((sees, order.clone()), (Sees::Waits, Some(Order::Keys(0))));
    assert_eq!(edge.ask(now, &token), (Sees::Waits, None), "one fetch for all that wait");
    edge.answer(now, &order.unwrap(), &service);
    assert_eq!(edge.sees(now, &token), Sees::Good);
    assert_eq!(edge.sees(now, &old.token(&claims("o", now, LIFE))), Sees::Good);
}

#[test]
fn e_13_a_key_that_is_withdrawn_is_refused_after_the_next_refresh_however_well_its_tokens_are_known() {
    let (bad, good) = (Key::new(1), Key::new(2));
    let mut service = Service::publishing(&[&bad, &good]);
    let mut edge = Edge::new();
    edge.tick(T0, &service);
    let known = bad.token(&claims("known", T0, 10 * LIFE));
    let kept = good.token(&claims("kept", T0, 10 * LIFE));
    for token in [&known, &kept] {
        assert_eq!(edge.sees(T0 + 1, token), Sees::Good);
    }
    service.publish(&[&good]);
    let mut refused_since = None;
    for second in 2..2 * REFRESH {
        edge.tick(T0 + second, &service);
        let fresh = bad.token(&claims(&format!("f{second}"), T0 + second, LIFE));
        let both = [&known, &fresh].map(|token| edge.sees_in_the_end(T0 + second, token, &service));
        assert_eq!(both[0], both[1], "known or not, second {second}");
        if both[0] == Sees::Refused {
            refused_since.get_or_insert(second);
        } else {
            assert_eq!(refused_since, None, "it came back in second {second}");
        }
        assert_eq!(edge.sees(T0 + second, &kept), Sees::Good, "second {second}");
    }
    assert_eq!(refused_since, Some(REFRESH), "at most one refresh after the key is gone");
}

#[test]
fn e_14_new_material_under_the_same_kid_is_another_key() {
    let (old, new) = (Key::new(1).named("same"), Key::new(2).named("same"));
    let mut service = Service::publishing(&[&old]);
    let mut edge = Edge::new();
    edge.tick(T0, &service);
    let [before, after] = [&old, &new].map(|key| key.token(&claims("t", T0, LIFE)));
    assert_eq!([edge.sees(T0, &before), edge.sees(T0, &after)], [Sees::Good, Sees::Refused]);
    service.publish(&[&new]);
    assert_eq!([edge.sees(T0 + 1, &before), edge.sees(T0 + 1, &after)], [Sees::Good, Sees::Refused]);
    edge.tick(T0 + REFRESH, &service);
    let now = T0 + REFRESH;
    assert_eq!([edge.sees(now, &before), edge.sees(now, &after)], [Sees::Refused, Sees::Good]);
}

#[test]
fn e_12_while_no_good_set_comes_the_last_one_is_trusted_up_to_its_age_and_then_nothing_is() {
    let key = Key::new(1);
    let good = Service::publishing(&[&key]);
    for (name, failure) in Service::failures(&key) {
        let mut edge = Edge::new();
        edge.tick(T0, &good);
        for age in 1..=MAX_AGE + 100 {
            let now = T0 + age;
            edge.tick(now, &failure);
            if age % 100 == 99 || age % 100 == 0 {
                let expected = if age < MAX_AGE { Sees::Good } else { Sees::Unavailable };
                let token = key.token(&claims(&format!("t{age}"), now, LIFE));
                assert_eq!(edge.sees(now, &token), expected, "{name}, age {age}");
            }
        }
        // 1, 2, 4, 8, 16 and then 30 seconds between two tries.
        let most = 1 + 6 + (MAX_AGE + 100 - REFRESH) / 30;
        assert!((50..=most).contains(&edge.fetches()), "{name}: {} fetches", edge.fetches());
        let back = T0 + MAX_AGE + 131;
        edge.tick(back, &good);
        assert_eq!(edge.sees(back, &key.token(&claims("back", back, LIFE))), Sees::Good, "{name}");
    }
}

#[test]
fn e_12_before_the_first_set_requests_wait_and_a_bad_set_is_no_first_set() {
    let key = Key::new(1);
    for (name, failure) in Service::failures(&key) {
        let mut edge = Edge::new();
        let token = key.token(&claims("t", T0, LIFE));
        for second in 0..60 {
            edge.tick(T0 + second, &failure);
            assert_eq!(edge.sees(T0 + second, &token), Sees::Waits, "{name}");
        }
    }
}

#[test]
fn e_12_a_bad_key_beside_a_good_one_costs_only_itself() {
    let key = Key::new(1);
    for (name, beside) in Service::bad_keys() {
        let mut edge = Edge::new();
        edge.tick(T0, &Service::with_jwks(&[beside, key.jwk()]));
        assert_eq!(edge.sees(T0, &key.token(&claims("t", T0, LIFE))), Sees::Good, "{name}");
    }
}

#[test]
fn e_12_an_answer_that_never_comes_is_given_up_and_asked_for_again() {
    let key = Key::new(1);
    let good = Service::publishing(&[&key]);
    let mut edge = Edge::new();
    edge.tick(T0, &good);
    let mut orders = 0;
    for second in REFRESH..REFRESH + 60 {
        orders += edge.orders(T0 + second).len();
    }
    assert_eq!(orders, 12, "one in five seconds, never two at once");
    edge.answer(T0 + REFRESH + 60, &Order::Keys(0), &good);
    assert_eq!(edge.orders(T0 + 2 * REFRESH), [], "the late answer counts from when it came");
}

#[test]
fn e_11_a_flood_of_unknown_keys_makes_few_fetches_and_hurts_no_known_one() {
    const SECONDS: u64 = 60;
    let key = Key::new(1);
    let good = key.token(&claims("good", T0, LIFE));
    for (name, service) in [("up", Service::publishing(&[&key]))].into_iter().chain(Service::failures(&key)) {
        let mut edge = Edge::new();
        edge.tick(T0, &Service::publishing(&[&key]));
        let before = edge.fetches();
        for second in 0..SECONDS {
            let now = T0 + second;
            edge.tick(now, &service);
            // Ten thousand in the first second, then what keeps the pressure up.
            let many = if second == 0 { 10_000 } else { 50 };
            for number in 0..many {
                let token = key.token_by(&format!("random-{second}-{number}"));
                let (sees, order) = edge.ask(now, &token);
                assert!(sees != Sees::Good, "{name}");
                if let Some(order) = order {
                    edge.answer(now, &order, &service);
                    assert_eq!(edge.sees(now, &token), Sees::Refused, "{name}: still unknown");
                }
            }
            assert_eq!(edge.sees(now, &good), Sees::Good, "{name}");
        }
        let fetches = edge.fetches() - before;
        assert!((1..=SECONDS / 10).contains(&fetches), "{name}: {fetches} fetches in {SECONDS} s");
    }
}

#[test]
fn e_11_a_new_key_is_seen_within_ten_seconds_even_in_a_flood_of_unknown_ones() {
    let (old, new) = (Key::new(1), Key::new(2));
    let mut service = Service::publishing(&[&old]);
    let mut edge = Edge::new();
    edge.tick(T0, &service);
    let mut good_since = None;
    for second in 0..30 {
        let now = T0 + second;
        if second == 3 {
            service.publish(&[&old, &new]);
        }
        for number in 0..100 {
            edge.sees_in_the_end(now, &new.token_by(&format!("{second}-{number}")), &service);
        }
        let token = new.token(&claims(&format!("n{second}"), now, LIFE));
        match edge.sees_in_the_end(now, &token, &service) {
            Sees::Good => good_since = good_since.or(Some(second)),
            sees @ (Sees::Refused | Sees::Unavailable | Sees::Waits) => {
                assert_eq!((sees, good_since), (Sees::Refused, None), "second {second}");
            }
        }
    }
    assert_eq!(good_since, Some(10));
}
