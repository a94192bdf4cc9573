//! J-07: what was handed out as a secret is found nowhere else: not in the logs (of all tests of this binary), not in
//! the data directory.

use axum::http::{Method, StatusCode};
use serde_json::json;

use crate::app::{CALLBACK, PASSWORD, TestApp, VERIFIER};
use crate::browser::{Browser, authorize, request_of, verified};
use crate::logs::logs;

/// The whole flow, mistakes included; gives every secret that came up in it.
async fn everything(app: &TestApp) -> Vec<String> {
    let (id, secret) = app.confidential_client().await;
    let client = app.public_client().await;
    let address = authorize(&request_of(&client));
    let mut browser = Browser::new(app);
    browser
        .submit(&address, &[("action", "sign-in"), ("username", PASSWORD), ("password", "mistyped")])
        .await;
    let page = browser.sign_in(&address, "ada").await;
    let ticket = crate::browser::forms_of(&page)[0].fields[0].1.clone();
    let code = browser.press(&address, &page, "approve", &[]).await.redirected("code");
    browser.press(&address, &page, "approve", &[]).await;
    let exchange = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("client_id", &client),
        ("code_verifier", VERIFIER),
    ];
    let issued = app.token(&exchange).await.json();
    let refresh = issued["refresh_token"].as_str().unwrap().to_owned();
    let refreshing =
        [("grant_type", "refresh_token"), ("refresh_token", refresh.as_str()), ("client_id", &client)];
    let again = app.token(&refreshing).await.json();
    assert_eq!(verified(app, issued["access_token"].as_str().unwrap()).await, StatusCode::OK);
    app.token(&exchange).await;
    app.token(&refreshing).await;
    app.token_with_basic(&format!("{id}:{secret}x"), &[("grant_type", "refresh_token")]).await;
    let access = issued["access_token"].as_str().unwrap();
    for token in [access, &refresh, "mistyped"] {
        app.post_with_basic("/revoke", &format!("{id}:{secret}"), &[("token", token)]).await;
        app.post("/revoke", &[("token", token), ("client_id", &client)]).await;
        app.post_with_basic("/introspect", &format!("{id}:{secret}"), &[("token", token)]).await;
    }
    let registration = managed(app).await;
    let cookie = browser.cookie.clone().unwrap().split_once('=').unwrap().1.to_owned();
    let member = |json: &serde_json::Value, name: &str| json[name].as_str().unwrap().to_owned();
    vec![
        secret,
        registration.0,
        registration.1,
        PASSWORD.to_owned(),
        "mistyped".to_owned(),
        cookie,
        ticket,
        code,
        VERIFIER.to_owned(),
        member(&issued, "access_token"),
        refresh,
        member(&again, "access_token"),
        member(&again, "refresh_token"),
    ]
}

/// A client that manages itself, mistakes included; gives its registration token and its secret.
async fn managed(app: &TestApp) -> (String, String) {
    let client = app.register(&json!({ "redirect_uris": [CALLBACK] }).to_string()).await.json();
    let member = |name: &str| client[name].as_str().unwrap().to_owned();
    let (id, token, secret) =
        (member("client_id"), member("registration_access_token"), member("client_secret"));
    let update = json!({ "client_id": id, "client_secret": secret, "redirect_uris": [CALLBACK] }).to_string();
    app.manage(Method::PUT, "nobody", &token, &update).await;
    for (method, token) in [
        (Method::GET, token.clone()),
        (Method::PUT, token.clone()),
        (Method::PUT, format!("{token}x")),
        (Method::DELETE, token.clone()),
        (Method::DELETE, token.clone()),
    ] {
        app.manage(method, &id, &token, &update).await;
    }
    (token, secret)
}

#[tokio::test]
async fn j_07_no_secret_is_in_the_logs_or_in_the_store() {
    let app = TestApp::new();
    let secrets = everything(&app).await;
    let logs = logs();
    for event in [
        "client_registered",
        "client_updated",
        "client_deleted",
        "registration_access",
        "sign_in",
        "consent",
        "consent_forged",
        "token_issued",
        "code_replayed",
        "client_authentication",
    ] {
        assert!(logs.contains(&format!("event=\"{event}\"")), "{event}: {logs}");
    }
    assert!(
        logs.contains("request_id=") && logs.contains("event=\"sign_in\" outcome=\"ok\" user=\"local:a1\"")
    );
    let files: Vec<Vec<u8>> = std::fs::read_dir(app.home.path())
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    assert!(files.iter().any(|file| contains(file, b"https://app.example/cb")), "the store can be searched");
    for secret in secrets {
        // Without the readable prefix, so that it is found however it is split.
        let needle = secret.rsplit_once('_').map_or(secret.as_str(), |(_, random)| random);
        let needle = if needle.len() < 8 { secret.as_str() } else { needle };
        assert!(!logs.contains(needle), "in the logs: {secret}");
        assert!(
            !files.iter().any(|file| contains(file, needle.as_bytes())),
            "in the data directory: {secret}"
        );
    }
}

fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle)
}
