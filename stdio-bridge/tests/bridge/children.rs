//! Children that crash, hang, or leave children of their own.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, Harness, eventually, messages, runs};

#[tokio::test]
async fn i08_h46_when_a_child_dies_every_open_request_is_answered_at_once() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    let waiting = (0..20).map(|id| client.call(id, "silent", json!({})));
    let crash = async { client.call("last", "crash", json!({})).await };
    let (answers, last) = tokio::join!(futures_util::future::join_all(waiting), crash);
    for answer in answers.iter().chain([&last]) {
        // A request that arrives after the end is told that the session is gone.
        assert_eq!(answer["error"]["code"], json!(-32603), "{answer}");
        assert_eq!(answer["error"]["data"], json!({"server": "plain", "reason": "server_exited"}));
    }
    eventually("the session is gone", || harness.bridge.session_count() == 0).await;
    assert_eq!(client.begin(1, "echo", json!({})).await.status(), 404);
    harness.stop().await;
}

#[tokio::test]
async fn i08_the_last_words_of_a_child_are_heard() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    assert_eq!(client.call(1, "farewell", json!({})).await["result"], json!({"bye": true}));
    eventually("the session is gone", || harness.bridge.session_count() == 0).await;
    harness.stop().await;
}

#[tokio::test]
async fn i08_a_crash_leaves_other_sessions_alone() {
    let harness = Harness::start().await;
    let (one, two) = (harness.client("plain").await, harness.client("plain").await);
    one.call(1, "crash", json!({})).await;
    assert_eq!(two.call(1, "echo", json!("alive")).await["result"], json!("alive"));
    harness.stop().await;
}

#[tokio::test]
async fn i08_a_server_that_ends_at_once_is_not_started_again_at_once_and_says_so() {
    let harness = Harness::start().await;
    let ask = async |user: &'static str| {
        let request = harness.post("crash-at-initialize", crate::harness::initialize(1));
        request.header("x-user-id", user).send().await.unwrap()
    };
    let mut refused = ask("ann").await;
    assert_eq!(refused.status(), 200, "the answer says that it has ended");
    // The answer may be faster than the count.
    while refused.status() == 200 {
        refused = ask("ann").await;
    }
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let told: Value = refused.json().await.unwrap();
    let message = told["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("the server has ended"), "{message}");
    assert_eq!(ask("bob").await.status(), 200, "it is started for others");
    harness.stop().await;
}

#[tokio::test]
async fn i09_h43_a_silent_child_is_told_that_nobody_waits_any_more() {
    let harness =
        Harness::with(|settings| settings.limits.request_timeout = Duration::from_millis(200)).await;
    let client = harness.client("plain").await;
    let mut stream = client.listen().await;
    let answer = client.call(41, "silent", json!({})).await;
    assert_eq!(answer["error"]["data"]["reason"], json!("timeout"));
    let cancelled = stream.next().await.unwrap()["params"]["cancelled"].clone();
    assert_eq!(cancelled["reason"], json!("timed out"));
    assert_eq!(cancelled["requestId"], answer_id_at_child(&client).await - 1, "the request before this one");
    assert_eq!(client.call(42, "echo", json!(1)).await["result"], json!(1), "the session lives");
    harness.stop().await;
}

/// The id under which the child sees the request that asks for it.
async fn answer_id_at_child(client: &Client<'_>) -> u64 {
    client.call("id", "id", json!({})).await["result"]["id"].as_u64().unwrap()
}

#[tokio::test]
async fn i09_h50_a_child_that_ignores_everything_is_killed() {
    let harness = Harness::start().await;
    let client = harness.client("stubborn").await;
    let pid = client.pid().await;
    assert_eq!(client.delete().await.status(), 204);
    eventually("the child is killed", || !runs(pid)).await;
    harness.stop().await;
}

#[tokio::test]
async fn i04_h50_what_a_child_has_started_ends_with_it() {
    let harness = Harness::start().await;
    for how in ["delete", "crash", "farewell", "kill"] {
        let client = harness.client("plain").await;
        let pid = client.pid().await;
        let family = client.call(1, "family", json!({})).await;
        let family: Vec<u64> = serde_json::from_value(family["result"]["pids"].clone()).unwrap();
        assert!(family.iter().all(|pid| runs(*pid)));
        match how {
            "delete" => drop(client.delete().await),
            "kill" => {
                let pid = nix::unistd::Pid::from_raw(i32::try_from(pid).unwrap());
                nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
            }
            _ => drop(client.call(2, how, json!({})).await),
        }
        eventually("the family ends", || !runs(pid) && !family.iter().any(|pid| runs(*pid))).await;
    }
    harness.stop().await;
}

#[tokio::test]
async fn i10_garbage_on_stdout_disturbs_nobody() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    assert_eq!(client.call(1, "garbage", json!({})).await["result"], json!({"still": "here"}));
    let answer = client.call(2, "invalid", json!({})).await;
    assert_eq!(answer["error"]["data"]["reason"], json!("answer_invalid"));
    assert_eq!(client.call(3, "echo", json!(3)).await["result"], json!(3));
    harness.stop().await;
}

#[tokio::test]
async fn i12_a_child_that_reads_nothing_is_refused_more_and_the_others_live() {
    let harness = Harness::with(|settings| settings.limits.patience = Duration::from_millis(1)).await;
    let deaf = harness.client("deaf").await;
    let other = harness.client("plain").await;
    let mut open = Vec::new();
    let refused = loop {
        let response = deaf.begin(open.len(), "echo", json!("x".repeat(1_000_000))).await;
        if response.status() != 200 {
            break response;
        }
        open.push(response);
        assert!(open.len() < 100, "the queue has no bound");
    };
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    assert_eq!(other.call(1, "echo", json!(1)).await["result"], json!(1));
    deaf.delete().await;
    for response in open {
        let last: Value = messages(response).await.pop().unwrap();
        assert_eq!(last["error"]["data"]["reason"], json!("session_ended"));
    }
    harness.stop().await;
}

#[tokio::test]
async fn i12_a_session_whose_child_has_closed_its_input_is_gone() {
    let harness =
        Harness::with(|settings| settings.limits.request_timeout = Duration::from_millis(100)).await;
    let client = harness.client("closed").await;
    // What is written before the bridge notices is lost, and fails in time.
    while client.begin(1, "echo", json!(1)).await.status() != 404 {}
    assert_eq!(client.delete().await.status(), 204);
    harness.stop().await;
}

#[tokio::test]
async fn i01_a_request_cannot_choose_what_is_started() {
    let harness = Harness::start().await;
    for server in ["plain;id", "plain%20--crash-at-start", "$(id)", "plain%0aid", "%2e%2e"] {
        let response = harness.post(server, crate::harness::initialize(1)).send().await.unwrap();
        assert_eq!(response.status(), 404, "{server}");
    }
    let client = Client::connect(&harness, "plain", &[("x-user-id", "a;id")]).await;
    assert_eq!(client.call(1, "echo", json!("$(id)")).await["result"], json!("$(id)"));
    harness.stop().await;
}
