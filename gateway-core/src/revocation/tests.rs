use super::*;
use crate::jwt::{ClaimNames, TokenType};

const NOW: UnixTime = UnixTime::from_secs(1_000_000);

fn token(jti: &str, user: &str, client: &str, issued_at: u64) -> Facts {
    let claims = serde_json::json!({
        "iss": "i", "sub": user, "aud": "a", "client_id": client, "iat": issued_at, "exp": 2_000_000, "jti": jti,
    });
    Facts::parse(claims.to_string().as_bytes(), &ClaimNames::default(), TokenType::AccessToken).unwrap()
}

fn batch(cursor: &str, entries: &str) -> Batch {
    let text = format!(r#"{{"cursor":"{cursor}","snapshot":true,"entries":[{entries}]}}"#);
    Batch::parse(text.as_bytes()).unwrap()
}

fn answered(feed: &mut Feed, at: u64, batch: Batch) -> Option<Poll> {
    feed.on_event(NOW.plus(at), FeedEvent::Answered(Ok(batch)))
}

#[test]
fn a_token_dies_by_its_id_its_user_or_its_client_and_a_later_one_lives() {
    let mut dead = Revocations::default();
    dead.apply(
        &batch(
            "e-3",
            r#"{"jti":"t1","expires_at":1900000},{"sub":"u1","issued_before":500,"expires_at":1900000},
               {"client_id":"c1","issued_before":700,"expires_at":1900000}"#,
        ),
        NOW,
    );
    let cases = [
        (("t1", "u", "c", 900), true),
        (("t2", "u", "c", 1), false),
        (("t", "u1", "c", 500), true),
        (("t", "u1", "c", 501), false),
        (("t", "u", "c1", 700), true),
        (("t", "u", "c1", 701), false),
        (("u1", "t1", "t1", 1), false),
    ];
    for ((jti, user, client, issued_at), expected) in cases {
        assert_eq!(
            dead.kill(&token(jti, user, client, issued_at)),
            expected,
            "{jti} {user} {client} {issued_at}"
        );
    }
}

#[test]
fn j_06_everyones_tokens_die_at_once_this_second_included_and_later_ones_live() {
    let mut dead = Revocations::default();
    dead.apply(&batch("e-1", r#"{"issued_before":500,"expires_at":1900000}"#), NOW);
    dead.apply(&batch("e-2", r#"{"issued_before":400,"expires_at":1900000}"#), NOW);
    dead.purge(UnixTime::from_secs(1_900_000));
    assert!(!dead.is_empty() && dead.version() == 2);
    for (issued_at, expected) in [(1, true), (500, true), (501, false)] {
        assert_eq!(dead.kill(&token("t", "u", "c", issued_at)), expected, "{issued_at}");
    }
}

#[test]
fn entries_are_forgotten_when_what_they_kill_has_expired_and_a_snapshot_brings_none_back_to_life() {
    let mut dead = Revocations::default();
    dead.apply(&batch("e-1", r#"{"jti":"t1","expires_at":1000010},{"jti":"t2","expires_at":1000020}"#), NOW);
    dead.purge(NOW.plus(10));
    assert_eq!(dead.len(), 1);
    dead.apply(&batch("e-1", ""), NOW);
    assert_eq!(dead.len(), 1);
}

#[test]
fn a_feed_that_grows_too_long_makes_everybody_sign_in_again_instead_of_growing() {
    let mut dead = Revocations::default();
    let entries = (0..=Revocations::MAX_ENTRIES)
        .map(|n| {
            serde_json::from_value(serde_json::json!({ "jti": n.to_string(), "expires_at": 2_000_000 }))
                .unwrap()
        })
        .collect();
    let too_many = Batch { cursor: "e-1".to_owned(), more: false, entries };
    dead.apply(&too_many, NOW);
    assert_eq!(dead.len(), 0);
    assert!(dead.kill(&token("unknown", "u", "c", NOW.as_secs() - 1)));
    assert!(!dead.kill(&token("new", "u", "c", NOW.as_secs())));
    let mut after_a_restore = Revocations::default();
    after_a_restore.apply(&batch("e-1", r#"{"issued_before":1000900,"expires_at":1900000}"#), NOW);
    after_a_restore.apply(&too_many, NOW);
    assert!(after_a_restore.kill(&token("t", "u", "c", 1_000_900)), "who was shut out until later stays so");
}

#[test]
fn an_answer_with_one_odd_entry_is_refused_whole() {
    for entries in [
        r#"{"expires_at":1}"#,
        r#"{"jti":"a","sub":"b","issued_before":1,"expires_at":1}"#,
        r#"{"sub":"b","expires_at":1}"#,
        r#"{"jti":"a","issued_before":1,"expires_at":1}"#,
        r#"{"jti":"a"}"#,
        r#"{"jti":"a","expires_at":1,"more":1}"#,
        "7",
    ] {
        let text = format!(
            r#"{{"cursor":"c","snapshot":true,"entries":[{{"jti":"ok","expires_at":1}},{entries}]}}"#
        );
        assert_eq!(Batch::parse(text.as_bytes()), Err(NotABatch), "{entries}");
    }
    for text in [
        "",
        "[]",
        "{}",
        r#"{"cursor":"","snapshot":true,"entries":[]}"#,
        r#"{"cursor":"a b","snapshot":true,"entries":[]}"#,
    ] {
        assert_eq!(Batch::parse(text.as_bytes()), Err(NotABatch), "{text}");
    }
}

#[test]
fn the_feed_asks_for_everything_first_and_goes_on_where_it_was() {
    let mut feed = Feed::new(FeedLimits::default());
    assert_eq!(feed.on_event(NOW, FeedEvent::Tick), Some(Poll { after: None }));
    assert_eq!(feed.on_event(NOW.plus(1), FeedEvent::Tick), None, "one question at a time");
    assert_eq!(answered(&mut feed, 2, batch("e-7", "")), Some(Poll { after: Some("e-7".to_owned()) }));
    assert_eq!(feed.on_event(NOW.plus(31), FeedEvent::Tick), None);
    let given_up = feed.on_event(NOW.plus(32), FeedEvent::Tick);
    assert_eq!(given_up, Some(Poll { after: Some("e-7".to_owned()) }), "after 30 s without any answer");
}

#[test]
fn a_service_that_does_not_wait_is_not_asked_in_a_circle() {
    let mut feed = Feed::new(FeedLimits::default());
    assert!(feed.on_event(NOW, FeedEvent::Tick).is_some());
    assert!(answered(&mut feed, 0, batch("e-1", "")).is_some(), "the long poll begins at once");
    assert_eq!(answered(&mut feed, 0, batch("e-1", "")), None);
    assert!(feed.on_event(NOW.plus(1), FeedEvent::Tick).is_some());
    let news = batch("e-2", r#"{"jti":"t","expires_at":1900000}"#);
    assert!(answered(&mut feed, 1, news).is_some(), "there may be more");
}

#[test]
fn a_question_without_an_answer_is_asked_again_after_a_pause() {
    let mut feed = Feed::new(FeedLimits::default());
    assert!(feed.on_event(NOW, FeedEvent::Tick).is_some());
    assert_eq!(feed.on_event(NOW, FeedEvent::Answered(Err(NotABatch))), None);
    assert_eq!(feed.on_event(NOW.plus(1), FeedEvent::Tick), Some(Poll { after: None }));
}

#[test]
fn c_31_before_the_first_answer_and_past_the_stated_staleness_nothing_can_be_decided() {
    let mut feed = Feed::new(FeedLimits::default());
    assert!(feed.is_new() && feed.revocations(NOW).is_none());
    assert!(feed.on_event(NOW, FeedEvent::Tick).is_some());
    assert!(answered(&mut feed, 0, batch("e-1", "")).is_some());
    assert!(feed.revocations(NOW.plus(299)).is_some());
    assert!(feed.revocations(NOW.plus(300)).is_none());
    assert!(answered(&mut feed, 400, batch("e-1", "")).is_some());
    assert!(feed.revocations(NOW.plus(400)).is_some(), "it recovers with the next answer");
}

#[test]
fn c_31_a_set_of_which_a_part_is_missing_decides_nothing() {
    let mut feed = Feed::new(FeedLimits::default());
    assert!(feed.on_event(NOW, FeedEvent::Tick).is_some());
    let part = Batch { more: true, ..batch("e-1", r#"{"jti":"t1","expires_at":1900000}"#) };
    assert_eq!(answered(&mut feed, 0, part), Some(Poll { after: Some("e-1".to_owned()) }));
    assert!(feed.is_new() && feed.revocations(NOW).is_none());
    assert!(answered(&mut feed, 0, batch("e-2", r#"{"jti":"t2","expires_at":1900000}"#)).is_some());
    assert_eq!(feed.revocations(NOW).map(Revocations::len), Some(2));
}

#[test]
fn the_version_changes_only_when_something_was_revoked() {
    let mut dead = Revocations::default();
    dead.apply(&batch("e-1", ""), NOW);
    assert_eq!(dead.version(), 0);
    dead.apply(&batch("e-2", r#"{"jti":"t","expires_at":1900000}"#), NOW);
    assert_eq!(dead.version(), 1);
}
