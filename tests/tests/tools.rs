//! Permissions for single tools: the edge lets through what a token covers, hides the rest, and says what is missing.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of a test fail it by panicking"
)]

use gateway_e2e::forge::Forge;
use gateway_e2e::gateway::Gateway;
use gateway_e2e::raw;
use gateway_e2e::sdk::{Language, Sdk};
use gateway_e2e::upstream::Recorder;
use reqwest::{Client, Response};
use serde_json::{Value, json};

/// A client of the legacy era that speaks JSON-RPC by hand.
struct Session<'a> {
    gateway: &'a Gateway,
    token: String,
    accept: &'static str,
    id: Option<String>,
}

impl<'a> Session<'a> {
    async fn open(gateway: &'a Gateway, scope: &str, accept: &'static str) -> Self {
        let token = Forge::of(gateway, "everything").with(|claims| scope.clone_into(&mut claims.scope));
        let mut session = Self { gateway, token, accept, id: None };
        let answer = session
            .send(json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
                "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
            }}))
            .await;
        assert_eq!(answer.status(), 200, "{:?}", answer.text().await);
        session.id = answer.headers().get("mcp-session-id").and_then(|id| Some(id.to_str().ok()?.to_owned()));
        session.send(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" })).await;
        session
    }

    async fn send(&self, message: Value) -> Response {
        self.send_text(message.to_string()).await
    }

    async fn send_text(&self, message: String) -> Response {
        let mut request = Client::new()
            .post(self.gateway.url("/everything/mcp"))
            .bearer_auth(&self.token)
            .header("accept", self.accept)
            .header("accept-encoding", "gzip")
            .header("content-type", "application/json")
            .body(message);
        if let Some(id) = &self.id {
            request = request.header("mcp-session-id", id);
        }
        request.send().await.expect("an answer")
    }

    async fn call(&self, tool: &str, arguments: Value) -> Response {
        let parameters = json!({ "name": tool, "arguments": arguments });
        self.send(json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": parameters })).await
    }

    async fn list(&self) -> Vec<String> {
        let answer = self.send(json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/list" })).await;
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.expect("a body");
        // On a stream, notifications can come before the answer.
        let messages = text.lines().map(|line| line.strip_prefix("data: ").unwrap_or(line));
        let mut messages = messages.filter_map(|json| serde_json::from_str::<Value>(json).ok());
        let answer =
            messages.find(|message| message["id"] == 3).unwrap_or_else(|| panic!("no answer in {text}"));
        let tools = answer["result"]["tools"].as_array().expect("tools");
        tools.iter().filter_map(|tool| Some(tool["name"].as_str()?.to_owned())).collect()
    }
}

const BOTH: &str = "application/json, text/event-stream";

#[tokio::test]
async fn a_token_for_single_tools_calls_them_sees_them_and_nothing_else() {
    let gateway = Gateway::start().await;
    for accept in [BOTH, "application/json", "text/event-stream"] {
        let session = Session::open(&gateway, "mcp:everything:echo mcp:everything:get-sum", accept).await;
        assert_eq!(session.list().await, ["echo", "get-sum"], "{accept}");

        let echo = session.call("echo", json!({ "message": "ciao" })).await;
        assert_eq!(echo.status(), 200);
        assert!(echo.text().await.expect("a body").contains("Echo: ciao"));

        for (method, params) in [
            ("prompts/get", json!({ "name": "simple-prompt" })),
            ("resources/read", json!({ "uri": "demo://resource/static/text/1" })),
        ] {
            let message = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
            let refused = session.send(message).await;
            assert_eq!(refused.status(), 403, "{method}");
            let error: Value = refused.json().await.expect("JSON");
            assert_eq!(error["error"]["data"]["scope"], "mcp:everything", "{method}");
        }

        let refused = session.call("get-env", json!({})).await;
        assert_eq!(refused.status(), 403);
        let challenge = refused.headers()["www-authenticate"].to_str().expect("visible ASCII").to_owned();
        assert!(challenge.starts_with("Bearer error=\"insufficient_scope\""), "{challenge}");
        assert!(challenge.ends_with("scope=\"mcp:everything:get-env\""), "{challenge}");
        let error: Value = refused.json().await.expect("JSON");
        assert_eq!(
            (&error["id"], &error["error"]["data"]["scope"]),
            (&json!(2), &json!("mcp:everything:get-env"))
        );
    }
    gateway.stop().await;
}

#[tokio::test]
async fn h_04_a_message_that_two_readers_could_take_differently_never_reaches_the_server() {
    let recorder = Recorder::start().await;
    let gateway = Gateway::builder().upstream(recorder.address()).start().await;
    let token = Forge::of(&gateway, "time").with(|claims| claims.scope = "mcp:time:now".to_owned());
    let bodies = [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"now","name":"set"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"now"},"Params":{"name":"set"}}"#,
        r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"now"}}]"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"} {"jsonrpc":"2.0","id":2,"method":"x"}"#,
        "",
    ];
    for body in bodies {
        let length = body.len();
        let head = format!(
            "POST /time/mcp HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {token}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
        let answer = raw::send_whole(gateway.edge(), head.as_bytes()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.head);
    }
    assert_eq!(recorder.heads(), [] as [&str; 0]);
    gateway.stop().await;
}

#[tokio::test]
async fn a_body_is_read_up_to_its_limit_only_and_not_at_all_for_a_token_that_covers_the_server() {
    let gateway = Gateway::start().await;
    let long = "x".repeat(1_500_000);
    let narrow = Session::open(&gateway, "mcp:everything:echo", BOTH).await;
    assert_eq!(narrow.call("echo", json!({ "message": long })).await.status(), 413);
    let shorter = "x".repeat(900_000);
    assert_eq!(narrow.call("echo", json!({ "message": shorter })).await.status(), 200);
    let wide = Session::open(&gateway, "mcp:everything", BOTH).await;
    let echo = wide.call("echo", json!({ "message": long })).await;
    assert_eq!(echo.status(), 200);
    assert!(echo.text().await.expect("a body").len() > long.len());
    gateway.stop().await;
}

#[tokio::test]
async fn a_user_who_may_use_one_tool_signs_in_and_gets_that_one() {
    let gateway = Gateway::start().await;
    gateway.set_allowed_tools(&["time/get_current_time"]);
    for language in [Language::TypeScript, Language::Python] {
        let mut client = Sdk::start(language);
        client.connect(&gateway, "time").await;
        assert_eq!(client.tools().await, ["get_current_time"], "{language:?}");
        let now = client.call("get_current_time", json!({ "timezone": "UTC" })).await;
        assert!(now.contains("UTC"), "{now}");
        client.close().await;
    }
    gateway.stop().await;
}
