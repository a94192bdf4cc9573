//! The HTTP side: which address is answered by whom, and nothing else.

mod account;
mod authorize;
mod bearer;
mod callback;
mod client_auth;
mod configuration;
mod cookie;
mod device;
mod error;
mod form;
mod host;
mod internal;
mod introspect;
mod inventory;
mod limits;
mod metadata;
mod middleware;
mod origin;
mod page;
mod redirect;
mod register;
mod revocations;
mod revoke;
mod sign_in;
mod token;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{HeaderName, Method, header};
use axum::routing::{any, get, post};
use service_kit::layout::Layout;
use tower_http::cors::{Any, CorsLayer};

use crate::flow::Deps;
use crate::limits::Door;

/// Longest time for one answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Longest time for an answer that may wait for something to happen.
const LONG_TIMEOUT: Duration = revocations::MAX_WAIT.saturating_add(TIMEOUT);

/// Everything that clients and browsers may reach.
pub fn public(deps: &Arc<Deps>) -> Router {
    // Browser-based clients read these from their own origin; there are no cookies here to be misused (C-10).
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            header::ACCEPT,
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("mcp-protocol-version"),
        ])
        .expose_headers([header::WWW_AUTHENTICATE]);
    let at = |door| axum::middleware::from_fn_with_state((Arc::clone(deps), door), limits::at);
    let for_clients = Router::new()
        .route("/jwks.json", get(metadata::jwks))
        .route("/register", post(register::post).layer(at(Door::Register)))
        .route(
            "/register/{client_id}",
            get(configuration::get)
                .put(configuration::put)
                .delete(configuration::delete)
                .layer(at(Door::Token)),
        )
        .route("/token", post(token::post).layer(at(Door::Token)))
        .route("/revoke", post(revoke::post).layer(at(Door::Token)));
    let for_people = Router::new()
        .route(
            "/authorize",
            get(authorize::get).post(authorize::post).head(error::not_allowed).layer(at(Door::Authorize)),
        )
        .route(
            account::PATH,
            get(account::get).post(account::post).head(error::not_allowed).layer(at(Door::Authorize)),
        )
        .route("/callback/{provider}", get(callback::get).head(error::only_get).layer(at(Door::Authorize)));
    let (for_clients, for_people) = if deps.devices {
        let page = get(device::get).post(device::post).head(error::not_allowed).layer(at(Door::Authorize));
        let begin = post(device::begin).layer(at(Door::Token));
        (for_clients.route("/device_authorization", begin), for_people.route(device::PATH, page))
    } else {
        (for_clients, for_people)
    };
    let for_servers = Router::new()
        .route("/introspect", post(introspect::post).layer(at(Door::Token)))
        // Proxies ask with the method of the request that they ask about, whatever that is.
        .route("/verify", any(verify::any));
    let at_the_issuer = for_clients.layer(cors.clone()).merge(for_people);
    let at_the_issuer = at_the_issuer
        .route_layer(axum::middleware::from_fn_with_state(Arc::clone(deps), host::none_of_a_server));
    let everywhere = discovery(deps.catalogue.layout()).layer(cors);
    middleware::around(
        everywhere.merge(at_the_issuer).merge(for_servers).fallback(error::not_found),
        deps,
        TIMEOUT,
    )
    .with_state(Arc::clone(deps))
}

/// What clients find at every host, so that those that look beside their MCP server find it too.
fn discovery(layout: &Layout) -> Router<Arc<Deps>> {
    let router =
        Router::new().route("/.well-known/oauth-authorization-server", get(metadata::authorization_server));
    match layout {
        Layout::Paths(_) => router
            .route("/.well-known/oauth-protected-resource/{server}/mcp", get(metadata::protected_resource)),
        Layout::Hosts(_) => router
            .route("/.well-known/oauth-protected-resource", get(metadata::protected_resource_of_host))
            .route("/.well-known/oauth-protected-resource/mcp", get(metadata::protected_resource_of_host)),
    }
}

/// What only the operator's own machines may reach.
pub fn internal(deps: &Arc<Deps>) -> Router {
    let router = Router::new()
        .route("/health/live", get(internal::live))
        .route("/health/ready", get(internal::ready))
        .route("/metrics", get(internal::metrics))
        .route("/internal/clients", get(inventory::clients).post(inventory::add_client))
        .route("/internal/clients/{client_id}", get(inventory::client).delete(inventory::delete_client))
        .route("/internal/backup", post(inventory::backup))
        .route("/internal/grants", get(inventory::grants))
        .route("/internal/stats", get(inventory::stats))
        .route("/internal/purge", post(inventory::purge))
        .fallback(error::not_found);
    let waiting = Router::new().route("/internal/revocations", get(revocations::get).post(revocations::post));
    middleware::around(router, deps, TIMEOUT)
        .merge(middleware::around(waiting, deps, LONG_TIMEOUT))
        .with_state(Arc::clone(deps))
}
