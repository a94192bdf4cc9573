//! The official SDKs, through Envoy, to the official MCP servers: nothing in between is ours to bend.

#![expect(clippy::expect_used, clippy::indexing_slicing, reason = "helpers of a test fail it by panicking")]

use gateway_core::jwt::Algorithm;
use gateway_core::jwt::sign::SigningKey;
use gateway_e2e::gateway::Gateway;
use gateway_e2e::raw;
use gateway_e2e::sdk::{Language, Sdk};
use serde_json::{Value, json};

/// Signs in at both servers, lists their tools and calls one of each.
async fn uses_both_servers(language: Language) {
    let gateway = Gateway::start().await;

    let mut everything = Sdk::start(language);
    let connected = everything.connect(&gateway, "everything").await;
    if language == Language::Python {
        assert_eq!(connected["version"], json!("2026-07-28"), "the server knows only older revisions");
    }
    assert!(everything.tools().await.contains(&"echo".to_owned()));
    assert_eq!(everything.call("echo", json!({ "message": "ciao" })).await, "Echo: ciao");

    let mut time = Sdk::start(language);
    time.connect(&gateway, "time").await;
    assert_eq!(time.tools().await, ["get_current_time", "convert_time"]);
    let now = time.call("get_current_time", json!({ "timezone": "Europe/Vienna" })).await;
    assert!(now.contains("Europe/Vienna"), "{now}");

    everything.close().await;
    time.close().await;
    gateway.stop().await;
}

#[tokio::test]
async fn the_typescript_client_signs_in_and_uses_both_servers() {
    uses_both_servers(Language::TypeScript).await;
}

#[tokio::test]
async fn the_python_client_signs_in_and_uses_both_servers() {
    uses_both_servers(Language::Python).await;
}

/// MCP's extension `io.modelcontextprotocol/oauth-client-credentials`, in both of its forms.
#[tokio::test]
async fn the_typescript_client_acts_on_its_own_behalf_with_a_secret_or_with_a_key() {
    let gateway = Gateway::builder().with("CLIENT_CREDENTIALS", "true").start().await;
    let key = SigningKey::from_seed(Algorithm::Es256, &[7; 32]).expect("a key");
    let private_key: Value = serde_json::from_str(&key.to_private_jwk()).expect("a JWK");
    let mut metadata = json!({ "client_name": "Job", "grant_types": ["client_credentials"] });
    let with_secret = gateway.add_client(&metadata, &["time/*"]).await;
    metadata["token_endpoint_auth_method"] = json!("private_key_jwt");
    metadata["jwks"] = json!({ "keys": [key.public_jwk()] });
    let mut with_key = gateway.add_client(&metadata, &["time/get_current_time"]).await;
    with_key["private_key"] = private_key;
    with_key["algorithm"] = json!("ES256");
    let one_tool = &["get_current_time"][..];
    for (mut who, tools) in [(with_secret, &["get_current_time", "convert_time"][..]), (with_key, one_tool)] {
        who["do"] = json!("connect_alone");
        who["url"] = json!(gateway.url("/time/mcp"));
        who["issuer"] = json!(gateway.origin());
        let mut job = Sdk::start(Language::TypeScript);
        job.run(who).await;
        assert_eq!(job.tools().await, tools);
        let now = job.call("get_current_time", json!({ "timezone": "Europe/Vienna" })).await;
        assert!(now.contains("Europe/Vienna"), "{now}");
        job.close().await;
    }
    gateway.stop().await;
}

fn access_token(tokens: &Value) -> String {
    tokens["access_token"].as_str().expect("an access token").to_owned()
}

/// Asks the edge about `token` until it says no: the moment at which the token has expired there.
async fn until_expired(gateway: &Gateway, server: &str, token: &str) {
    let header = format!("authorization: Bearer {token}");
    while raw::get(gateway.edge(), &format!("/{server}/mcp"), &[header.as_bytes()]).await.status != 401 {}
}

/// A token that lives for two seconds expires under a connected client, which notices and refreshes. (The edge gives two
/// seconds of leeway: a client counts from when it got the token, and the Python SDK signs in anew if the edge says no
/// before that. One worker: another one's clock may be a tick behind.)
async fn refreshes_by_itself(language: Language) {
    let gateway = Gateway::builder()
        .with("ACCESS_TOKEN_LIFETIME", "2")
        .with("TOKEN_LEEWAY_SECONDS", "2")
        .with("ENVOY_CONCURRENCY", "1")
        .start()
        .await;
    let mut time = Sdk::start(language);
    time.connect(&gateway, "time").await;
    let first = time.run(json!({ "do": "tokens" })).await;

    until_expired(&gateway, "time", &access_token(&first)).await;
    let now = time.call("get_current_time", json!({ "timezone": "UTC" })).await;
    assert!(now.contains("UTC"), "{now}");

    let second = time.run(json!({ "do": "tokens" })).await;
    assert_ne!(access_token(&first), access_token(&second));
    assert_ne!(first["refresh_token"], second["refresh_token"], "refresh tokens rotate");
    time.close().await;
    gateway.stop().await;
}

#[tokio::test]
async fn the_typescript_client_refreshes_when_its_token_has_expired() {
    refreshes_by_itself(Language::TypeScript).await;
}

#[tokio::test]
async fn the_python_client_refreshes_when_its_token_has_expired() {
    refreshes_by_itself(Language::Python).await;
}

#[tokio::test]
async fn a_token_for_one_server_is_refused_at_the_other() {
    let gateway = Gateway::start().await;
    let mut time = Sdk::start(Language::TypeScript);
    time.connect(&gateway, "time").await;
    let tokens = time.run(json!({ "do": "tokens" })).await;
    let header = format!("authorization: Bearer {}", access_token(&tokens));

    let refused = raw::get(gateway.edge(), "/everything/mcp", &[header.as_bytes()]).await;
    assert_eq!(refused.status, 401, "{}", refused.head);
    let challenge = refused.header("www-authenticate").expect("one challenge");
    let metadata = gateway.url("/.well-known/oauth-protected-resource/everything/mcp");
    let expected =
        format!("Bearer error=\"invalid_token\", resource_metadata=\"{metadata}\", scope=\"mcp:everything\"");
    assert_eq!(challenge, expected);

    time.close().await;
    gateway.stop().await;
}
