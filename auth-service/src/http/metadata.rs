//! What clients discover. Every address comes from the configuration, never from a request (E-02).

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use gateway_core::jwt::Algorithm;
use gateway_core::resource::ServerName;
use serde_json::json;

use super::{error, host};
use crate::domain::device::GRANT_TYPE;
use crate::flow::Deps;

/// How clients prove who they are.
const CONFIDENTIAL: [&str; 3] = ["client_secret_basic", "client_secret_post", "private_key_jwt"];

/// Clients and edges may keep these for five minutes.
const CACHE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "public, max-age=300")];

/// `GET /.well-known/oauth-authorization-server` (RFC 8414). Advertises what exists and nothing else.
pub(super) async fn authorization_server(State(deps): State<Arc<Deps>>) -> Response {
    let issuer = deps.catalogue.issuer().as_str();
    let servers = deps.catalogue.servers().map(|server| format!("mcp:{server}"));
    let scopes: Vec<String> =
        ["mcp".to_owned()].into_iter().chain(servers).chain(["offline_access".to_owned()]).collect();
    let grant_types: Vec<&str> = ["authorization_code", "refresh_token"]
        .into_iter()
        .chain(deps.devices.then_some(GRANT_TYPE))
        .chain(deps.client_credentials.then_some("client_credentials"))
        .collect();
    let methods: Vec<&str> = ["none"].into_iter().chain(CONFIDENTIAL).collect();
    let algorithms = Algorithm::ALL.map(Algorithm::name);
    let mut document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "registration_endpoint": format!("{issuer}/register"),
        "jwks_uri": format!("{issuer}/jwks.json"),
        "scopes_supported": scopes,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": grant_types,
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": algorithms,
        "revocation_endpoint": format!("{issuer}/revoke"),
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
        "introspection_endpoint": format!("{issuer}/introspect"),
        "introspection_endpoint_auth_methods_supported": CONFIDENTIAL,
        "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        // draft-ietf-oauth-client-id-metadata-document-02 §6.
        "client_id_metadata_document_supported": deps.documents.is_some(),
    });
    if let Some(members) = document.as_object_mut().filter(|_| deps.devices) {
        // RFC 8628 §4.
        let address = format!("{issuer}/device_authorization");
        members.insert("device_authorization_endpoint".to_owned(), address.into());
    }
    (CACHE, Json(document)).into_response()
}

/// `GET /.well-known/oauth-protected-resource/{server}/mcp` (RFC 9728), where servers are paths.
pub(super) async fn protected_resource(State(deps): State<Arc<Deps>>, Path(name): Path<String>) -> Response {
    describe(&deps, deps.catalogue.named(&name)).await
}

/// `GET /.well-known/oauth-protected-resource` and the same with `/mcp`, where servers have hosts. The request's host says
/// which of them is meant, and has no other part in the document.
pub(super) async fn protected_resource_of_host(State(deps): State<Arc<Deps>>, request: Request) -> Response {
    describe(&deps, host::asked(&request).and_then(|host| deps.catalogue.at_host(&host))).await
}

async fn describe(deps: &Deps, server: Option<&ServerName>) -> Response {
    let Some(server) = server else { return error::not_found().await };
    let document = json!({
        "resource": deps.catalogue.resource_of(server).as_str(),
        "authorization_servers": [deps.catalogue.issuer().as_str()],
        "scopes_supported": [format!("mcp:{server}")],
        "bearer_methods_supported": ["header"],
        "resource_name": server.as_str(),
    });
    (CACHE, Json(document)).into_response()
}

/// `GET /jwks.json` (RFC 7517 §5).
pub(super) async fn jwks(State(deps): State<Arc<Deps>>) -> Response {
    (CACHE, Json(deps.keys.in_use().jwks())).into_response()
}
