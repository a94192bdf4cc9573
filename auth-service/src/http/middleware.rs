//! What surrounds every request: an id, a time limit, a lid on panics, and headers that are never left out.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::timeout::TimeoutLayer;

use super::error::ApiError;
use crate::audit;
use crate::flow::Deps;
use crate::metrics;

/// Longest path and query, in bytes. A `state` of 8 KiB fits.
const MAX_URI: usize = 16 * 1024;

/// Longest request id that is taken over from the edge.
const MAX_REQUEST_ID: usize = 64;

/// Wraps `router` in all of it. `timeout` is the longest time for one answer.
pub(super) fn around(router: Router<Arc<Deps>>, deps: &Arc<Deps>, timeout: Duration) -> Router<Arc<Deps>> {
    let ids = RandomIds(Arc::clone(deps));
    let nosniff = SetResponseHeaderLayer::overriding(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    router.layer(
        ServiceBuilder::new()
            .layer(nosniff)
            .layer(axum::middleware::from_fn(drop_odd_request_id))
            .layer(SetRequestIdLayer::x_request_id(ids))
            .layer(PropagateRequestIdLayer::x_request_id())
            .layer(axum::middleware::from_fn(within_request))
            .layer(CatchPanicLayer::custom(panicked))
            .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, timeout))
            .layer(axum::middleware::from_fn(bounded_uri)),
    )
}

/// Headers of every answer that must not be kept (RFC 6749 §5.1).
pub(super) const fn no_store() -> [(HeaderName, &'static str); 2] {
    [(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")]
}

#[derive(Clone)]
struct RandomIds(Arc<Deps>);

impl MakeRequestId for RandomIds {
    fn make_request_id<B>(&mut self, _: &http::Request<B>) -> Option<RequestId> {
        let mut bytes = [0; 8];
        self.0.rng.fill(&mut bytes).ok()?;
        let id = format!("{:016x}", u64::from_be_bytes(bytes));
        HeaderValue::from_str(&id).ok().map(RequestId::new)
    }
}

/// The edge gives every request an id; whatever else comes in that header is not worth a log line.
async fn drop_odd_request_id(mut request: Request, next: Next) -> Response {
    let name = HeaderName::from_static("x-request-id");
    let is_odd = |value: &HeaderValue| {
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        value.len() > MAX_REQUEST_ID || !value.as_bytes().iter().all(is_plain)
    };
    if request.headers().get_all(&name).iter().any(is_odd) {
        request.headers_mut().remove(&name);
    }
    next.run(request).await
}

/// Every log line of the request carries its id. Neither path nor query is ever logged, but the
/// route that they lead to: codes and states travel there, and whatever a confused client puts into an address.
async fn within_request(request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    let id = id.unwrap_or("-").to_owned();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned());
    audit::within(id.clone(), async {
        let began = Instant::now();
        let response = next.run(request).await;
        let route = route.as_deref().unwrap_or("none");
        metrics::answered(route, &method, response.status(), began.elapsed());
        tracing::debug!(%method, route, status = response.status().as_u16(), request_id = id, "answered");
        response
    })
    .await
}

async fn bounded_uri(request: Request, next: Next) -> Response {
    let length = request.uri().path_and_query().map_or(0, |text| text.as_str().len());
    if length > MAX_URI { StatusCode::URI_TOO_LONG.into_response() } else { next.run(request).await }
}

/// A panic is a bug; it costs one request and is counted in the log.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!(request_id = audit::request_id(), "a request panicked");
    ApiError::Refused(crate::domain::error::Refusal::new(
        crate::domain::error::ErrorCode::TemporarilyUnavailable,
        "try again later",
    ))
    .into_response()
}
