//! `POST /register` (RFC 7591).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use super::error::ApiError;
use super::form::JsonBody;
use super::middleware::no_store;
use crate::domain::client::ClientAuthentication;
use crate::domain::client_keys::ClientKeys;
use crate::domain::device::GRANT_TYPE;
use crate::domain::metadata::ClientMetadata;
use crate::domain::redirect_uri::RedirectUri;
use crate::domain::secret::Secret;
use crate::flow::Deps;
use crate::flow::register::{Registered, register};

/// What is stored (RFC 7591 §3.2.1, RFC 7592 §3). A member without a value is left out: `null` breaks clients.
#[derive(Serialize)]
pub(super) struct ClientInformation<'a> {
    client_id: &'a str,
    client_id_issued_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_secret_expires_at: Option<u64>,
    registration_client_uri: String,
    registration_access_token: &'a str,
    redirect_uris: Vec<&'a str>,
    token_endpoint_auth_method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<&'a str>,
    grant_types: Vec<&'static str>,
    response_types: &'static [&'static str],
    application_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    software_version: Option<&'a str>,
}

/// Registers a client.
pub(super) async fn post(
    State(deps): State<Arc<Deps>>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let metadata = ClientMetadata::parse(&body)?;
    let registered = register(&deps, metadata).await?;
    let body = ClientInformation::of(&registered, &deps);
    Ok((StatusCode::CREATED, no_store(), Json(body)).into_response())
}

impl<'a> ClientInformation<'a> {
    /// What a client is told about itself.
    pub(super) fn of(registered: &'a Registered, deps: &Deps) -> Self {
        let Registered { client, secret, token } = registered;
        let profile = &client.profile;
        let redirects = !profile.redirect_uris.is_empty();
        let expiry = deps.promised_expiry(client).map_or(0, gateway_core::time::UnixTime::as_secs);
        let issuer = deps.catalogue.issuer().as_str();
        let has_secret = matches!(client.authentication, ClientAuthentication::Secret { .. });
        let (jwks, jwks_uri) = match &client.authentication {
            ClientAuthentication::PrivateKey(ClientKeys::Inline(keys)) => (Some(keys.document()), None),
            ClientAuthentication::PrivateKey(ClientKeys::At(url)) => (None, Some(url.as_str())),
            ClientAuthentication::None | ClientAuthentication::Secret { .. } => (None, None),
        };
        Self {
            client_id: client.id.as_str(),
            client_id_issued_at: client.issued_at.as_secs(),
            client_secret: secret.as_ref().map(Secret::expose),
            client_secret_expires_at: has_secret.then_some(expiry),
            registration_client_uri: format!("{issuer}/register/{}", client.id),
            registration_access_token: token.expose(),
            redirect_uris: profile.redirect_uris.iter().map(RedirectUri::as_str).collect(),
            token_endpoint_auth_method: client.authentication.name(),
            jwks,
            jwks_uri,
            grant_types: [
                (redirects, "authorization_code"),
                (profile.refreshes, "refresh_token"),
                (profile.devices, GRANT_TYPE),
                (profile.credentials, "client_credentials"),
            ]
            .into_iter()
            .filter_map(|(is_held, name)| is_held.then_some(name))
            .collect(),
            response_types: if redirects { &["code"] } else { &[] },
            application_type: profile.application_type.name(),
            client_name: profile.name.as_deref(),
            scope: profile.scope.as_deref(),
            software_id: profile.software_id.as_deref(),
            software_version: profile.software_version.as_deref(),
        }
    }
}
