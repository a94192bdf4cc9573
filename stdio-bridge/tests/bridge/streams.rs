//! Which message comes on which stream, and when an answer is one.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, Events, Harness, messages};

#[tokio::test]
async fn h42_notifications_are_taken_at_once_with_202_and_no_body() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    let response = client.tell(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
    assert_eq!(response.status(), 202);
    assert_eq!(response.bytes().await.unwrap().len(), 0);
    harness.stop().await;
}

#[tokio::test]
async fn h44_progress_and_logs_come_before_the_answer_on_its_stream() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    let mut call = Client::call_message(9, "progress", json!({}));
    call["params"]["_meta"] = json!({"progressToken": "p"});
    let response = client.post(&call).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let methods: Vec<Value> =
        messages(response).await.iter().map(|message| message["method"].clone()).collect();
    assert_eq!(methods, [json!("notifications/progress"), json!("notifications/message"), Value::Null]);
    harness.stop().await;
}

#[tokio::test]
async fn a_client_that_takes_only_json_gets_json_and_loses_only_what_came_before() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    let request = harness.http.post(harness.url("plain")).header("accept", "application/json");
    let request =
        request.header("content-type", "application/json").header("mcp-session-id", &client.session);
    let response =
        request.body(Client::call_message(9, "progress", json!({})).to_string()).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/json");
    assert_eq!(response.json::<Value>().await.unwrap()["result"]["done"], json!(true));
    let mut stream = client.listen().await;
    assert_eq!(
        stream.next().await.unwrap()["method"],
        "notifications/message",
        "the log waited for a stream"
    );
    harness.stop().await;
}

#[tokio::test]
async fn h43_a_slow_answer_becomes_a_stream_with_signs_of_life() {
    let harness = Harness::with(|settings| {
        settings.limits.patience = Duration::from_millis(20);
        settings.limits.keep_alive = Duration::from_millis(20);
    })
    .await;
    let client = harness.client("plain").await;
    let mut events = Events::of(client.begin(1, "slow", json!({"key": "a"})).await);
    events.comment().await;
    events.comment().await;
    client.tell(json!({"jsonrpc": "2.0", "method": "test/release", "params": {"key": "a"}})).await;
    assert_eq!(events.next().await.unwrap()["result"], json!({"released": {"key": "a"}}));
    assert_eq!(events.next().await, None);
    harness.stop().await;
}

#[tokio::test]
async fn h44_a_request_of_the_server_reaches_the_client_and_its_answer_the_server() {
    let harness = Harness::start().await;
    let client = harness.client("ask-roots").await;
    let mut stream = client.listen().await;
    assert_eq!(stream.next().await, Some(json!({"jsonrpc": "2.0", "id": 0, "method": "roots/list"})));
    let answer = json!({"jsonrpc": "2.0", "id": 0, "result": {"roots": []}});
    assert_eq!(client.tell(answer.clone()).await.status(), 202);
    assert_eq!(stream.next().await.unwrap()["params"]["heard"], answer);
    harness.stop().await;
}

#[tokio::test]
async fn h49_an_id_of_the_server_is_not_one_of_the_client() {
    let harness = Harness::start().await;
    let client = harness.client("ask-roots").await;
    assert_eq!(client.call(0, "echo", json!("mine")).await["result"], json!("mine"));
    harness.stop().await;
}

#[tokio::test]
async fn messages_that_belong_to_no_request_come_on_one_stream_only() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    let mut stream = client.listen().await;
    let response = client.begin(1, "progress", json!({})).await;
    assert_eq!(response.headers()["content-type"], "application/json", "nothing came before the answer");
    assert_eq!(stream.next().await.unwrap()["method"], "notifications/message");
    harness.stop().await;
}

#[tokio::test]
async fn of_several_streams_one_gets_a_message_and_another_when_that_has_gone() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    let mut older = client.listen().await;
    older.comment().await;
    let mut newer = client.listen().await;
    newer.comment().await;
    client.call(1, "progress", json!({})).await;
    assert_eq!(newer.next().await.unwrap()["method"], "notifications/message");
    drop(newer);
    // The bridge learns that the stream is closed when it writes to it, at the latest.
    let heard = async { older.next().await.unwrap()["method"].clone() };
    let talk = async {
        for id in 2..50 {
            client.call(id, "progress", json!({})).await;
        }
    };
    let (heard, ()) = tokio::join!(heard, talk);
    assert_eq!(heard, "notifications/message");
    harness.stop().await;
}

#[tokio::test]
async fn i17_a_client_that_comes_back_gets_what_it_missed_and_the_answer() {
    let harness = Harness::with(|settings| settings.limits.patience = Duration::from_millis(10)).await;
    let client = harness.client("plain").await;
    let call = Client::call_message(7, "slow", json!({"key": "a"}));
    let request = client.post(call).header("mcp-protocol-version", "2025-11-25");
    let mut events = Events::of(request.send().await.unwrap());
    events.primed().await;
    let id = events.last_id.clone().unwrap();
    drop(events);
    client.tell(json!({"jsonrpc": "2.0", "method": "test/release", "params": {"key": "a"}})).await;
    let resumed = client.get().header("last-event-id", &id).header("mcp-protocol-version", "2025-11-25");
    let mut events = Events::of(resumed.send().await.unwrap());
    events.primed().await;
    assert_eq!(events.last_id.as_deref(), Some(id.as_str()), "it goes on where it was");
    let answer = events.next().await.unwrap();
    assert_eq!((&answer["id"], &answer["result"]), (&json!(7), &json!({"released": {"key": "a"}})));
    assert_ne!(events.last_id.as_deref(), Some(id.as_str()));
    harness.stop().await;
}

#[tokio::test]
async fn i17_h06_an_event_id_is_good_in_its_own_session_only() {
    let harness = Harness::start().await;
    let (own, other) = (harness.client("plain").await, harness.client("plain").await);
    let mut events = Events::of(own.begin(1, "chatter", json!({"count": 2})).await);
    while events.next().await.is_some() {}
    let id = events.last_id.clone().unwrap();
    for _ in 0..5 {
        other.call(1, "echo", json!(1)).await;
    }
    let resume = |client: &Client<'_>, id: &str| client.get().header("last-event-id", id).send();
    assert_eq!(resume(&other, &id).await.unwrap().status(), 400);
    for unknown in ["", "x", "r1", "r99.0", &"r1.".repeat(50)] {
        assert_eq!(resume(&own, unknown).await.unwrap().status(), 400, "{unknown}");
    }
    let mut again = Events::of(resume(&own, id.replace(".3", ".1").as_str()).await.unwrap());
    let mut missed = Vec::new();
    while let Some(message) = again.next().await {
        missed.push(message);
    }
    assert_eq!(missed.len(), 2);
    assert_eq!(missed[1]["result"], json!({"chatted": true}));
    harness.stop().await;
}

#[tokio::test]
async fn i14_a_cancellation_reaches_the_child_under_the_id_that_it_knows() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    let mut stream = client.listen().await;
    let waiting = client.post(Client::call_message("mine", "silent", json!({}))).send();
    let cancel = async {
        let before = client.call("id", "id", json!({})).await["result"]["id"].as_u64().unwrap();
        let params = json!({"requestId": "mine", "reason": "x", "n": 1.5});
        let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
        // The first call may come before or after this one: it is cancelled once it is there.
        loop {
            client.tell(cancel.clone()).await;
            client.call("progress", "progress", json!({})).await;
            let heard = stream.next().await.unwrap()["params"].clone();
            if let Some(cancelled) = heard.get("cancelled") {
                assert_eq!((&cancelled["reason"], &cancelled["n"]), (&json!("x"), &json!(1.5)));
                assert!(cancelled["requestId"].as_u64().unwrap().abs_diff(before) <= 1);
                break;
            }
        }
        client.delete().await;
    };
    let (waiting, ()) = tokio::join!(waiting, cancel);
    assert_eq!(waiting.unwrap().status(), 200);
    harness.stop().await;
}

#[tokio::test]
async fn i14_ids_and_numbers_survive_byte_for_byte() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    // The fixture parses and writes JSON anew, so only what it gets and what comes from it is compared.
    for id in ["9007199254740993", "-1", "\"1\"", "\"\"", "\"\\u00e9\\\\\""] {
        let body = format!(
            "{{\r\n  \"jsonrpc\": \"2.0\",\n \"id\": {id}, \"method\": \"tools/call\", \"params\": {{\"name\": \"echo\", \"arguments\": 1}}\n}}\n"
        );
        let answer: Value = client.post(body).send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["id"], serde_json::from_str::<Value>(id).unwrap(), "{id}");
        assert_eq!(answer["result"], json!(1));
    }
    harness.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_nothing() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    let request =
        client.post(Client::call_message(1, "slow", json!({"key": "a"}))).timeout(Duration::from_millis(100));
    assert!(request.send().await.is_err());
    assert_eq!(client.begin(1, "echo", json!({})).await.status(), 400, "the request is still open");
    client.tell(json!({"jsonrpc": "2.0", "method": "test/release", "params": {"key": "a"}})).await;
    assert_eq!(client.call(2, "echo", json!(2)).await["result"], json!(2));
    assert_eq!(
        client.call(1, "echo", json!(1)).await["result"],
        json!(1),
        "answered, so the id is free again"
    );
    harness.stop().await;
}
