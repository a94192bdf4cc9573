//! Consent that is remembered: when a user wants it, for the very same question, and as long as nothing has changed.

use auth_service::flow::Lifetimes;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::app::{Answer, CALLBACK, LIFETIMES, TestApp};
use crate::browser::{Browser, authorize, claim, forms_of, request_of, text_of};
use crate::logs::logs;

const BOX: &str = "Do not ask me again";

/// What a client with a secret says about itself.
fn metadata() -> Value {
    json!({ "client_name": "Test App", "redirect_uris": [CALLBACK, "https://app.example/other"] })
}

fn id(client: &Value) -> &str {
    client["client_id"].as_str().unwrap()
}

/// The request of [`request_of`], with other values of some parameters.
fn with<'a>(client: &'a str, change: &[(&'a str, &'a str)]) -> String {
    let mut request = request_of(client);
    request.retain(|(name, _)| !change.iter().any(|(changed, _)| changed == name));
    request.extend_from_slice(change);
    authorize(&request)
}

/// Approves on `page`, with the box ticked.
async fn tick(browser: &mut Browser<'_>, address: &str, page: &Answer) -> Answer {
    let ticket = forms_of(page)[0].fields[0].1.clone();
    browser.submit(address, &[("action", "approve"), ("ticket", &ticket), ("remember", "yes")]).await
}

/// A browser in which `username` has approved the usual request of `client` for good.
async fn ticked<'a>(app: &'a TestApp, client: &str, username: &str) -> Browser<'a> {
    let address = authorize(&request_of(client));
    let mut browser = Browser::new(app);
    let page = browser.sign_in(&address, username).await;
    assert_eq!(tick(&mut browser, &address, &page).await.redirected("state"), "st&te=1 é");
    browser
}

/// Whether the user is asked.
async fn is_asked(browser: &mut Browser<'_>, address: &str) -> bool {
    let answer = browser.open(address).await;
    let is_page = answer.status == StatusCode::OK && text_of(&answer).contains("Allow access?");
    assert!(is_page || !answer.redirected("code").is_empty(), "{answer:?}");
    is_page
}

/// Redeems the code of a redirect; gives the token answer.
async fn redeemed(app: &TestApp, client: &Value, redirect: &Answer) -> Value {
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &redirect.redirected("code")),
        ("redirect_uri", CALLBACK),
        ("code_verifier", crate::app::VERIFIER),
    ];
    let credentials = format!("{}:{}", id(client), client["client_secret"].as_str().unwrap());
    app.token_with_basic(&credentials, &form).await.json()
}

#[tokio::test]
async fn b_14_who_ticked_the_box_is_not_asked_again_and_a_silent_request_succeeds() {
    let (app, clients) = TestApp::remembering(LIFETIMES, &[metadata()]).await;
    let client = &clients[0];
    let mut browser = ticked(&app, id(client), "ada").await;
    let other_state = with(id(client), &[("state", "2")]);
    let answer = browser.open(&other_state).await;
    assert_eq!(
        (answer.redirected("state"), answer.header("referrer-policy")),
        ("2".to_owned(), "no-referrer")
    );
    let tokens = redeemed(&app, client, &answer).await;
    assert_eq!(claim(tokens["access_token"].as_str().unwrap(), "sub"), "local:a1");
    let silent = with(id(client), &[("prompt", "none")]);
    assert!(!browser.open(&silent).await.redirected("code").is_empty());
    let stranger = Browser::new(&app).open(&silent).await;
    assert_eq!(stranger.redirected("error"), "login_required", "signed out");
    let logs = logs();
    let mut lines = logs.lines().filter(|line| line.contains("consent_remembered"));
    assert!(lines.any(|line| line.contains(id(client)) && line.contains("local:a1")), "it is on record");
}

#[tokio::test]
async fn b_03_who_did_not_tick_the_box_is_asked_every_time() {
    let (app, clients) = TestApp::remembering(LIFETIMES, &[metadata()]).await;
    let client = &clients[0];
    let address = authorize(&request_of(id(client)));
    let mut browser = Browser::new(&app);
    let page = browser.sign_in(&address, "ada").await;
    assert!(text_of(&page).contains("Do not ask me again for 30 days"), "{}", page.body);
    assert!(!page.body.contains("checked"), "the box is empty at first");
    browser.press(&address, &page, "approve", &[]).await.redirected("code");
    assert!(is_asked(&mut browser, &address).await);
}

/// No box is shown, and a form that has it ticked nevertheless changes nothing.
async fn assert_forgetful(app: &TestApp, client: &str, redirect_uri: &str) {
    let address = with(client, &[("redirect_uri", redirect_uri)]);
    let mut browser = Browser::new(app);
    let page = browser.sign_in(&address, "ada").await;
    assert!(!page.body.contains(BOX), "{client} {redirect_uri}");
    let forced = tick(&mut browser, &address, &page).await;
    assert_eq!(forced.status, StatusCode::SEE_OTHER, "{client} {redirect_uri}: {}", forced.body);
    let again = browser.open(&address).await;
    assert!(text_of(&again).contains("Allow access?"), "{client} {redirect_uri}");
    let silent = with(client, &[("redirect_uri", redirect_uri), ("prompt", "none")]);
    assert!(browser.open(&silent).await.header("location").contains("error=consent_required"));
}

/// An authorization server in the middle sends the victim on to us with its own challenge, and would have the code injected at
/// a client that does not look at `iss`: it must not get one without a page.
#[tokio::test]
async fn b_03_of_a_confidential_client_that_the_operator_did_not_name_nothing_is_remembered() {
    let (app, clients) = TestApp::remembering(LIFETIMES, &[metadata()]).await;
    let other = app.confidential_client().await.0;
    assert_ne!(other, id(&clients[0]));
    assert_forgetful(&app, &other, CALLBACK).await;
    let by_default = TestApp::new();
    assert_forgetful(&by_default, &by_default.confidential_client().await.0, CALLBACK).await;
}

#[tokio::test]
async fn b_03_of_a_client_that_others_could_pose_as_nothing_is_remembered() {
    let public = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
    let local =
        json!({ "redirect_uris": ["http://127.0.0.1/cb", "cursor://app/cb"], "application_type": "native" });
    let (app, clients) = TestApp::remembering(LIFETIMES, &[public, local]).await;
    assert_forgetful(&app, id(&clients[0]), CALLBACK).await;
    for redirect_uri in ["http://127.0.0.1:7/cb", "cursor://app/cb"] {
        assert_forgetful(&app, id(&clients[1]), redirect_uri).await;
    }
}

#[tokio::test]
async fn b_14_another_question_is_asked() {
    let (app, clients) = TestApp::remembering(LIFETIMES, &[metadata(), metadata()]).await;
    let client = &clients[0];
    let mut browser = ticked(&app, id(client), "ada").await;
    let changes: [&[(&str, &str)]; 5] = [
        &[("scope", "mcp:time:now")],
        &[("redirect_uri", "https://app.example/other")],
        &[("resource", "https://gw.example/fetch/mcp"), ("scope", "mcp:fetch")],
        &[("prompt", "consent")],
        &[("prompt", "select_account")],
    ];
    for change in changes {
        let page = browser.open(&with(id(client), change)).await;
        assert!(text_of(&page).contains("Allow access?"), "{change:?}: {page:?}");
    }
    assert!(is_asked(&mut browser, &authorize(&request_of(id(&clients[1])))).await, "another client");
    let silent = with(id(client), &[("prompt", "none"), ("scope", "mcp:time:now")]);
    assert_eq!(browser.open(&silent).await.redirected("error"), "consent_required");
    let address = authorize(&request_of(id(client)));
    assert!(!is_asked(&mut browser, &address).await, "none of that has forgotten anything");
    let mut bobs = Browser::new(&app);
    assert!(text_of(&bobs.sign_in(&address, "bob").await).contains("Allow access?"), "another user");
}

#[tokio::test]
async fn prompt_login_asks_for_the_password_and_not_for_what_is_remembered() {
    let (app, clients) = TestApp::remembering(LIFETIMES, &[metadata()]).await;
    let client = &clients[0];
    let mut browser = ticked(&app, id(client), "ada").await;
    app.clock.advance(301);
    let address = with(id(client), &[("prompt", "login")]);
    assert!(text_of(&browser.open(&address).await).starts_with("Sign in"));
    assert!(!browser.sign_in(&address, "ada").await.redirected("code").is_empty());
    let both = with(id(client), &[("prompt", "login consent")]);
    assert!(text_of(&browser.open(&both).await).contains("Allow access?"));
}

#[tokio::test]
async fn nobody_is_granted_more_than_is_remembered_nor_more_than_they_are_allowed_now() {
    let (app, clients) = TestApp::remembering(LIFETIMES, &[metadata()]).await;
    let client = &clients[0];
    let address = authorize(&request_of(id(client)));
    let mut browser = ticked(&app, id(client), "bob").await;
    app.users(&[("bob", "b2", &["time/*"])]);
    let tokens = redeemed(&app, client, &browser.open(&address).await).await;
    assert_eq!(tokens["scope"], "mcp:time:now mcp:time:zones", "as remembered");
    app.users(&[("bob", "b2", &["time/zones", "time/convert"])]);
    let tokens = redeemed(&app, client, &browser.open(&address).await).await;
    assert_eq!(tokens["scope"], "mcp:time:zones", "as remembered and allowed");
    app.users(&[("bob", "b2", &["fetch/*"])]);
    assert!(text_of(&browser.open(&address).await).contains("No access to time"));
    let silent = with(id(client), &[("prompt", "none")]);
    assert_eq!(browser.open(&silent).await.redirected("error"), "consent_required");
}

#[tokio::test]
async fn b_14_d_12_d_13_a_client_that_changes_must_ask_again_and_one_that_is_deleted_cannot() {
    let (app, clients) = TestApp::remembering(LIFETIMES, &[metadata()]).await;
    let client = &clients[0];
    let address = authorize(&request_of(id(client)));
    let mut browser = ticked(&app, id(client), "ada").await;
    let token = client["registration_access_token"].as_str().unwrap();
    let mut update = metadata();
    update["client_id"] = client["client_id"].clone();
    let put = app.manage(Method::PUT, id(client), token, &update.to_string()).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.body);
    assert!(is_asked(&mut browser, &address).await, "even when it says the same");
    let page = browser.open(&address).await;
    tick(&mut browser, &address, &page).await;
    assert!(!is_asked(&mut browser, &address).await);
    assert_eq!(app.manage(Method::DELETE, id(client), token, "").await.status, StatusCode::NO_CONTENT);
    let gone = browser.open(&address).await;
    assert_eq!((gone.status, gone.header("location")), (StatusCode::BAD_REQUEST, ""));
    assert!(text_of(&browser.open("/account").await).contains("No app can do anything"));
}

#[tokio::test]
async fn c_24_what_is_remembered_ends_with_the_user_the_client_a_no_and_its_time() {
    let lifetimes = Lifetimes { remembered_consent: 3600, ..LIFETIMES };
    let (app, clients) = TestApp::remembering(lifetimes, &[(); 4].map(|()| metadata())).await;
    for (end, client) in ["user", "client", "no", "time"].into_iter().zip(&clients) {
        let address = authorize(&request_of(id(client)));
        let mut browser = ticked(&app, id(client), "ada").await;
        match end {
            "user" => drop(app.post_internal("/internal/revocations", r#"{"user":"ada"}"#).await),
            "client" => {
                let order = json!({ "client_id": id(client) });
                drop(app.post_internal("/internal/revocations", &order.to_string()).await);
            }
            "no" => {
                let asked = with(id(client), &[("prompt", "consent")]);
                let page = browser.open(&asked).await;
                browser.press(&asked, &page, "deny", &[]).await.redirected("error");
            }
            _ => app.clock.advance(3600),
        }
        let mut browser = Browser::new(&app);
        let page = browser.sign_in(&address, "ada").await;
        assert!(text_of(&page).contains("Allow access?"), "{end}: {page:?}");
    }
}

#[tokio::test]
async fn where_nothing_is_to_be_remembered_nobody_is_offered_it() {
    let lifetimes = Lifetimes { remembered_consent: 0, ..LIFETIMES };
    let (app, clients) = TestApp::remembering(lifetimes, &[metadata()]).await;
    assert_forgetful(&app, id(&clients[0]), CALLBACK).await;
}
