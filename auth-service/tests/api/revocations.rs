//! `/internal/revocations`: the feed, and what brings entries into it.

use std::sync::Arc;
use std::time::Duration;

use auth_service::domain::revocation::Revocation;
use auth_service::domain::token::TokenId;
use auth_service::domain::user::Subject;
use axum::http::StatusCode;
use gateway_core::time::UnixTime;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::app::{Answer, NOW, TestApp};

const FEED: &str = "/internal/revocations";

/// The feed after `cursor`; with a wait.
fn feed_after(cursor: &str, wait: u64) -> String {
    format!("{FEED}?after={cursor}&wait={wait}")
}

async fn feed(app: &TestApp, uri: &str) -> Value {
    let answer = app.get_internal(uri).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.json()
}

/// Where the feed ends now.
async fn end(app: &TestApp) -> String {
    feed(app, FEED).await["cursor"].as_str().unwrap().to_owned()
}

async fn revoke_token(app: &TestApp, number: u8) -> String {
    let id = TokenId::from_bytes([number; 16]);
    let now = UnixTime::from_secs(NOW);
    app.deps.store.revoke(&[Revocation::of_token_id(id, now)], now).await.unwrap();
    id.to_string()
}

/// Somebody who waits for the feed; gives the answer and how long it took.
fn waiting(app: &Arc<TestApp>, uri: String) -> JoinHandle<(Answer, Duration)> {
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let begin = Instant::now();
        (app.get_internal(&uri).await, begin.elapsed())
    })
}

#[tokio::test]
async fn c_31_the_feed_begins_with_a_snapshot_and_goes_on_from_its_cursor() {
    let app = TestApp::new();
    let empty = app.get_internal(FEED).await;
    assert_eq!(empty.header("cache-control"), "no-store");
    let first = revoke_token(&app, 1).await;
    let now = UnixTime::from_secs(NOW);
    app.deps.store.revoke(&[Revocation::of_user(Subject::new("local", "a1"), now)], now).await.unwrap();
    let snapshot = feed(&app, FEED).await;
    let cursor = snapshot["cursor"].as_str().unwrap();
    let entries = json!([
        { "jti": first, "expires_at": NOW + 3660 },
        { "sub": "local:a1", "issued_before": NOW, "expires_at": NOW + 3660 },
    ]);
    assert_eq!(snapshot, json!({ "cursor": cursor, "snapshot": true, "more": false, "entries": entries }));
    let nothing = json!({ "cursor": cursor, "snapshot": false, "more": false, "entries": [] });
    assert_eq!(feed(&app, &feed_after(cursor, 0)).await, nothing);
    let from_the_first = feed(&app, &feed_after(empty.json()["cursor"].as_str().unwrap(), 0)).await;
    assert_eq!((&from_the_first["snapshot"], &from_the_first["entries"]), (&json!(false), &entries));
    for unknown in ["x", "0-0", "00000000000000ff-1", "%00"] {
        let answer = app.get_internal(&feed_after(unknown, 60)).await;
        if unknown == "%00" {
            assert_eq!(answer.error(), "400 invalid_request");
        } else {
            assert_eq!(answer.json(), snapshot, "{unknown}");
        }
    }
    app.clock.advance(3660);
    assert_eq!(feed(&app, FEED).await["entries"], json!([]), "what cannot matter any more");
}

#[tokio::test(start_paused = true)]
async fn c_31_whoever_waits_hears_of_a_revocation_at_once() {
    let app = Arc::new(TestApp::new());
    let cursor = end(&app).await;
    let waiters: Vec<_> = (0..20).map(|_| waiting(&app, feed_after(&cursor, 60))).collect();
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert!(waiters.iter().all(|waiter| !waiter.is_finished()));
    let id = revoke_token(&app, 1).await;
    for waiter in waiters {
        let (answer, elapsed) = waiter.await.unwrap();
        assert_eq!(answer.json()["entries"], json!([{ "jti": id, "expires_at": NOW + 3660 }]));
        assert_eq!(elapsed.as_secs(), 7);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_in_vain_ends_with_the_same_cursor() {
    let app = Arc::new(TestApp::new());
    let cursor = end(&app).await;
    for wait in [0, 1, 60] {
        let (answer, elapsed) = waiting(&app, feed_after(&cursor, wait)).await.unwrap();
        let expected = json!({ "cursor": cursor, "snapshot": false, "more": false, "entries": [] });
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, expected));
        assert_eq!(elapsed.as_secs(), wait);
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_service_ends_every_wait() {
    let app = Arc::new(TestApp::new());
    let cursor = end(&app).await;
    let waiter = waiting(&app, feed_after(&cursor, 60));
    tokio::time::sleep(Duration::from_secs(3)).await;
    app.deps.ending.begin();
    let (answer, elapsed) = waiter.await.unwrap();
    assert_eq!((answer.status, elapsed.as_secs()), (StatusCode::OK, 3));
    let (_, elapsed) = waiting(&app, feed_after(&cursor, 60)).await.unwrap();
    assert_eq!(elapsed.as_secs(), 0, "and none begins");
}

#[tokio::test]
async fn a_question_that_cannot_be_understood_is_a_400() {
    let app = TestApp::new();
    for query in
        ["wait=61", "wait=-1", "wait=1.5", "wait=x", "wait=1&wait=1", "after=a&after=a", "since=1", "%"]
    {
        assert_eq!(
            app.get_internal(&format!("{FEED}?{query}")).await.error(),
            "400 invalid_request",
            "{query}"
        );
    }
    assert_eq!(app.get(FEED).await.status, StatusCode::NOT_FOUND, "internal only");
}
