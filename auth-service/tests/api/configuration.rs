//! `GET`, `PUT` and `DELETE /register/{client_id}`: clients that manage their own registration (RFC 7592).

use auth_service::domain::client::{Client, ClientId};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use crate::app::{Answer, CALLBACK, NOW, TestApp};
use crate::browser::{
    Browser, authorize, code_for, connected, exchange, forms_of, refresh, request_of, verified,
};
use crate::logs::logs;

const OTHER: &str = "https://app.example/other";

/// A registered client: what it was told about itself.
async fn registered(app: &TestApp, metadata: &Value) -> Value {
    let answer = app.register(&metadata.to_string()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    answer.json()
}

fn public() -> Value {
    json!({
        "client_name": "Test App", "redirect_uris": [CALLBACK, OTHER], "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"], "software_id": "x",
    })
}

fn text<'a>(client: &'a Value, name: &str) -> &'a str {
    client[name].as_str().unwrap()
}

async fn manage(app: &TestApp, method: Method, client: &Value, body: &str) -> Answer {
    app.manage(method, text(client, "client_id"), text(client, "registration_access_token"), body).await
}

/// The metadata of a registration, changed by `change`, as an update of `client`.
async fn update(app: &TestApp, client: &Value, metadata: Value, change: &[(&str, Value)]) -> Answer {
    let mut body = metadata;
    body["client_id"] = client["client_id"].clone();
    for (name, value) in change {
        body[*name] = value.clone();
    }
    manage(app, Method::PUT, client, &body.to_string()).await
}

/// The tokens that ada grants to `client`.
async fn granted(app: &TestApp, client: &str) -> (String, String) {
    let code = code_for(app, client).await;
    let answer = app.token(&exchange(client, &code)).await.json();
    (text(&answer, "access_token").to_owned(), text(&answer, "refresh_token").to_owned())
}

#[tokio::test]
async fn reading_gives_what_the_registration_gave_but_for_the_secret_that_nobody_keeps() {
    let app = TestApp::new();
    let mut client = registered(&app, &json!({ "redirect_uris": [CALLBACK], "client_name": "X" })).await;
    let answer = manage(&app, Method::GET, &client, "").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("content-type"), "application/json");
    client.as_object_mut().unwrap().remove("client_secret").unwrap();
    assert_eq!(answer.json(), client);
    assert_eq!(
        text(&client, "registration_client_uri"),
        format!("https://gw.example/register/{}", text(&client, "client_id"))
    );
}

#[tokio::test]
async fn d_10_without_its_token_a_client_cannot_be_told_from_none() {
    let app = TestApp::new();
    let (one, two) = (registered(&app, &public()).await, registered(&app, &public()).await);
    let (id, token) = (text(&one, "client_id"), text(&one, "registration_access_token"));
    let deleted = registered(&app, &public()).await;
    assert_eq!(manage(&app, Method::DELETE, &deleted, "").await.status, StatusCode::NO_CONTENT);
    let expected = json!({
        "error": "invalid_token",
        "error_description": "the registration access token is not that of this client",
    });
    let truncated = &token[..token.len() - 1];
    for (id, token) in [
        (id, text(&two, "registration_access_token")),
        (id, truncated),
        (id, "x"),
        (id, "a.b.c"),
        (id, "%22"),
        ("nobody", token),
        ("%FF", token),
        ("a%20b", token),
        ("a%00b", token),
        (&"x".repeat(300), token),
        (text(&deleted, "client_id"), text(&deleted, "registration_access_token")),
    ] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let answer = app.manage(method.clone(), id, token, "{}").await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {id} {token}");
            assert_eq!(answer.json(), expected, "{method} {id} {token}");
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge, "Bearer realm=\"registration\", error=\"invalid_token\"");
            assert_eq!(answer.header("cache-control"), "no-store");
        }
    }
    assert_eq!(manage(&app, Method::GET, &one, "").await.status, StatusCode::OK);
}

#[tokio::test]
async fn d_10_the_token_is_taken_from_the_header_only() {
    let app = TestApp::new();
    let client = registered(&app, &public()).await;
    let (id, token) = (text(&client, "client_id"), text(&client, "registration_access_token"));
    let address = format!("/register/{id}");
    let get = |uri: &str, lines: &[String]| {
        let request = lines.iter().fold(Request::get(uri), |it, line| it.header("authorization", line));
        request.body(Body::empty()).unwrap()
    };
    let in_query = format!("{address}?access_token={token}&registration_access_token={token}");
    for request in [
        get(&address, &[]),
        get(&in_query, &[]),
        get("/register/nobody", &[]),
        get(&address, &[format!("Basic {token}")]),
        get(&address, &[token.to_owned()]),
    ] {
        let answer = app.send(request).await;
        assert_eq!(answer.error(), "401 invalid_token");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"registration\"", "nothing was sent");
    }
    let bearer = format!("Bearer {token}");
    let twice = app.send(get(&address, &[bearer.clone(), bearer.clone()])).await;
    assert_eq!(twice.error(), "400 invalid_request");
    let listed = app.send(get(&address, &[format!("{bearer}, {bearer}")])).await;
    assert_eq!(listed.error(), "400 invalid_request");
    assert_eq!(app.send(get(&address, &[format!("bEARER {token}")])).await.status, StatusCode::OK);
}

#[tokio::test]
async fn d_10_an_access_token_manages_nothing_not_even_its_own_client() {
    let app = TestApp::new();
    let (client, access, _) = connected(&app).await;
    for id in [client.as_str(), "nobody"] {
        for method in [Method::GET, Method::PUT, Method::DELETE] {
            let answer = app.manage(method, id, &access, "{}").await;
            assert_eq!(answer.error(), "403 insufficient_scope");
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge, "Bearer realm=\"registration\", error=\"insufficient_scope\"");
        }
    }
    app.clock.advance(900);
    let expired = app.manage(Method::GET, &client, &access, "").await;
    assert_eq!(expired.error(), "401 invalid_token", "one that is none any more is like any other text");
}

#[tokio::test]
async fn a_client_that_registered_before_there_were_tokens_loads_and_nobody_manages_it() {
    let app = TestApp::new();
    let client = registered(&app, &public()).await;
    let id = ClientId::parse(text(&client, "client_id")).unwrap();
    let known = app.deps.store.client(&id, app.deps.now()).await.unwrap().unwrap();
    let earlier = Client { id: ClientId::parse("earlier").unwrap(), registration: None, ..known };
    app.deps.store.insert_client(&earlier).await.unwrap();
    for token in ["", "x", text(&client, "registration_access_token")] {
        assert_ne!(app.manage(Method::GET, "earlier", token, "").await.status, StatusCode::OK);
    }
    granted(&app, "earlier").await;
}

#[tokio::test]
async fn d_11_h_24_an_update_replaces_everything_and_what_is_left_out_is_gone() {
    let app = TestApp::new();
    let client = registered(&app, &public()).await;
    app.clock.advance(100);
    let replaced =
        update(&app, &client, json!({ "redirect_uris": [OTHER], "token_endpoint_auth_method": "none" }), &[])
            .await;
    assert_eq!(replaced.status, StatusCode::OK, "{}", replaced.body);
    assert_eq!(replaced.header("cache-control"), "no-store");
    let expected = json!({
        "client_id": client["client_id"],
        "client_id_issued_at": NOW,
        "registration_client_uri": client["registration_client_uri"],
        "registration_access_token": client["registration_access_token"],
        "redirect_uris": [OTHER],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "application_type": "web",
    });
    assert_eq!(replaced.json(), expected);
    assert_eq!(manage(&app, Method::GET, &client, "").await.json(), expected, "and that is what is stored");
}

#[tokio::test]
async fn d_11_an_update_of_somebody_else_or_of_what_is_ours_changes_nothing() {
    let app = TestApp::new();
    let client = registered(&app, &json!({ "redirect_uris": [CALLBACK] })).await;
    let before = manage(&app, Method::GET, &client, "").await.json();
    let valid = || json!({ "redirect_uris": [OTHER] });
    for (name, value) in [
        ("client_id", json!("another")),
        ("client_id", json!(null)),
        ("client_id", json!(7)),
        ("client_secret", json!("chosen")),
        ("client_secret", json!("")),
        ("registration_access_token", client["registration_access_token"].clone()),
        ("registration_client_uri", client["registration_client_uri"].clone()),
        ("client_secret_expires_at", json!(0)),
        ("client_id_issued_at", json!(NOW)),
        ("grant_types", json!(["password"])),
        ("token_endpoint_auth_method", json!("magic")),
    ] {
        let answer = update(&app, &client, valid(), &[(name, value.clone())]).await;
        assert_eq!(answer.error(), "400 invalid_client_metadata", "{name}: {value}");
    }
    for uris in [json!(["javascript:alert(1)"]), json!(["http://app.example/cb"]), json!([]), json!(null)] {
        let answer = update(&app, &client, valid(), &[("redirect_uris", uris.clone())]).await;
        assert_eq!(answer.error(), "400 invalid_redirect_uri", "{uris}");
    }
    let id = text(&client, "client_id");
    let twice = format!(r#"{{"client_id":"{id}","client_id":"{id}","redirect_uris":["{OTHER}"]}}"#);
    for body in ["", "null", "[]", "{", &twice] {
        let answer = manage(&app, Method::PUT, &client, body).await;
        assert_eq!(answer.error(), "400 invalid_client_metadata", "{body}");
    }
    let large = format!(r#"{{"client_name":"{}"}}"#, "a".repeat(70_000));
    assert_eq!(manage(&app, Method::PUT, &client, &large).await.error(), "413 invalid_request");
    assert_eq!(manage(&app, Method::GET, &client, "").await.json(), before);
}

#[tokio::test]
async fn d_05_d_11_the_secret_stays_ours_to_choose() {
    let app = TestApp::new();
    let client = registered(&app, &json!({ "redirect_uris": [CALLBACK] })).await;
    let secret = text(&client, "client_secret");
    let metadata = || json!({ "redirect_uris": [CALLBACK] });
    let post = [("token_endpoint_auth_method", json!("client_secret_post"))];
    let moved = update(&app, &client, metadata(), &post).await.json();
    assert_eq!(moved.get("client_secret"), None, "the one it has stays good, and we do not know it");
    let shown = update(&app, &client, metadata(), &[("client_secret", json!(secret))]).await.json();
    assert_eq!(shown["client_secret"], secret);
    let public = update(&app, &client, metadata(), &[("token_endpoint_auth_method", json!("none"))]).await;
    assert_eq!(public.json().get("client_secret_expires_at"), None);
    let again = update(&app, &client, metadata(), &[]).await.json();
    let new = text(&again, "client_secret");
    assert!(new.starts_with("mcp_secret_") && new != secret);
    let id = text(&client, "client_id");
    let grant = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let with_old = app.token_with_basic(&format!("{id}:{secret}"), &grant).await;
    assert_eq!(with_old.error(), "401 invalid_client");
    let with_new = app.token_with_basic(&format!("{id}:{new}"), &grant).await;
    assert_eq!(with_new.error(), "400 unauthorized_client");
}

#[tokio::test]
async fn d_12_an_update_keeps_what_was_granted_and_burns_codes_for_an_address_that_is_gone() {
    let app = TestApp::new();
    let client = registered(&app, &public()).await;
    let id = text(&client, "client_id");
    let (access, refresh_token) = granted(&app, id).await;
    let code = code_for(&app, id).await;
    let renamed = [("client_name", json!("New Name")), ("redirect_uris", json!([OTHER]))];
    assert_eq!(update(&app, &client, public(), &renamed).await.status, StatusCode::OK);
    let without_address: Vec<_> =
        exchange(id, &code).into_iter().filter(|(name, _)| *name != "redirect_uri").collect();
    assert_eq!(app.token(&without_address).await.error(), "400 invalid_grant");
    assert_eq!(update(&app, &client, public(), &[]).await.status, StatusCode::OK);
    assert_eq!(app.token(&exchange(id, &code)).await.error(), "400 invalid_grant", "it was burned");
    assert_eq!(verified(&app, &access).await, StatusCode::OK);
    assert_eq!(refresh(&app, id, &refresh_token).await.status, StatusCode::OK);
    assert_eq!(app.revoked().await, [] as [Value; 0]);
}

#[tokio::test]
async fn d_12_b_14_an_open_consent_page_is_worth_nothing_under_another_name_or_address() {
    let app = TestApp::new();
    let client = registered(&app, &public()).await;
    let address = authorize(&request_of(text(&client, "client_id")));
    for change in [("client_name", json!("Claude")), ("redirect_uris", json!([OTHER]))] {
        let mut browser = Browser::new(&app);
        let page = browser.sign_in(&address, "ada").await;
        assert!(!forms_of(&page).is_empty());
        assert_eq!(update(&app, &client, public(), &[change]).await.status, StatusCode::OK);
        let answer = browser.press(&address, &page, "approve", &[]).await;
        assert_ne!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
        assert_eq!(answer.header("location"), "");
        assert_eq!(update(&app, &client, public(), &[]).await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn d_12_who_changes_how_its_tokens_are_protected_loses_them() {
    let app = TestApp::new();
    for change in [
        ("token_endpoint_auth_method", json!("client_secret_basic")),
        ("grant_types", json!(["authorization_code"])),
    ] {
        let client = registered(&app, &public()).await;
        let id = text(&client, "client_id");
        let (access, refresh_token) = granted(&app, id).await;
        let now = app.deps.now().as_secs();
        assert_eq!(update(&app, &client, public(), &[change]).await.status, StatusCode::OK);
        assert_eq!(verified(&app, &access).await, StatusCode::UNAUTHORIZED);
        let entry = json!({ "client_id": id, "issued_before": now, "expires_at": now + 3660 });
        assert!(app.revoked().await.contains(&entry));
        app.clock.advance(1);
        assert_eq!(update(&app, &client, public(), &[]).await.status, StatusCode::OK);
        assert_eq!(refresh(&app, id, &refresh_token).await.error(), "400 invalid_grant", "for good");
    }
}

#[tokio::test]
async fn an_update_is_a_use_of_the_registration() {
    let app = TestApp::new();
    let client = registered(&app, &public()).await;
    granted(&app, text(&client, "client_id")).await;
    app.clock.advance(7_775_999);
    assert_eq!(update(&app, &client, public(), &[]).await.status, StatusCode::OK);
    app.clock.advance(7_775_999);
    assert_eq!(manage(&app, Method::GET, &client, "").await.status, StatusCode::OK);
    app.clock.advance(1);
    assert_eq!(manage(&app, Method::GET, &client, "").await.error(), "401 invalid_token", "expired");
}

#[tokio::test]
async fn d_13_c_24_h_09_a_deleted_client_leaves_nothing_that_could_be_used() {
    let app = TestApp::new();
    let (other, others_access, others_refresh) = connected(&app).await;
    app.clock.advance(1);
    let client = registered(&app, &public()).await;
    let id = text(&client, "client_id");
    let (access, refresh_token) = granted(&app, id).await;
    let code = code_for(&app, id).await;
    let address = authorize(&request_of(id));
    let mut browser = Browser::new(&app);
    let page = browser.sign_in(&address, "ada").await;
    let answer = manage(&app, Method::DELETE, &client, "").await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::NO_CONTENT, ""));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(
        app.revoked().await,
        [json!({ "client_id": id, "issued_before": NOW + 1, "expires_at": NOW + 3661 })]
    );
    assert_eq!(verified(&app, &access).await, StatusCode::UNAUTHORIZED);
    assert_eq!(refresh(&app, id, &refresh_token).await.error(), "401 invalid_client");
    assert_eq!(app.token(&exchange(id, &code)).await.error(), "401 invalid_client");
    let answer = browser.press(&address, &page, "approve", &[]).await;
    assert_eq!((answer.status, answer.header("location")), (StatusCode::BAD_REQUEST, ""), "A-01");
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        assert_eq!(manage(&app, method, &client, "{}").await.error(), "401 invalid_token");
    }
    assert_eq!(verified(&app, &others_access).await, StatusCode::OK);
    assert_eq!(refresh(&app, &other, &others_refresh).await.status, StatusCode::OK);
}

#[tokio::test]
async fn other_methods_are_told_which_there_are_whoever_asks() {
    let app = TestApp::new();
    for method in [Method::POST, Method::PATCH, Method::TRACE] {
        let request = Request::builder().method(method).uri("/register/x").body(Body::empty()).unwrap();
        let answer = app.send(request).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(answer.header("allow"), "GET,HEAD,PUT,DELETE");
    }
}

#[tokio::test]
async fn only_json_is_read_and_only_from_who_may() {
    let app = TestApp::new();
    let client = registered(&app, &public()).await;
    let put = |token: &str| {
        let request = Request::put(format!("/register/{}", text(&client, "client_id")));
        let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        request.header(header::CONTENT_TYPE, "text/plain").body(Body::from("{}")).unwrap()
    };
    let token = text(&client, "registration_access_token");
    assert_eq!(app.send(put(token)).await.error(), "400 invalid_client_metadata");
    assert_eq!(app.send(put("x")).await.error(), "401 invalid_token");
}

#[tokio::test]
async fn every_change_and_every_failure_is_one_line_of_the_log() {
    let app = TestApp::new();
    let client = registered(&app, &public()).await;
    let id = text(&client, "client_id");
    update(&app, &client, public(), &[]).await;
    app.manage(Method::GET, id, "x", "").await;
    manage(&app, Method::DELETE, &client, "").await;
    let logs = logs();
    for line in [
        format!("event=\"client_updated\" outcome=\"ok\" client=\"{id}\""),
        format!("event=\"registration_access\" outcome=\"refused\" client=\"{id}\""),
        format!("event=\"client_deleted\" outcome=\"ok\" client=\"{id}\""),
    ] {
        assert!(logs.contains(&line), "{line}");
    }
    assert!(!logs.contains(text(&client, "registration_access_token")));
}
