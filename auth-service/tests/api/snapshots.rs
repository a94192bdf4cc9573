//! What clients get to see, whole: status, headers and body. What is drawn at random stands as its kind.

use axum::body::Body;
use axum::http::{Method, Request};
use gateway_core::jwt::Algorithm;
use insta::assert_snapshot;
use serde_json::json;

use crate::app::{Answer, CALLBACK, TIME, TestApp};
use crate::browser::{code_for, exchange, refresh};
use crate::signer::{jwks, key};

/// What is another text in every run, or long and without meaning.
const RANDOM: [(&str, &str); 5] = [
    (r"mcp_([a-z]+)_[A-Za-z0-9_-]{43,}", "mcp_${1}_[random]"),
    (r#"(["/])client_[A-Za-z0-9_-]{22}""#, r#"${1}client_[random]""#),
    (r"eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", "[JWT]"),
    (r"x-request-id: [0-9a-f]{16}", "x-request-id: [random]"),
    (r#""(kid|x|y)": "[A-Za-z0-9_-]{43}""#, r#""$1": "[key]""#),
];

fn shown(answer: &Answer) -> String {
    let mut headers: Vec<String> = answer
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap()))
        .filter(|line| !line.starts_with("content-length: "))
        .collect();
    headers.sort_unstable();
    let body = if answer.body.is_empty() { String::new() } else { format!("{:#}", answer.json()) };
    format!("{}\n{}\n{body}", answer.status, headers.concat())
}

/// Compares with the snapshot `name`.
fn expect(name: &str, answer: &Answer) {
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.set_prepend_module_to_snapshot(false);
    for (random, kind) in RANDOM {
        settings.add_filter(random, kind);
    }
    settings.bind(|| assert_snapshot!(name, shown(answer)));
}

#[tokio::test]
async fn e_01_what_clients_discover() {
    let app = TestApp::with_client_credentials(None);
    expect("metadata", &app.get("/.well-known/oauth-authorization-server").await);
    let resource = app.get("/.well-known/oauth-protected-resource/time/mcp").await;
    expect("protected_resource", &resource);
    expect("jwks", &app.get("/jwks.json").await);
    expect("not_found", &app.get("/nowhere").await);
}

#[tokio::test]
async fn what_a_client_is_told_about_itself() {
    let app = TestApp::with_client_credentials(None);
    let public = json!({ "client_name": "App", "redirect_uris": [CALLBACK, "http://localhost/cb"],
        "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
        "scope": "mcp:time offline_access", "software_id": "s", "software_version": "1" });
    let answer = app.register(&public.to_string()).await;
    expect("registered_public", &answer);
    let registered = answer.json();
    let member = |name: &str| registered[name].as_str().unwrap();
    let (id, token) = (member("client_id"), member("registration_access_token"));
    expect("registration_read", &app.manage(Method::GET, id, token, "").await);
    expect("registration_refused", &app.manage(Method::GET, id, "another", "").await);
    expect("registration_deleted", &app.manage(Method::DELETE, id, token, "").await);
    let secret = app.register(r#"{"grant_types":["client_credentials"]}"#).await;
    expect("registered_with_a_secret", &secret);
    let signs = json!({ "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "private_key_jwt",
        "jwks": jwks(&[&key(Algorithm::Es256, 7)]) });
    expect("registered_with_a_key", &app.register(&signs.to_string()).await);
    expect("registered_not", &app.register("{}").await);
}

#[tokio::test]
async fn c_10_what_the_token_endpoint_says() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let code = code_for(&app, &client).await;
    let issued = app.token(&exchange(&client, &code)).await;
    expect("token_for_a_code", &issued);
    let issued = issued.json();
    let token = issued["refresh_token"].as_str().unwrap();
    expect("token_for_a_refresh_token", &refresh(&app, &client, token).await);
    expect("invalid_grant", &app.token(&exchange(&client, &code)).await);
    let password = [("grant_type", "password"), ("client_id", client.as_str())];
    expect("unsupported_grant_type", &app.token(&password).await);
    expect("invalid_client", &app.token(&[("grant_type", "password"), ("client_id", "nobody")]).await);
    expect("invalid_client_basic", &app.token_with_basic("nobody:x", &[("grant_type", "password")]).await);
    expect("invalid_request", &app.token(&[]).await);
    let large = "a".repeat(70_000);
    expect("too_large", &app.token(&[("grant_type", large.as_str())]).await);
}

#[tokio::test]
async fn what_the_other_endpoints_say() {
    let app = TestApp::new();
    let (id, secret) = app.confidential_client().await;
    let credentials = format!("{id}:{secret}");
    expect("inactive", &app.post_with_basic("/introspect", &credentials, &[("token", "x")]).await);
    expect("revoked", &app.post_with_basic("/revoke", &credentials, &[("token", "x")]).await);
    let request = Request::get("/verify").header("x-forwarded-uri", "/time/mcp");
    let request = request.header("x-forwarded-proto", "https").header("x-forwarded-host", "gw.example");
    expect("verify_without_a_token", &app.send(request.body(Body::empty()).unwrap()).await);
    let device = [("client_id", id.as_str()), ("client_secret", secret.as_str()), ("resource", TIME)];
    expect("device_refused", &app.post("/device_authorization", &device).await);
}
