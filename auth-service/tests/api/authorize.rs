//! `GET /authorize`: what a request must be before a user is asked anything.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};

use crate::app::{CALLBACK, CHALLENGE, ISSUER, TestApp};
use crate::browser::{Browser, authorize, request_of, text_of};

/// The request with one parameter replaced, or removed when the value is empty.
fn changed<'a>(client: &'a str, name: &'a str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut request = request_of(client);
    request.retain(|(key, _)| *key != name);
    if !value.is_empty() {
        request.push((name, value));
    }
    request
}

async fn error_of(app: &TestApp, request: &[(&str, &str)]) -> String {
    app.get(&authorize(request)).await.redirected("error")
}

#[tokio::test]
async fn a_01_an_unknown_client_is_told_to_the_user_and_redirected_nowhere() {
    let app = TestApp::new();
    let client = app.public_client().await;
    for id in [
        "nobody",
        "",
        "client_AAAAAAAAAAAAAAAAAAAAAA",
        &client.to_uppercase(),
        "<script>alert(1)</script>",
        "é",
    ] {
        let answer = app.get(&authorize(&changed(&client, "client_id", id))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{id}");
        assert_eq!(answer.header("location"), "");
        assert!(!answer.body.contains("<script>"), "H-12");
    }
    app.clock.advance(86_400);
    assert_eq!(app.get(&authorize(&request_of(&client))).await.status, StatusCode::BAD_REQUEST, "forgotten");
}

#[tokio::test]
async fn a_02_a_redirect_uri_that_is_not_registered_is_never_redirected_to() {
    let app = TestApp::new();
    let client = app.public_client().await;
    for uri in [
        "",
        "https://app.example/cb/",
        "https://app.example/cb?x=1",
        "https://app.example/CB",
        "https://APP.example/cb",
        "https://app.example:8443/cb",
        "https://app.example:443/cb",
        "http://app.example/cb",
        "https://app.example/cb#x",
        "https://app.example@evil.example/cb",
        "https://app.example\\@evil.example/cb",
        "https://app.example/%63b",
        "https://app.example/x/%2e%2e/cb",
        "https://app.example.evil.example/cb",
        "https://аpp.example/cb",
        "javascript:alert(1)",
        " https://app.example/cb",
        "//app.example/cb",
    ] {
        let answer = app.get(&authorize(&changed(&client, "redirect_uri", uri))).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::BAD_REQUEST, ""), "{uri}");
    }
}

#[tokio::test]
async fn a_03_a_loopback_client_may_use_any_port() {
    let app = TestApp::new();
    let metadata = r#"{"redirect_uris":["http://localhost/cb","http://127.0.0.1:1/cb"],"token_endpoint_auth_method":"none"}"#;
    let client = app.register(metadata).await.json()["client_id"].as_str().unwrap().to_owned();
    for uri in ["http://localhost:50001/cb", "http://127.0.0.1:50001/cb", "http://localhost/cb"] {
        let answer = app.get(&authorize(&changed(&client, "redirect_uri", uri))).await;
        assert_eq!(answer.status, StatusCode::OK, "{uri}");
    }
    for uri in ["http://localhost:1/other", "http://[::1]:1/cb", "http://localhost:x/cb", "http://127.1/cb"] {
        let answer = app.get(&authorize(&changed(&client, "redirect_uri", uri))).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{uri}");
    }
}

#[tokio::test]
async fn a_04_a_05_a_10_a_11_what_is_wrong_otherwise_is_told_to_the_client() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let short = "a".repeat(42);
    let cases = [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "code token", "unsupported_response_type"),
        ("response_type", "co", "unsupported_response_type"),
        ("response_type", "", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", short.as_str(), "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
        ("code_challenge_method", "s256", "invalid_request"),
        ("response_mode", "fragment", "invalid_request"),
        ("response_mode", "form_post", "invalid_request"),
        ("request", "eyJ", "request_not_supported"),
        ("request_uri", "http://169.254.169.254/", "request_uri_not_supported"),
        ("prompt", "none", "login_required"),
        ("prompt", "none login", "invalid_request"),
        ("scope", "root", "invalid_scope"),
        ("scope", "mcp:fetch", "invalid_scope"),
    ];
    for (name, value, error) in cases {
        assert_eq!(error_of(&app, &changed(&client, name, value)).await, error, "{name}={value}");
    }
}

#[tokio::test]
async fn a_06_a_repeated_parameter_is_never_last_wins() {
    let app = TestApp::new();
    let client = app.public_client().await;
    for name in ["client_id", "redirect_uri"] {
        let mut request = request_of(&client);
        let same = request.iter().find(|(key, _)| *key == name).map(|(_, value)| *value).unwrap();
        request.push((name, same));
        assert_eq!(app.get(&authorize(&request)).await.status, StatusCode::BAD_REQUEST, "{name}");
    }
    for (name, error) in [
        ("state", "invalid_request"),
        ("scope", "invalid_request"),
        ("code_challenge", "invalid_request"),
        ("response_type", "invalid_request"),
        ("anything", "invalid_request"),
        ("resource", "invalid_target"),
    ] {
        let mut request = request_of(&client);
        request.extend([(name, "x"), (name, "x")]);
        assert_eq!(error_of(&app, &request).await, error, "{name}");
    }
}

#[tokio::test]
async fn a_07_a_08_a_resource_is_one_of_ours_and_never_all_of_them() {
    let app = TestApp::new();
    let client = app.public_client().await;
    for resource in [
        "",
        "https://gw.example",
        "https://gw.example/Time/mcp",
        "https://gw.example/time/mcp#x",
        "http://gw.example/time/mcp",
        "/time/mcp",
        "https://other.example/time/mcp",
    ] {
        assert_eq!(
            error_of(&app, &changed(&client, "resource", resource)).await,
            "invalid_target",
            "{resource}"
        );
    }
    for resource in ["HTTPS://GW.example/time/mcp", "https://gw.example/time/mcp/"] {
        let answer = app.get(&authorize(&changed(&client, "resource", resource))).await;
        assert_eq!(answer.status, StatusCode::OK, "{resource}");
    }
    let single = TestApp::with(ISSUER, &["time"]);
    let client = single.public_client().await;
    assert_eq!(single.get(&authorize(&changed(&client, "resource", ""))).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_09_a_scope_is_narrowed_to_the_resource_and_never_widened() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let flood = "x ".repeat(5000);
    for (scope, asked) in [
        ("mcp:time", "Use every tool of time"),
        ("", "Use every tool of time"),
        ("offline_access", "Use every tool of time"),
        ("mcp", "Use every tool of time"),
        ("mcp:time:now mcp:fetch openid", "Use the tool now of time"),
    ] {
        let address = authorize(&changed(&client, "scope", scope));
        let page = text_of(&Browser::new(&app).sign_in(&address, "ada").await);
        assert!(page.contains(asked) && !page.contains("fetch"), "{scope}: {page}");
    }
    assert_eq!(error_of(&app, &changed(&client, "scope", &flood)).await, "invalid_scope");
}

#[tokio::test]
async fn a_12_a_state_comes_back_as_it_was_or_is_refused() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let long = "s".repeat(8192);
    for state in ["a\r\nLocation: x", "\"><script>alert(1)</script>", "x&code=evil", "é + %2B", long.as_str()]
    {
        let mut request = changed(&client, "state", state);
        request.push(("response_mode", "fragment"));
        let answer = app.get(&authorize(&request)).await;
        assert_eq!(answer.redirected("state"), state);
        assert_eq!(answer.redirected("code"), "", "H-16");
    }
    for broken in ["%00", "%FF", "%C3%28", "%zz"] {
        let address = format!("{}&x={broken}", authorize(&request_of(&client)));
        assert_eq!(app.get(&address).await.status, StatusCode::BAD_REQUEST, "{broken}");
    }
}

#[tokio::test]
async fn a_13_a_14_every_redirect_names_the_issuer_once_with_or_without_state() {
    let app = TestApp::new();
    let client = app.public_client().await;
    for state in ["", "s"] {
        let mut request = changed(&client, "state", state);
        request.push(("prompt", "none"));
        let parameters = app.get(&authorize(&request)).await.redirect_to(CALLBACK);
        let issuers: Vec<_> = parameters.iter().filter(|(name, _)| name == "iss").collect();
        assert_eq!(issuers, [&("iss".to_owned(), ISSUER.to_owned())]);
        assert_eq!(parameters.iter().any(|(name, _)| name == "state"), !state.is_empty());
    }
}

#[tokio::test]
async fn a_16_pages_and_redirects_carry_the_headers_that_protect_them() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let page = app.get(&authorize(&request_of(&client))).await;
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "style-src 'sha256-",
        "form-action 'self' https://app.example;",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert_eq!(page.header("x-frame-options"), "DENY");
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(
        page.header("referrer-policy"),
        "same-origin",
        "no-referrer would turn the Origin of forms into null"
    );
    for answer in [
        page,
        app.get(&authorize(&changed(&client, "code_challenge", ""))).await,
        app.get("/authorize").await,
    ] {
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("access-control-allow-origin"), "");
        assert_ne!(answer.header("referrer-policy"), "");
    }
}

#[tokio::test]
async fn a_19_other_methods_and_endless_addresses_are_refused() {
    let app = TestApp::new();
    let client = app.public_client().await;
    for method in [Method::HEAD, Method::PUT, Method::DELETE, Method::TRACE, Method::OPTIONS] {
        let request = Request::builder().method(method.clone()).uri(authorize(&request_of(&client)));
        let answer = app.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
    let long = format!("/authorize?x={}", "a".repeat(60_000));
    assert_eq!(app.get(&long).await.status, StatusCode::URI_TOO_LONG);
}

#[tokio::test]
async fn the_address_can_be_fetched_any_number_of_times_before_somebody_signs_in() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let address = authorize(&request_of(&client));
    let first = app.get(&address).await;
    assert_eq!((first.status, first.header("set-cookie")), (StatusCode::OK, ""), "b_04");
    assert_eq!(app.get(&address).await.body, first.body);
    let code = Browser::new(&app).approve(&address, "ada").await.redirected("code");
    assert!(code.starts_with("mcp_code_") && CHALLENGE.len() == 43);
}

#[tokio::test]
async fn b_04_no_page_sets_a_cookie_before_the_user_has_done_anything() {
    let app = TestApp::new();
    let address = authorize(&request_of(&app.public_client().await));
    assert_eq!(app.get(&address).await.header("set-cookie"), "");
    let mut browser = Browser::new(&app);
    browser.sign_in(&address, "ada").await;
    let question = browser.open(&address).await;
    assert!(text_of(&question).contains("Allow"), "{}", question.body);
    assert_eq!(question.header("set-cookie"), "", "nothing is kept of a question that nobody has answered");
}

#[tokio::test]
async fn b_12_no_picture_of_a_client_is_shown_or_fetched() {
    let app = TestApp::new();
    let metadata = r#"{"redirect_uris":["https://app.example/cb"],"token_endpoint_auth_method":"none","logo_uri":"https://evil.example/canary.png"}"#;
    let client = app.register(metadata).await.json();
    let request = changed(client["client_id"].as_str().unwrap(), "redirect_uri", "https://app.example/cb");
    let page = app.get(&authorize(&request)).await;
    assert_eq!(page.status.as_u16(), 200, "{}", page.body);
    assert!(!page.body.contains("<img") && !page.body.contains("canary"), "{}", page.body);
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
}
