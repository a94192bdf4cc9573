//! Too much of something.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, Events, Harness, messages};

#[tokio::test]
async fn h40_long_answers_are_nothing_special() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    for bytes in [60_000, 70_000, 1_000_000, 10_000_000] {
        let answer = client.call(bytes, "big", json!({"bytes": bytes})).await;
        assert_eq!(answer["result"]["text"].as_str().map(str::len), Some(bytes));
    }
    harness.stop().await;
}

#[tokio::test]
async fn i10_an_answer_that_is_too_long_fails_its_request_and_the_session_lives() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    for arguments in [json!({"bytes": 20_000_000}), json!({"bytes": 20_000_000, "first": true})] {
        let (answer, other) =
            tokio::join!(client.call(1, "big", arguments), client.call(2, "echo", json!("whole")));
        assert_eq!(answer["error"]["data"]["reason"], json!("answer_too_large"));
        assert_eq!(other["result"], json!("whole"));
    }
    harness.stop().await;
}

#[tokio::test]
async fn i11_h41_a_flood_on_stderr_blocks_nothing() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    for id in 0..3 {
        assert_eq!(client.call(id, "noise", json!({})).await["result"], json!({"noisy": true}));
    }
    harness.stop().await;
}

#[tokio::test]
async fn i13_a_stream_that_nobody_reads_is_cut_and_the_session_lives() {
    let harness = Harness::with(|settings| {
        settings.limits.reader_patience = Duration::from_millis(200);
        // 60 MB take their time on a busy machine.
        settings.limits.request_timeout = Duration::from_secs(100);
    })
    .await;
    let client = harness.client("plain").await;
    let unread = client.get().send().await.unwrap();
    // 60 MB: far more than the buffers of two sockets. The answer comes although nobody reads the stream.
    let request = harness.http.post(harness.url("plain")).header("accept", "application/json");
    let request =
        request.header("content-type", "application/json").header("mcp-session-id", &client.session);
    let call = Client::call_message(1, "chatter", json!({"count": 60_000}));
    let answer: Value = request.body(call.to_string()).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["result"], json!({"chatted": true}), "{answer}");
    let mut events = Events::of(unread);
    let mut count = 0;
    while events.next().await.is_some() {
        count += 1;
    }
    assert!(count < 60_000, "the stream was cut");
    assert_eq!(client.call(2, "echo", json!(2)).await["result"], json!(2));
    harness.stop().await;
}

#[tokio::test]
async fn a_reader_that_keeps_up_gets_every_message_in_order() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    let response = client.begin(1, "chatter", json!({"count": 5000})).await;
    let all = messages(response).await;
    let numbers: Vec<u64> = all.iter().filter_map(|message| message["params"]["number"].as_u64()).collect();
    assert_eq!(numbers, (0..5000).collect::<Vec<u64>>());
    assert_eq!(all.last().unwrap()["result"], json!({"chatted": true}));
    harness.stop().await;
}
