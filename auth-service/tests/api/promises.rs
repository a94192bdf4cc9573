//! What the user was told on the consent page holds, whatever the client changes about itself afterwards.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{CALLBACK, TestApp};
use crate::browser::{Browser, authorize, code_for, exchange, request_of};

fn metadata(grant_types: &Value) -> Value {
    json!({
        "client_name": "Test App", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none",
        "grant_types": grant_types,
    })
}

/// A client that was registered for codes alone takes up refresh tokens.
async fn takes_up_refreshing(app: &TestApp, client: &Value) {
    let mut body = metadata(&json!(["authorization_code", "refresh_token"]));
    body["client_id"] = client["client_id"].clone();
    let member = |name: &str| client[name].as_str().unwrap();
    let (id, token) = (member("client_id"), member("registration_access_token"));
    let answer = app.manage(Method::PUT, id, token, &body.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

async fn registered_for_codes(app: &TestApp) -> Value {
    app.register(&metadata(&json!(["authorization_code"])).to_string()).await.json()
}

#[tokio::test]
async fn b_14_a_code_for_a_client_that_would_not_stay_connected_never_makes_it_stay() {
    let app = TestApp::new();
    let client = registered_for_codes(&app).await;
    let id = client["client_id"].as_str().unwrap();
    let code = code_for(&app, id).await;
    takes_up_refreshing(&app, &client).await;
    assert_eq!(app.token(&exchange(id, &code)).await.error(), "400 invalid_grant");
}

#[tokio::test]
async fn b_14_an_answer_to_a_page_that_did_not_say_stay_connected_is_void_when_the_client_would() {
    let app = TestApp::new();
    let client = registered_for_codes(&app).await;
    let address = authorize(&request_of(client["client_id"].as_str().unwrap()));
    let mut browser = Browser::new(&app);
    let page = browser.sign_in(&address, "ada").await;
    takes_up_refreshing(&app, &client).await;
    let answer = browser.press(&address, &page, "approve", &[]).await;
    assert_ne!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
}
