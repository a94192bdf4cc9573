//! Legacy clients in front of a modern server: the session lives in the bridge.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Client, Events, Harness, messages};

fn last_text(messages: &[Value]) -> String {
    messages.last().unwrap()["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_session_begins_although_the_server_knows_no_initialize() {
    let harness = Harness::start().await;
    for _ in 0..2 {
        let client = harness.client("modern").await;
        let answer = client.call("a", "test_simple_text", json!({})).await;
        assert_eq!(answer["id"], json!("a"));
        assert!(last_text(&[answer]).contains("simple text"));
        for method in ["ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"] {
            let params = json!({"level": "info", "uri": "test://watched-resource"});
            let body = json!({"jsonrpc": "2.0", "id": method, "method": method, "params": params});
            let answer: Value = client.post(body).send().await.unwrap().json().await.unwrap();
            assert_eq!(answer, json!({"jsonrpc": "2.0", "id": method, "result": {}}));
        }
        assert_eq!(client.delete().await.status(), 204);
    }
    harness.stop().await;
}

#[tokio::test]
async fn i16_what_a_modern_server_needs_is_asked_of_the_client_until_it_is_there() {
    let harness = Harness::start().await;
    let client = Client::able(&harness, "modern", json!({"elicitation": {}})).await;
    let mut events = Events::of(client.begin(1, "test_input_required_result_multi_round", json!({})).await);
    for name in ["Ann", "Bob"] {
        let asked = events.next().await.unwrap();
        assert_eq!(asked["method"], json!("elicitation/create"));
        let result = json!({"action": "accept", "content": {"name": name}});
        let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
        assert_eq!(client.tell(answer.clone()).await.status(), 202);
        assert_eq!(client.tell(answer).await.status(), 202, "a second answer changes nothing");
    }
    let last = events.next().await.unwrap();
    assert_eq!(last["id"], json!(1));
    assert!(last_text(&[last]).contains("Bob"));
    assert_eq!(events.next().await, None);
    harness.stop().await;
}

#[tokio::test]
async fn i16_a_client_that_refuses_ends_the_request() {
    let harness = Harness::start().await;
    let client = Client::able(&harness, "modern", json!({"elicitation": {}})).await;
    let mut events = Events::of(client.begin(1, "test_elicitation", json!({"message": "?"})).await);
    let asked = events.next().await.unwrap();
    let error = json!({"code": -1, "message": "no"});
    client.tell(json!({"jsonrpc": "2.0", "id": asked["id"], "error": error})).await;
    assert_eq!(events.next().await, Some(json!({"jsonrpc": "2.0", "id": 1, "error": error})));
    assert_eq!(client.call(1, "test_simple_text", json!({})).await["id"], json!(1), "the id is free again");
    harness.stop().await;
}

#[tokio::test]
async fn logs_and_changes_come_as_a_legacy_server_would_send_them() {
    let harness = Harness::with(|settings| settings.limits.patience = Duration::from_millis(10)).await;
    let client = harness.client("modern").await;
    let quiet = messages(client.begin(1, "test_logging_tool", json!({})).await).await;
    assert_eq!(quiet.len(), 1, "the modern era logs for those only who ask");
    let level = json!({"jsonrpc": "2.0", "id": 2, "method": "logging/setLevel", "params": {"level": "info"}});
    assert_eq!(client.post(level).send().await.unwrap().status(), 200);
    let logged = messages(client.begin(3, "test_logging_tool", json!({})).await).await;
    assert_eq!(logged.len(), 4);
    let mut stream = client.listen().await;
    client.call(4, "test_trigger_tool_change", json!({})).await;
    assert_eq!(stream.next().await.unwrap()["method"], json!("notifications/tools/list_changed"));
    harness.stop().await;
}
