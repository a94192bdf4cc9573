//! Requests of 2026-07-28, in front of a legacy server.

use std::time::Duration;

use futures_util::StreamExt as _;
use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};

use crate::harness::{Events, Harness, code, eventually, messages, runs};

const VERSION: &str = "2026-07-28";

fn meta(capabilities: Value) -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    })
}

fn message(id: Value, method: &str, params: Value) -> Value {
    let mut params = params;
    if params.get("_meta").is_none() {
        params["_meta"] = meta(json!({"elicitation": {}}));
    }
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// A POST with the headers that repeat the body.
fn post(harness: &Harness, server: &str, message: &Value) -> RequestBuilder {
    let params = &message["params"];
    let name = params.get("name").or(params.get("uri")).and_then(Value::as_str);
    let request = harness.post(server, message).header("mcp-protocol-version", VERSION);
    let request = request.header("mcp-method", message["method"].as_str().unwrap());
    name.into_iter().fold(request, |request, name| request.header("mcp-name", name))
}

async fn send(harness: &Harness, server: &str, message: &Value) -> Response {
    post(harness, server, message).send().await.unwrap()
}

fn call(id: impl Into<Value>, tool: &str, arguments: Value) -> Value {
    message(id.into(), "tools/call", json!({"name": tool, "arguments": arguments}))
}

async fn answer(harness: &Harness, server: &str, message: &Value) -> Value {
    let response = send(harness, server, message).await;
    assert_eq!(response.status(), 200);
    messages(response).await.pop().unwrap()
}

#[tokio::test]
async fn a_client_discovers_and_calls_without_a_session() {
    let harness = Harness::start().await;
    let found = answer(&harness, "plain", &message(json!("d"), "server/discover", json!({}))).await;
    let result = &found["result"];
    assert_eq!((&found["id"], &result["supportedVersions"]), (&json!("d"), &json!([VERSION])));
    assert_eq!((&result["ttlMs"], &result["cacheScope"]), (&json!(0), &json!("private")));
    assert_eq!(result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"], json!("fixture"));
    let response = send(&harness, "plain", &call(1, "echo", json!({"a": 1}))).await;
    assert!(!response.headers().contains_key("mcp-session-id"));
    let answer: Value = response.json().await.unwrap();
    assert_eq!((&answer["id"], &answer["result"]["a"]), (&json!(1), &json!(1)));
    assert_eq!(answer["result"]["resultType"], json!("complete"));
    harness.stop().await;
}

#[tokio::test]
async fn h02_headers_that_do_not_say_what_the_body_says_are_refused() {
    let harness = Harness::start().await;
    let body = call(1, "echo", json!({}));
    for (header, value) in [
        ("mcp-method", "tools/list"),
        ("mcp-name", "other"),
        ("mcp-name", "=?base64?ZWNobw=?="),
        ("mcp-protocol-version", "2025-11-25"),
    ] {
        let mut request = post(&harness, "plain", &body).build().unwrap();
        request.headers_mut().insert(header, value.parse().unwrap());
        let response = harness.http.execute(request).await.unwrap();
        assert_eq!(response.status(), 400, "{header}: {value}");
        let body: Value = response.json().await.unwrap();
        assert_eq!((&body["id"], &body["error"]["code"]), (&json!(1), &json!(-32020)), "{header}: {value}");
    }
    for missing in ["mcp-method", "mcp-name", "mcp-protocol-version"] {
        let mut request = post(&harness, "plain", &body).build().unwrap();
        request.headers_mut().remove(missing);
        let response = harness.http.execute(request).await.unwrap();
        assert_eq!((response.status().as_u16(), code(response).await), (400, -32020), "{missing}");
    }
    harness.stop().await;
}

#[tokio::test]
async fn h05_what_the_modern_era_does_not_know_is_refused_in_its_own_way() {
    let harness = Harness::start().await;
    for method in ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"] {
        let response = send(&harness, "plain", &message(json!(1), method, json!({}))).await;
        assert_eq!((response.status().as_u16(), code(response).await), (404, -32601), "{method}");
    }
    for params in
        [json!({"_meta": {}}), json!({"_meta": {"io.modelcontextprotocol/protocolVersion": VERSION}})]
    {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": params});
        let response = send(&harness, "plain", &body).await;
        assert_eq!((response.status().as_u16(), code(response).await), (400, -32602), "{params}");
    }
    let mut future = message(json!("v"), "tools/list", json!({}));
    future["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
    let request = harness.post("plain", &future).header("mcp-protocol-version", "2099-01-01");
    let response = request.header("mcp-method", "tools/list").send().await.unwrap();
    assert_eq!(response.status(), 400);
    let body: Value = response.json().await.unwrap();
    assert_eq!((&body["id"], &body["error"]["code"]), (&json!("v"), &json!(-32022)));
    assert_eq!(body["error"]["data"], json!({"supported": [VERSION], "requested": "2099-01-01"}));
    for method in [reqwest::Method::GET, reqwest::Method::DELETE] {
        let request = harness.http.request(method, harness.url("plain"));
        let response = request.header("mcp-protocol-version", VERSION).send().await.unwrap();
        assert_eq!(
            (response.status().as_u16(), &response.headers()["allow"]),
            (405, &"POST".parse().unwrap())
        );
    }
    let response = json!({"jsonrpc": "2.0", "id": 1, "result": {}});
    let request = harness.post("plain", response).header("mcp-protocol-version", VERSION);
    assert_eq!(request.send().await.unwrap().status(), 400);
    let told = json!({"jsonrpc": "2.0", "method": "notifications/x"});
    let request = harness.post("plain", told).header("mcp-protocol-version", VERSION);
    assert_eq!(request.send().await.unwrap().status(), 202);
    harness.stop().await;
}

#[tokio::test]
async fn h09_equal_ids_of_many_callers_each_get_their_own_answer() {
    let harness = Harness::start().await;
    let calls = (0..1000).map(|number| {
        let harness = &harness;
        async move {
            let (user, canary) = (format!("user-{}", number % 2), format!("{number}-canary"));
            let body = call(1, "echo", json!({"canary": canary}));
            let response = post(harness, "plain", &body).header("x-user-id", &user).send().await.unwrap();
            let answer = messages(response).await.pop().unwrap();
            assert_eq!((&answer["id"], &answer["result"]["canary"]), (&json!(1), &json!(canary)));
        }
    });
    futures_util::stream::iter(calls).buffer_unordered(100).collect::<Vec<()>>().await;
    assert_eq!(harness.bridge.host_count(), 2, "one child for each user");
    harness.stop().await;
}

#[tokio::test]
async fn h11_every_user_and_every_client_has_a_child_of_its_own() {
    let harness = Harness::start().await;
    let mut pids = Vec::new();
    for (user, client) in [("a", "x"), ("b", "x"), ("a", "y"), ("a", "x")] {
        let request = post(&harness, "plain", &call(1, "pid", json!({})));
        let request = request.header("x-user-id", user).header("x-client-id", client);
        pids.push(messages(request.send().await.unwrap()).await.pop().unwrap()["result"]["pid"].clone());
    }
    assert_eq!(pids[0], pids[3]);
    assert!(pids[0] != pids[1] && pids[0] != pids[2] && pids[1] != pids[2]);
    harness.stop().await;
}

#[tokio::test]
async fn i16_h07_what_a_server_asks_becomes_a_result_and_only_its_owner_can_come_back() {
    let harness = Harness::start().await;
    let ask = |id: u64, user: &str, more: Value| {
        let mut body = call(id, "elicit", json!({}));
        for (key, value) in more.as_object().unwrap() {
            body["params"][key] = value.clone();
        }
        post(&harness, "plain", &body).header("x-user-id", user).send()
    };
    let first: Value = ask(1, "ann", json!({})).await.unwrap().json().await.unwrap();
    assert_eq!(first["result"]["resultType"], json!("input_required"));
    assert_eq!(first["result"]["inputRequests"]["7"]["method"], json!("elicitation/create"));
    let state = first["result"]["requestState"].clone();
    let responses = json!({"7": {"action": "accept", "content": {"name": "Ann"}}});
    let retry = json!({"requestState": state, "inputResponses": responses});
    let tampered =
        json!({"requestState": format!("{}x", state.as_str().unwrap()), "inputResponses": responses});
    for (user, more) in [("bob", &retry), ("ann", &tampered)] {
        let response = ask(2, user, more.clone()).await.unwrap();
        assert_eq!((response.status().as_u16(), code(response).await), (400, -32602), "{user}");
    }
    let last: Value = ask(3, "ann", retry.clone()).await.unwrap().json().await.unwrap();
    assert_eq!(last["id"], json!(3));
    assert_eq!(last["result"]["heard"]["content"], json!({"name": "Ann"}));
    let again = ask(4, "ann", retry).await.unwrap();
    assert_eq!(again.status(), 400, "good for one time");
    harness.stop().await;
}

#[tokio::test]
async fn a_client_that_cannot_be_asked_is_told_what_it_lacks() {
    let harness = Harness::start().await;
    let mut body = call(1, "elicit", json!({}));
    body["params"]["_meta"] = meta(json!({}));
    let response = send(&harness, "plain", &body).await;
    assert_eq!(response.status(), 400);
    let refused: Value = response.json().await.unwrap();
    assert_eq!(refused["error"]["code"], json!(-32021));
    assert_eq!(refused["error"]["data"], json!({"requiredCapabilities": {"elicitation": {"form": {}}}}));
    harness.stop().await;
}

#[tokio::test]
async fn a_visit_that_a_server_demands_is_asked_of_those_who_can() {
    let harness = Harness::start().await;
    let mut body = call(1, "visit", json!({}));
    let refused = send(&harness, "plain", &body).await;
    assert_eq!((refused.status().as_u16(), code(refused).await), (400, -32021));
    body["params"]["_meta"] = meta(json!({"elicitation": {"url": {}}}));
    let asked = answer(&harness, "plain", &body).await;
    assert_eq!(asked["result"]["resultType"], json!("input_required"));
    assert_eq!(asked["result"]["inputRequests"]["v"]["params"]["url"], json!("https://a.example/"));
    harness.stop().await;
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_its_request() {
    let harness = Harness::with(|settings| settings.limits.patience = Duration::from_millis(10)).await;
    let mut logged = call("log", "slow", json!({"key": "end"}));
    logged["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!("debug");
    let mut events = Events::of(send(&harness, "plain", &logged).await);
    let mut silent = call("gone", "silent", json!({}));
    silent["params"]["_meta"]["progressToken"] = json!("gone");
    drop(Events::of(send(&harness, "plain", &silent).await));
    let heard = events.next().await.unwrap();
    assert_eq!(heard["params"]["cancelled"]["reason"], json!("the client has gone"));
    harness.stop().await;
}

#[tokio::test]
async fn i15_subscriptions_hear_what_they_asked_for_and_log_messages_are_not_for_them() {
    let harness = Harness::start().await;
    let listen = |id: &str, filter: Value| {
        message(json!(id), "subscriptions/listen", json!({"notifications": filter}))
    };
    let mut tools =
        Events::of(send(&harness, "plain", &listen("t", json!({"toolsListChanged": true}))).await);
    let mut prompts =
        Events::of(send(&harness, "plain", &listen("p", json!({"promptsListChanged": true}))).await);
    let acknowledged = tools.next().await.unwrap();
    assert_eq!(acknowledged["method"], json!("notifications/subscriptions/acknowledged"));
    assert_eq!(acknowledged["params"]["notifications"], json!({"toolsListChanged": true}));
    assert_eq!(
        prompts.next().await.unwrap()["params"]["notifications"],
        json!({}),
        "the server has no prompts"
    );
    let changed = answer(&harness, "plain", &call(1, "change", json!({}))).await;
    assert_eq!(changed["result"]["resultType"], json!("complete"));
    let heard = tools.next().await.unwrap();
    assert_eq!(heard["method"], json!("notifications/tools/list_changed"));
    assert_eq!(heard["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], json!("t"));
    answer(&harness, "plain", &call(1, "crash", json!({}))).await;
    let ended = prompts.next().await.unwrap();
    assert_eq!((&ended["id"], &ended["result"]["resultType"]), (&json!("p"), &json!("complete")));
    assert_eq!(prompts.next().await, None);
    harness.stop().await;
}

#[tokio::test]
async fn i08_a_child_that_crashed_is_replaced_for_the_next_request() {
    let harness = Harness::start().await;
    let crashed = answer(&harness, "plain", &call(1, "crash", json!({}))).await;
    assert_eq!(crashed["error"]["data"]["reason"], json!("server_exited"));
    eventually("the child is gone", || harness.bridge.host_count() == 0).await;
    assert_eq!(answer(&harness, "plain", &call(2, "echo", json!({"b": 2}))).await["result"]["b"], json!(2));
    harness.stop().await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_the_probe_is_a_legacy_one() {
    let harness = Harness::with(|settings| settings.limits.probe_timeout = Duration::from_millis(300)).await;
    let answered = answer(&harness, "silent-discover", &call(1, "echo", json!({"a": 1}))).await;
    assert_eq!(answered["result"]["a"], json!(1));
    for server in ["crash-at-start", "crash-at-initialize", "refuse-initialize"] {
        let response = send(&harness, server, &call(1, "echo", json!({}))).await;
        assert_eq!(response.status(), 503, "{server}");
    }
    assert_eq!(harness.bridge.host_count(), 1);
    harness.stop().await;
}

#[tokio::test]
async fn i15_a_child_is_shared_only_where_the_operator_says_that_it_is_stateless() {
    let harness = Harness::start().await;
    let mut pids = Vec::new();
    for user in ["ann", "bob", "eve"] {
        let mut question = call(1, "pid", json!({}));
        // What somebody says of their own client makes no child of their own.
        question["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
            json!({ "experimental": { user: {} } });
        let request = post(&harness, "stateless", &question).header("x-user-id", user);
        pids.push(messages(request.send().await.unwrap()).await.pop().unwrap()["result"]["pid"].clone());
    }
    assert!(pids.iter().all(|pid| *pid == pids[0]));
    let mut logs = call(2, "progress", json!({}));
    logs["params"]["_meta"]["io.modelcontextprotocol/logLevel"] = json!("debug");
    assert_eq!(messages(send(&harness, "stateless", &logs).await).await.len(), 1, "logs could be another's");
    let asked = answer(&harness, "stateless", &call(3, "elicit", json!({}))).await;
    assert!(asked["result"].get("inputRequests").is_none(), "the question could be about another's request");
    harness.stop().await;
}

#[tokio::test]
async fn a_server_gets_ready_although_its_clients_give_up_waiting() {
    let harness = Harness::with(|settings| settings.limits.probe_timeout = Duration::from_millis(600)).await;
    let mut given_up = 0;
    let served = loop {
        let request = post(&harness, "silent-discover", &call(1, "echo", json!({"a": 1})));
        match request.timeout(Duration::from_millis(150)).send().await {
            Ok(response) => break messages(response).await.pop().unwrap(),
            Err(_) => given_up += 1,
        }
        assert!(given_up < 100, "every client begins anew");
    };
    assert_eq!(served["result"]["a"], json!(1));
    assert!(given_up > 0);
    harness.stop().await;
}

#[tokio::test]
async fn a_modern_child_serves_many_callers_with_equal_ids_and_tokens() {
    let harness = Harness::start().await;
    let listen =
        message(json!("same"), "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}}));
    let json_only = harness.http.post(harness.url("modern")).header("accept", "application/json");
    let json_only =
        json_only.header("content-type", "application/json").header("mcp-method", "subscriptions/listen");
    let refused =
        json_only.header("mcp-protocol-version", VERSION).body(listen.to_string()).send().await.unwrap();
    assert_eq!(refused.status(), 406);
    let mut streams = Vec::new();
    for _ in 0..2 {
        let mut events = Events::of(send(&harness, "modern", &listen).await);
        let acknowledged = events.next().await.unwrap();
        assert_eq!(acknowledged["method"], json!("notifications/subscriptions/acknowledged"));
        streams.push(events);
    }
    let mut progress = call("same", "test_tool_with_progress", json!({}));
    progress["params"]["_meta"]["progressToken"] = json!("same");
    let (one, two) = tokio::join!(send(&harness, "modern", &progress), send(&harness, "modern", &progress));
    for response in [one, two] {
        let all = messages(response).await;
        assert_eq!(all.len(), 4, "{all:?}");
        assert!(all[..3].iter().all(|message| message["params"]["progressToken"] == json!("same")));
        assert_eq!(all[3]["id"], json!("same"));
    }
    answer(&harness, "modern", &call("same", "test_trigger_tool_change", json!({}))).await;
    for events in &mut streams {
        let heard = events.next().await.unwrap();
        assert_eq!(heard["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"], json!("same"));
    }
    harness.stop().await;
}

#[tokio::test]
async fn h08_a_child_that_nobody_uses_makes_room_and_one_that_works_does_not() {
    let harness = Harness::with(|settings| {
        settings.limits.max_sessions_per_user = 2;
        settings.limits.patience = Duration::from_millis(10);
    })
    .await;
    let ask = |client: &str, tool: &str| {
        let request = post(&harness, "plain", &call(1, tool, json!({})));
        request.header("x-user-id", "ann").header("x-client-id", client).send()
    };
    let pid = async |client: &str| {
        let answered = messages(ask(client, "pid").await.unwrap()).await.pop().unwrap();
        answered["result"]["pid"].as_u64().unwrap()
    };
    // The probe of the server is a process, too: another user pays for it.
    answer(&harness, "plain", &call(1, "pid", json!({}))).await;
    let (first, second) = (pid("a").await, pid("b").await);
    assert_eq!(pid("a").await, first);
    let third = pid("c").await;
    assert!(!runs(second) && runs(first) && runs(third), "the one that was used least recently");
    let busy = [ask("a", "silent").await.unwrap(), ask("c", "silent").await.unwrap()];
    let refused = ask("d", "pid").await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    drop(busy);
    harness.stop().await;
}
