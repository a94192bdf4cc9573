//! `/verify`: what a proxy that asks is told.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::json;

use crate::app::{Answer, TestApp};
use crate::browser::{Browser, authorize, claim, connected, exchange, request_of};

const FORWARDED: [(&str, &str); 3] = [
    ("x-forwarded-proto", "https"),
    ("x-forwarded-host", "gw.example"),
    ("x-forwarded-uri", "/time/mcp?x=1"),
];

async fn ask(app: &TestApp, headers: &[(&str, &str)], token: Option<&str>) -> Answer {
    ask_by(app, Method::GET, headers, token).await
}

async fn ask_by(app: &TestApp, method: Method, headers: &[(&str, &str)], token: Option<&str>) -> Answer {
    let mut request = Request::builder().method(method).uri("/verify");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    app.send(request.body(Body::empty()).unwrap()).await
}

fn challenge(error: &str) -> String {
    let error = if error.is_empty() { String::new() } else { format!("error=\"{error}\", ") };
    format!(
        "Bearer {error}resource_metadata=\"https://gw.example/.well-known/oauth-protected-resource/time/mcp\", \
         scope=\"mcp:time\""
    )
}

#[tokio::test]
async fn h_22_a_good_token_gives_an_identity_and_never_itself() {
    let app = TestApp::new();
    let (client, token, _) = connected(&app).await;
    let original = [("x-original-url", "https://gw.example/time/mcp")];
    for headers in [&FORWARDED[..], &original[..]] {
        for method in [Method::GET, Method::POST, Method::HEAD, Method::DELETE, Method::OPTIONS] {
            // The second time from the cache.
            for _ in 0..2 {
                let answer = ask_by(&app, method.clone(), headers, Some(&token)).await;
                assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""), "{}", answer.body);
                let told = ["x-user-id", "x-user-name", "x-client-id", "x-token-id", "x-scopes"];
                let id = claim(&token, "jti");
                let expected = ["local:a1", "ada", client.as_str(), id.as_str(), "mcp:time"];
                assert_eq!(told.map(|name| answer.header(name)), expected);
                assert_eq!(answer.header("cache-control"), "no-store");
                let shows_it =
                    answer.headers.values().any(|it| it.to_str().is_ok_and(|it| it.contains(&token)));
                assert!(!shows_it);
            }
        }
    }
}

#[tokio::test]
async fn g_04_a_name_cannot_end_a_header() {
    let app = TestApp::new();
    app.users(&[("Ada, é%", "a1", &["*"])]);
    let client = app.public_client().await;
    let code =
        Browser::new(&app).approve(&authorize(&request_of(&client)), "Ada, é%").await.redirected("code");
    let issued = app.token(&exchange(&client, &code)).await.json();
    let answer = ask(&app, &FORWARDED, issued["access_token"].as_str()).await;
    assert_eq!(answer.header("x-user-name"), "Ada%2C%20%C3%A9%25");
}

#[tokio::test]
async fn whoever_has_no_token_is_told_where_to_get_one_as_at_the_edge() {
    let app = TestApp::new();
    let (_, token, _) = connected(&app).await;
    let none = ask(&app, &FORWARDED, None).await;
    assert_eq!(
        (none.error().as_str(), none.header("www-authenticate")),
        ("401 unauthorized", challenge("").as_str())
    );
    for bad in ["x", "a.b.c", &token[..token.len() - 2], &format!("{token}x"), &token.replace('.', ",")] {
        let answer = ask(&app, &FORWARDED, Some(bad)).await;
        let expected = if bad.contains(',') { "400 invalid_request" } else { "401 invalid_token" };
        assert_eq!(answer.error(), expected, "{bad}");
    }
    let bad = ask(&app, &FORWARDED, Some("x")).await;
    assert_eq!(bad.header("www-authenticate"), challenge("invalid_token"));
    let basic = [&FORWARDED[..], &[("authorization", "Basic eA==")]].concat();
    assert_eq!(ask(&app, &basic, None).await.error(), "401 unauthorized");
    let twice = [&FORWARDED[..], &[("authorization", "Bearer x")]].concat();
    assert_eq!(ask(&app, &twice, Some(&token)).await.error(), "400 invalid_request");
}

#[tokio::test]
async fn f_14_a_token_is_good_for_its_own_resource_and_a_proxy_must_name_one() {
    let app = TestApp::new();
    let (_, token, _) = connected(&app).await;
    let url = |url| [("x-original-url", url)];
    assert_eq!(
        ask(&app, &url("https://gw.example/fetch/mcp"), Some(&token)).await.error(),
        "401 invalid_token"
    );
    for nowhere in [
        "https://gw.example/",
        "https://gw.example/Time/mcp",
        "https://gw.example/time/mcp/x",
        "http://gw.example/time/mcp",
        "https://evil.example/time/mcp",
        "https://gw.example",
        "/time/mcp",
        "",
    ] {
        assert_eq!(ask(&app, &url(nowhere), Some(&token)).await.error(), "403 access_denied", "{nowhere}");
    }
    assert_eq!(ask(&app, &[], Some(&token)).await.error(), "403 access_denied");
    assert_eq!(
        ask(&app, &FORWARDED[2..], Some(&token)).await.error(),
        "403 access_denied",
        "half a resource"
    );
    assert_eq!(ask(&app, &url("HTTPS://GW.example/time/mcp/"), Some(&token)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_client_cannot_name_another_resource_behind_its_proxys_back() {
    let app = TestApp::new();
    let (_, token, _) = connected(&app).await;
    let by_proxy = ("x-original-url", "https://gw.example/fetch/mcp");
    let headers = [&FORWARDED[..], &[by_proxy]].concat();
    assert_eq!(ask(&app, &headers, Some(&token)).await.error(), "403 access_denied");
    let agreeing = [&FORWARDED[..], &[("x-original-url", "https://gw.example/time/mcp")]].concat();
    assert_eq!(ask(&app, &agreeing, Some(&token)).await.status, StatusCode::OK);
    for (name, value) in FORWARDED {
        let headers = [&FORWARDED[..], &[(name, value)]].concat();
        assert_eq!(ask(&app, &headers, Some(&token)).await.error(), "400 invalid_request", "{name} twice");
    }
}

#[tokio::test]
async fn f_15_a_token_ends_also_when_its_signature_is_remembered() {
    let app = TestApp::new();
    let (_, token, _) = connected(&app).await;
    app.clock.advance(929);
    assert_eq!(ask(&app, &FORWARDED, Some(&token)).await.status, StatusCode::OK, "within the leeway of 30 s");
    app.clock.advance(1);
    assert_eq!(ask(&app, &FORWARDED, Some(&token)).await.error(), "401 invalid_token");
}

#[tokio::test]
async fn c_31_a_revoked_token_is_refused_from_the_moment_that_the_order_is_answered() {
    for by in ["jti", "user", "client_id"] {
        let app = TestApp::new();
        let (client, token, _) = connected(&app).await;
        let (_, other, _) = connected(&app).await;
        assert_eq!(ask(&app, &FORWARDED, Some(&token)).await.status, StatusCode::OK);
        let id = claim(&token, "jti");
        let order = match by {
            "jti" => json!({ "jti": id }),
            "user" => json!({ "user": "ada" }),
            _ => json!({ "client_id": client }),
        };
        app.post_internal("/internal/revocations", &order.to_string()).await;
        assert_eq!(ask(&app, &FORWARDED, Some(&token)).await.error(), "401 invalid_token", "{by}");
        let others = if by == "user" { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
        assert_eq!(ask(&app, &FORWARDED, Some(&other)).await.status, others, "{by}");
        app.clock.advance(1);
        let (_, new, _) = connected(&app).await;
        assert_eq!(ask(&app, &FORWARDED, Some(&new)).await.status, StatusCode::OK, "{by}: a later sign-in");
    }
}

#[tokio::test]
async fn a_token_that_is_narrower_than_the_server_is_a_403_that_names_the_scope() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let code = Browser::new(&app).approve(&authorize(&request_of(&client)), "bob").await.redirected("code");
    let issued = app.token(&exchange(&client, &code)).await.json();
    let answer = ask(&app, &FORWARDED, issued["access_token"].as_str()).await;
    assert_eq!(answer.error(), "403 insufficient_scope");
    assert_eq!(answer.header("www-authenticate"), challenge("insufficient_scope"));
}

#[tokio::test]
async fn j_02_nobody_is_let_in_by_revocations_that_are_too_old() {
    let app = TestApp::new();
    let (_, token, _) = connected(&app).await;
    let live = app.deps.store.live();
    live.set_current(false);
    let answer = ask(&app, &FORWARDED, Some(&token)).await;
    assert_eq!(answer.error(), "503 temporarily_unavailable");
    live.set_current(true);
    assert_eq!(ask(&app, &FORWARDED, Some(&token)).await.status, StatusCode::OK);
}
