//! `POST /token` (RFC 6749 §3.2).

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::client_auth;
use super::error::ApiError;
use super::form::StrictForm;
use super::limits;
use super::middleware::no_store;
use crate::domain::error::{ErrorCode, Refusal};
use crate::domain::parameters::Parameters;
use crate::domain::refresh::RefreshToken;
use crate::flow::Deps;
use crate::flow::client_credentials::client_credentials;
use crate::flow::exchange::{exchange_code, exchange_device_code};
use crate::flow::refresh::{refresh, refresh_at_once};
use crate::flow::token::{IssuedTokens, TokenRequest, UNSUPPORTED_GRANT_TYPE};

/// RFC 6749 §5.1.
#[derive(Serialize)]
struct TokenResponse<'a> {
    access_token: &'a str,
    token_type: &'static str,
    expires_in: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<&'a str>,
    scope: String,
}

/// Issues tokens.
pub(super) async fn post(
    State(deps): State<Arc<Deps>>,
    headers: HeaderMap,
    StrictForm(form): StrictForm,
) -> Result<Response, ApiError> {
    let issued = match at_once(&deps, &headers, &form).await? {
        Attempt::Issued(issued) => issued,
        Attempt::Counted => issue(&deps, &headers, &form, true).await?,
        Attempt::NotMade => issue(&deps, &headers, &form, false).await?,
    };
    let body = TokenResponse {
        access_token: &issued.access_token,
        token_type: "Bearer",
        expires_in: issued.expires_in,
        refresh_token: issued.refresh_token.as_ref().map(RefreshToken::expose),
        scope: issued.scope.to_string(),
    };
    Ok((no_store(), Json(body)).into_response())
}

/// What came of [`at_once`].
enum Attempt {
    Issued(IssuedTokens),
    /// The store has to be looked at, for a request that counts already.
    Counted,
    NotMade,
}

/// A refresh that needs nothing but what this process has seen and the store confirms.
async fn at_once(deps: &Deps, headers: &HeaderMap, form: &Parameters) -> Result<Attempt, ApiError> {
    let Ok(TokenRequest::RefreshToken(request)) = TokenRequest::read(form) else {
        return Ok(Attempt::NotMade);
    };
    let Some(client) = client_auth::seen_client(deps, headers, form) else { return Ok(Attempt::NotMade) };
    limits::count_client(deps, &client)?;
    Ok(refresh_at_once(deps, &client, &request).await?.map_or(Attempt::Counted, Attempt::Issued))
}

async fn issue(
    deps: &Deps,
    headers: &HeaderMap,
    form: &Parameters,
    is_counted: bool,
) -> Result<IssuedTokens, ApiError> {
    let client = client_auth::client(deps, headers, form).await?;
    if !is_counted {
        limits::count_client(deps, &client)?;
    }
    Ok(match TokenRequest::read(form)? {
        TokenRequest::AuthorizationCode(request) => exchange_code(deps, &client, &request).await?,
        TokenRequest::RefreshToken(_) if !client.profile.refreshes => {
            let description = "the client is not registered for the refresh_token grant";
            return Err(Refusal::new(ErrorCode::UnauthorizedClient, description).into());
        }
        TokenRequest::DeviceCode(_) if !deps.devices => return Err(UNSUPPORTED_GRANT_TYPE.into()),
        TokenRequest::DeviceCode(request) => exchange_device_code(deps, &client, &request).await?,
        TokenRequest::RefreshToken(request) => refresh(deps, &client, &request).await?,
        TokenRequest::ClientCredentials(_) if !deps.client_credentials => {
            return Err(UNSUPPORTED_GRANT_TYPE.into());
        }
        TokenRequest::ClientCredentials(request) => client_credentials(deps, &client, &request).await?,
    })
}
