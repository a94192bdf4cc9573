//! The internal port.

use axum::http::StatusCode;

use crate::app::TestApp;
use crate::browser::connected;

#[tokio::test]
async fn health_is_internal_and_ready_means_that_the_store_answers() {
    let app = TestApp::new();
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(app.get_internal(path).await.status, StatusCode::OK, "{path}");
        assert_eq!(app.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn metrics_count_requests_and_events_and_name_nobody() {
    let app = TestApp::new();
    let (client, token, _) = connected(&app).await;
    let text = app.get_internal("/metrics").await.body;
    // Other tests of this process count too.
    for begin in [
        r#"auth_events_total{event="token_issued",outcome="ok"} "#,
        r#"auth_http_requests_total{route="/token",method="POST",status="200"} "#,
        r#"auth_http_request_duration_seconds_bucket{route="/token",le="0.1"} "#,
    ] {
        assert!(text.lines().any(|line| line.starts_with(begin)), "no {begin} in {text}");
    }
    assert!(!text.contains(&client) && !text.contains(&token) && !text.contains("ada"));
    assert_eq!(app.get("/metrics").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn nothing_public_is_served_on_the_internal_port() {
    let app = TestApp::new();
    for path in ["/authorize", "/jwks.json", "/.well-known/oauth-authorization-server"] {
        assert_eq!(app.get_internal(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
