//! Who asks too often waits; nobody else does.

use auth_service::limits::Rates;
use axum::body::Body;
use axum::http::{Request, StatusCode, header};

use crate::app::{Answer, CALLBACK, TestApp};
use crate::browser::{Browser, authorize, code_for, connected, exchange, request_of};

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
    let mut browser = Browser::new(&app);
    for _ in 0..3 {
        let form = [("action", "sign-in"), ("username", "ada"), ("password", "wrong")];
        assert_eq!(browser.submit(&address, &form).await.status, StatusCode::FORBIDDEN);
    }
    let form = [("action", "sign-in"), ("username", "ada"), ("password", "correct horse")];
    let page = browser.submit(&address, &form).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(page.body.contains("Try again in") && page.header("content-type").starts_with("text/html"));
    app.clock.advance(21);
    browser.sign_in(&address, "ada").await;
}

#[tokio::test]
async fn k_02_a_client_that_asks_for_tokens_without_end_stops_only_itself() {
    let app = app(|rates| rates.token_client = "5/m".parse().unwrap());
    let (greedy, _, _) = connected(&app).await;
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", "nonsense"), ("client_id", greedy.as_str())];
    let mut last = app.token(&form).await;
    for _ in 0..5 {
        last = app.token(&form).await;
    }
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    let other = app.public_client().await;
    let code = code_for(&app, &other).await;
    assert_eq!(app.token(&exchange(&other, &code)).await.status, StatusCode::OK);
}
