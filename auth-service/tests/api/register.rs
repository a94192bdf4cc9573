//! `POST /register`.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use serde_json::json;

use crate::app::{NOW, TestApp};

fn with_uri(uri: &str) -> String {
    json!({ "redirect_uris": [uri] }).to_string()
}

#[tokio::test]
async fn the_answer_is_what_is_stored_and_nothing_in_it_is_null() {
    let app = TestApp::new();
    let answer = app
        .register(
            r#"{"client_name":" My App ","redirect_uris":["http://127.0.0.1:1/cb"],"token_endpoint_auth_method":"none",
               "grant_types":["authorization_code","refresh_token","urn:ietf:params:oauth:grant-type:device_code"],
               "response_types":["code"],"scope":"openid mcp:time offline_access","software_id":"x","logo_uri":null,
               "contacts":["a@b"],"unknown":{"deep":[1]}}"#,
        )
        .await;
    assert_eq!(answer.status, StatusCode::CREATED);
    assert_eq!(answer.header("cache-control"), "no-store");
    let mut body = answer.json();
    let id = body["client_id"].take().as_str().unwrap().to_owned();
    assert!(id.starts_with("client_"));
    let token = body["registration_access_token"].take();
    assert!(token.as_str().unwrap().starts_with("mcp_registration_"));
    assert_eq!(
        body,
        json!({
            "client_id": null,
            "client_id_issued_at": NOW,
            "registration_client_uri": format!("https://gw.example/register/{id}"),
            "registration_access_token": null,
            "client_name": "My App",
            "redirect_uris": ["http://127.0.0.1:1/cb"],
            "token_endpoint_auth_method": "none",
            "grant_types": [
                "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code",
            ],
            "response_types": ["code"],
            "application_type": "native",
            "scope": "mcp:time offline_access",
            "software_id": "x",
        })
    );
    assert!(!answer.body.contains("null"));
}

#[tokio::test]
async fn what_is_left_out_has_the_defaults_of_rfc_7591() {
    let answer = TestApp::new().register(&with_uri("https://app.example/cb")).await.json();
    assert_eq!(answer["token_endpoint_auth_method"], "client_secret_basic");
    assert_eq!(answer["grant_types"], json!(["authorization_code"]));
    assert_eq!(answer["application_type"], "web");
    assert!(answer["client_secret"].as_str().unwrap().starts_with("mcp_secret_"));
    assert_eq!(answer["client_secret_expires_at"], NOW + 7_776_000);
}

#[tokio::test]
async fn d_02_whatever_is_not_a_metadata_object_is_refused_without_harm() {
    let deep = format!("{}1{}", "[".repeat(30_000), "]".repeat(30_000));
    let deep_member = format!(r#"{{"redirect_uris":["https://a.example/"],"x":{deep}}}"#);
    let app = TestApp::new();
    for body in [
        "",
        "null",
        "[]",
        r#"[["https://a.example/"]]"#,
        "\"x\"",
        "7",
        "{",
        "{}x",
        r#"{"redirect_uris":"https://a.example/"}"#,
        r#"{"redirect_uris":["https://a.example/"],"redirect_uris":["https://b.example/"]}"#,
        r#"{"redirect_uris":["https://a.example/"],"client_name":7}"#,
        r#"{"redirect_uris":["https://a.example/"],"grant_types":["password"]}"#,
        r#"{"redirect_uris":["https://a.example/"],"response_types":["token"]}"#,
        r#"{"redirect_uris":["https://a.example/"],"token_endpoint_auth_method":"magic"}"#,
        r#"{"redirect_uris":["https://a.example/"],"application_type":"toaster"}"#,
        &deep,
        "{\"client_name\":\"\u{0}\"}",
    ] {
        let error = app.register(body).await.error();
        assert_eq!(error, "400 invalid_client_metadata", "{}", &body.get(..80).unwrap_or(body));
    }
    assert_eq!(
        app.register(&deep_member).await.status,
        StatusCode::CREATED,
        "what we do not know is skipped"
    );
}

#[tokio::test]
async fn d_02_sizes_are_bounded() {
    let app = TestApp::new();
    let large = format!(r#"{{"client_name":"{}"}}"#, "a".repeat(70_000));
    assert_eq!(app.register(&large).await.error(), "413 invalid_request");
    let many = json!({ "redirect_uris": vec!["https://a.example/"; 1000] }).to_string();
    assert_eq!(app.register(&many).await.error(), "400 invalid_redirect_uri");
    let long_name = json!({ "redirect_uris": ["https://a.example/"], "client_name": "n".repeat(10_000) });
    let kept = app.register(&long_name.to_string()).await.json();
    assert_eq!(kept["client_name"].as_str().unwrap().len(), 200);
}

#[tokio::test]
async fn d_03_a_dangerous_redirect_uri_is_refused() {
    let app = TestApp::new();
    for uri in [
        "javascript:alert(1)",
        "data:text/html,hi",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://a/b",
        "about:blank",
        "http://app.example/cb",
        "http://localhost.evil.example/cb",
        "https://*.example/cb",
        "https://app.example/cb#x",
        "https://good@evil.example/",
        "/relative",
        "",
    ] {
        assert_eq!(app.register(&with_uri(uri)).await.error(), "400 invalid_redirect_uri", "{uri}");
    }
    for body in ["{}", r#"{"redirect_uris":[]}"#, r#"{"redirect_uris":null}"#] {
        assert_eq!(app.register(body).await.error(), "400 invalid_redirect_uri", "{body}");
    }
    let one_bad = r#"{"redirect_uris":["https://good.example/","javascript:alert(1)"]}"#;
    assert_eq!(app.register(one_bad).await.error(), "400 invalid_redirect_uri");
}

#[tokio::test]
async fn d_04_native_schemes_and_loopback_are_for_native_clients() {
    let app = TestApp::new();
    for uri in ["cursor://anysphere.cursor-mcp/oauth/callback", "http://localhost:3118/callback"] {
        assert_eq!(app.register(&with_uri(uri)).await.json()["application_type"], "native", "{uri}");
        let as_web = json!({ "redirect_uris": [uri], "application_type": "web" }).to_string();
        assert_eq!(app.register(&as_web).await.error(), "400 invalid_redirect_uri", "{uri}");
    }
}

#[tokio::test]
async fn d_05_a_client_cannot_choose_what_is_ours_to_choose() {
    let answer = TestApp::new()
        .register(
            r#"{"redirect_uris":["https://a.example/"],"client_id":"admin","client_secret":"mine",
                "registration_access_token":"t","registration_client_uri":"https://evil.example/","client_id_issued_at":1,"scope":"root admin"}"#,
        )
        .await
        .json();
    assert_ne!(answer["client_id"], "admin");
    assert_ne!(answer["client_secret"], "mine");
    assert_eq!(answer["client_id_issued_at"], NOW);
    assert_ne!(answer["registration_access_token"], "t");
    assert_ne!(answer["registration_client_uri"], "https://evil.example/");
    assert_eq!(answer.get("scope"), None);
}

#[tokio::test]
async fn d_06_keys_that_a_client_must_not_send_are_refused_and_public_ones_ignored() {
    let app = TestApp::new();
    let public = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
    let private = public.replacen('{', r#"{"d":"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI","#, 1);
    let many = vec![public; 1000].join(",");
    let with = |members: &str| format!(r#"{{"redirect_uris":["https://a.example/cb"],{members}}}"#);
    for wrong in [
        format!(r#""jwks":{{"keys":[{public},{private}]}}"#),
        r#""jwks":{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#.to_owned(),
        r#""jwks":{"keys":[{"kty":"oct"}]}"#.to_owned(),
        format!(r#""jwks":{{"keys":[{public}]}},"jwks_uri":"https://a.example/keys""#),
        format!(r#""jwks":{{"keys":[{many}]}}"#),
        r#""jwks":[]"#.to_owned(),
    ] {
        let answer = app.register(&with(&wrong)).await;
        // A thousand keys are more than a registration may weigh.
        assert!(matches!(answer.status.as_u16(), 400 | 413), "{wrong}: {}", answer.body);
        assert!(!answer.body.contains("jpsQnn"), "what was sent does not come back");
    }
    let answer = app.register(&with(&format!(r#""jwks":{{"keys":[{public}]}}"#))).await;
    assert_eq!((answer.status.as_u16(), answer.json().get("jwks")), (201, None));
}

#[tokio::test]
async fn d_07_equal_registrations_are_two_clients_with_two_secrets() {
    let app = TestApp::new();
    let (one, two) = (app.confidential_client().await, app.confidential_client().await);
    assert_ne!(one.0, two.0);
    assert_ne!(one.1, two.1);
    let token = async || {
        let answer = app.register(&with_uri("https://a.example/")).await.json();
        answer["registration_access_token"].as_str().unwrap().to_owned()
    };
    assert_ne!(token().await, token().await);
}

#[tokio::test]
async fn e_02_no_header_can_change_where_a_client_manages_itself() {
    let request = Request::post("/register")
        .header(header::CONTENT_TYPE, "application/json")
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example");
    let answer = TestApp::new().send(request.body(Body::from(with_uri("https://a.example/"))).unwrap()).await;
    let answer = answer.json();
    let id = answer["client_id"].as_str().unwrap();
    assert_eq!(answer["registration_client_uri"], format!("https://gw.example/register/{id}"));
}

#[tokio::test]
async fn only_json_is_read_and_only_by_post() {
    let app = TestApp::new();
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
        let request = Request::post("/register").header(header::CONTENT_TYPE, content_type);
        let answer = app.send(request.body(Body::from(with_uri("https://a.example/"))).unwrap()).await;
        assert_eq!(answer.error(), "400 invalid_client_metadata", "{content_type}");
    }
    assert_eq!(app.get("/register").await.status, StatusCode::METHOD_NOT_ALLOWED);
}
