//! For the operator's own machines (the edge never routes here).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::flow::Deps;

/// `GET /health/live`: the process runs. A failure means: restart it.
pub(super) async fn live() -> Response {
    Json(json!({ "status": "ok" })).into_response()
}

/// `GET /metrics`, for Prometheus.
pub(super) async fn metrics(State(deps): State<Arc<Deps>>) -> Response {
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, text)], deps.metrics.render()).into_response()
}

/// `GET /health/ready`: the store answers. A failure means: send nothing here for now.
pub(super) async fn ready(State(deps): State<Arc<Deps>>) -> Response {
    match deps.store.ping().await {
        Ok(()) => Json(json!({ "status": "ok" })).into_response(),
        Err(error) => {
            tracing::error!(%error, "the store does not answer");
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "unavailable" }))).into_response()
        }
    }
}
