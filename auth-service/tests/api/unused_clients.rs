//! Registrations that have led to no token yet: they are forgotten early.

use auth_service::domain::client::ClientId;
use auth_service::flow::Lifetimes;
use axum::http::{Method, StatusCode};
use gateway_core::time::UnixTime;
use serde_json::json;

use crate::app::{CALLBACK, LIFETIMES, NOW, TestApp};
use crate::browser::{code_for, exchange, refresh};

/// When the store forgets a client.
async fn expiry(app: &TestApp, id: &str) -> Option<u64> {
    let client = app.deps.store.client(&ClientId::parse(id).unwrap(), app.deps.now()).await.unwrap().unwrap();
    client.expires_at.map(UnixTime::as_secs)
}

#[tokio::test]
async fn the_first_token_gives_a_client_its_usual_life() {
    let app = TestApp::new();
    let client = app.public_client().await;
    assert_eq!(expiry(&app, &client).await, Some(NOW + 86_400));
    app.clock.advance(1000);
    let code = code_for(&app, &client).await;
    assert_eq!(expiry(&app, &client).await, Some(NOW + 86_400), "a code is not a token");
    let tokens = app.token(&exchange(&client, &code)).await.json();
    assert_eq!(expiry(&app, &client).await, Some(NOW + 1000 + 7_776_000));
    app.clock.advance(1000);
    refresh(&app, &client, tokens["refresh_token"].as_str().unwrap()).await.json();
    assert_eq!(expiry(&app, &client).await, Some(NOW + 1000 + 7_776_000), "once in half a life");
}

#[tokio::test]
async fn the_first_token_counts_however_long_the_unused_live() {
    let app = TestApp::living(Lifetimes { client: 100_000, ..LIFETIMES });
    let client = app.public_client().await;
    let code = code_for(&app, &client).await;
    app.token(&exchange(&client, &code)).await.json();
    assert_eq!(expiry(&app, &client).await, Some(NOW + 100_000), "although more than half was left");
}

#[tokio::test]
async fn where_clients_live_for_ever_the_unused_do_not() {
    let app = TestApp::living(Lifetimes { client: 0, ..LIFETIMES });
    let client = app.public_client().await;
    assert_eq!(expiry(&app, &client).await, Some(NOW + 86_400));
    let code = code_for(&app, &client).await;
    app.token(&exchange(&client, &code)).await.json();
    assert_eq!(expiry(&app, &client).await, None);
}

#[tokio::test]
async fn the_unused_never_live_longer_than_the_used_and_with_0_as_long() {
    for (client, unused_client, expected) in [
        (500, 86_400, Some(NOW + 500)),
        (500, 0, Some(NOW + 500)),
        (7_776_000, 0, Some(NOW + 7_776_000)),
        (0, 0, None),
    ] {
        let app = TestApp::living(Lifetimes { client, unused_client, ..LIFETIMES });
        let client = app.public_client().await;
        assert_eq!(expiry(&app, &client).await, expected);
    }
}

#[tokio::test]
async fn a_client_is_told_what_it_gets_when_it_is_used() {
    for (client, expected) in [(7_776_000, NOW + 7_776_000), (0, 0)] {
        let app = TestApp::living(Lifetimes { client, ..LIFETIMES });
        let answer = app.register(&json!({ "redirect_uris": [CALLBACK] }).to_string()).await.json();
        assert_eq!(answer["client_secret_expires_at"], expected);
        let (id, token) = (&answer["client_id"], &answer["registration_access_token"]);
        app.clock.advance(10);
        let read = app.manage(Method::GET, id.as_str().unwrap(), token.as_str().unwrap(), "").await.json();
        assert_eq!(read["client_secret_expires_at"], expected, "and is told so again");
    }
}

#[tokio::test]
async fn a_client_that_only_updates_itself_does_not_come_to_a_long_life() {
    let app = TestApp::new();
    let metadata = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
    let mut client = app.register(&metadata.to_string()).await.json();
    let id = client["client_id"].as_str().unwrap().to_owned();
    let token = client["registration_access_token"].take();
    app.clock.advance(1000);
    let mut update = metadata;
    update["client_id"] = json!(id);
    let answer = app.manage(Method::PUT, &id, token.as_str().unwrap(), &update.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(expiry(&app, &id).await, Some(NOW + 1000 + 86_400));
}
