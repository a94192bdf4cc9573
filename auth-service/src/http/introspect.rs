//! `POST /introspect` (RFC 7662).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::client_auth;
use super::error::ApiError;
use super::form::StrictForm;
use super::middleware::no_store;
use crate::flow::Deps;
use crate::flow::introspection::{Active, introspect};

/// RFC 7662 §2.2. Of a token that is not active nothing else is said.
#[derive(Serialize)]
struct Introspection<'a> {
    active: bool,
    #[serde(flatten)]
    members: Option<Members<'a>>,
}

#[derive(Serialize)]
struct Members<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    client_id: &'a str,
    scope: &'a str,
    exp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iat: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
}

/// Says whether a token is active. `token_type_hint` is not needed: a token says itself what it is.
pub(super) async fn post(
    State(deps): State<Arc<Deps>>,
    headers: HeaderMap,
    StrictForm(form): StrictForm,
) -> Result<Response, ApiError> {
    let client = client_auth::client(&deps, &headers, &form).await?;
    let token = form.required("token", "token is missing")?;
    let active = introspect(&deps, &client, token).await?;
    let members = active.as_ref().map(|active| Members::of(active, deps.catalogue.issuer().as_str()));
    let body = Introspection { active: members.is_some(), members };
    Ok((no_store(), Json(body)).into_response())
}

impl<'a> Members<'a> {
    fn of(active: &'a Active, issuer: &'a str) -> Self {
        let access = active.access.as_ref();
        Self {
            iss: issuer,
            sub: &active.subject,
            aud: &active.audience,
            client_id: &active.client,
            scope: &active.scope,
            exp: active.expires_at.as_secs(),
            iat: access.map(|access| access.issued_at.as_secs()),
            jti: access.map(|access| access.id.as_str()),
            username: access.and_then(|access| access.username.as_deref()),
            token_type: access.map(|_| "Bearer"),
        }
    }
}
