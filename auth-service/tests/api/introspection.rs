//! `POST /introspect`: what a token is worth, for those it is for (RFC 7662).

use auth_service::domain::client::{Client, ClientId};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::json;

use crate::app::{Answer, CALLBACK, NOW, TIME, TestApp};
use crate::browser::{claim, code_for, connected, exchange};
use crate::logs::logs;

/// A client with a secret, as its credentials.
async fn confidential(app: &TestApp) -> String {
    let (id, secret) = app.confidential_client().await;
    format!("{id}:{secret}")
}

/// The resource server `name`, which the settings of [`TestApp`] know, as its credentials.
async fn resource_server(app: &TestApp, name: &str) -> String {
    let (id, secret) = app.confidential_client().await;
    let known = app.deps.store.client(&ClientId::parse(&id).unwrap(), app.deps.now()).await.unwrap();
    let named = Client { id: ClientId::parse(name).unwrap(), ..known.unwrap() };
    app.deps.store.insert_client(&named).await.unwrap();
    format!("{name}:{secret}")
}

/// A confidential client that refreshes, with its tokens: credentials, access token, refresh token.
async fn confidential_and_connected(app: &TestApp) -> (String, String, String) {
    let metadata =
        json!({ "redirect_uris": [CALLBACK], "grant_types": ["authorization_code", "refresh_token"] });
    let client = app.register(&metadata.to_string()).await.json();
    let (id, secret) = (client["client_id"].as_str().unwrap(), client["client_secret"].as_str().unwrap());
    let credentials = format!("{id}:{secret}");
    let code = code_for(app, id).await;
    let issued = app.token_with_basic(&credentials, &exchange(id, &code)).await.json();
    let member = |name: &str| issued[name].as_str().unwrap().to_owned();
    (credentials, member("access_token"), member("refresh_token"))
}

async fn ask(app: &TestApp, credentials: &str, token: &str) -> Answer {
    app.post_with_basic("/introspect", credentials, &[("token", token)]).await
}

async fn is_active(app: &TestApp, credentials: &str, token: &str) -> bool {
    let answer = ask(app, credentials, token).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("content-type"), "application/json");
    let is_active = answer.json()["active"].as_bool().unwrap();
    assert!(is_active || answer.body == r#"{"active":false}"#, "{}", answer.body);
    is_active
}

#[tokio::test]
async fn a_resource_server_hears_what_a_token_for_it_says() {
    let app = TestApp::new();
    let (client, access, _) = connected(&app).await;
    let expected = json!({
        "active": true,
        "iss": "https://gw.example",
        "sub": "local:a1",
        "aud": TIME,
        "client_id": client,
        "scope": "mcp:time",
        "exp": NOW + 900,
        "iat": NOW,
        "jti": claim(&access, "jti"),
        "username": "ada",
        "token_type": "Bearer",
    });
    for name in ["rs_time", "rs_both"] {
        let credentials = resource_server(&app, name).await;
        let answer = ask(&app, &credentials, &access).await;
        assert_eq!(answer.json(), expected, "{name}");
        assert_eq!(answer.header("cache-control"), "no-store");
        let (id, secret) = credentials.split_once(':').unwrap();
        let form = [("token", access.as_str()), ("client_id", id), ("client_secret", secret)];
        assert_eq!(app.post("/introspect", &form).await.json(), expected, "client_secret_post");
    }
}

#[tokio::test]
async fn c_32_h_10_a_token_is_active_only_for_its_audience() {
    let app = TestApp::new();
    let (owner, access, _) = confidential_and_connected(&app).await;
    assert!(is_active(&app, &resource_server(&app, "rs_time").await, &access).await);
    for (who, credentials) in [
        ("another resource server", resource_server(&app, "rs_fetch").await),
        ("a client that is no resource server", confidential(&app).await),
        ("the client that it was issued to", owner),
        ("one whose name only begins alike", resource_server(&app, "rs_time2").await),
    ] {
        assert!(!is_active(&app, &credentials, &access).await, "{who}");
    }
}

#[tokio::test]
async fn c_32_a_registration_cannot_make_its_client_an_audience() {
    let app = TestApp::new();
    let (_, access, _) = connected(&app).await;
    let metadata = json!({
        "redirect_uris": [CALLBACK], "scope": "mcp mcp:time", "client_name": "rs_time", "client_id": "rs_time",
        "resource": TIME, "audience": TIME, "client_uri": TIME, "software_id": "rs_time",
    });
    let client = app.register(&metadata.to_string()).await.json();
    let member = |name: &str| client[name].as_str().unwrap();
    let credentials = format!("{}:{}", member("client_id"), member("client_secret"));
    assert!(!is_active(&app, &credentials, &access).await);
}

#[tokio::test]
async fn c_32_who_does_not_prove_to_be_a_client_with_a_secret_learns_nothing() {
    let app = TestApp::new();
    let (public, access, _) = connected(&app).await;
    let credentials = resource_server(&app, "rs_time").await;
    let (id, secret) = credentials.split_once(':').unwrap();
    let token = ("token", access.as_str());
    for form in [
        vec![token, ("client_id", public.as_str())],
        vec![token, ("client_id", &public), ("client_secret", secret)],
        vec![token, ("client_id", id)],
        vec![token, ("client_id", id), ("client_secret", "wrong")],
        vec![token, ("client_id", "nobody"), ("client_secret", secret)],
    ] {
        let answer = app.post("/introspect", &form).await;
        assert_eq!(answer.error(), "401 invalid_client", "{form:?}");
        assert!(!answer.body.contains("active"));
    }
    for wrong in [format!("{id}:wrong"), format!("nobody:{secret}"), format!("{public}:")] {
        let answer = ask(&app, &wrong, &access).await;
        assert_eq!(answer.error(), "401 invalid_client", "{wrong}");
        assert_eq!(answer.header("www-authenticate"), "Basic realm=\"token\"");
    }
    assert_eq!(app.post("/introspect", &[token]).await.error(), "400 invalid_request", "nobody asks");
    let by_token = Request::post("/introspect")
        .header(header::AUTHORIZATION, format!("Bearer {access}"))
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(format!("token={access}")))
        .unwrap();
    assert_eq!(app.send(by_token).await.error(), "401 invalid_client");
}

#[tokio::test]
async fn c_32_what_is_not_active_is_that_and_nothing_else() {
    let app = TestApp::new();
    let server = resource_server(&app, "rs_time").await;
    let (_, access, refresh_token) = connected(&app).await;
    let (head, signature) = access.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", "A".repeat(signature.len()));
    let long = "x".repeat(60_000);
    for token in ["x", "a.b.c", "é\n", "mcp_refresh_x", &forged, head, &long, &refresh_token, &server] {
        assert!(!is_active(&app, &server, token).await, "{token}");
    }
    app.clock.advance(899);
    assert!(is_active(&app, &server, &access).await);
    app.clock.advance(1);
    assert!(!is_active(&app, &server, &access).await, "expired, without any leeway");
}

#[tokio::test]
async fn c_31_c_32_what_is_revoked_is_not_active_however_that_happened() {
    let app = TestApp::new();
    let server = resource_server(&app, "rs_time").await;
    for how in ["token", "client", "user"] {
        let (client, access, _) = connected(&app).await;
        assert!(is_active(&app, &server, &access).await, "{how}");
        let order = match how {
            "token" => json!({ "jti": claim(&access, "jti") }),
            "client" => json!({ "client_id": client }),
            _ => json!({ "user": "ada" }),
        };
        app.post_internal("/internal/revocations", &order.to_string()).await;
        assert!(!is_active(&app, &server, &access).await, "{how}");
        app.clock.advance(1);
    }
    let (client, access, refresh_token) = connected(&app).await;
    app.post("/revoke", &[("token", &refresh_token), ("client_id", &client)]).await;
    assert!(!is_active(&app, &server, &access).await, "with its family");
}

#[tokio::test]
async fn a_client_hears_of_its_own_refresh_tokens_and_nobody_else_does() {
    let app = TestApp::new();
    let (credentials, _, refresh_token) = confidential_and_connected(&app).await;
    let (id, _) = credentials.split_once(':').unwrap();
    let expected = json!({
        "active": true,
        "iss": "https://gw.example",
        "sub": "local:a1",
        "aud": TIME,
        "client_id": id,
        "scope": "mcp:time",
        "exp": NOW + 86_400,
    });
    assert_eq!(ask(&app, &credentials, &refresh_token).await.json(), expected);
    for other in [confidential(&app).await, resource_server(&app, "rs_time").await] {
        assert!(!is_active(&app, &other, &refresh_token).await);
    }
    let refreshing = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.as_str())];
    let next = app.token_with_basic(&credentials, &refreshing).await.json();
    let next = next["refresh_token"].as_str().unwrap();
    assert!(!is_active(&app, &credentials, &refresh_token).await, "spent");
    assert!(is_active(&app, &credentials, next).await);
    let again = app.token_with_basic(&credentials, &refreshing).await;
    assert_eq!(again.status, StatusCode::OK, "asking changes nothing");
    app.clock.advance(86_399);
    assert!(is_active(&app, &credentials, next).await);
    app.clock.advance(1);
    assert!(!is_active(&app, &credentials, next).await, "expired");
}

#[tokio::test]
async fn c_30_a_hint_is_no_more_than_a_hint() {
    let app = TestApp::new();
    let (credentials, access, refresh_token) = confidential_and_connected(&app).await;
    let server = resource_server(&app, "rs_time").await;
    for hint in ["access_token", "refresh_token", "magic", ""] {
        for (who, token) in [(&server, &access), (&credentials, &refresh_token)] {
            let form = [("token", token.as_str()), ("token_type_hint", hint)];
            let answer = app.post_with_basic("/introspect", who, &form).await;
            assert_eq!(answer.json()["active"], true, "{hint}");
        }
    }
}

#[tokio::test]
async fn c_09_a_request_is_one_form_in_the_body_and_nothing_is_in_it_twice() {
    let app = TestApp::new();
    let server = resource_server(&app, "rs_time").await;
    let (_, access, _) = connected(&app).await;
    let token = ("token", access.as_str());
    for form in [vec![], vec![("token", "")], vec![token, token], vec![token, ("x", "1"), ("x", "1")]] {
        let answer = app.post_with_basic("/introspect", &server, &form).await;
        assert_eq!(answer.error(), "400 invalid_request", "{form:?}");
    }
    let in_query = format!("/introspect?token={access}");
    let answer = app.post_with_basic(&in_query, &server, &[token]).await;
    assert_eq!(answer.error(), "400 invalid_request");
    let large = "x".repeat(65_537);
    let answer = app.post_with_basic("/introspect", &server, &[token, ("x", &large)]).await;
    assert_eq!(answer.error(), "413 invalid_request");
    for content_type in ["application/json", "text/plain"] {
        let request = Request::post("/introspect").header(header::CONTENT_TYPE, content_type);
        let answer = app.send(request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(answer.error(), "400 invalid_request", "{content_type}");
    }
    let get = app.get(&in_query).await;
    assert_eq!((get.status, get.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
}

#[tokio::test]
async fn c_10_no_web_page_asks() {
    let app = TestApp::new();
    let server = resource_server(&app, "rs_time").await;
    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .uri("/introspect")
        .header("origin", "https://inspector.example")
        .header("access-control-request-method", "POST");
    let answer = app.send(preflight.body(Body::empty()).unwrap()).await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    assert_eq!(ask(&app, &server, "x").await.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn an_answer_about_an_active_token_is_a_use_of_the_registration() {
    let app = TestApp::new();
    let server = resource_server(&app, "rs_time").await;
    let idle = confidential(&app).await;
    app.clock.advance(86_399);
    let (_, access, _) = connected(&app).await;
    assert!(is_active(&app, &server, &access).await);
    assert!(!is_active(&app, &idle, &access).await);
    app.clock.advance(1);
    assert!(is_active(&app, &server, &access).await);
    assert_eq!(
        ask(&app, &idle, &access).await.error(),
        "401 invalid_client",
        "expired: it never had an answer"
    );
}

#[tokio::test]
async fn every_question_is_one_line_of_the_log_and_no_token_is_in_it() {
    let app = TestApp::new();
    let server = resource_server(&app, "rs_time").await;
    let (credentials, access, refresh_token) = confidential_and_connected(&app).await;
    let (public, ..) = connected(&app).await;
    ask(&app, &server, &access).await;
    ask(&app, &credentials, &refresh_token).await;
    ask(&app, &credentials, "mcp_refresh_nobodys").await;
    app.post("/introspect", &[("token", &access), ("client_id", &public)]).await;
    let (owner, _) = credentials.split_once(':').unwrap();
    let jti = claim(&access, "jti");
    let logs = logs();
    for rest in [
        format!("\"ok\" user=\"local:a1\" client=\"rs_time\" detail=\"{jti}\""),
        format!("\"ok\" user=\"local:a1\" client=\"{owner}\" detail=\"a refresh token\""),
        format!("\"ok\" client=\"{owner}\" detail=\"not active\""),
        format!("\"refused\" client=\"{public}\" detail=\"a public client\""),
    ] {
        assert!(logs.contains(&format!("event=\"introspection\" outcome={rest}")), "{rest}");
    }
    for secret in [access, refresh_token, server] {
        assert!(!logs.contains(&secret[secret.len() - 40..]));
    }
}
