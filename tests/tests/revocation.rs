//! What was revoked is dead at the edge, at once, without a call for each request.

#![expect(clippy::expect_used, reason = "helpers of a test fail it by panicking")]

use std::time::Duration;

use gateway_core::time::UnixTime;
use gateway_e2e::browser::{Browser, Shown};
use gateway_e2e::forge::{Forge, now};
use gateway_e2e::gateway::Gateway;
use gateway_e2e::oauth::OAuthClient;
use gateway_e2e::raw;
use gateway_e2e::redis::{Redis, Replica};
use gateway_e2e::upstream::Recorder;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

/// Ids of tokens, in the form that the auth service gives them.
const IDS: [&str; 4] =
    ["AAAAAAAAAAAAAAAAAAAAAA", "BBBBBBBBBBBBBBBBBBBBBA", "CCCCCCCCCCCCCCCCCCCCCA", "DDDDDDDDDDDDDDDDDDDDDA"];

async fn status(gateway: &Gateway, token: &str) -> u16 {
    let header = format!("authorization: Bearer {token}");
    raw::get(gateway.edge(), "/time/mcp", &[header.as_bytes()]).await.status
}

/// Asks until the edge says no: how long that takes is measured by `just bench edge`, not here.
async fn until_refused(gateway: &Gateway, token: &str) {
    while status(gateway, token).await != 401 {}
}

#[tokio::test]
async fn c_31_a_revoked_token_user_or_client_is_refused_at_the_edge_and_nobody_else_is() {
    let recorder = Recorder::start().await;
    let gateway = Gateway::builder().upstream(recorder.address()).start().await;
    let forge = Forge::of(&gateway, "time");
    let token = |jti: &str, user: &str, client: &str| {
        forge.with(|claims| {
            claims.jti = jti.to_owned();
            claims.sub = user.to_owned();
            claims.client_id = client.to_owned();
        })
    };
    let (bystander, by_id) = (token(IDS[0], "local:ada", "c1"), token(IDS[1], "local:ada", "c1"));
    let (by_user, by_client) = (token(IDS[2], "local:bob", "c1"), token(IDS[3], "local:ada", "c2"));
    for token in [&bystander, &by_id, &by_user, &by_client] {
        assert_eq!(status(&gateway, token).await, 200);
    }
    let revocations = [
        (&by_id, json!({ "jti": IDS[1] })),
        (&by_user, json!({ "user": "local:bob" })),
        (&by_client, json!({ "client_id": "c2" })),
    ];
    for (token, revocation) in revocations {
        gateway.revoke(&revocation).await;
        until_refused(&gateway, token).await;
        assert_eq!(status(&gateway, &bystander).await, 200, "after {revocation}");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn c_01_a_replayed_code_kills_the_access_token_that_came_from_it() {
    let recorder = Recorder::start().await;
    let gateway = Gateway::builder().upstream(recorder.address()).start().await;
    let client = OAuthClient::register(&gateway).await;
    let (tokens, exchange) = client.tokens_and_exchange("time").await;
    let access_token = tokens["access_token"].as_str().expect("an access token");
    assert_eq!(status(&gateway, access_token).await, 200);

    let exchange: Vec<(&str, &str)> = exchange.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (replayed, error): (u16, Value) = client.token_request(&exchange).await;
    assert_eq!((replayed, &error["error"]), (400, &json!("invalid_grant")));
    until_refused(&gateway, access_token).await;
    gateway.stop().await;
}

#[tokio::test]
async fn c_31_what_a_user_takes_back_on_their_account_page_is_refused_at_the_edge() {
    let recorder = Recorder::start().await;
    let gateway = Gateway::builder().upstream(recorder.address()).start().await;
    let (client, bystander) = (OAuthClient::register(&gateway).await, OAuthClient::register(&gateway).await);
    let (tokens, others) = (client.tokens("time").await, bystander.tokens("time").await);
    let token = |tokens: &Value, name: &str| tokens[name].as_str().expect("a token").to_owned();
    let (access_token, others) = (token(&tokens, "access_token"), token(&others, "access_token"));
    assert_eq!((status(&gateway, &access_token).await, status(&gateway, &others).await), (200, 200));

    let mut browser = Browser::default();
    let account = browser.sign_in(&gateway.url("/account"), "admin", gateway.password()).await;
    assert!(account.text().contains("Use every tool of time"), "{}", account.text());
    let left = browser.press(&account, "revoke", &[("client_id", client.id())]).await;
    assert!(matches!(left, Shown::Page(page) if page.url.path() == "/account"));
    until_refused(&gateway, &access_token).await;
    let (refused, error) = client.refresh(&token(&tokens, "refresh_token")).await;
    assert_eq!((refused, &error["error"]), (400, &json!("invalid_grant")));
    assert_eq!(status(&gateway, &others).await, 200, "another app's");
    gateway.stop().await;
}

#[tokio::test]
async fn c_31_what_one_replica_revokes_on_redis_dies_at_the_edge_that_listens_to_another() {
    let (recorder, redis) = (Recorder::start().await, Redis::start().await);
    let gateway =
        Gateway::builder().upstream(recorder.address()).with("REDIS_URL", &redis.url()).start().await;
    let replica = Replica::start(&gateway, &redis).await;
    let client = OAuthClient::register(&gateway).await;
    let tokens = client.tokens("time").await;
    let access_token = tokens["access_token"].as_str().expect("an access token");
    assert_eq!(status(&gateway, access_token).await, 200);

    let order = Client::new().post(format!("http://{}/internal/revocations", replica.internal()));
    let answer = order.json(&json!({ "user": "admin" })).send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    until_refused(&gateway, access_token).await;
    let refresh_token = tokens["refresh_token"].as_str().expect("a refresh token");
    let (refused, error) = client.refresh(refresh_token).await;
    assert_eq!((refused, &error["error"]), (400, &json!("invalid_grant")));
    replica.stop().await;
    gateway.stop().await;
}

/// Opens the stream of a new session.
async fn open_stream(gateway: &Gateway, token: &str) -> Response {
    let client = Client::new();
    let with_headers = |request: RequestBuilder| {
        request.bearer_auth(token).header("accept", "application/json, text/event-stream")
    };
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" },
    }});
    let opened = with_headers(client.post(gateway.url("/time/mcp"))).json(&initialize).send().await;
    let opened = opened.expect("an answer");
    let session = opened.headers()["mcp-session-id"].to_str().expect("visible ASCII").to_owned();
    let stream =
        with_headers(client.get(gateway.url("/time/mcp"))).header("mcp-session-id", session).send().await;
    let stream = stream.expect("an answer");
    assert_eq!(stream.status(), 200);
    stream
}

/// Reads until the edge ends the stream, in whatever way.
async fn until_cut(mut stream: Response) {
    while let Ok(Some(_)) = stream.chunk().await {}
}

#[tokio::test]
async fn h_10_streams_end_when_their_token_is_revoked_or_expires_and_others_go_on() {
    let gateway = Gateway::builder().with("TOKEN_LEEWAY_SECONDS", "60").start().await;
    let forge = Forge::of(&gateway, "time");
    let revoked = forge.with(|claims| claims.jti = IDS[0].to_owned());
    let bystander = forge.with(|claims| claims.jti = IDS[1].to_owned());
    // Eight seconds of its life are left, of which one goes into opening the stream.
    let expiring = forge.with(|claims| {
        claims.jti = IDS[2].to_owned();
        claims.exp = UnixTime::from_secs(now().as_secs().saturating_sub(52));
    });
    let mut others = open_stream(&gateway, &bystander).await;
    until_cut(open_stream(&gateway, &expiring).await).await;

    let stream = open_stream(&gateway, &revoked).await;
    gateway.revoke(&json!({ "jti": IDS[0] })).await;
    until_cut(stream).await;
    let silence = tokio::time::timeout(Duration::from_millis(1), others.chunk()).await;
    assert!(!matches!(silence, Ok(Ok(None) | Err(_))), "the bystander's stream is still open");
    gateway.stop().await;
}

#[tokio::test]
async fn a_revocation_outlives_a_crash_of_the_auth_service() {
    let recorder = Recorder::start().await;
    let mut gateway = Gateway::builder().upstream(recorder.address()).start().await;
    let token = Forge::of(&gateway, "time").with(|claims| claims.jti = IDS[0].to_owned());
    gateway.revoke(&json!({ "jti": IDS[0] })).await;
    gateway.stack().program("auth-service").expect("it runs").kill().await;
    gateway.stack().start_auth().await.expect("it starts again");
    until_refused(&gateway, &token).await;
    gateway.stop().await;
}
