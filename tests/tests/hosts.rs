//! The layout in which every server has a host: the whole gateway, asked as a proxy that ends TLS before it asks.

#![expect(clippy::expect_used, reason = "helpers of a test fail it by panicking")]

use gateway_e2e::gateway::Gateway;
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use url::Url;

const TIME: &str = "https://time.gw.example/mcp";
const EVERYTHING: &str = "https://everything.gw.example/mcp";

/// A request for `url`, as it reaches Envoy.
fn request(gateway: &Gateway, method: Method, url: &str) -> RequestBuilder {
    let url = Url::parse(url).expect("an absolute address");
    let host = url.host_str().expect("a host").to_owned();
    let address = format!("http://{}{}", gateway.edge(), url.path());
    reqwest::Client::new().request(method, address).header("host", host)
}

async fn get(gateway: &Gateway, url: &str) -> Value {
    let answer = request(gateway, Method::GET, url).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{url}");
    answer.json().await.expect("JSON")
}

/// The first message of a client.
async fn initialize(gateway: &Gateway, url: &str, token: Option<&str>) -> Response {
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params });
    let request = request(gateway, Method::POST, url).json(&message);
    let request = request.header("accept", "application/json, text/event-stream");
    let request = token.into_iter().fold(request, RequestBuilder::bearer_auth);
    request.send().await.expect("an answer")
}

fn challenge(answer: &Response) -> String {
    let value = answer.headers().get("www-authenticate").expect("a challenge");
    value.to_str().expect("ASCII").to_owned()
}

/// What a client finds that knows nothing but the address of its server: where to get a token.
async fn discovered_token_endpoint(gateway: &Gateway, resource: &str) -> String {
    let refused = initialize(gateway, resource, None).await;
    assert_eq!(refused.status(), 401);
    let challenge = challenge(&refused);
    let metadata = challenge.split('"').nth(1).expect("the metadata's address");
    let metadata = get(gateway, metadata).await;
    assert_eq!(metadata.get("resource"), Some(&json!(resource)));
    let issuer = metadata.pointer("/authorization_servers/0").and_then(Value::as_str).expect("an issuer");
    let server = get(gateway, &format!("{issuer}/.well-known/oauth-authorization-server")).await;
    assert_eq!(server.get("issuer"), Some(&json!(issuer)));
    server.get("token_endpoint").and_then(Value::as_str).expect("an endpoint").to_owned()
}

#[tokio::test]
async fn f_14_discovery_leads_from_a_host_to_a_token_that_no_other_host_accepts() {
    let builder = Gateway::builder().with("PUBLIC_URL", "").with("BASE_DOMAIN", "gw.example");
    let gateway = builder.with("CLIENT_CREDENTIALS", "true").start().await;
    let endpoint = discovered_token_endpoint(&gateway, TIME).await;
    assert_eq!(endpoint, "https://auth.gw.example/token");

    let metadata = json!({
        "client_name": "machine",
        "grant_types": ["client_credentials"],
        "token_endpoint_auth_method": "client_secret_post",
    });
    let client = gateway.add_client(&metadata, &["time/*", "everything/*"]).await;
    let of_client = |name: &str| client.get(name).and_then(Value::as_str).expect("a text").to_owned();
    let form = [
        ("grant_type", "client_credentials".to_owned()),
        ("client_id", of_client("client_id")),
        ("client_secret", of_client("client_secret")),
        ("resource", TIME.to_owned()),
    ];
    let issued = request(&gateway, Method::POST, &endpoint).form(&form).send().await.expect("an answer");
    let issued: Value = issued.json().await.expect("JSON");
    let token = issued.get("access_token").and_then(Value::as_str).expect("an access token");

    let answer = initialize(&gateway, TIME, Some(token)).await;
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.expect("a message").contains("mcp-time"), "the server of this host answers");
    let refused = initialize(&gateway, EVERYTHING, Some(token)).await;
    assert_eq!(refused.status(), 401);
    let challenge = challenge(&refused);
    let metadata = "https://everything.gw.example/.well-known/oauth-protected-resource/mcp";
    assert!(challenge.contains("invalid_token") && challenge.contains(metadata), "{challenge}");
    for (nowhere, status) in [
        ("https://auth.gw.example/mcp", 404),
        ("https://time.gw.example/time/mcp", 404),
        ("https://time.gw.example/token", 404),
        ("https://git.gw.example/mcp", 403),
        ("https://evil.example/mcp", 403),
    ] {
        assert_eq!(initialize(&gateway, nowhere, Some(token)).await.status(), status, "{nowhere}");
    }
    gateway.stop().await;
}
