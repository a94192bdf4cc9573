//! The signing keys of a service that goes on while they change.

use auth_service::keys::{KeyOrder, order};
use axum::http::StatusCode;
use gateway_core::time::UnixTime;
use service_kit::random::SystemRng;

use crate::app::{NOW, ROTATION, TestApp};
use crate::browser::{connected, kid, refresh, verified};

/// Time passes, and the service looks at its keys.
fn advance(app: &TestApp, seconds: u64) {
    app.clock.advance(seconds);
    app.deps.keys.look(app.deps.now(), &SystemRng).unwrap();
}

fn obey(app: &TestApp, what: &KeyOrder) {
    order(app.home.path(), ROTATION, what, (app.deps.now(), &SystemRng)).unwrap();
    advance(app, 0);
}

async fn published(app: &TestApp) -> Vec<String> {
    let set = app.get("/jwks.json").await.json();
    let keys = set["keys"].as_array().unwrap();
    keys.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// The next access and refresh token of `client`.
async fn refreshed(app: &TestApp, client: &str, token: &str) -> (String, String) {
    let answer = refresh(app, client, token).await.json();
    let member = |name: &str| answer[name].as_str().unwrap().to_owned();
    (member("access_token"), member("refresh_token"))
}

#[tokio::test]
async fn e_10_a_rotation_refuses_no_token_and_every_token_names_a_key_that_was_published_long_enough() {
    let app = TestApp::new();
    let (client, first, refresh_token) = connected(&app).await;
    let old = kid(&first);
    obey(&app, &KeyOrder::Rotate);
    let new = published(&app).await.into_iter().find(|kid| *kid != old).unwrap();

    advance(&app, ROTATION.lead - 1);
    let (second, refresh_token) = refreshed(&app, &client, &refresh_token).await;
    assert_eq!(kid(&second), old, "the new key is published and does not sign yet");
    advance(&app, 1);
    let (third, _) = refreshed(&app, &client, &refresh_token).await;
    assert_eq!(kid(&third), new);
    for token in [&first, &second, &third] {
        assert_eq!(verified(&app, token).await, StatusCode::OK);
    }
    advance(&app, 3600 + 120);
    assert_eq!(published(&app).await, [new]);
}

#[tokio::test]
async fn e_13_a_stolen_key_is_out_at_once_with_all_that_it_signed_and_the_service_goes_on() {
    let app = TestApp::new();
    let (client, token, refresh_token) = connected(&app).await;
    assert_eq!(verified(&app, &token).await, StatusCode::OK);
    obey(&app, &KeyOrder::Withdraw(kid(&token)));
    assert_eq!(verified(&app, &token).await, StatusCode::UNAUTHORIZED, "also from the cache");
    assert!(!published(&app).await.contains(&kid(&token)));
    let (new, _) = refreshed(&app, &client, &refresh_token).await;
    assert_eq!(verified(&app, &new).await, StatusCode::OK);
}

#[tokio::test]
async fn a_key_that_has_signed_for_its_interval_is_followed_by_another_without_anybody_asking() {
    let app = TestApp::new();
    let first = published(&app).await;
    advance(&app, ROTATION.interval - ROTATION.lead);
    assert_eq!(published(&app).await.len(), 2);
    advance(&app, ROTATION.lead + 3600 + 120);
    let last = published(&app).await;
    assert!(last.len() == 1 && last != first);
    assert_eq!(app.deps.now(), UnixTime::from_secs(NOW + ROTATION.interval + 3720));
}
