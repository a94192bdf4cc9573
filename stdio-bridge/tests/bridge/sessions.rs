//! Whom a session belongs to, how it ends, and how many there may be.

use std::time::Duration;

use serde_json::json;

use crate::harness::{Client, Harness, eventually, initialize, runs};

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

#[tokio::test]
async fn h06_h45_a_session_serves_only_its_owner() {
    let harness = Harness::start().await;
    let owner = [("x-user-id", "github:1"), ("x-client-id", "c1")];
    let client = Client::connect(&harness, "plain", &owner).await;
    for (server, headers) in [
        ("plain", vec![("x-user-id", "github:2"), ("x-client-id", "c1")]),
        ("plain", vec![("x-user-id", "github:1"), ("x-client-id", "c2")]),
        ("plain", vec![("x-user-id", "github:1")]),
        ("plain", vec![]),
        ("other", owner.to_vec()),
    ] {
        let url = harness.url(server);
        for request in [
            harness.post(server, PING),
            harness.post(server, r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
            harness.http.get(&url).header("accept", "text/event-stream"),
            harness.http.delete(&url),
        ] {
            let request =
                headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            let response = request.header("mcp-session-id", &client.session).send().await.unwrap();
            assert_eq!(response.status(), 404, "{server} {headers:?}");
        }
    }
    assert_eq!(client.call(1, "echo", json!(1)).await["result"], json!(1), "it still lives");
    harness.stop().await;
}

#[tokio::test]
async fn i03_without_the_edge_nobody_is_served_where_identity_is_required() {
    let harness = Harness::with(|settings| settings.access.require_identity = true).await;
    assert_eq!(harness.post("plain", initialize(1)).send().await.unwrap().status(), 403);
    let client = Client::connect(&harness, "plain", &[("x-user-id", "github:1")]).await;
    assert_eq!(client.call(1, "echo", json!(1)).await["result"], json!(1));
    assert_eq!(
        harness.http.get(harness.url("x").replace("/x/mcp", "/health/live")).send().await.unwrap().status(),
        200
    );
    harness.stop().await;
}

#[tokio::test]
async fn h44_delete_ends_the_session_and_its_child() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    let mut stream = client.listen().await;
    let pid = client.pid().await;
    assert_eq!(client.delete().await.status(), 204);
    assert_eq!(client.post(PING).send().await.unwrap().status(), 404);
    assert_eq!(client.get().send().await.unwrap().status(), 404);
    assert_eq!(client.delete().await.status(), 404);
    assert_eq!(stream.next().await, None, "the stream ends with the session");
    eventually("the child ends", || !runs(pid)).await;
    harness.stop().await;
}

#[tokio::test]
async fn a_session_that_is_not_used_ends() {
    let harness = Harness::with(|settings| settings.limits.idle = Duration::from_millis(500)).await;
    let client = harness.client("plain").await;
    let pid = client.pid().await;
    eventually("the session ends", || harness.bridge.session_count() == 0).await;
    eventually("the child ends", || !runs(pid)).await;
    assert_eq!(client.post(PING).send().await.unwrap().status(), 404);
    harness.stop().await;
}

#[tokio::test]
async fn i06_a_session_with_an_open_stream_ends_too_but_later() {
    let harness = Harness::with(|settings| {
        settings.limits.idle = Duration::from_millis(500);
        settings.limits.idle_with_stream = Duration::from_millis(1200);
    })
    .await;
    let client = harness.client("plain").await;
    let opened = tokio::time::Instant::now();
    let mut stream = client.listen().await;
    assert_eq!(stream.next().await, None);
    assert!(opened.elapsed() >= Duration::from_millis(1200));
    harness.stop().await;
}

#[tokio::test]
async fn h08_i07_sessions_are_limited_in_all_and_by_user() {
    let harness = Harness::with(|settings| {
        settings.limits.max_sessions = 3;
        settings.limits.max_sessions_per_user = 2;
    })
    .await;
    let ann = [("x-user-id", "ann")];
    let first = Client::connect(&harness, "plain", &ann).await;
    let _second = Client::connect(&harness, "plain", &ann).await;
    let open = |user: &'static str| harness.post("plain", initialize(1)).header("x-user-id", user).send();
    let refused = open("ann").await.unwrap();
    assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (503, &"5".parse().unwrap()));
    assert_eq!(open("bob").await.unwrap().status(), 200);
    assert_eq!(open("eve").await.unwrap().status(), 503);
    first.delete().await;
    // The seat comes back when the child is reaped.
    while open("ann").await.unwrap().status() == 503 {}
    assert_eq!(harness.bridge.session_count(), 3);
    harness.stop().await;
}

#[tokio::test]
async fn h09_equal_ids_in_two_sessions_never_mix() {
    let harness = Harness::start().await;
    let ann = Client::connect(&harness, "plain", &[("x-user-id", "ann")]).await;
    let bob = Client::connect(&harness, "plain", &[("x-user-id", "bob")]).await;
    let calls = (0..100).flat_map(|id| [(&ann, "ann", id), (&bob, "bob", id)]);
    let checks = calls.map(|(client, canary, id)| async move {
        let arguments = json!({"canary": canary, "number": id});
        let answer = client.call(id, "echo", arguments.clone()).await;
        assert_eq!((&answer["id"], &answer["result"]), (&json!(id), &arguments));
    });
    futures_util::future::join_all(checks).await;
    harness.stop().await;
}
