//! How a session begins, and that nothing is left of one that does not.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, Harness, code, eventually, initialize, messages};

#[tokio::test]
async fn initialize_makes_a_session_and_is_answered_as_json() {
    let harness = Harness::start().await;
    let response = harness.post("plain", initialize(7)).send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_eq!(response.headers()["mcp-session-id"].len(), 43);
    let body: Value = response.json().await.unwrap();
    assert_eq!((&body["id"], &body["result"]["serverInfo"]["name"]), (&json!(7), &json!("fixture")));
    assert_eq!(harness.bridge.session_count(), 1);
    harness.stop().await;
}

#[tokio::test]
async fn initialize_is_served_under_a_modern_version_header_too() {
    let harness = Harness::start().await;
    let request = harness.post("plain", initialize(0)).header("mcp-protocol-version", "2026-07-28");
    let response = request.header("mcp-method", "initialize").send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(response.headers().contains_key("mcp-session-id"));
    harness.stop().await;
}

#[tokio::test]
async fn a_client_that_takes_only_event_streams_gets_one() {
    let harness = Harness::start().await;
    let request = harness.http.post(harness.url("plain")).header("accept", "text/event-stream");
    let request =
        request.header("content-type", "application/json; charset=utf-8").body(initialize(0).to_string());
    let response = request.send().await.unwrap();
    assert!(response.headers().contains_key("mcp-session-id"));
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(messages(response).await.len(), 1);
    harness.stop().await;
}

#[tokio::test]
async fn h50_a_failing_initialize_leaves_neither_session_nor_child() {
    let harness = Harness::with(|settings| settings.limits.max_sessions = 1).await;
    for (server, expected) in
        [("refuse-initialize", -32602), ("crash-at-start", -32603), ("crash-at-initialize", -32603)]
    {
        // One seat only: each try shows that the one before has given it back.
        let response = loop {
            let response = harness.post(server, initialize(1)).send().await.unwrap();
            if response.status() != 503 {
                break response;
            }
        };
        assert_eq!(response.status(), 200, "{server}");
        assert!(!response.headers().contains_key("mcp-session-id"), "{server}");
        assert_eq!(code(response).await, expected, "{server}");
        assert_eq!(harness.bridge.session_count(), 0);
    }
    harness.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_away_during_initialize_leaves_no_child() {
    let harness = Harness::with(|settings| settings.limits.max_sessions = 1).await;
    let request = harness.post("silent-initialize", initialize(1)).timeout(Duration::from_millis(100));
    assert!(request.send().await.is_err());
    let mut status = 503;
    while status == 503 {
        status = harness.post("plain", initialize(1)).send().await.unwrap().status().as_u16();
    }
    assert_eq!(status, 200);
    harness.stop().await;
}

#[tokio::test]
async fn an_initialize_without_answer_fails_in_time() {
    let harness = Harness::with(|settings| settings.limits.request_timeout = Duration::from_millis(50)).await;
    let response = harness.post("silent-initialize", initialize(1)).send().await.unwrap();
    assert!(!response.headers().contains_key("mcp-session-id"));
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["error"]["data"], json!({"server": "silent-initialize", "reason": "timeout"}));
    harness.stop().await;
}

#[tokio::test]
async fn a_second_initialize_in_a_session_is_refused() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    let response = client.post(initialize(5)).send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(client.call(6, "echo", json!(1)).await["result"], json!(1), "the session lives");
    harness.stop().await;
}

#[tokio::test]
async fn every_session_has_a_child_of_its_own() {
    let harness = Harness::start().await;
    let (one, two) = (harness.client("plain").await, harness.client("plain").await);
    assert_ne!(one.session, two.session);
    assert_ne!(one.pid().await, two.pid().await);
    harness.stop().await;
}

#[tokio::test]
async fn i02_a_child_sees_only_the_listed_environment() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    let answer = client.call(1, "environment", json!({})).await;
    let names: Vec<&String> = answer["result"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["ENTRY", "MCP_BRIDGE_CHILD", "PATH"]);
    harness.stop().await;
}

#[tokio::test]
async fn i05_many_beginnings_and_ends_leave_no_zombie() {
    let harness = Harness::start().await;
    let mut pids = Vec::new();
    for _ in 0..50 {
        let client = Client::connect(&harness, "plain", &[]).await;
        pids.push(client.pid().await);
        assert_eq!(client.delete().await.status(), 204);
    }
    eventually("all are reaped", || {
        pids.iter().all(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists())
    })
    .await;
    harness.stop().await;
}
