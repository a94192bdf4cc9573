//! Signing in and out, and the cookie.

use auth_service::identity::password::DECOY;
use auth_service::identity::users_file::edit::{self, Change};
use axum::http::StatusCode;

use crate::app::{Answer, PASSWORD, TestApp};
use crate::browser::{Browser, authorize, forms_of, request_of, text_of};

async fn address(app: &TestApp) -> String {
    let client = app.public_client().await;
    authorize(&request_of(&client))
}

async fn try_to_sign_in(browser: &mut Browser<'_>, address: &str, username: &str, password: &str) -> Answer {
    browser.submit(address, &[("action", "sign-in"), ("username", username), ("password", password)]).await
}

#[tokio::test]
async fn b_15_the_cookie_is_bound_to_this_host_and_hidden_from_scripts() {
    let app = TestApp::new();
    let address = address(&app).await;
    let answer = try_to_sign_in(&mut Browser::new(&app), &address, "ada", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header("location"), address, "back to the same request");
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-mcp_session=mcp_session_"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=28800; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
}

#[tokio::test]
async fn on_plain_http_loopback_the_cookie_is_one_that_browsers_take() {
    let app = TestApp::with("http://localhost:8080", &["time"]);
    let client = app.public_client().await;
    let mut request = request_of(&client);
    request.retain(|(name, _)| *name != "resource");
    let form = [("action", "sign-in"), ("username", "ada"), ("password", PASSWORD)];
    let post = crate::app::form_request(&authorize(&request), &form);
    let answer = app.send(post.body(crate::app::encoded(&form)).unwrap()).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("mcp_session=") && !cookie.contains("Secure"), "{cookie}");
}

#[tokio::test]
async fn b_15_every_sign_in_is_a_new_session_and_ends_the_one_before() {
    let app = TestApp::new();
    let address = address(&app).await;
    let mut browser = Browser::new(&app);
    browser.sign_in(&address, "ada").await;
    let first = browser.cookie.clone().unwrap();
    try_to_sign_in(&mut browser, &address, "bob", PASSWORD).await;
    assert_ne!(browser.cookie.as_ref(), Some(&first));
    let mut old = Browser::new(&app);
    old.cookie = Some(first);
    assert!(text_of(&old.open(&address).await).starts_with("Sign in"));
}

#[tokio::test]
async fn b_15_a_cookie_that_we_did_not_give_is_ignored() {
    let app = TestApp::new();
    let address = address(&app).await;
    let mut browser = Browser::new(&app);
    browser.sign_in(&address, "ada").await;
    let real = browser.cookie.clone().unwrap();
    let planted = "__Host-mcp_session=mcp_session_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned();
    for forged in [planted, format!("{real}A"), real.replace("__Host-", ""), "__Host-mcp_session=".to_owned()]
    {
        browser.cookie = Some(forged.clone());
        assert!(text_of(&browser.open(&address).await).starts_with("Sign in"), "{forged}");
    }
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_look_the_same() {
    let app = TestApp::new();
    let address = address(&app).await;
    let mut browser = Browser::new(&app);
    let long = "x".repeat(2000);
    let mut pages = Vec::new();
    for (username, password) in
        [("ada", "wrong"), ("eve", "wrong"), ("ada", ""), ("", ""), ("ada", long.as_str())]
    {
        let answer = try_to_sign_in(&mut browser, &address, username, password).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{username}");
        assert_eq!(answer.header("set-cookie"), "");
        pages.push(text_of(&answer));
    }
    pages.dedup();
    assert_eq!(pages.len(), 1, "{pages:?}");
}

#[tokio::test]
async fn what_was_typed_comes_back_escaped_and_without_the_password() {
    let app = TestApp::new();
    let address = address(&app).await;
    let name = "\"><script>alert(1)</script>";
    let answer = try_to_sign_in(&mut Browser::new(&app), &address, name, "hunter2").await;
    assert!(!answer.body.contains("<script") && !answer.body.contains("hunter2"));
    let fields = &forms_of(&answer)[0].fields;
    assert_eq!(fields[0], ("username".to_owned(), name.to_owned()));
}

#[tokio::test]
async fn b_16_the_user_can_sign_out_and_use_another_account() {
    let app = TestApp::new();
    let address = address(&app).await;
    let mut browser = Browser::new(&app);
    let page = browser.sign_in(&address, "ada").await;
    assert!(text_of(&page).contains("Signed in as ada"));
    let old = browser.cookie.clone();
    let answer = browser.press(&address, &page, "sign-out", &[]).await;
    assert!(answer.header("set-cookie").contains("Max-Age=0"));
    let page = browser.sign_in(&address, "bob").await;
    assert!(text_of(&page).contains("Signed in as bob"));
    browser.cookie = old;
    assert!(
        text_of(&browser.open(&address).await).starts_with("Sign in"),
        "the old session is dead on the server"
    );
}

#[tokio::test]
async fn a_session_ends_by_time_and_with_its_user() {
    let app = TestApp::new();
    let address = address(&app).await;
    let mut browser = Browser::new(&app);
    browser.sign_in(&address, "ada").await;
    app.clock.advance(28_799);
    assert!(text_of(&browser.open(&address).await).contains("Signed in as ada"));
    app.clock.advance(1);
    assert!(text_of(&browser.open(&address).await).starts_with("Sign in"));
    browser.sign_in(&address, "ada").await;
    app.users(&[("bob", "b2", &["*"])]);
    assert!(text_of(&browser.open(&address).await).starts_with("Sign in"));
}

#[tokio::test]
async fn another_password_signs_out_the_browsers_of_the_old_one() {
    let app = TestApp::new();
    let address = address(&app).await;
    let mut browser = Browser::new(&app);
    browser.sign_in(&address, "ada").await;
    let path = app.home.path().join("users.json");
    edit::change(&path, "ada", &Change::Password(DECOY.to_owned())).unwrap();
    assert!(text_of(&browser.open(&address).await).starts_with("Sign in"));
}

#[tokio::test]
async fn a_new_user_can_sign_in_without_a_restart() {
    let app = TestApp::new();
    let address = address(&app).await;
    app.users(&[("eve", "e3", &["*"])]);
    assert!(text_of(&Browser::new(&app).sign_in(&address, "eve").await).contains("Signed in as eve"));
}

#[tokio::test]
async fn users_that_cannot_be_looked_up_are_an_outage_and_not_a_no() {
    let app = TestApp::new();
    let address = address(&app).await;
    let mut browser = Browser::new(&app);
    browser.sign_in(&address, "ada").await;
    std::fs::write(app.home.path().join("users.json"), "{ half a fi").unwrap();
    assert_eq!(browser.open(&address).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let answer = try_to_sign_in(&mut browser, &address, "ada", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(!answer.body.contains("users.json"), "the cause is for the log");
}
