//! `POST /revoke` (RFC 7009).

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};

use super::client_auth;
use super::error::ApiError;
use super::form::StrictForm;
use super::middleware::no_store;
use crate::flow::Deps;
use crate::flow::token_revocation::revoke_token;

/// Revokes a token. The answer is the same whatever the token was. `token_type_hint` is not needed: a token says itself
/// what it is.
pub(super) async fn post(
    State(deps): State<Arc<Deps>>,
    headers: HeaderMap,
    StrictForm(form): StrictForm,
) -> Result<Response, ApiError> {
    let client = client_auth::client(&deps, &headers, &form).await?;
    let token = form.required("token", "token is missing")?;
    revoke_token(&deps, &client, token).await?;
    Ok((StatusCode::OK, no_store()).into_response())
}
