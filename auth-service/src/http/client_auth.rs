//! Client authentication (RFC 6749 §2.3): at most one method per request.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::ApiError;
use crate::domain::client::Client;
use crate::domain::client::ClientId;
use crate::domain::error::{ErrorCode, Refusal};
use crate::domain::parameters::{Parameters, decode};
use crate::domain::secret::Digest;
use crate::flow::Deps;
use crate::flow::error::FlowError;
use crate::flow::token::{ClientCredentials, authenticate};

const FAILED: Refusal = Refusal::new(ErrorCode::InvalidClient, "client authentication failed");

/// The client that a token request proves to come from, unless it asks too often.
pub(super) async fn client(deps: &Deps, headers: &HeaderMap, form: &Parameters) -> Result<Client, ApiError> {
    let client = proven(deps, headers, form).await?;
    deps.limits.client(&client.id)?;
    Ok(client)
}

async fn proven(deps: &Deps, headers: &HeaderMap, form: &Parameters) -> Result<Client, ApiError> {
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    match (authorizations.next(), authorizations.next()) {
        (None, _) => {
            let credentials = posted(form)?;
            Ok(authenticate(deps, &credentials).await?)
        }
        (Some(only), None) => {
            let credentials = basic(only).ok_or(ApiError::BasicRefused(FAILED))?;
            agrees(&credentials, form)?;
            authenticate(deps, &credentials).await.map_err(|error| match error {
                FlowError::Refused(refusal) => ApiError::BasicRefused(refusal),
                FlowError::Internal(cause) => ApiError::Internal(cause),
            })
        }
        (Some(_), Some(_)) => Err(invalid("the Authorization header is repeated")),
    }
}

const fn invalid(description: &'static str) -> ApiError {
    ApiError::Refused(Refusal::new(ErrorCode::InvalidRequest, description))
}

/// `client_secret_post`, or a public client.
fn posted(form: &Parameters) -> Result<ClientCredentials, ApiError> {
    let secret = form.get("client_secret").map_err(Refusal::from)?;
    let id = form.get("client_id").map_err(Refusal::from)?;
    let id = id.ok_or_else(|| invalid("client_id is missing"))?;
    let id = ClientId::parse(id).ok_or(FAILED)?;
    Ok(ClientCredentials { id, secret: secret.map(|text| Digest::of(text.as_bytes())) })
}

/// `client_secret_basic`. Id and secret are form-encoded (RFC 6749 §2.3.1). Some libraries forget to; ours hold no
/// character for which that makes a difference.
fn basic(header: &HeaderValue) -> Option<ClientCredentials> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let mut halves = decoded.splitn(2, |byte| *byte == b':');
    let id = ClientId::parse(&decode(halves.next()?).ok()?)?;
    let secret = decode(halves.next()?).ok()?;
    Some(ClientCredentials { id, secret: Some(Digest::of(secret.as_bytes())) })
}

/// The body may repeat the id, as some libraries do; it must not bring a second proof or another id.
fn agrees(credentials: &ClientCredentials, form: &Parameters) -> Result<(), ApiError> {
    if !matches!(form.get("client_secret"), Ok(None)) {
        return Err(invalid("more than one client authentication method was used"));
    }
    match form.get("client_id").map_err(Refusal::from)? {
        Some(id) if id != credentials.id.as_str() => {
            Err(invalid("client_id differs from the Authorization header"))
        }
        _ => Ok(()),
    }
}
