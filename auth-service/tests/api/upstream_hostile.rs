//! Providers that are down, slow, broken or hostile: nobody is signed in, quickly, and nothing of theirs is repeated.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::app::{Answer, NOW, TestApp};
use crate::browser::Browser;
use crate::fake_provider::{ACCESS_TOKEN, FakeProvider, RANT, SECRET, Whim, key};
use crate::logs::logs;
use crate::upstream::{address, app, home, leave, link, travel};

/// Where the user of a hostile provider ends.
fn is_refused(answer: &Answer, why: &str) {
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{why}: {}", answer.body);
    assert_eq!(answer.header("set-cookie"), "", "{why}");
    assert!(!answer.body.contains("canary"), "{why}");
    assert!(link(answer).starts_with("/authorize?"), "{why}: the user can try again");
}

async fn fresh() -> (FakeProvider, TestApp, String) {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let address = address(&app).await;
    (fake, app, address)
}

/// Where an issuer says where it answers.
const DISCOVERY: &str = "/.well-known/openid-configuration";

#[tokio::test]
async fn b_07_an_id_token_that_is_wrong_in_one_thing_signs_nobody_in() {
    let (fake, app, address) = fresh().await;
    for claims in [
        json!({ "iss": "https://evil.example" }),
        json!({ "aud": "them" }),
        json!({ "aud": ["us", "them"] }),
        json!({ "azp": "them" }),
        json!({ "nonce": "another" }),
        json!({ "nonce": null }),
        json!({ "exp": NOW - 31 }),
        json!({ "exp": null }),
        json!({ "iat": NOW + 31 }),
        json!({ "sub": "" }),
    ] {
        fake.script().claims = claims.clone();
        let answer = travel(&mut Browser::new(&app), &fake, &address, "corp").await;
        is_refused(&answer, &claims.to_string());
    }
    fake.script().claims = Value::Null;
    for header in [
        json!({ "alg": "none" }),
        json!({ "alg": "HS256" }),
        json!({ "typ": "at+jwt" }),
        json!({ "crit": ["exp"] }),
        json!({ "jwk": key(9).public_jwk() }),
    ] {
        fake.script().header = header.clone();
        let answer = travel(&mut Browser::new(&app), &fake, &address, "corp").await;
        is_refused(&answer, &header.to_string());
    }
    fake.script().header = Value::Null;
    let answer = travel(&mut Browser::new(&app), &fake, &address, "corp").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "the honest one is let in");
}

#[tokio::test]
async fn b_07_keys_may_rotate_and_a_rotated_out_one_signs_nobody_in() {
    let (fake, app, address) = fresh().await;
    assert_eq!(travel(&mut Browser::new(&app), &fake, &address, "corp").await.status, StatusCode::SEE_OTHER);
    fake.script().key = 1;
    assert_eq!(
        travel(&mut Browser::new(&app), &fake, &address, "corp").await.status,
        StatusCode::SEE_OTHER,
        "a new key is fetched when it is met"
    );
    {
        let mut script = fake.script();
        (script.key, script.published) = (0, Some(1));
    }
    app.clock.advance(11);
    is_refused(&travel(&mut Browser::new(&app), &fake, &address, "corp").await, "rotated out");
}

#[tokio::test]
async fn e_11_unknown_keys_cannot_make_us_fetch_without_end() {
    let (fake, app, address) = fresh().await;
    fake.script().header = json!({ "kid": "never-seen" });
    for _ in 0..5 {
        is_refused(&travel(&mut Browser::new(&app), &fake, &address, "corp").await, "unknown key");
    }
    let fetches = fake.script().seen.iter().filter(|(path, _)| path == "/jwks").count();
    assert_eq!(fetches, 2, "the first set, and one more for the unknown key");
}

#[tokio::test]
async fn b_17_an_answer_that_is_no_answer_signs_nobody_in_and_is_not_repeated() {
    let html = Whim::Says(200, format!("<html>{RANT}</html>"));
    let broken = [
        html,
        Whim::Says(500, RANT.to_owned()),
        Whim::Says(200, "[]".to_owned()),
        Whim::Floods,
        Whim::Redirects,
    ];
    for (provider, path) in [
        ("corp", "/token"),
        ("corp", "/jwks"),
        ("github", "/login/oauth/access_token"),
        ("github", "/api/v3/user"),
        ("github", "/api/v3/user/emails"),
    ] {
        for whim in &broken {
            // A list of addresses may well be empty.
            if path.ends_with("/emails") && matches!(whim, Whim::Says(200, text) if text == "[]") {
                continue;
            }
            let (fake, app, address) = fresh().await;
            fake.whim(path, whim.clone());
            let answer = travel(&mut Browser::new(&app), &fake, &address, provider).await;
            is_refused(&answer, &format!("{path} {whim:?}"));
        }
    }
    assert!(!logs().contains(RANT));
}

#[tokio::test]
async fn b_17_a_provider_that_cannot_be_discovered_is_said_so_before_anybody_leaves() {
    let path = DISCOVERY;
    for whim in
        [Whim::Says(503, RANT.to_owned()), Whim::Says(200, RANT.to_owned()), Whim::Floods, Whim::Redirects]
    {
        let (fake, app, address) = fresh().await;
        fake.whim(path, whim.clone());
        let mut browser = Browser::new(&app);
        let answer = browser.submit(&address, &[("action", "upstream"), ("provider", "corp")]).await;
        is_refused(&answer, &format!("{whim:?}"));
        let asked = fake.script().seen.len();
        browser.submit(&address, &[("action", "upstream"), ("provider", "corp")]).await;
        assert_eq!(fake.script().seen.len(), asked, "not asked again at once");
        fake.script().whims.clear();
        app.clock.advance(5);
        assert_eq!(
            travel(&mut browser, &fake, &address, "corp").await.status,
            StatusCode::SEE_OTHER,
            "it recovers"
        );
        fake.whim(path, whim);
        app.clock.advance(3600);
        leave(&mut browser, &address, "corp").await;
    }
}

#[tokio::test]
async fn b_06_a_discovery_document_of_another_issuer_or_for_plain_http_is_not_believed() {
    let (fake, app, address) = fresh().await;
    for metadata in [
        json!({ "issuer": "https://evil.example" }),
        json!({ "issuer": format!("{}/", fake.url) }),
        json!({ "token_endpoint": "ftp://evil.example/token" }),
        json!({ "jwks_uri": "javascript:alert(1)" }),
        json!({ "authorization_endpoint": "data:text/html,x" }),
        json!({ "token_endpoint": null }),
    ] {
        fake.script().metadata = metadata.clone();
        app.clock.advance(5);
        let form = [("action", "upstream"), ("provider", "corp")];
        is_refused(&Browser::new(&app).submit(&address, &form).await, &metadata.to_string());
    }
}

#[tokio::test]
async fn b_17_nobody_there_and_bad_tls_are_the_same_to_the_user() {
    let fake = FakeProvider::start().await;
    let without_tls = fake.url.replace("http://", "https://");
    for issuer in ["http://127.0.0.1:1", without_tls.as_str()] {
        let settings = [
            ("OIDC_CLIENT_ID", "us"),
            ("OIDC_CLIENT_SECRET", SECRET),
            ("OIDC_ISSUER", issuer),
            ("ALLOWED_OIDC_USERS", "*"),
        ];
        let app = TestApp::with_providers(home(false), &settings);
        let address = address(&app).await;
        let form = [("action", "upstream"), ("provider", "oidc")];
        is_refused(&Browser::new(&app).submit(&address, &form).await, issuer);
    }
}

#[tokio::test]
async fn b_17_a_provider_that_does_not_answer_is_given_up_after_five_seconds() {
    let (fake, app, address) = fresh().await;
    fake.whim("/token", Whim::Sleeps);
    let travelling = async { travel(&mut Browser::new(&app), &fake, &address, "corp").await };
    let answer = tokio::time::timeout(std::time::Duration::from_secs(8), travelling).await;
    is_refused(&answer.unwrap(), "too slow");
}

#[tokio::test]
async fn b_17_an_issuer_that_hangs_is_left_alone_for_a_while_after_it_was_given_up() {
    let (fake, app, address) = fresh().await;
    fake.whim(DISCOVERY, Whim::Sleeps);
    let form = [("action", "upstream"), ("provider", "corp")];
    let asked = || fake.script().seen.iter().filter(|(path, _)| path == DISCOVERY).count();
    is_refused(&Browser::new(&app).submit(&address, &form).await, "hangs");
    // As long as it hung.
    app.clock.advance(5);
    is_refused(&Browser::new(&app).submit(&address, &form).await, "not asked");
    assert_eq!(asked(), 1);
    fake.script().whims.clear();
    app.clock.advance(5);
    link(&Browser::new(&app).submit(&address, &form).await);
    assert_eq!(asked(), 2);
}

#[tokio::test]
async fn b_18_nothing_of_a_providers_secrets_is_in_the_logs_the_store_or_a_page() {
    let (fake, app, address) = fresh().await;
    let mut pages = String::new();
    for provider in ["github", "corp"] {
        let mut browser = Browser::new(&app);
        let page = browser.submit(&address, &[("action", "upstream"), ("provider", provider)]).await;
        pages.push_str(&page.body);
        let callback = fake.signed_in(&link(&page));
        pages.push_str(&browser.open(&callback).await.body);
        pages.push_str(&browser.open(&callback).await.body);
        pages.push_str(&browser.open(&address).await.body);
    }
    assert!(
        fake.script().seen.iter().any(|(path, who)| path == "/api/v3/user" && who.contains(ACCESS_TOKEN))
    );
    let files: Vec<Vec<u8>> = std::fs::read_dir(app.home.path())
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    let is_in =
        |needle: &str| files.iter().any(|file| file.windows(needle.len()).any(|it| it == needle.as_bytes()));
    assert!(is_in("octocat@corp.example"), "the store can be searched");
    let logs = logs();
    assert!(logs.contains("event=\"sign_in\" outcome=\"ok\" user=\"github:583231\""));
    for canary in [ACCESS_TOKEN, SECRET, "canary-code", "eyJhbGciOiJFUzI1NiIs"] {
        assert!(!pages.contains(canary), "on a page: {canary}");
        assert!(!is_in(canary), "in the store: {canary}");
    }
    for canary in [ACCESS_TOKEN, SECRET, "canary-code"] {
        assert!(!logs.contains(canary), "in the logs: {canary}");
    }
    for secret in ["mcp_state_", "mcp_upstream_"] {
        assert!(!is_in(secret), "in the store: {secret}");
        assert!(!logs.contains(secret), "in the logs: {secret}");
    }
}
