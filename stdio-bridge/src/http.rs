//! The HTTP surface. Nothing in here knows a process; it speaks to sessions.

mod accept;
mod access;
mod answer;
mod body;
mod delete;
mod envelope;
mod get;
mod initialize;
mod modern;
mod post;
mod proof;
mod refusal;
mod sse;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get as on_get};
use http::header::{CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, StatusCode};

use crate::app::Bridge;
use crate::config::Launch;
pub(crate) use proof::Journal;
use refusal::Refusal;

/// All routes. A path with and without a slash at its end is the same: clients do not follow redirects here.
pub(crate) fn router(bridge: Arc<Bridge>) -> Router {
    let mcp = Router::new()
        .route("/mcp", any(mcp_at_root))
        .route("/mcp/", any(mcp_at_root))
        .route("/{server}/mcp", any(mcp))
        .route("/{server}/mcp/", any(mcp))
        .fallback(not_found)
        .layer(from_fn_with_state(Arc::clone(&bridge), access::check));
    Router::new()
        .route("/health/live", on_get(|| async { StatusCode::OK }))
        .route("/health/ready", on_get(ready))
        .merge(mcp)
        .layer(map_response(harden))
        .with_state(bridge)
}

async fn mcp(State(bridge): State<Arc<Bridge>>, Path(server): Path<String>, request: Request) -> Response {
    serve(&bridge, bridge.servers().get(&server), request).await
}

/// `/mcp` is that of the host's server, where servers have hosts.
async fn mcp_at_root(State(bridge): State<Arc<Bridge>>, request: Request) -> Response {
    let servers = bridge.servers();
    let launch = match access::server_asked(&bridge.access.layout, &request) {
        Some(server) => servers.get(&server),
        None => servers.at_root(),
    };
    serve(&bridge, launch, request).await
}

async fn serve(bridge: &Arc<Bridge>, launch: Option<&Arc<Launch>>, request: Request) -> Response {
    let Some(launch) = launch else {
        return Refusal::unknown_server().into_response();
    };
    let answered = match *request.method() {
        Method::POST => post::post(bridge, launch, request).await,
        Method::GET => get::get(bridge, launch, request.headers()).await,
        Method::DELETE => delete::delete(bridge, launch, request.headers()),
        _ => Err(Refusal::method_not_allowed("GET, POST, DELETE")),
    };
    answered.unwrap_or_else(|refusal| {
        tracing::debug!(server = %launch.name, status = refusal.status().as_u16(), "refused: {refusal}");
        refusal.into_response()
    })
}

async fn ready(State(bridge): State<Arc<Bridge>>) -> StatusCode {
    if bridge.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}

async fn not_found() -> Refusal {
    Refusal::not_found()
}

/// No answer of the bridge may be kept by anybody on the way.
async fn harden(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
