//! Who asks too often waits; nobody else does.

use auth_service::limits::Rates;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use crate::app::{Answer, CALLBACK, TestApp};
use crate::browser::{Browser, authorize, connected, refreshed, request_of};

fn app(rates: impl FnOnce(&mut Rates)) -> TestApp {
    let mut all = Rates { proxy_hops: 1, ..Rates::default() };
    rates(&mut all);
    TestApp::limited(all)
}

async fn register_from(app: &TestApp, forwarded: &str) -> Answer {
    let request = Request::post("/register")
        .header(header::CONTENT_TYPE, "application/json")
        .header("x-forwarded-for", forwarded)
        .body(Body::from(format!(r#"{{"redirect_uris":["{CALLBACK}"]}}"#)));
    app.send(request.unwrap()).await
}

#[tokio::test]
async fn d_01_registrations_are_counted_by_the_address_that_our_own_proxy_saw() {
    let app = app(|rates| rates.register = "2/m".parse().unwrap());
    for _ in 0..2 {
        assert_eq!(register_from(&app, "198.51.100.1").await.status, StatusCode::CREATED);
    }
    for lie in ["198.51.100.1", "203.0.113.9, 198.51.100.1"] {
        let answer = register_from(&app, lie).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{lie}");
        assert_eq!(answer.json()["error"], "temporarily_unavailable");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert!((29..=31).contains(&answer.header("retry-after").parse::<u64>().unwrap()));
    }
    assert_eq!(register_from(&app, "198.51.100.2").await.status, StatusCode::CREATED);
    app.clock.advance(31);
    assert_eq!(register_from(&app, "198.51.100.1").await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn k_02_passwords_are_counted_by_name_and_the_right_one_has_to_wait_too() {
    let app = app(|rates| rates.sign_in = "3/m".parse().unwrap());
    let address = authorize(&request_of(&app.public_client().await));
    let form = [("action", "sign-in"), ("username", "ada"), ("password", "wrong")];
    let mut browser = Browser::new(&app);
    for _ in 0..3 {
        assert_eq!(browser.submit(&address, &form).await.status, StatusCode::FORBIDDEN);
    }
    let right = [("action", "sign-in"), ("username", "ada"), ("password", "correct horse")];
    let page = browser.submit(&address, &right).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(page.body.contains("Try again in") && page.header("content-type").starts_with("text/html"));
    app.clock.advance(21);
    browser.sign_in(&address, "ada").await;
}

#[tokio::test]
async fn k_02_a_client_with_a_secret_that_asks_without_end_stops_only_itself() {
    let app = app(|rates| rates.token_client = "5/m".parse().unwrap());
    let (id, secret) = app.confidential_client().await;
    let nonsense = [("grant_type", "refresh_token"), ("refresh_token", "nonsense")];
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(app.token_with_basic(&format!("{id}:{secret}"), &nonsense).await.status);
    }
    assert_eq!(statuses.last(), Some(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
    // Whoever does not know the secret cannot use up its share, and a public client has none to use up.
    app.clock.advance(13);
    for _ in 0..10 {
        app.token_with_basic(&format!("{id}:wrong"), &nonsense).await;
    }
    let own = app.token_with_basic(&format!("{id}:{secret}"), &nonsense).await;
    assert_eq!(own.status, StatusCode::BAD_REQUEST);
    let (public, _, token) = connected(&app).await;
    let stranger = [&nonsense[..], &[("client_id", public.as_str())]].concat();
    for _ in 0..10 {
        assert_eq!(app.token(&stranger).await.status, StatusCode::BAD_REQUEST);
    }
    refreshed(&app, &public, &token).await;
}

#[tokio::test]
async fn c_33_secrets_and_tokens_are_guessed_at_no_endpoint_without_end() {
    for path in ["/token", "/revoke", "/introspect", "/device_authorization"] {
        let app = app(|rates| rates.token = "5/m".parse().unwrap());
        let (id, _) = app.confidential_client().await;
        let mut answers = Vec::new();
        for guess in 0..6 {
            let credentials = format!("{id}:guess-{guess}");
            answers.push(app.post_with_basic(path, &credentials, &[("token", "guess")]).await);
        }
        let last = answers.pop().unwrap();
        assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
        let first = &answers[0];
        assert_eq!(first.status, StatusCode::UNAUTHORIZED, "{path}: {}", first.body);
        assert!(answers.iter().all(|answer| answer.body == first.body), "{path} tells nothing apart");
    }
}
