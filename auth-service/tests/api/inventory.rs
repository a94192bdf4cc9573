//! `/internal/clients`, `/internal/stats` and `/internal/purge`: what an operator sees and does.

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use crate::app::{Answer, CALLBACK, NOW, TestApp};
use crate::browser::{connected, refresh, verified};
use crate::logs::logs;

async fn asked(app: &TestApp, method: Method, uri: &str, headers: &[(&str, &str)]) -> Answer {
    let request = Request::builder().method(method).uri(uri);
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    app.send_internal(request.body(Body::empty()).unwrap()).await
}

fn encoded(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

async fn stats(app: &TestApp) -> Value {
    app.get_internal("/internal/stats").await.json()
}

#[tokio::test]
async fn clients_are_listed_in_parts_and_each_shown_whole() {
    let app = TestApp::new();
    let (used, _, _) = connected(&app).await;
    let metadata = json!({ "redirect_uris": [CALLBACK], "client_name": "Idle", "software_id": "x" });
    let idle = app.register(&metadata.to_string()).await.json()["client_id"].clone();
    let mut expected = vec![
        json!({ "client_id": used, "client_name": "Test App", "token_endpoint_auth_method": "none",
            "issued_at": NOW, "expires_at": NOW + 7_776_000, "used": true }),
        json!({ "client_id": idle, "client_name": "Idle", "token_endpoint_auth_method": "client_secret_basic",
            "issued_at": NOW, "expires_at": NOW + 86_400, "used": false }),
    ];
    expected.sort_by_key(|client| client["client_id"].as_str().unwrap().to_owned());
    let all = app.get_internal("/internal/clients").await;
    assert_eq!(all.header("cache-control"), "no-store");
    assert_eq!(all.json(), json!({ "clients": expected }));
    let first = app.get_internal("/internal/clients?limit=1").await.json();
    let next = expected[0]["client_id"].as_str().unwrap();
    assert_eq!(first, json!({ "clients": [expected[0]], "next": next }));
    let rest = app.get_internal(&format!("/internal/clients?limit=9&after={}", encoded(next))).await.json();
    assert_eq!(rest, json!({ "clients": [expected[1]] }));
    let shown = app.get_internal(&format!("/internal/clients/{}", idle.as_str().unwrap())).await.json();
    assert_eq!(
        shown,
        json!({ "client_id": idle, "client_name": "Idle", "token_endpoint_auth_method": "client_secret_basic",
            "issued_at": NOW, "expires_at": NOW + 86_400, "used": false, "redirect_uris": [CALLBACK],
            "application_type": "web", "refreshes": false, "software_id": "x" })
    );
}

#[tokio::test]
async fn d_13_a_client_that_an_operator_deletes_leaves_nothing_that_could_be_used() {
    let app = TestApp::new();
    let (client, access, refresh_token) = connected(&app).await;
    let (_, others, _) = connected(&app).await;
    let answer = asked(&app, Method::DELETE, &format!("/internal/clients/{client}"), &[]).await;
    assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({ "deleted": client })));
    assert_eq!(verified(&app, &access).await, StatusCode::UNAUTHORIZED);
    assert_eq!(verified(&app, &others).await, StatusCode::OK, "another client's");
    assert_eq!(refresh(&app, &client, &refresh_token).await.error(), "401 invalid_client");
    assert_eq!(app.revoked().await[0]["client_id"], client);
    let line =
        logs().lines().find(|line| line.contains("client_deleted") && line.contains(&client)).is_some();
    assert!(line, "it is a line of the log");
    for method in [Method::GET, Method::DELETE] {
        let again = asked(&app, method, &format!("/internal/clients/{client}"), &[]).await;
        assert_eq!(again.error(), "404 not_found");
    }
}

#[tokio::test]
async fn of_a_client_that_is_an_address_everything_is_revoked() {
    let app = TestApp::new();
    let id = "https://app.example/oauth/client.json?x=1";
    let answer = asked(&app, Method::DELETE, &format!("/internal/clients/{}", encoded(id)), &[]).await;
    assert_eq!(answer.json(), json!({ "revoked": id }));
    assert_eq!(app.revoked().await[0]["client_id"], id);
    let shown = app.get_internal(&format!("/internal/clients/{}", encoded(id))).await;
    assert_eq!(shown.error(), "404 not_found", "it is not taken here");
}

#[tokio::test]
async fn the_grants_of_everybody_a_user_or_a_client_are_listed() {
    let app = TestApp::new();
    let (client, ..) = connected(&app).await;
    let (other, ..) = connected(&app).await;
    let listed = async |query: &str| app.get_internal(&format!("/internal/grants?{query}")).await.json();
    let of_one = listed(&format!("client_id={client}")).await["grants"].clone();
    let mut expected = json!({ "sub": "local:a1", "client_id": client, "server": "time", "issued_at": NOW,
        "used_at": NOW, "expires_at": NOW + 86_400 });
    expected["family"] = of_one[0]["family"].clone();
    expected["scope"] = of_one[0]["scope"].clone();
    assert_eq!(of_one, json!([expected]));
    for (query, count) in [("user=ada", 2), ("user=local:a1", 2), ("user=bob", 0), ("", 2)] {
        assert_eq!(listed(query).await["grants"].as_array().unwrap().len(), count, "{query}");
    }
    let first = listed("limit=1").await;
    let rest = listed(&format!("after={}", first["next"].as_str().unwrap())).await;
    let both = [&first, &rest].map(|part| part["grants"][0]["client_id"].as_str().unwrap());
    assert!(both.contains(&&*client) && both.contains(&&*other), "{both:?}");
    for query in ["user=nobody", "after=x", "since=1"] {
        assert_eq!(
            app.get_internal(&format!("/internal/grants?{query}")).await.error(),
            "400 invalid_request"
        );
    }
}

#[tokio::test]
async fn what_is_kept_is_counted_and_what_has_expired_is_purged_by_order() {
    let app = TestApp::new();
    let (client, ..) = connected(&app).await;
    app.public_client().await;
    let counted = json!({ "clients": 2, "families": 1, "codes": 1, "sessions": 1, "revocations": 0 });
    assert_eq!(stats(&app).await, counted);
    app.post_internal("/internal/revocations", &json!({ "client_id": client }).to_string()).await;
    let counted = json!({ "clients": 2, "families": 0, "codes": 0, "sessions": 1, "revocations": 1 });
    assert_eq!(stats(&app).await, counted);
    app.clock.advance(86_400);
    let purged = asked(&app, Method::POST, "/internal/purge", &[]).await;
    assert_eq!(purged.json(), json!({ "purged": 3 }), "the unused client, the session, the revocation");
    let counted = json!({ "clients": 1, "families": 0, "codes": 0, "sessions": 0, "revocations": 0 });
    assert_eq!(stats(&app).await, counted);
}

#[tokio::test]
async fn j_07_no_answer_to_an_operator_holds_a_secret_or_its_digest() {
    let app = TestApp::new();
    let metadata = json!({ "redirect_uris": [CALLBACK], "client_name": "Secretive" });
    let client = app.register(&metadata.to_string()).await.json();
    let id = client["client_id"].as_str().unwrap();
    let (_, access, refresh_token) = connected(&app).await;
    let mut said = String::new();
    for path in ["clients", &format!("clients/{id}"), "stats", "grants"] {
        said += &app.get_internal(&format!("/internal/{path}")).await.body;
    }
    assert!(said.contains(id));
    let secret = |name: &str| client[name].as_str().unwrap().to_owned();
    for secret in [secret("client_secret"), secret("registration_access_token"), access, refresh_token] {
        let digest = auth_service::domain::secret::Digest::of(secret.as_bytes()).to_text();
        assert!(!said.contains(&secret) && !said.contains(&digest), "{said}");
    }
}

#[tokio::test]
async fn an_order_that_cannot_be_understood_or_comes_from_a_page_is_refused() {
    let app = TestApp::new();
    let client = app.public_client().await;
    for query in ["limit=0", "limit=1001", "limit=x", "limit=1&limit=1", "after=%00", "since=1", "%"] {
        let answer = app.get_internal(&format!("/internal/clients?{query}")).await;
        assert_eq!(answer.error(), "400 invalid_request", "{query}");
    }
    for id in ["nobody", "%20", "http:%2F%2Fapp.example", &"x".repeat(300)] {
        assert_eq!(
            app.get_internal(&format!("/internal/clients/{id}")).await.error(),
            "404 not_found",
            "{id}"
        );
    }
    let origin = [(header::ORIGIN.as_str(), "https://evil.example")];
    for (method, path) in
        [(Method::POST, "/internal/purge"), (Method::DELETE, &*format!("/internal/clients/{client}"))]
    {
        assert_eq!(asked(&app, method, path, &origin).await.error(), "400 invalid_request", "{path}");
    }
    for path in ["/internal/clients", "/internal/stats", "/internal/purge"] {
        assert_eq!(app.get(path).await.status, StatusCode::NOT_FOUND, "internal only: {path}");
    }
}
