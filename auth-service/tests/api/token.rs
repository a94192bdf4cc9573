//! `POST /token` with a code, and everything that both grants share.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use gateway_core::jwks::KeySet;
use gateway_core::jwt::{Audience, Compact, Expectations, TokenType, Unverified};
use gateway_core::time::UnixTime;

use crate::app::{Answer, CALLBACK, CHALLENGE, ISSUER, NOW, TIME, TestApp};
use crate::browser::{Browser, authorize, code_for, exchange, request_of};

fn changed<'a>(form: &[(&'a str, &'a str)], name: &str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut form = form.to_vec();
    form.iter_mut().filter(|(key, _)| *key == name).for_each(|pair| pair.1 = value);
    form
}

#[tokio::test]
async fn c_05_c_10_c_11_a_code_becomes_a_token_for_one_resource() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let code = code_for(&app, &client).await;
    let answer = app.token(&exchange(&client, &code)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    let body = answer.json();
    assert_eq!((body["token_type"].as_str(), body["expires_in"].as_u64()), (Some("Bearer"), Some(900)));
    assert_eq!(body["scope"], "mcp:time");
    assert!(body["refresh_token"].as_str().unwrap().starts_with("mcp_refresh_"));

    let keys = KeySet::parse(app.get("/jwks.json").await.body.as_bytes()).unwrap();
    let token = body["access_token"].as_str().unwrap();
    let token = Unverified::parse(Compact::parse(token).unwrap(), TokenType::default()).unwrap();
    let expected = Expectations {
        issuer: ISSUER,
        audience: Audience::Only(TIME),
        now: UnixTime::from_secs(NOW),
        leeway: 0,
    };
    let verified = token.verify(&keys, expected).unwrap();
    let identity = verified.identity();
    assert_eq!(
        (identity.user, identity.name, identity.client),
        ("local:a1", Some("ada"), Some(client.as_str()))
    );
    assert_eq!(verified.scopes().to_string(), "mcp:time");
    assert_eq!(verified.expiry(), UnixTime::from_secs(NOW + 900));
}

#[tokio::test]
async fn c_01_a_replayed_code_ends_everything_that_came_from_it() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let code = code_for(&app, &client).await;
    let issued = app.token(&exchange(&client, &code)).await.json();
    assert_eq!(app.token(&exchange(&client, &code)).await.error(), "400 invalid_grant");
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", issued["refresh_token"].as_str().unwrap()),
        ("client_id", &client),
    ];
    assert_eq!(app.token(&refresh).await.error(), "400 invalid_grant", "the family is revoked");
}

#[tokio::test]
async fn c_01_a_replay_is_noticed_after_the_code_has_expired_and_with_a_wrong_proof() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let code = code_for(&app, &client).await;
    let issued = app.token(&exchange(&client, &code)).await.json();
    app.clock.advance(300);
    let wrong = changed(&exchange(&client, &code), "code_verifier", CHALLENGE).clone();
    assert_eq!(app.token(&wrong).await.error(), "400 invalid_grant");
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", issued["refresh_token"].as_str().unwrap()),
        ("client_id", &client),
    ];
    assert_eq!(app.token(&refresh).await.error(), "400 invalid_grant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c_02_of_fifty_parallel_redemptions_one_succeeds_and_then_all_is_revoked() {
    let app = std::sync::Arc::new(TestApp::new());
    let client = app.public_client().await;
    let code = code_for(&app, &client).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (app, client, code) = (std::sync::Arc::clone(&app), client.clone(), code.clone());
        tasks.spawn(async move { app.token(&exchange(&client, &code)).await });
    }
    let answers: Vec<Answer> = tasks.join_all().await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == StatusCode::OK);
    assert_eq!((won.len(), lost.len()), (1, 49));
    assert!(lost.iter().all(|answer| answer.error() == "400 invalid_grant"));
    let token = won[0].json()["refresh_token"].as_str().unwrap().to_owned();
    let refresh = [("grant_type", "refresh_token"), ("refresh_token", &token), ("client_id", &client)];
    assert_eq!(app.token(&refresh).await.error(), "400 invalid_grant");
}

#[tokio::test]
async fn c_03_a_code_is_good_for_its_client_address_and_minute_only() {
    let app = TestApp::new();
    let (client, other) = (app.public_client().await, app.public_client().await);
    let mut bodies = Vec::new();
    for (name, value) in [("client_id", other.as_str()), ("redirect_uri", "https://app.example/other")] {
        let code = code_for(&app, &client).await;
        let answer = app.token(&changed(&exchange(&client, &code), name, value)).await;
        assert_eq!(answer.error(), "400 invalid_grant", "{name}");
        bodies.push(answer.body);
        let again = app.token(&exchange(&client, &code)).await;
        assert_eq!(again.error(), "400 invalid_grant", "{name}: burned");
    }
    let code = code_for(&app, &client).await;
    for bad in [&code[..20], &code.to_uppercase(), "mcp_code_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        bodies.push(app.token(&exchange(&client, bad)).await.body);
    }
    app.clock.advance(60);
    bodies.push(app.token(&exchange(&client, &code)).await.body);
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "the answer does not tell what was wrong: {bodies:?}");
}

#[tokio::test]
async fn a_17_a_code_lives_for_less_than_a_minute() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let code = code_for(&app, &client).await;
    app.clock.advance(59);
    assert_eq!(app.token(&exchange(&client, &code)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn c_04_the_verifier_is_required_and_must_be_the_right_one() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let (short, long, odd) = ("a".repeat(42), "a".repeat(129), format!("{}+", "a".repeat(43)));
    for (verifier, error) in [
        ("", "400 invalid_request"),
        (short.as_str(), "400 invalid_request"),
        (long.as_str(), "400 invalid_request"),
        (odd.as_str(), "400 invalid_request"),
        (CHALLENGE, "400 invalid_grant"),
    ] {
        let code = code_for(&app, &client).await;
        let answer = app.token(&changed(&exchange(&client, &code), "code_verifier", verifier)).await;
        assert_eq!(answer.error(), error, "{verifier}");
    }
}

#[tokio::test]
async fn oauth_2_1_clients_leave_the_redirect_uri_out() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let code = code_for(&app, &client).await;
    let mut form = exchange(&client, &code);
    form.retain(|(name, _)| *name != "redirect_uri" && *name != "resource");
    assert_eq!(app.token(&form).await.status, StatusCode::OK);
}

#[tokio::test]
async fn c_06_a_client_with_a_secret_must_show_it_in_one_place() {
    let app = TestApp::new();
    let (id, secret) = app.confidential_client().await;
    let code = code_for(&app, &id).await;
    let form = exchange(&id, &code);
    let with = |pair: (&'static str, String)| {
        let mut form: Vec<(String, String)> =
            form.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        form.push((pair.0.to_owned(), pair.1));
        form
    };
    let borrowed = |form: &[(String, String)]| -> Vec<(String, String)> { form.to_vec() };
    let send = |form: Vec<(String, String)>| {
        let app = &app;
        async move {
            let form: Vec<(&str, &str)> =
                form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            app.token(&form).await
        }
    };
    assert_eq!(app.token(&form).await.error(), "401 invalid_client", "no secret (H-02)");
    assert_eq!(app.token(&form).await.header("www-authenticate"), "", "Basic was not tried");
    let wrong = with(("client_secret", format!("{secret}x")));
    assert_eq!(send(borrowed(&wrong)).await.error(), "401 invalid_client");
    let basic_and_body = with(("client_secret", secret.clone()));
    let basic_and_body: Vec<(&str, &str)> =
        basic_and_body.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let both = app.token_with_basic(&format!("{id}:{secret}"), &basic_and_body).await;
    assert_eq!(both.error(), "400 invalid_request");
    for credentials in
        [format!("{id}:x"), format!("nobody:{secret}"), id.clone(), String::new(), ":".to_owned()]
    {
        let answer = app.token_with_basic(&credentials, &changed(&form, "client_id", "")).await;
        assert_eq!(answer.error(), "401 invalid_client", "{credentials}");
        assert_eq!(answer.header("www-authenticate"), "Basic realm=\"token\"");
    }
    let other_id =
        app.token_with_basic(&format!("{id}:{secret}"), &changed(&form, "client_id", "other")).await;
    assert_eq!(other_id.error(), "400 invalid_request");
    let encoded = format!("{}:{secret}", id.replace('_', "%5F"));
    assert_eq!(
        app.token_with_basic(&encoded, &form).await.status,
        StatusCode::OK,
        "form-encoded id, same id in body"
    );
}

#[tokio::test]
async fn c_06_unknown_deleted_and_posing_clients_are_told_the_same() {
    let app = TestApp::new();
    let (id, secret) = app.confidential_client().await;
    let public = app.public_client().await;
    let upper = public.to_uppercase();
    let code = code_for(&app, &public).await;
    let mut bodies = Vec::new();
    for client in ["nobody", upper.as_str(), "a b", id.as_str()] {
        bodies.push(app.token(&exchange(client, &code)).await.body);
    }
    let mut posing = exchange(&public, &code);
    posing.push(("client_secret", &secret));
    bodies.push(app.token(&posing).await.body);
    app.clock.advance(7_776_000);
    bodies.push(app.token(&exchange(&public, &code)).await.body);
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert!(bodies[0].contains("invalid_client"));
}

#[tokio::test]
async fn the_secret_may_come_in_the_body_too() {
    let app = TestApp::new();
    let (id, secret) = app.confidential_client().await;
    let code = code_for(&app, &id).await;
    let mut form = exchange(&id, &code);
    form.push(("client_secret", &secret));
    let answer = app.token(&form).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json().get("refresh_token"), None, "not registered for it");
}

#[tokio::test]
async fn c_08_only_the_grants_that_exist_and_that_the_client_registered() {
    let app = TestApp::new();
    let client = app.public_client().await;
    for grant in ["password", "client_credentials", "implicit", "authorization_code ", "AUTHORIZATION_CODE"] {
        let answer = app.token(&[("grant_type", grant), ("client_id", &client)]).await;
        assert_eq!(answer.error(), "400 unsupported_grant_type", "{grant}");
    }
    assert_eq!(app.token(&[("client_id", &client)]).await.error(), "400 invalid_request");
    let metadata = format!(r#"{{"redirect_uris":["{CALLBACK}"],"token_endpoint_auth_method":"none"}}"#);
    let without = app.register(&metadata).await.json()["client_id"].as_str().unwrap().to_owned();
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", &without)];
    assert_eq!(app.token(&form).await.error(), "400 unauthorized_client");
}

#[tokio::test]
async fn c_09_whatever_is_not_one_clean_form_is_a_400_in_json() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let form_type = "application/x-www-form-urlencoded";
    let repeated = format!("grant_type=refresh_token&client_id={client}&client_id={client}&refresh_token=x");
    let large = format!("a={}", "x".repeat(65 * 1024));
    let cases: [(&str, &str, &[u8], &str); 9] = [
        ("/token?grant_type=refresh_token", form_type, b"client_id=x", "400 invalid_request"),
        ("/token", "application/json", b"{}", "400 invalid_request"),
        ("/token", "multipart/form-data; boundary=x", b"--x--", "400 invalid_request"),
        ("/token", "", b"grant_type=refresh_token", "400 invalid_request"),
        ("/token", form_type, repeated.as_bytes(), "400 invalid_request"),
        ("/token", form_type, b"grant_type=%FF", "400 invalid_request"),
        ("/token", form_type, b"grant_type=%00", "400 invalid_request"),
        ("/token", form_type, b"", "400 invalid_request"),
        ("/token", form_type, large.as_bytes(), "413 invalid_request"),
    ];
    for (uri, content_type, body, error) in cases {
        let request = Request::post(uri).header(header::CONTENT_TYPE, content_type);
        let answer = app.send(request.body(Body::from(body.to_vec())).unwrap()).await;
        assert_eq!(answer.error(), error, "{uri} {content_type}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn c_12_the_resource_must_be_that_of_the_code() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let code = code_for(&app, &client).await;
    for resource in ["https://gw.example/fetch/mcp", "https://other.example/", "x"] {
        let form = changed(&exchange(&client, &code), "resource", resource);
        assert_eq!(app.token(&form).await.error(), "400 invalid_target", "{resource}");
    }
    let form = changed(&exchange(&client, &code), "resource", "HTTPS://gw.example/time/mcp/");
    assert_eq!(app.token(&form).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_granted_scope_is_stated_when_it_is_less_than_what_was_asked_for() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let code = Browser::new(&app).approve(&authorize(&request_of(&client)), "bob").await.redirected("code");
    assert_eq!(app.token(&exchange(&client, &code)).await.json()["scope"], "mcp:time:now mcp:time:zones");
}

#[tokio::test]
async fn a_user_who_was_removed_meanwhile_gets_no_token() {
    let app = TestApp::new();
    let client = app.public_client().await;
    let code = code_for(&app, &client).await;
    app.users(&[("bob", "b2", &["*"])]);
    assert_eq!(app.token(&exchange(&client, &code)).await.error(), "400 invalid_grant");
}
