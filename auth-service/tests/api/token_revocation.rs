//! `POST /revoke`: clients that give their tokens back (RFC 7009).

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::{Value, json};

use crate::app::{Answer, NOW, TestApp, form_request};
use crate::browser::{claim, code_for, connected, exchange, refresh, verified};
use crate::logs::logs;

async fn revoke(app: &TestApp, client: &str, token: &str) -> Answer {
    app.post("/revoke", &[("token", token), ("client_id", client)]).await
}

fn jti(token: &str, expires_at: u64) -> Value {
    json!({ "jti": claim(token, "jti"), "expires_at": expires_at })
}

/// What every token gets that its client may ask about: nothing that tells one from the other.
fn assert_done(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, ""), "{what}");
    assert_eq!(answer.header("cache-control"), "no-store", "{what}");
    assert_eq!(answer.header("www-authenticate"), "", "{what}");
}

#[tokio::test]
async fn c_30_a_refresh_token_goes_with_its_family_and_every_access_token_that_came_from_it() {
    let app = TestApp::new();
    let (client, first, refresh_token) = connected(&app).await;
    app.clock.advance(10);
    let second = refresh(&app, &client, &refresh_token).await.json();
    let member = |name: &str| second[name].as_str().unwrap().to_owned();
    assert_done(&revoke(&app, &client, &member("refresh_token")).await, "the live one");
    assert_eq!(app.revoked().await, [jti(&first, NOW + 960), jti(&member("access_token"), NOW + 970)]);
    for access in [first, member("access_token")] {
        assert_eq!(verified(&app, &access).await, StatusCode::UNAUTHORIZED);
    }
    for token in [refresh_token, member("refresh_token")] {
        assert_eq!(refresh(&app, &client, &token).await.error(), "400 invalid_grant");
        assert_done(&revoke(&app, &client, &token).await, "again");
    }
    assert_eq!(app.revoked().await.len(), 2);
}

#[tokio::test]
async fn c_30_an_older_token_of_a_family_stands_for_the_family() {
    let app = TestApp::new();
    let (client, _, old) = connected(&app).await;
    let new = refresh(&app, &client, &old).await.json()["refresh_token"].as_str().unwrap().to_owned();
    app.clock.advance(1000);
    assert_done(&revoke(&app, &client, &old).await, "long after its rotation");
    assert_eq!(refresh(&app, &client, &new).await.error(), "400 invalid_grant");
}

#[tokio::test]
async fn c_30_c_31_an_access_token_goes_alone_and_is_one_entry_of_the_feed() {
    let app = TestApp::new();
    let (client, access, refresh_token) = connected(&app).await;
    assert_eq!(verified(&app, &access).await, StatusCode::OK);
    for _ in 0..3 {
        assert_done(&revoke(&app, &client, &access).await, "however often");
    }
    assert_eq!(app.revoked().await, [jti(&access, NOW + 960)]);
    assert_eq!(verified(&app, &access).await, StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(&app, &client, &refresh_token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn c_30_a_hint_is_no_more_than_a_hint() {
    let app = TestApp::new();
    for hint in ["access_token", "refresh_token", "magic", ""] {
        let (client, access, refresh_token) = connected(&app).await;
        for token in [&access, &refresh_token] {
            let form = [("token", token.as_str()), ("token_type_hint", hint), ("client_id", &client)];
            assert_done(&app.post("/revoke", &form).await, hint);
        }
        assert_eq!(verified(&app, &access).await, StatusCode::UNAUTHORIZED, "{hint}");
        assert_eq!(refresh(&app, &client, &refresh_token).await.error(), "400 invalid_grant", "{hint}");
    }
}

#[tokio::test]
async fn c_30_h_10_a_token_of_another_client_is_not_revoked_and_not_told_from_an_unknown_one() {
    let app = TestApp::new();
    let (owner, access, refresh_token) = connected(&app).await;
    let stranger = app.public_client().await;
    let (id, secret) = app.confidential_client().await;
    for token in [&access, &refresh_token] {
        assert_done(&revoke(&app, &stranger, token).await, "of a public client");
        let form = [("token", token.as_str())];
        let answer = app.post_with_basic("/revoke", &format!("{id}:{secret}"), &form).await;
        assert_done(&answer, "of a confidential client");
    }
    assert_eq!(app.revoked().await, [] as [Value; 0]);
    assert_eq!(verified(&app, &access).await, StatusCode::OK);
    assert_eq!(refresh(&app, &owner, &refresh_token).await.status, StatusCode::OK);
    let refused = format!("event=\"token_revoked\" outcome=\"refused\" client=\"{stranger}\"");
    assert_eq!(logs().matches(&refused).count(), 2);
}

#[tokio::test]
async fn c_30_what_is_no_token_any_more_or_never_was_one_is_no_error() {
    let app = TestApp::new();
    let (client, access, refresh_token) = connected(&app).await;
    let (head, signature) = access.rsplit_once('.').unwrap();
    let forged = format!("{head}.{}", "A".repeat(signature.len()));
    let truncated = &refresh_token[..refresh_token.len() - 1];
    let long = "x".repeat(60_000);
    for token in ["x", "a.b.c", "é\n\"", "mcp_refresh_", truncated, &forged, head, &long, &client] {
        assert_done(&revoke(&app, &client, token).await, token);
    }
    app.clock.advance(900);
    assert_done(&revoke(&app, &client, &access).await, "expired");
    app.clock.advance(86_400);
    assert_done(&revoke(&app, &client, &refresh_token).await, "expired");
    assert_eq!(app.revoked().await, [] as [Value; 0]);
}

#[tokio::test]
async fn c_06_h_02_a_client_with_a_secret_must_show_it() {
    let app = TestApp::new();
    let (id, secret) = app.confidential_client().await;
    let credentials = format!("{id}:{secret}");
    let code = code_for(&app, &id).await;
    let issued = app.token_with_basic(&credentials, &exchange(&id, &code)).await.json();
    let access = issued["access_token"].as_str().unwrap();
    let token = ("token", access);
    let (client_id, right) = (("client_id", id.as_str()), ("client_secret", secret.as_str()));
    for form in [
        vec![token, client_id],
        vec![token, client_id, ("client_secret", "wrong")],
        vec![token, ("client_id", "nobody")],
        vec![token, ("client_id", "nobody"), right],
    ] {
        assert_eq!(app.post("/revoke", &form).await.error(), "401 invalid_client", "{form:?}");
    }
    let wrong = app.post_with_basic("/revoke", &format!("{id}:wrong"), &[token]).await;
    assert_eq!(wrong.error(), "401 invalid_client");
    assert_eq!(wrong.header("www-authenticate"), "Basic realm=\"token\"");
    let both = app.post_with_basic("/revoke", &credentials, &[token, right]).await;
    assert_eq!(both.error(), "400 invalid_request");
    assert_eq!(app.post("/revoke", &[token]).await.error(), "400 invalid_request", "nobody asks");
    let public = app.public_client().await;
    let pretends = app.post("/revoke", &[token, ("client_id", &public), right]).await;
    assert_eq!(pretends.error(), "401 invalid_client");
    assert_eq!(app.revoked().await, [] as [Value; 0]);
    assert_done(&app.post("/revoke", &[token, client_id, right]).await, "in the body");
    assert_done(&app.post_with_basic("/revoke", &credentials, &[token]).await, "by Basic");
    assert_eq!(app.revoked().await, [jti(access, NOW + 960)]);
}

#[tokio::test]
async fn c_09_a_request_is_one_form_in_the_body_and_nothing_is_in_it_twice() {
    let app = TestApp::new();
    let (client, access, _) = connected(&app).await;
    let (token, client_id) = (("token", access.as_str()), ("client_id", client.as_str()));
    for form in [
        vec![client_id],
        vec![client_id, ("token", "")],
        vec![client_id, token, token],
        vec![client_id, client_id, token],
        vec![client_id, token, ("token_type_hint", "x"), ("token_type_hint", "y")],
        vec![client_id, token, ("unknown", "x"), ("unknown", "x")],
    ] {
        assert_eq!(app.post("/revoke", &form).await.error(), "400 invalid_request", "{form:?}");
    }
    let plain = format!("token={access}&client_id={client}");
    let send = async |uri: &str, content_type: &str, body: String| {
        let request = Request::post(uri).header(header::CONTENT_TYPE, content_type);
        app.send(request.body(Body::from(body)).unwrap()).await.error()
    };
    let form = "application/x-www-form-urlencoded";
    assert_eq!(send(&format!("/revoke?token={access}"), form, plain.clone()).await, "400 invalid_request");
    for content_type in ["application/json", "multipart/form-data", "text/plain"] {
        assert_eq!(send("/revoke", content_type, plain.clone()).await, "400 invalid_request");
    }
    for body in [format!("{plain}&x=%FF"), format!("{plain}&x=%00"), format!("{plain}&x=%")] {
        assert_eq!(send("/revoke", form, body).await, "400 invalid_request");
    }
    let large = format!("{plain}&x={}", "x".repeat(65_537));
    assert_eq!(send("/revoke", form, large).await, "413 invalid_request");
    let bare = form_request("/revoke", &[]).body(Body::empty()).unwrap();
    assert_eq!(app.send(bare).await.error(), "400 invalid_request");
    let get = app.get(&format!("/revoke?{plain}")).await;
    assert_eq!((get.status, get.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    assert_eq!(app.revoked().await, [] as [Value; 0]);
}

#[tokio::test]
async fn each_revocation_is_one_line_of_the_log_and_no_token_is_in_it() {
    let app = TestApp::new();
    let (client, access, refresh_token) = connected(&app).await;
    for token in [&access, &refresh_token] {
        revoke(&app, &client, token).await;
    }
    let logs = logs();
    let line = format!(
        "event=\"token_revoked\" outcome=\"ok\" user=\"local:a1\" client=\"{client}\" detail=\"token {}\"",
        claim(&access, "jti")
    );
    assert!(logs.contains(&line), "{line}");
    let family = format!("outcome=\"ok\" user=\"local:a1\" client=\"{client}\" detail=\"family ");
    assert!(logs.contains(&format!("event=\"token_revoked\" {family}")));
    for token in [access, refresh_token] {
        assert!(!logs.contains(&token[token.len() - 40..]));
    }
}
