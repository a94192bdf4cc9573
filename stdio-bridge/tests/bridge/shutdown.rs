//! The end of the bridge.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::harness::{Events, Harness, PATIENCE, eventually, initialize, runs};

#[tokio::test]
async fn i18_streams_end_open_requests_are_answered_and_children_stopped() {
    let harness = Harness::with(|settings| settings.limits.patience = Duration::from_millis(1)).await;
    let client = harness.client("plain").await;
    let pid = client.pid().await;
    let mut stream = client.listen().await;
    let mut open = Events::of(client.begin(1, "silent", json!({})).await);
    timeout(PATIENCE, harness.bridge.stop()).await.unwrap();
    assert_eq!(stream.next().await, None);
    assert_eq!(open.next().await.unwrap()["error"]["data"]["reason"], json!("session_ended"));
    assert_eq!(open.next().await, None);
    assert!(!runs(pid));
    let ready = harness.url("x").replace("/x/mcp", "/health/ready");
    assert_eq!(harness.http.get(&ready).send().await.unwrap().status(), 503);
    assert_eq!(harness.post("plain", initialize(1)).send().await.unwrap().status(), 503);
    harness.stop().await;
}

#[tokio::test]
async fn i18_a_second_signal_does_not_wait_for_anybody() {
    let harness = Harness::with(|settings| {
        settings.limits.exit_grace = Duration::from_secs(600);
        settings.limits.terminate_grace = Duration::from_secs(600);
    })
    .await;
    let mut pids = Vec::new();
    for _ in 0..3 {
        pids.push(harness.client("stubborn").await.pid().await);
    }
    harness.bridge.kill();
    timeout(PATIENCE, harness.bridge.stop()).await.unwrap();
    eventually("all are killed", || !pids.iter().any(|pid| runs(*pid))).await;
    harness.stop().await;
}

#[tokio::test]
async fn i18_children_are_stopped_at_the_same_time() {
    let harness = Harness::start().await;
    for _ in 0..8 {
        harness.client("stubborn").await;
    }
    let begin = tokio::time::Instant::now();
    timeout(PATIENCE, harness.bridge.stop()).await.unwrap();
    // One needs 0.6 s; one after the other would take 4.8 s.
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
    harness.stop().await;
}
