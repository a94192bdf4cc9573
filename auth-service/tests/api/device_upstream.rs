//! Users of devices who sign in at a provider outside.

use axum::http::StatusCode;
use serde_json::json;

use crate::browser::{Browser, claim, text_of};
use crate::fake_provider::FakeProvider;
use crate::logs::logs;
use crate::upstream::{address, app, leave, travel};

#[tokio::test]
async fn b_01_a_user_of_a_device_signs_in_at_a_provider_and_is_then_asked_about_the_device() {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let metadata =
        json!({ "client_name": "Telly", "grant_types": [grant], "token_endpoint_auth_method": "none" });
    let client = app.register(&metadata.to_string()).await.json()["client_id"].as_str().unwrap().to_owned();
    let form = [("client_id", client.as_str()), ("resource", "https://gw.example/time/mcp")];
    let begun = app.post("/device_authorization", &form).await.json();
    let address = format!("/device?user_code={}", begun["user_code"].as_str().unwrap());
    let mut browser = Browser::new(&app);
    assert!(text_of(&browser.open(&address).await).contains("Continue with GitHub"));
    let back = travel(&mut browser, &fake, &address, "github").await;
    assert_eq!(back.header("location"), address, "{}", back.body);
    let page = browser.open(&address).await;
    assert!(text_of(&page).contains("Telly wants to use time as you"), "{}", page.body);
    let user_code = begun["user_code"].as_str().unwrap();
    assert!(text_of(&page).contains(user_code), "rfc_8628_5_4: it is shown and asked about: {}", page.body);
    let store = std::fs::read(app.home.path().join(auth_service::app::STORE_FILE)).unwrap();
    for secret in [user_code, &user_code.replace('-', "")] {
        assert!(!store.windows(secret.len()).any(|window| window == secret.as_bytes()), "j_07: {secret}");
        assert!(!logs().contains(secret), "j_07: {secret}");
    }
    assert_eq!(browser.press(&address, &page, "approve", &[]).await.status, StatusCode::OK);
    let form = [
        ("grant_type", grant),
        ("device_code", begun["device_code"].as_str().unwrap()),
        ("client_id", client.as_str()),
    ];
    let token = app.token(&form).await.json()["access_token"].as_str().unwrap().to_owned();
    assert!(claim(&token, "sub").starts_with("github:"));
}

#[tokio::test]
async fn rfc_8628_5_4_who_left_without_a_code_types_it_and_gets_no_older_one() {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let mut browser = Browser::new(&app);
    leave(&mut browser, "/device?user_code=BBBB-BBBB", "github").await;
    let back = travel(&mut browser, &fake, "/device", "github").await;
    assert_eq!(back.header("location"), "/device");
    assert!(text_of(&browser.open("/device").await).contains("Type the code"));
    let elsewhere = address(&app).await;
    leave(&mut browser, "/device?user_code=BBBB-BBBB", "github").await;
    let back = travel(&mut browser, &fake, &elsewhere, "github").await;
    assert_eq!(back.header("location"), elsewhere, "a code is for its own page only");
}
