//! `POST /token` with `client_credentials` (RFC 6749 §4.4): clients that act on their own behalf.

use auth_service::documents::DocumentRules;
use auth_service::flow::revoke::Watch;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use gateway_core::jwt::Algorithm;
use serde_json::{Value, json};

use crate::app::{Answer, CALLBACK, NOW, TIME, TestApp};
use crate::browser::{claim, verified};
use crate::document_host::{CLIENT, DocumentHost, document};
use crate::signer::{Signer, jwks, key};

fn service() -> TestApp {
    TestApp::with_client_credentials(None)
}

/// Writes into the users file what clients may do.
fn permit(app: &TestApp, clients: &[(&str, &[&str])]) {
    let path = app.home.path().join("users.json");
    let mut file: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let entry = |(id, tools): &(&str, &[&str])| json!({ "client_id": id, "allowed_tools": tools });
    file["clients"] = clients.iter().map(entry).collect();
    let new = path.with_extension("new");
    std::fs::write(&new, file.to_string()).unwrap();
    std::fs::rename(new, path).unwrap();
}

/// A client that registered for the grant: its id and its credentials.
async fn registered(app: &TestApp) -> (String, String) {
    let answer = app.register(r#"{"grant_types":["client_credentials"]}"#).await.json();
    let member = |name: &str| answer[name].as_str().unwrap().to_owned();
    (member("client_id"), format!("{}:{}", member("client_id"), member("client_secret")))
}

async fn ask(app: &TestApp, credentials: &str, more: &[(&str, &str)]) -> Answer {
    app.token_with_basic(credentials, &[&[("grant_type", "client_credentials")], more].concat()).await
}

async fn token(app: &TestApp, credentials: &str) -> String {
    let answer = ask(app, credentials, &[("resource", TIME)]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn c_08_where_it_is_switched_off_there_is_no_such_grant() {
    let app = TestApp::new();
    let (id, secret) = app.confidential_client().await;
    permit(&app, &[(&id, &["*"])]);
    let refused = ask(&app, &format!("{id}:{secret}"), &[("resource", TIME)]).await;
    assert_eq!(refused.error(), "400 unsupported_grant_type");
    let alone = app.register(r#"{"grant_types":["client_credentials"]}"#).await;
    assert_eq!(alone.error(), "400 invalid_client_metadata");
    assert!(alone.body.contains("CLIENT_CREDENTIALS"), "{}", alone.body);
    let among =
        json!({ "redirect_uris": [CALLBACK], "grant_types": ["authorization_code", "client_credentials"] });
    assert_eq!(app.register(&among.to_string()).await.json()["grant_types"], json!(["authorization_code"]));
}

#[tokio::test]
async fn a_client_gets_a_token_for_itself_that_is_short_lived_and_alone() {
    let app = service();
    let metadata = app.get("/.well-known/oauth-authorization-server").await.json();
    assert!(metadata["grant_types_supported"].as_array().unwrap().contains(&json!("client_credentials")));
    let (id, credentials) = registered(&app).await;
    permit(&app, &[(&id, &["time/*", "fetch/fetch"])]);
    let answer = ask(&app, &credentials, &[("resource", TIME)]).await.json();
    assert_eq!((&answer["expires_in"], &answer["scope"]), (&json!(900), &json!("mcp:time")));
    assert_eq!(answer.get("refresh_token"), None, "RFC 6749 §4.4.3");
    let token = answer["access_token"].as_str().unwrap();
    let claims = ["sub", "client_id", "aud"].map(|name| claim(token, name));
    assert_eq!(claims, [format!("client:{id}"), id, TIME.to_owned()]);
    assert_eq!(verified(&app, token).await, StatusCode::OK);
}

#[tokio::test]
async fn c_08_to_register_gives_nobody_any_power() {
    let app = service();
    let (id, credentials) = registered(&app).await;
    let refused = ask(&app, &credentials, &[("resource", TIME)]).await;
    assert_eq!(refused.error(), "400 unauthorized_client");
    assert!(refused.body.contains("auth-service clients permit"), "{}", refused.body);
    permit(&app, &[("somebody", &["*"])]);
    assert_eq!(ask(&app, &credentials, &[("resource", TIME)]).await.error(), "400 unauthorized_client");
    permit(&app, &[(&id, &[])]);
    assert_eq!(ask(&app, &credentials, &[("resource", TIME)]).await.error(), "400 invalid_scope");
}

#[tokio::test]
async fn c_08_only_a_confidential_client_that_registered_for_it_acts_on_its_own_behalf() {
    let app = service();
    let (id, secret) = app.confidential_client().await;
    let public = app.public_client().await;
    permit(&app, &[(&id, &["*"]), (&public, &["*"])]);
    let other = ask(&app, &format!("{id}:{secret}"), &[("resource", TIME)]).await;
    assert_eq!(other.error(), "400 unauthorized_client");
    let form = [("grant_type", "client_credentials"), ("client_id", &public), ("resource", TIME)];
    assert_eq!(app.token(&form).await.error(), "400 unauthorized_client");
    for grants in [json!(["client_credentials"]), json!(["authorization_code", "client_credentials"])] {
        let metadata = json!({ "redirect_uris": [CALLBACK], "grant_types": grants, "token_endpoint_auth_method": "none" });
        assert_eq!(
            app.register(&metadata.to_string()).await.error(),
            "400 invalid_client_metadata",
            "{grants}"
        );
    }
}

#[tokio::test]
async fn c_12_it_gets_what_it_asks_for_as_far_as_it_may_for_one_resource() {
    let app = service();
    let (id, credentials) = registered(&app).await;
    permit(&app, &[(&id, &["time/now", "time/zones"])]);
    for (more, expected) in [
        (&[("resource", TIME)][..], "mcp:time:now mcp:time:zones"),
        (&[("resource", TIME), ("scope", "mcp:time:now")], "mcp:time:now"),
        (&[("resource", TIME), ("scope", "mcp:time:now mcp:time:set")], "mcp:time:now"),
        (&[("resource", TIME), ("scope", "mcp")], "mcp:time:now mcp:time:zones"),
    ] {
        assert_eq!(ask(&app, &credentials, more).await.json()["scope"], expected, "{more:?}");
    }
    for (more, expected) in [
        (&[][..], "400 invalid_target"),
        (&[("resource", "https://gw.example/other/mcp")], "400 invalid_target"),
        (&[("resource", "https://gw.example/fetch/mcp")], "400 invalid_scope"),
        (&[("resource", TIME), ("scope", "mcp:time:set")], "400 invalid_scope"),
    ] {
        assert_eq!(ask(&app, &credentials, more).await.error(), expected, "{more:?}");
    }
}

#[tokio::test]
async fn c_24_its_tokens_end_one_by_one_or_with_it_and_are_listed_until_then() {
    let app = service();
    let (id, credentials) = registered(&app).await;
    permit(&app, &[(&id, &["time/*"])]);
    let tokens = [token(&app, &credentials).await, token(&app, &credentials).await];
    let listed = app.get_internal(&format!("/internal/grants?client_id={id}")).await.json();
    let grants = listed["grants"].as_array().unwrap();
    assert_eq!(grants.len(), 2);
    assert_eq!(
        (&grants[0]["sub"], &grants[0]["expires_at"]),
        (&json!(format!("client:{id}")), &json!(NOW + 900))
    );
    let revoked = app.post_with_basic("/revoke", &credentials, &[("token", &tokens[0])]).await;
    assert_eq!(revoked.status, StatusCode::OK);
    assert_eq!(verified(&app, &tokens[0]).await, StatusCode::UNAUTHORIZED);
    assert_eq!(verified(&app, &tokens[1]).await, StatusCode::OK);
    let order = json!({ "client_id": id }).to_string();
    assert_eq!(app.post_internal("/internal/revocations", &order).await.status, StatusCode::OK);
    assert_eq!(verified(&app, &tokens[1]).await, StatusCode::UNAUTHORIZED);
    let listed = app.get_internal("/internal/grants").await.json();
    assert_eq!(listed, json!({ "grants": [] }));
}

#[tokio::test]
async fn c_24_a_client_that_an_operator_takes_out_has_nothing_left() {
    let app = service();
    let (id, credentials) = registered(&app).await;
    permit(&app, &[(&id, &["time/*"])]);
    let mut watch = Watch::default();
    watch.look(&app.deps).await.unwrap();
    let first = token(&app, &credentials).await;
    permit(&app, &[]);
    watch.look(&app.deps).await.unwrap();
    assert_eq!(verified(&app, &first).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&app, &credentials, &[("resource", TIME)]).await.error(), "400 unauthorized_client");
    // Deleted, and still in the file.
    permit(&app, &[(&id, &["time/*"])]);
    app.clock.advance(1);
    let second = token(&app, &credentials).await;
    let request = Request::delete(format!("/internal/clients/{id}")).body(Body::empty()).unwrap();
    assert_eq!(app.send_internal(request).await.status, StatusCode::OK);
    assert_eq!(verified(&app, &second).await, StatusCode::UNAUTHORIZED);
    assert_eq!(ask(&app, &credentials, &[("resource", TIME)]).await.error(), "401 invalid_client");
}

#[tokio::test]
async fn a_client_that_an_operator_adds_never_expires_and_nobody_else_manages_it() {
    let app = service();
    let answer = app
        .post_internal("/internal/clients", r#"{"client_name":"CI","grant_types":["client_credentials"]}"#)
        .await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let added = answer.json()["added"].clone();
    let member = |name: &str| added[name].as_str().unwrap().to_owned();
    let id = member("client_id");
    permit(&app, &[(&id, &["time/*"])]);
    app.clock.advance(20 * 365 * 86_400);
    token(&app, &format!("{id}:{}", member("client_secret"))).await;
    let managed = app.manage(axum::http::Method::GET, &id, "mcp_registration_x", "").await;
    assert_eq!(managed.error(), "401 invalid_token");
    let page = Request::post("/internal/clients").header("origin", "https://evil.example");
    let page = page.header("content-type", "application/json").body(Body::from("{}")).unwrap();
    assert_eq!(app.send_internal(page).await.error(), "400 invalid_request");
}

#[tokio::test]
async fn a_client_that_describes_itself_and_signs_may_act_on_its_own_behalf_too() {
    let host = DocumentHost::start().await;
    let app = TestApp::with_client_credentials(Some(host.documents(DocumentRules::default())));
    let client = Signer::new(CLIENT, key(Algorithm::Es256, 7));
    let mut published = document(CLIENT);
    published["token_endpoint_auth_method"] = json!("private_key_jwt");
    published["grant_types"] = json!(["client_credentials"]);
    published["jwks"] = jwks(&[&client.key]);
    host.publishes(&published, "");
    let post = async |jti: &str| {
        let assertion = client.assertion(jti);
        app.token(&[
            ("grant_type", "client_credentials"),
            ("resource", TIME),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &assertion),
        ])
        .await
    };
    assert_eq!(post("a").await.error(), "400 unauthorized_client");
    permit(&app, &[(CLIENT, &["time/now"])]);
    let answer = post("b").await.json();
    assert_eq!(claim(answer["access_token"].as_str().unwrap(), "sub"), format!("client:{CLIENT}"));
    assert_eq!(answer["scope"], "mcp:time:now");
}
