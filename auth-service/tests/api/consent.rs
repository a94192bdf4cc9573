//! The consent page and its answer.

use axum::http::{StatusCode, header};

use crate::app::{CALLBACK, ISSUER, TestApp, encoded, form_request};
use crate::browser::{Browser, authorize, forms_of, request_of, text_of};

fn ticket(page: &crate::app::Answer) -> String {
    forms_of(page)[0].fields.iter().find(|(name, _)| name == "ticket").unwrap().1.clone()
}

#[tokio::test]
async fn b_01_the_page_names_client_destination_server_scopes_and_account() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let page = text_of(&Browser::new(&app).sign_in(&authorize(&request_of(&client)), "ada").await);
    for part in [
        "Test App wants to use time as you",
        "https://gw.example/time/mcp",
        "Use every tool of time",
        "the website app.example",
        "not verified",
        "Signed in as ada",
        "Stay connected",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[tokio::test]
async fn b_11_a_client_name_is_only_ever_text() {
    let app = TestApp::new();
    let metadata = serde_json::json!({
        "client_name": format!("<img src=x onerror=alert(1)>\u{202E}{}", "y".repeat(100)),
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
    });
    let client = app.register(&metadata.to_string()).await.json()["client_id"].as_str().unwrap().to_owned();
    let address = authorize(&request_of(&client));
    let mut browser = Browser::new(&app);
    let sign_in = browser.open(&address).await;
    for page in [sign_in, browser.sign_in(&address, "ada").await] {
        assert!(!page.body.contains("<img") && !page.body.contains('\u{202E}'));
        assert!(text_of(&page).contains("<img src=x onerror=alert(1)>y") && text_of(&page).contains("y…"));
    }
}

#[tokio::test]
async fn b_13_a_client_on_this_computer_is_shown_with_a_warning() {
    let app = TestApp::new();
    let metadata = r#"{"redirect_uris":["http://localhost/cb"],"token_endpoint_auth_method":"none"}"#;
    let client = app.register(metadata).await.json()["client_id"].as_str().unwrap().to_owned();
    let mut request = request_of(&client);
    request
        .iter_mut()
        .filter(|(name, _)| *name == "redirect_uri")
        .for_each(|it| it.1 = "http://localhost:7/cb");
    let page = Browser::new(&app).sign_in(&authorize(&request), "ada").await;
    assert!(text_of(&page).contains("Any program on this computer can pose as this app"));
    assert!(text_of(&page).contains("An app without a name"));
    assert!(page.header("content-security-policy").contains("form-action 'self' http://localhost:7;"));
}

#[tokio::test]
async fn approval_brings_the_client_a_code_with_state_and_issuer() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let answer = Browser::new(&app).approve(&authorize(&request_of(&client)), "ada").await;
    assert_eq!(answer.redirected("state"), "st&te=1 é");
    assert_eq!(answer.redirected("iss"), ISSUER);
    assert_eq!(answer.redirected("code").len(), "mcp_code_".len() + 43);
    assert_eq!(answer.header("referrer-policy"), "no-referrer");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn b_19_denial_is_told_to_the_client_and_counts_once() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let address = authorize(&request_of(&client));
    let mut browser = Browser::new(&app);
    let page = browser.sign_in(&address, "ada").await;
    let answer = browser.press(&address, &page, "deny", &[]).await;
    assert_eq!(answer.redirected("error"), "access_denied");
    assert_eq!(answer.redirected("state"), "st&te=1 é");
    assert_eq!(answer.redirected("iss"), ISSUER);
    assert_eq!(browser.press(&address, &page, "approve", &[]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn b_10_an_answer_counts_once_and_only_for_what_was_asked() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let address = authorize(&request_of(&client));
    let mut browser = Browser::new(&app);
    let page = browser.sign_in(&address, "ada").await;

    let mut other = request_of(&client);
    other.iter_mut().filter(|(name, _)| *name == "state").for_each(|it| it.1 = "other");
    let form = [("action", "approve"), ("ticket", &ticket(&page))];
    let answer = browser.submit(&authorize(&other), &form).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::FORBIDDEN, ""));
    assert_eq!(
        browser.press(&address, &page, "approve", &[]).await.status,
        StatusCode::FORBIDDEN,
        "spent by the try"
    );

    let page = browser.open(&address).await;
    assert_eq!(browser.press(&address, &page, "approve", &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(
        browser.press(&address, &page, "approve", &[]).await.status,
        StatusCode::FORBIDDEN,
        "replayed"
    );

    for ticket in ["", "mcp_consent_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "x"] {
        let answer = browser.submit(&address, &[("action", "approve"), ("ticket", ticket)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{ticket}");
    }
}

#[tokio::test]
async fn b_02_b_10_an_answer_from_another_browser_is_worth_nothing() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let address = authorize(&request_of(&client));
    let attackers_page = Browser::new(&app).sign_in(&address, "bob").await;
    let form = [("action", "approve"), ("ticket", &ticket(&attackers_page))];
    let mut victim = Browser::new(&app);
    assert_eq!(victim.submit(&address, &form).await.status, StatusCode::FORBIDDEN, "signed out");
    victim.sign_in(&address, "ada").await;
    assert_eq!(victim.submit(&address, &form).await.status, StatusCode::FORBIDDEN, "another session");
}

#[tokio::test]
async fn b_10_a_form_that_another_site_sends_is_refused() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let address = authorize(&request_of(&client));
    let mut browser = Browser::new(&app);
    let page = browser.sign_in(&address, "ada").await;
    let ticket = ticket(&page);
    let form = [("action", "approve"), ("ticket", ticket.as_str())];
    let cases: [&[(&str, &str)]; 6] = [
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[("sec-fetch-site", "cross-site")],
        &[("sec-fetch-site", "same-site"), ("origin", ISSUER)],
        &[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")],
        &[("origin", ISSUER), ("origin", "https://evil.example")],
    ];
    for headers in cases {
        let mut request =
            form_request(&address, &form).header(header::COOKIE, browser.cookie.clone().unwrap());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = app.send(request.body(encoded(&form)).unwrap()).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    let privacy = [("sec-fetch-site", "same-origin"), ("origin", "null")];
    let mut request = form_request(&address, &form).header(header::COOKIE, browser.cookie.clone().unwrap());
    for (name, value) in privacy {
        request = request.header(name, value);
    }
    assert_eq!(app.send(request.body(encoded(&form)).unwrap()).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn b_10_a_form_of_another_type_is_refused() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let address = authorize(&request_of(&client));
    for (content_type, body) in [("application/json", "{}"), ("text/plain", "action=approve"), ("", "")] {
        let request = axum::http::Request::post(&address).header(header::CONTENT_TYPE, content_type);
        let answer = app.send(request.body(axum::body::Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{content_type}");
    }
    let unknown = Browser::new(&app).submit(&address, &[("action", "other")]).await;
    assert_eq!(unknown.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_17_a_consent_page_can_be_answered_for_ten_minutes() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let address = authorize(&request_of(&client));
    let mut browser = Browser::new(&app);
    let page = browser.sign_in(&address, "ada").await;
    app.clock.advance(600);
    assert_eq!(browser.press(&address, &page, "approve", &[]).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_18_two_tabs_do_not_disturb_each_other() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let mut other = request_of(&client);
    other.iter_mut().filter(|(name, _)| *name == "state").for_each(|it| it.1 = "tab 2");
    let (one, two) = (authorize(&request_of(&client)), authorize(&other));
    let mut browser = Browser::new(&app);
    let first = browser.sign_in(&one, "ada").await;
    let second = browser.open(&two).await;
    assert_eq!(browser.press(&two, &second, "approve", &[]).await.redirected("state"), "tab 2");
    assert_eq!(browser.press(&one, &first, "approve", &[]).await.redirected("state"), "st&te=1 é");
}

#[tokio::test]
async fn a_user_is_never_granted_more_than_they_are_allowed() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let page = text_of(&Browser::new(&app).sign_in(&authorize(&request_of(&client)), "bob").await);
    assert!(
        page.contains("Use the tool now of time") && page.contains("Use the tool zones of time"),
        "{page}"
    );
    assert!(!page.contains("every tool"), "{page}");
}

#[tokio::test]
async fn a_user_who_may_do_nothing_can_change_the_account_or_go_back() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let mut request = request_of(&client);
    request
        .iter_mut()
        .filter(|(name, _)| *name == "resource")
        .for_each(|it| it.1 = "https://gw.example/fetch/mcp");
    request.iter_mut().filter(|(name, _)| *name == "scope").for_each(|it| it.1 = "mcp:fetch");
    let address = authorize(&request);
    let mut browser = Browser::new(&app);
    let page = browser.sign_in(&address, "bob").await;
    assert!(text_of(&page).contains("No access to fetch"));
    let buttons: Vec<String> = forms_of(&page).into_iter().flat_map(|form| form.buttons).collect();
    assert_eq!(buttons, ["deny", "sign-out"]);
    let forced = [("action", "approve"), ("ticket", &ticket(&page))];
    assert_eq!(browser.submit(&address, &forced).await.redirected("error"), "access_denied");
    let page = browser.open(&address).await;
    assert_eq!(browser.press(&address, &page, "deny", &[]).await.redirected("error"), "access_denied");
}

#[tokio::test]
async fn b_03_consent_is_asked_for_every_time_unless_it_is_remembered() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let address = authorize(&request_of(&client));
    let mut browser = Browser::new(&app);
    browser.approve(&address, "ada").await.redirected("code");
    assert!(text_of(&browser.open(&address).await).contains("Allow access?"));
    let mut silent = request_of(&client);
    silent.push(("prompt", "none"));
    assert_eq!(browser.open(&authorize(&silent)).await.redirected("error"), "consent_required");
}

#[tokio::test]
async fn prompt_login_asks_for_the_password_again() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let mut request = request_of(&client);
    request.push(("prompt", "login"));
    let address = authorize(&request);
    let mut browser = Browser::new(&app);
    browser.sign_in(&authorize(&request_of(&client)), "ada").await;
    app.clock.advance(301);
    assert!(text_of(&browser.open(&address).await).starts_with("Sign in"));
    assert!(text_of(&browser.sign_in(&address, "ada").await).contains("Allow access?"));
}
