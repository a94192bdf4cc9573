//! J-07: what was handed out as a secret is found nowhere else: not in the logs (of all tests of this binary), not in
//! the data directory.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use crate::app::{CALLBACK, PASSWORD, TIME, TestApp, VERIFIER, logs};
use crate::browser::{Browser, authorize, request_of};

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
    let verify = Request::get("/verify").header("x-original-url", TIME);
    let verify =
        verify.header("authorization", format!("Bearer {}", issued["access_token"].as_str().unwrap()));
    assert_eq!(app.send(verify.body(Body::empty()).unwrap()).await.status, StatusCode::OK);
    app.token(&exchange).await;
    app.token(&refreshing).await;
    app.token_with_basic(&format!("{id}:{secret}x"), &[("grant_type", "refresh_token")]).await;
    let cookie = browser.cookie.clone().unwrap().split_once('=').unwrap().1.to_owned();
    let member = |json: &serde_json::Value, name: &str| json[name].as_str().unwrap().to_owned();
    vec![
        secret,
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

#[tokio::test]
async fn j_07_no_secret_is_in_the_logs_or_in_the_store() {
    let app = TestApp::new();
    let secrets = everything(&app).await;
    let logs = logs();
    for event in [
        "client_registered",
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
