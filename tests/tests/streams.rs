//! What flows besides answers: progress, requests from the server, and sessions that belong to one user.

#![expect(clippy::expect_used, reason = "helpers of a test fail it by panicking")]

use gateway_e2e::forge::Forge;
use gateway_e2e::gateway::Gateway;
use gateway_e2e::sdk::{Language, Sdk};
use reqwest::{Client, Response};
use serde_json::{Value, json};

#[tokio::test]
async fn progress_and_requests_of_a_server_reach_the_client_through_envoy() {
    let gateway = Gateway::start().await;
    let mut client = Sdk::start(Language::TypeScript);
    client.connect(&gateway, "everything").await;

    let arguments = json!({ "duration": 0.2, "steps": 4 });
    let name = "trigger-long-running-operation";
    let result = client.run(json!({ "do": "call_tool", "name": name, "arguments": arguments })).await;
    assert_eq!(result["progress"], 4, "{result}");

    let sampled =
        client.call("trigger-sampling-request", json!({ "prompt": "hello", "maxTokens": 10 })).await;
    assert!(sampled.contains("sampled"), "{sampled}");
    client.close().await;
    gateway.stop().await;
}

async fn post(gateway: &Gateway, token: &str, session: Option<&str>, message: Value) -> Response {
    let mut request = Client::new()
        .post(gateway.url("/time/mcp"))
        .bearer_auth(token)
        .header("accept", "application/json, text/event-stream")
        .json(&message);
    if let Some(session) = session {
        request = request.header("mcp-session-id", session);
    }
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn h_06_a_session_belongs_to_the_user_and_client_that_opened_it() {
    let gateway = Gateway::start().await;
    let forge = Forge::of(&gateway, "time");
    let as_user = |user: &str, client: &str| {
        forge.with(|claims| {
            claims.sub = user.to_owned();
            claims.client_id = client.to_owned();
        })
    };
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    }});
    let ping = json!({ "jsonrpc": "2.0", "id": 2, "method": "ping" });

    let opened = post(&gateway, &as_user("local:ada", "c1"), None, initialize).await;
    assert_eq!(opened.status(), 200);
    let session = opened.headers()["mcp-session-id"].to_str().expect("visible ASCII").to_owned();

    let ping_as = |token: String, session: &str| {
        let (session, gateway, ping) = (session.to_owned(), &gateway, ping.clone());
        async move { post(gateway, &token, Some(&session), ping).await.status() }
    };
    let ada = as_user("local:ada", "c1");
    assert_eq!(ping_as(ada.clone(), &session).await, 200);
    let renewed = forge.with(|claims| {
        claims.sub = "local:ada".to_owned();
        claims.client_id = "c1".to_owned();
        claims.jti = "another token of hers".to_owned();
    });
    assert_eq!(ping_as(renewed, &session).await, 200, "a session outlives one token");
    for (user, client) in [("local:eve", "c1"), ("local:ada", "c2")] {
        let stranger = as_user(user, client);
        assert_eq!(ping_as(stranger, &session).await, 404, "{user} with {client}");
    }
    assert_eq!(ping_as(ada.clone(), "no-such-session").await, 404);
    assert_eq!(post(&gateway, &ada, None, ping.clone()).await.status(), 400);
    gateway.stop().await;
}

/// A modern server (Python), and a legacy one (TypeScript) in front of which the bridge translates.
#[tokio::test]
async fn a_modern_client_discovers_servers_of_both_eras() {
    let gateway = Gateway::start().await;
    for server in ["time", "everything"] {
        let token = Forge::of(&gateway, server).token();
        let discover = json!({ "jsonrpc": "2.0", "id": "d", "method": "server/discover", "params": { "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {},
        }}});
        let answer = Client::new()
            .post(gateway.url(&format!("/{server}/mcp")))
            .bearer_auth(&token)
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", "server/discover")
            .json(&discover)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), 200, "{server}");
        assert!(!answer.headers().contains_key("mcp-session-id"));
        let found: Value = answer.json().await.expect("JSON");
        assert_eq!((&found["id"], &found["result"]["resultType"]), (&json!("d"), &json!("complete")));
        assert_eq!(found["result"]["supportedVersions"], json!(["2026-07-28"]), "{server}");
    }
    gateway.stop().await;
}
