//! What revokes: an operator's order, a replay, a reuse, a user who is no more.

use auth_service::flow::revoke::Watch;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};

use crate::app::{NOW, TestApp};
use crate::browser::{Browser, authorize, claim, code_for, connected, exchange, refresh, request_of};
use crate::logs::logs;

const FEED: &str = "/internal/revocations";

async fn ordered(app: &TestApp, order: &Value) -> Value {
    let answer = app.post_internal(FEED, &order.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.json()
}

/// What the revocation of everything of ada says.
fn all_of_ada() -> Value {
    json!({ "sub": "local:a1", "issued_before": NOW, "expires_at": NOW + 3660 })
}

#[tokio::test]
async fn c_31_an_order_against_a_token_is_one_entry_however_often_it_comes() {
    let app = TestApp::new();
    let (client, access, refresh_token) = connected(&app).await;
    let id = claim(&access, "jti");
    let entry = json!({ "jti": id, "expires_at": NOW + 3660 });
    for _ in 0..3 {
        assert_eq!(ordered(&app, &json!({ "jti": id })).await, entry);
        app.clock.advance(0);
    }
    assert_eq!(app.revoked().await, [entry]);
    assert_eq!(refresh(&app, &client, &refresh_token).await.status, StatusCode::OK, "only the one token");
}

#[tokio::test]
async fn c_24_c_31_an_order_against_a_user_ends_tokens_families_codes_and_browsers() {
    let app = TestApp::new();
    for name in ["ada", "local:a1"] {
        let (client, _, refresh_token) = connected(&app).await;
        let code = code_for(&app, &client).await;
        let address = authorize(&request_of(&client));
        let mut browser = Browser::new(&app);
        let page = browser.sign_in(&address, "ada").await;
        assert_eq!(ordered(&app, &json!({ "user": name })).await, all_of_ada());
        assert_eq!(refresh(&app, &client, &refresh_token).await.error(), "400 invalid_grant");
        assert_eq!(app.token(&exchange(&client, &code)).await.error(), "400 invalid_grant");
        let answer = browser.press(&address, &page, "approve", &[]).await;
        assert_ne!(answer.status, StatusCode::SEE_OTHER, "signed out: {}", answer.body);
    }
    assert_eq!(app.revoked().await, [all_of_ada()]);
    app.clock.advance(1);
    let (client, _, refresh_token) = connected(&app).await;
    assert_eq!(refresh(&app, &client, &refresh_token).await.status, StatusCode::OK, "who may, comes back");
    assert!(logs().contains("event=\"revoked\" outcome=\"ok\" user=\"local:a1\""));
}

#[tokio::test]
async fn c_24_an_order_against_a_client_leaves_other_clients_of_its_users_alone() {
    let app = TestApp::new();
    let (client, _, refresh_token) = connected(&app).await;
    let (other, _, others_token) = connected(&app).await;
    let entry = json!({ "client_id": client, "issued_before": NOW, "expires_at": NOW + 3660 });
    assert_eq!(ordered(&app, &json!({ "client_id": client })).await, entry);
    assert_eq!(refresh(&app, &client, &refresh_token).await.error(), "400 invalid_grant");
    assert_eq!(refresh(&app, &other, &others_token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_order_is_understood_in_full_or_refused() {
    let app = TestApp::new();
    for order in [
        "",
        "{}",
        "[]",
        r#"{"jti":null}"#,
        r#"{"jti":"x"}"#,
        r#"{"user":"eve"}"#,
        r#"{"user":""}"#,
        r#"{"client_id":"a b"}"#,
        r#"{"user":"ada","client_id":"c"}"#,
        r#"{"user":"ada","reason":"x"}"#,
        r#"{"user":"ada","user":"bob"}"#,
        r#"{"sub":"local:a1"}"#,
    ] {
        assert_eq!(app.post_internal(FEED, order).await.error(), "400 invalid_request", "{order}");
    }
    let order = || Body::from(r#"{"user":"ada"}"#);
    let as_text = Request::post(FEED).header(header::CONTENT_TYPE, "text/plain").body(order()).unwrap();
    assert_eq!(app.send_internal(as_text).await.error(), "400 invalid_request");
    let by_a_page = Request::post(FEED)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ORIGIN, "http://localhost:8001")
        .body(order())
        .unwrap();
    assert_eq!(app.send_internal(by_a_page).await.error(), "400 invalid_request");
    assert_eq!(app.revoked().await, [] as [Value; 0]);
}

#[tokio::test]
async fn a_sub_can_be_revoked_when_nobody_can_be_looked_up() {
    let app = TestApp::new();
    std::fs::write(app.home.path().join("users.json"), "{").unwrap();
    assert_eq!(ordered(&app, &json!({ "user": "local:a1" })).await, all_of_ada());
    let by_name = app.post_internal(FEED, r#"{"user":"ada"}"#).await;
    assert_eq!(by_name.error(), "503 temporarily_unavailable");
}

#[tokio::test]
async fn c_01_a_replayed_code_revokes_the_access_tokens_that_came_from_it() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let code = code_for(&app, &client).await;
    let first = app.token(&exchange(&client, &code)).await.json();
    app.clock.advance(30);
    let second = refresh(&app, &client, first["refresh_token"].as_str().unwrap()).await.json();
    assert_eq!(app.revoked().await, [] as [Value; 0]);
    assert_eq!(app.token(&exchange(&client, &code)).await.error(), "400 invalid_grant");
    let id = |answer: &Value| claim(answer["access_token"].as_str().unwrap(), "jti");
    let expected = [
        json!({ "jti": id(&first), "expires_at": NOW + 960 }),
        json!({ "jti": id(&second), "expires_at": NOW + 990 }),
    ];
    assert_eq!(app.revoked().await, expected);
}

#[tokio::test]
async fn c_01_also_of_a_client_without_refresh_tokens() {
    let app = TestApp::new();
    let (client, secret) = app.confidential_client().await;
    let code = code_for(&app, &client).await;
    let credentials = format!("{client}:{secret}");
    let issued = app.token_with_basic(&credentials, &exchange(&client, &code)).await.json();
    assert_eq!(
        app.token_with_basic(&credentials, &exchange(&client, &code)).await.error(),
        "400 invalid_grant"
    );
    let id = claim(issued["access_token"].as_str().unwrap(), "jti");
    assert_eq!(app.revoked().await, [json!({ "jti": id, "expires_at": NOW + 960 })]);
}

#[tokio::test]
async fn c_21_reuse_revokes_every_access_token_of_the_family_late_answers_too() {
    let app = TestApp::new();
    let (client, access, first) = connected(&app).await;
    let second = refresh(&app, &client, &first).await.json();
    app.clock.advance(10);
    let again = refresh(&app, &client, &first).await.json();
    app.clock.advance(50);
    assert_eq!(refresh(&app, &client, &first).await.error(), "400 invalid_grant");
    let mut ids = vec![claim(&access, "jti")];
    ids.extend([&second, &again].map(|answer| claim(answer["access_token"].as_str().unwrap(), "jti")));
    let revoked = app.revoked().await;
    assert_eq!(revoked.iter().map(|entry| entry["jti"].as_str().unwrap()).collect::<Vec<_>>(), ids);
}

#[tokio::test]
async fn c_24_a_removed_user_is_noticed_at_the_next_refresh_exchange_or_page() {
    for way in ["refresh", "exchange", "page"] {
        let app = TestApp::new();
        let (client, _, refresh_token) = connected(&app).await;
        let code = code_for(&app, &client).await;
        let address = authorize(&request_of(&client));
        let mut browser = Browser::new(&app);
        browser.sign_in(&address, "ada").await;
        app.users(&[("bob", "b2", &["*"])]);
        match way {
            "refresh" => {
                assert_eq!(refresh(&app, &client, &refresh_token).await.error(), "400 invalid_grant");
            }
            "exchange" => {
                assert_eq!(app.token(&exchange(&client, &code)).await.error(), "400 invalid_grant");
            }
            _ => assert_eq!(browser.open(&address).await.status, StatusCode::OK),
        }
        assert_eq!(app.revoked().await, [all_of_ada()], "{way}");
        app.users(&[("ada", "a1", &["*"])]);
        assert_eq!(refresh(&app, &client, &refresh_token).await.error(), "400 invalid_grant", "{way}");
    }
}

#[tokio::test]
async fn c_24_a_removed_user_is_noticed_without_coming_by() {
    let app = TestApp::new();
    let (client, _, refresh_token) = connected(&app).await;
    let mut watch = Watch::default();
    watch.look(&app.deps).await.unwrap();
    assert_eq!(app.revoked().await, [] as [Value; 0]);
    std::fs::write(app.home.path().join("users.json"), "{").unwrap();
    assert!(watch.look(&app.deps).await.is_err(), "a file that cannot be read removes nobody");
    app.users(&[("bob", "b2", &["*"])]);
    watch.look(&app.deps).await.unwrap();
    assert_eq!(app.revoked().await, [all_of_ada()]);
    app.clock.advance(1);
    watch.look(&app.deps).await.unwrap();
    assert_eq!(app.revoked().await, [all_of_ada()], "once");
    app.users(&[]);
    watch.look(&app.deps).await.unwrap();
    assert_eq!(app.revoked().await.len(), 2, "bob had nothing in the store; what he holds dies too");
    app.users(&[("ada", "a1", &["*"])]);
    assert_eq!(refresh(&app, &client, &refresh_token).await.error(), "400 invalid_grant");
}

#[tokio::test]
async fn c_24_who_was_removed_while_the_service_was_down_is_found_by_what_they_left() {
    let app = TestApp::new();
    connected(&app).await;
    app.users(&[("bob", "b2", &["*"])]);
    Watch::default().look(&app.deps).await.unwrap();
    assert_eq!(app.revoked().await, [all_of_ada()]);
}

#[tokio::test]
async fn who_lost_a_permission_keeps_the_token_until_the_next_refresh_and_who_lost_all_loses_it_there() {
    let app = TestApp::new();
    let (client, access, refresh_token) = connected(&app).await;
    app.users(&[("ada", "a1", &["fetch/*"])]);
    Watch::default().look(&app.deps).await.unwrap();
    assert_eq!(app.revoked().await, [] as [Value; 0]);
    assert_eq!(refresh(&app, &client, &refresh_token).await.error(), "400 invalid_grant");
    assert_eq!(app.revoked().await, [json!({ "jti": claim(&access, "jti"), "expires_at": NOW + 960 })]);
}
