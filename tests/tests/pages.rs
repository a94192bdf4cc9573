//! Web pages at the edge: allowed ones can use the gateway from the browser, others cannot.

use gateway_e2e::forge::Forge;
use gateway_e2e::gateway::Gateway;
use gateway_e2e::raw;
use gateway_e2e::upstream::Recorder;
use reqwest::{Client, Method};
use serde_json::json;

const METADATA: &str = "/.well-known/oauth-protected-resource/time/mcp";

#[tokio::test]
async fn h_01_a_foreign_page_or_name_gets_403_on_every_route() {
    let recorder = Recorder::start().await;
    let gateway = Gateway::builder().upstream(recorder.address()).start().await;
    let token = format!("authorization: Bearer {}", Forge::of(&gateway, "time").token());
    let own = format!("origin: {}", gateway.origin());
    for path in ["/time/mcp", METADATA, "/.well-known/oauth-authorization-server", "/jwks.json"] {
        for origin in ["https://evil.example", "null", "http://localhost.evil.com", "http://localhost", ""] {
            let origin = format!("origin: {origin}");
            let answer = raw::get(gateway.edge(), path, &[token.as_bytes(), origin.as_bytes()]).await;
            assert_eq!(answer.status, 403, "{path} {origin}: {}", answer.body);
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
        for host in ["evil.example", "localhost.evil.com", "localhost@evil.example", "127.0.0.1.evil.example"]
        {
            let head = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n{token}\r\n");
            let status = raw::send(gateway.edge(), head.as_bytes()).await.status;
            assert!(status == 403 || status == 400, "{path} for {host}: {status}");
        }
        assert_eq!(
            raw::get(gateway.edge(), path, &[token.as_bytes(), own.as_bytes()]).await.status,
            200,
            "{path}"
        );
        assert_eq!(raw::get(gateway.edge(), path, &[token.as_bytes()]).await.status, 200, "{path}");
    }
    assert_eq!(recorder.heads().len(), 2, "two calls of the server were right");
    gateway.stop().await;
}

#[tokio::test]
async fn h_13_an_allowed_page_can_ask_first_and_read_the_answers() {
    let recorder = Recorder::start().await;
    let page = "https://app.example";
    let gateway = Gateway::builder().with("ALLOWED_ORIGINS", page).upstream(recorder.address()).start().await;
    let token = Forge::of(&gateway, "time").token();
    for path in ["/time/mcp", METADATA, "/token", "/register"] {
        let preflight = Client::new()
            .request(Method::OPTIONS, gateway.url(path))
            .header("origin", page)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "authorization, mcp-protocol-version, mcp-param-region")
            .send()
            .await
            .expect("an answer");
        assert_eq!(
            (preflight.status().as_u16(), preflight.headers()["access-control-allow-origin"].as_bytes()),
            (204, page.as_bytes())
        );
        let allowed =
            preflight.headers()["access-control-allow-headers"].to_str().expect("text").to_ascii_lowercase();
        assert!(allowed.contains("authorization") && allowed.contains("mcp-param-region"), "{allowed}");
        assert!(!preflight.headers().contains_key("access-control-allow-credentials"));
    }
    for (path, token, status) in
        [("/time/mcp", Some(token), 200), ("/time/mcp", None, 401), (METADATA, None, 200)]
    {
        let mut request = Client::new().get(gateway.url(path)).header("origin", page);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{path}");
        assert_eq!(answer.headers()["access-control-allow-origin"], page, "{path}");
        let exposed = answer.headers()["access-control-expose-headers"].to_str().expect("text");
        assert!(exposed.contains("WWW-Authenticate") && exposed.contains("Mcp-Session-Id"), "{exposed}");
    }
    assert_eq!(recorder.heads().len(), 1, "a preflight does not reach the server");
    gateway.stop().await;
}

#[tokio::test]
async fn h_01_an_allowed_page_gets_through_to_the_server_and_nobody_gets_to_it_past_the_edge() {
    let page = "https://app.example";
    let mut gateway = Gateway::builder().with("ALLOWED_ORIGINS", page).start().await;
    let token = Forge::of(&gateway, "time").token();
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    }});
    let post = |url: String| {
        let request = Client::new().post(url).json(&initialize);
        request.header("accept", "application/json, text/event-stream").header("origin", page)
    };
    let answer = post(gateway.url("/time/mcp")).bearer_auth(token).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["access-control-allow-origin"], page);

    let bridge = format!("http://{}/time/mcp", gateway.stack().settings().bridge_bind);
    let claimed =
        post(bridge).header("x-user-id", "local:ada").header("x-client-id", "c").header("x-scopes", "mcp");
    assert_eq!(claimed.send().await.expect("an answer").status(), 403, "an identity without proof");
    gateway.stop().await;
}
