//! The name under which a client asks, where several names lead here.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header;
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::Response;

use super::error;
use crate::flow::Deps;

/// The host of a request, without port: from its target (HTTP/2), or else from its only `Host`. What proxies say besides
/// (`X-Forwarded-Host`) does not count: it may come from anybody (E-02).
pub(super) fn asked(request: &Request) -> Option<String> {
    let mut lines = request.headers().get_all(header::HOST).iter();
    let line = match (lines.next(), lines.next()) {
        (_, Some(_)) => return None,
        (line, None) => line.and_then(|line| Authority::try_from(line.as_bytes()).ok()),
    };
    request.uri().authority().or(line.as_ref()).map(|authority| authority.host().to_owned())
}

/// At the host of an MCP server there is nothing of OAuth but what clients discover: sign-in, and so every cookie, is at the
/// issuer's host alone.
pub(super) async fn none_of_a_server(
    State(deps): State<Arc<Deps>>,
    request: Request,
    next: Next,
) -> Response {
    let is_a_servers = asked(&request).is_some_and(|host| deps.catalogue.at_host(&host).is_some());
    if is_a_servers { error::not_found().await } else { next.run(request).await }
}
