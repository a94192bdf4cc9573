//! The internal port.

use axum::http::StatusCode;

use crate::app::TestApp;

#[tokio::test]
async fn health_is_internal_and_ready_means_that_the_store_answers() {
    let app = TestApp::new();
    for path in ["/health/live", "/health/ready"] {
        assert_eq!(app.get_internal(path).await.status, StatusCode::OK, "{path}");
        assert_eq!(app.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn nothing_public_is_served_on_the_internal_port() {
    let app = TestApp::new();
    for path in ["/authorize", "/jwks.json", "/.well-known/oauth-authorization-server"] {
        assert_eq!(app.get_internal(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}
