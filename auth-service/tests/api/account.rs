//! `/account`: what a user sees of the apps that act in their name, and how they take it back.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::json;

use crate::app::{Answer, CALLBACK, ISSUER, LIFETIMES, TIME, TestApp, encoded, form_request};
use crate::browser::{
    Browser, authorize, code_for, connected, exchange, forms_of, refresh, refreshed, request_of, text_of,
    verified,
};
use crate::document_host::{CLIENT, DocumentHost};
use crate::fake_provider::FakeProvider;
use crate::logs::logs;
use crate::upstream::travel;

const EMPTY: &str = "No app can do anything in your name.";

/// The fields of the form that revokes the access of `client`.
fn order(page: &Answer, client: &str) -> Vec<(String, String)> {
    let form = forms_of(page).into_iter().find(|form| form.fields.iter().any(|(_, value)| value == client));
    let form = form.unwrap_or_else(|| panic!("no form for {client}: {}", page.body));
    assert_eq!(form.buttons, ["revoke"]);
    form.fields.into_iter().chain([("action".to_owned(), "revoke".to_owned())]).collect()
}

fn borrowed(form: &[(String, String)]) -> Vec<(&str, &str)> {
    form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

async fn revoke(browser: &mut Browser<'_>, page: &Answer, client: &str) -> Answer {
    browser.submit("/account", &borrowed(&order(page, client))).await
}

#[tokio::test]
async fn a_user_sees_which_apps_may_do_what_since_when_and_nothing_of_others() {
    let app = TestApp::new();
    let (client, _, token) = connected(&app).await;
    app.clock.advance(86_400 - 1);
    refreshed(&app, &client, &token).await;
    app.clock.advance(300);
    let page = Browser::new(&app).sign_in("/account", "ada").await;
    let text = text_of(&page);
    for part in [
        "Test App Allowed 1 day ago. Last used 5 minutes ago. Its name was not verified.",
        "https://gw.example/time/mcp Use every tool of time",
        "Signed in as ada",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let bobs = Browser::new(&app).sign_in("/account", "bob").await;
    assert!(text_of(&bobs).contains(EMPTY) && !bobs.body.contains(&client), "{}", bobs.body);
}

#[tokio::test]
async fn a_16_the_page_is_kept_by_nobody_framed_by_nobody_and_runs_nothing() {
    let app = TestApp::new();
    connected(&app).await;
    let page = Browser::new(&app).sign_in("/account", "ada").await;
    assert_eq!((page.header("cache-control"), page.header("x-frame-options")), ("no-store", "DENY"));
    let policy = page.header("content-security-policy");
    for part in ["default-src 'none'", "form-action 'self';", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert_eq!(page.header("referrer-policy"), "same-origin", "so that its forms have an Origin");
    assert_eq!(page.header("access-control-allow-origin"), "");
    assert!(!page.body.contains("<script") && !page.body.contains(" src="));
}

#[tokio::test]
async fn c_24_what_a_user_revokes_is_over_at_once_and_everything_else_goes_on() {
    let app = TestApp::new();
    let (client, access, token) = connected(&app).await;
    let (_, others_access, _) = connected(&app).await;
    let code = code_for(&app, &client).await;
    let mut browser = Browser::new(&app);
    let page = browser.sign_in("/account", "ada").await;
    let answer = revoke(&mut browser, &page, &client).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::SEE_OTHER, "/account"));
    assert_eq!(verified(&app, &access).await, StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(&app, &client, &token).await.error(), "400 invalid_grant");
    assert_eq!(app.token(&exchange(&client, &code)).await.error(), "400 invalid_grant", "not redeemed yet");
    assert_eq!(app.revoked().await.len(), 1, "the edge hears of the one token");
    assert_eq!(verified(&app, &others_access).await, StatusCode::OK, "another app's");
    assert!(!browser.open("/account").await.body.contains(&client));
    let logs = logs();
    let mut lines = logs.lines().filter(|line| line.contains("consent_withdrawn"));
    assert!(lines.any(|line| line.contains(&client) && line.contains("local:a1")), "it is on record");
    let again = authorize(&request_of(&client));
    let page = browser.open(&again).await;
    assert!(text_of(&page).contains("Allow access?"), "the app may ask again");
    let code = browser.press(&again, &page, "approve", &[]).await.redirected("code");
    let tokens = app.token(&exchange(&client, &code)).await.json();
    assert_eq!(verified(&app, tokens["access_token"].as_str().unwrap()).await, StatusCode::OK);
}

#[tokio::test]
async fn c_24_what_is_remembered_is_shown_and_forgotten_with_the_access() {
    let metadata = json!({ "redirect_uris": [CALLBACK] });
    let (app, clients) = TestApp::remembering(LIFETIMES, &[metadata]).await;
    let client = clients[0]["client_id"].as_str().unwrap();
    let address = authorize(&request_of(client));
    let mut browser = Browser::new(&app);
    let page = browser.sign_in(&address, "ada").await;
    let ticket = forms_of(&page)[0].fields[0].1.clone();
    browser.submit(&address, &[("action", "approve"), ("ticket", &ticket), ("remember", "yes")]).await;
    app.clock.advance(60);
    let page = browser.open("/account").await;
    let text = text_of(&page);
    assert!(text.contains("Allowed 1 minute ago. Not used yet."), "{text}");
    assert!(text.contains("You have chosen not to be asked again"), "{text}");
    revoke(&mut browser, &page, client).await;
    assert!(text_of(&browser.open("/account").await).contains(EMPTY));
    assert!(text_of(&browser.open(&address).await).contains("Allow access?"));
}

#[tokio::test]
async fn an_app_without_refresh_tokens_is_shown_and_stopped_while_its_token_lives() {
    let app = TestApp::new();
    let metadata = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none" });
    let client = app.register(&metadata.to_string()).await.json()["client_id"].as_str().unwrap().to_owned();
    let token = async || {
        let code = code_for(&app, &client).await;
        let answer = app.token(&exchange(&client, &code)).await.json();
        answer["access_token"].as_str().unwrap().to_owned()
    };
    let access = token().await;
    app.clock.advance(800);
    app.deps.store.purge(app.deps.now()).await.unwrap();
    let mut browser = Browser::new(&app);
    let page = browser.sign_in("/account", "ada").await;
    assert!(text_of(&page).contains("An app without a name"), "{}", page.body);
    revoke(&mut browser, &page, &client).await;
    assert_eq!(verified(&app, &access).await, StatusCode::UNAUTHORIZED);
    token().await;
    app.clock.advance(900);
    assert!(text_of(&browser.open("/account").await).contains(EMPTY), "its token has expired");
}

#[tokio::test]
async fn b_10_nobody_revokes_in_the_name_of_somebody_else() {
    let app = TestApp::new();
    let (client, access, _) = connected(&app).await;
    let mut ada = Browser::new(&app);
    let page = ada.sign_in("/account", "ada").await;
    let good = order(&page, &client);
    let mut bob = Browser::new(&app);
    bob.sign_in("/account", "bob").await;
    let with_adas_token = bob.submit("/account", &borrowed(&good)).await;
    assert_eq!(with_adas_token.status, StatusCode::FORBIDDEN, "the token of another browser");
    let code = code_of_bob(&client, &mut bob).await;
    app.token(&exchange(&client, &code)).await.json();
    let page = bob.open("/account").await;
    revoke(&mut bob, &page, &client).await;
    assert_eq!(verified(&app, &access).await, StatusCode::OK, "the same app, another user");
    let (only_adas, access, _) = connected(&app).await;
    let mut forged = order(&page, &client);
    forged.iter_mut().filter(|(name, _)| name == "client_id").for_each(|it| it.1.clone_from(&only_adas));
    let answer = bob.submit("/account", &borrowed(&forged)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "what another user has granted");
    assert!(text_of(&answer).contains("This app has no access in your name"), "{}", answer.body);
    for unknown in ["", "client_nobody", "https://app.example/client.json"] {
        forged.iter_mut().filter(|(name, _)| name == "client_id").for_each(|it| it.1 = unknown.to_owned());
        let answer = bob.submit("/account", &borrowed(&forged)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{unknown:?}");
    }
    assert_eq!(verified(&app, &access).await, StatusCode::OK);
}

async fn code_of_bob(client: &str, bob: &mut Browser<'_>) -> String {
    let address = authorize(&request_of(client));
    let page = bob.open(&address).await;
    assert!(text_of(&page).contains("Signed in as bob"), "{}", page.body);
    bob.press(&address, &page, "approve", &[]).await.redirected("code")
}

#[tokio::test]
async fn b_10_an_order_without_the_token_of_the_page_or_from_another_site_is_refused() {
    let app = TestApp::new();
    let (client, access, _) = connected(&app).await;
    let mut browser = Browser::new(&app);
    let page = browser.sign_in("/account", "ada").await;
    let good = order(&page, &client);
    let good = borrowed(&good);
    for token in [None, Some(""), Some("x"), Some("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")] {
        let rest = good.iter().copied().filter(|(name, _)| *name != "token");
        let form: Vec<_> = rest.chain(token.map(|token| ("token", token))).collect();
        assert_eq!(browser.submit("/account", &form).await.status, StatusCode::FORBIDDEN, "{token:?}");
        let all: Vec<_> =
            [("action", "revoke-all")].into_iter().chain(token.map(|it| ("token", it))).collect();
        assert_eq!(browser.submit("/account", &all).await.status, StatusCode::FORBIDDEN, "{token:?}");
    }
    let cookie = browser.cookie.clone().unwrap();
    for (name, value) in
        [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("origin", "null")]
    {
        let request = form_request("/account", &good).header(header::COOKIE, &cookie).header(name, value);
        let answer = app.send(request.body(encoded(&good)).unwrap()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}: {value}");
    }
    let json = Request::post("/account").header(header::COOKIE, &cookie).header(header::ORIGIN, ISSUER);
    let json = json.header(header::CONTENT_TYPE, "application/json").body(Body::from("{}")).unwrap();
    assert_eq!(app.send(json).await.status, StatusCode::FORBIDDEN);
    let repeated: Vec<_> = good.iter().copied().chain([("token", "x")]).collect();
    assert_eq!(browser.submit("/account", &repeated).await.status, StatusCode::FORBIDDEN, "repeated");
    let other = [&good[..good.len() - 1], &[("action", "other")]].concat();
    let answer = browser.submit("/account", &other).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(text_of(&answer).contains("Nothing was changed"), "{}", answer.body);
    assert_eq!(verified(&app, &access).await, StatusCode::OK);
}

#[tokio::test]
async fn looking_never_revokes() {
    let app = TestApp::new();
    let (client, access, _) = connected(&app).await;
    let mut browser = Browser::new(&app);
    let page = browser.sign_in("/account", "ada").await;
    let good = order(&page, &client);
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&good).finish();
    assert_eq!(browser.open(&format!("/account?{query}")).await.status, StatusCode::OK);
    for method in [Method::HEAD, Method::PUT, Method::DELETE, Method::PATCH] {
        let request = Request::builder().method(&method).uri(format!("/account?{query}"));
        let request = request.header(header::COOKIE, browser.cookie.clone().unwrap());
        let answer = app.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
    assert_eq!(verified(&app, &access).await, StatusCode::OK);
}

#[tokio::test]
async fn b_15_a_browser_that_is_not_signed_in_signs_in_and_comes_back_and_can_do_nothing_before() {
    let app = TestApp::new();
    let (client, access, _) = connected(&app).await;
    let mut browser = Browser::new(&app);
    let page = browser.open("/account").await;
    assert_eq!((page.status, page.header("cache-control")), (StatusCode::OK, "no-store"));
    assert!(text_of(&page).contains("to see which apps have access in your name"), "{}", page.body);
    assert!(!page.body.contains(&client));
    let page = browser.sign_in("/account", "ada").await;
    let good = order(&page, &client);
    let answer = browser.press("/account", &page, "sign-out", &[]).await;
    assert_eq!(answer.header("location"), "/account");
    assert_eq!(
        browser.submit("/account", &borrowed(&good)).await.status,
        StatusCode::FORBIDDEN,
        "signed out"
    );
    browser.sign_in("/account", "ada").await;
    let answer = browser.submit("/account", &borrowed(&good)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "the token of an earlier session");
    assert_eq!(verified(&app, &access).await, StatusCode::OK);
}

#[tokio::test]
async fn c_24_with_everything_every_app_and_every_browser_of_the_user_is_out() {
    let app = TestApp::new();
    let (one, two) = (connected(&app).await, connected(&app).await);
    let mut elsewhere = Browser::new(&app);
    elsewhere.sign_in("/account", "ada").await;
    let mut browser = Browser::new(&app);
    let page = browser.sign_in("/account", "ada").await;
    browser.press("/account", &page, "revoke-all", &[]).await;
    for (client, access, token) in [one, two] {
        assert_eq!(verified(&app, &access).await, StatusCode::UNAUTHORIZED);
        assert_eq!(refresh(&app, &client, &token).await.error(), "400 invalid_grant");
    }
    for browser in [&mut elsewhere, &mut browser] {
        assert!(text_of(&browser.open("/account").await).starts_with("Sign in"));
    }
    assert_eq!(app.revoked().await[0]["sub"], "local:a1");
    app.clock.advance(1);
    assert!(text_of(&browser.sign_in("/account", "ada").await).contains(EMPTY));
}

#[tokio::test]
async fn a_user_of_a_provider_comes_back_to_their_account_and_sees_their_apps() {
    let fake = FakeProvider::start().await;
    let app = crate::upstream::app(&fake);
    let client = app.public_client().await;
    let address = authorize(&request_of(&client));
    let mut browser = Browser::new(&app);
    travel(&mut browser, &fake, &address, "github").await;
    let page = browser.open(&address).await;
    let code = browser.press(&address, &page, "approve", &[]).await.redirected("code");
    app.token(&exchange(&client, &code)).await.json();
    let mut browser = Browser::new(&app);
    assert!(text_of(&browser.open("/account").await).contains("Continue with GitHub"));
    let back = travel(&mut browser, &fake, "/account", "github").await;
    assert_eq!(back.header("location"), "/account");
    let page = browser.open("/account").await;
    assert!(
        text_of(&page).contains("Test App") && text_of(&page).contains("Signed in as Octocat"),
        "{}",
        page.body
    );
    revoke(&mut browser, &page, &client).await;
    assert!(text_of(&browser.open("/account").await).contains(EMPTY));
}

#[tokio::test]
async fn b_11_an_app_is_known_by_its_address_or_by_a_name_that_is_only_ever_text() {
    let host = DocumentHost::start().await;
    let app = TestApp::with_documents(host.documents(auth_service::documents::DocumentRules::default()));
    let metadata = json!({
        "client_name": "<b>Bank</b>\u{202E}", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "none",
    });
    let named = app.register(&metadata.to_string()).await.json()["client_id"].as_str().unwrap().to_owned();
    for client in [CLIENT, &named] {
        let code = code_for(&app, client).await;
        app.token(&exchange(client, &code)).await.json();
    }
    let before = host.requests().len();
    let page = Browser::new(&app).sign_in("/account", "ada").await;
    let text = text_of(&page);
    assert!(text.contains(&format!("{CLIENT} Allowed just now. Last used just now. https://")), "{text}");
    assert!(text.contains("<b>Bank</b> Allowed") && !page.body.contains("<b>"), "{}", page.body);
    assert_eq!(host.requests().len(), before, "nobody is asked for it");
}

#[tokio::test]
async fn c_24_what_a_device_was_granted_is_shown_and_revoked_like_everything_else() {
    let app = TestApp::new();
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let metadata = json!({
        "client_name": "Telly", "token_endpoint_auth_method": "none", "grant_types": [grant, "refresh_token"],
    });
    let client = app.register(&metadata.to_string()).await.json()["client_id"].as_str().unwrap().to_owned();
    let form = [("client_id", client.as_str()), ("resource", TIME)];
    let begun = app.post("/device_authorization", &form).await.json();
    let address = format!("/device?user_code={}", begun["user_code"].as_str().unwrap());
    let mut browser = Browser::new(&app);
    let page = browser.sign_in(&address, "ada").await;
    browser.press(&address, &page, "approve", &[]).await;
    let code = begun["device_code"].as_str().unwrap();
    let poll = [("grant_type", grant), ("device_code", code), ("client_id", &client)];
    let tokens = app.token(&poll).await.json();
    let member = |name: &str| tokens[name].as_str().unwrap().to_owned();
    let page = browser.open("/account").await;
    assert!(text_of(&page).contains("Telly Allowed just now"), "{}", page.body);
    revoke(&mut browser, &page, &client).await;
    assert_eq!(verified(&app, &member("access_token")).await, StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(&app, &client, &member("refresh_token")).await.error(), "400 invalid_grant");
    assert!(text_of(&browser.open("/account").await).contains(EMPTY));
}
