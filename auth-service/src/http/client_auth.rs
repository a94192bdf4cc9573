//! Client authentication (RFC 6749 §2.3): at most one method per request.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::ApiError;
use crate::domain::client::{Client, ClientId};
use crate::domain::client_assertion::{ASSERTION_TYPE, ClientAssertion};
use crate::domain::error::{ErrorCode, Refusal};
use crate::domain::parameters::{Parameters, decode};
use crate::domain::secret::Digest;
use crate::flow::Deps;
use crate::flow::client_authentication::{ClientCredentials, FAILED, Proof, authenticate, authenticate_seen};
use crate::flow::error::FlowError;

/// The client that a token request proves to come from.
pub(super) async fn client(deps: &Deps, headers: &HeaderMap, form: &Parameters) -> Result<Client, ApiError> {
    let is_basic = headers.contains_key(header::AUTHORIZATION);
    authenticate(deps, &credentials(headers, form)?).await.map_err(|error| match error {
        FlowError::Refused(refusal) if is_basic && refusal.code == ErrorCode::InvalidClient => {
            ApiError::BasicRefused(refusal)
        }
        FlowError::Refused(refusal) => refusal.into(),
        FlowError::TooMany(error) => ApiError::TooMany(error),
        FlowError::Internal(cause) => cause.into(),
    })
}

/// The client that a token request comes from if it is still what this process saw last; see [`authenticate_seen`].
pub(super) fn seen_client(deps: &Deps, headers: &HeaderMap, form: &Parameters) -> Option<Arc<Client>> {
    authenticate_seen(deps, &credentials(headers, form).ok()?)
}

fn credentials<'a>(headers: &HeaderMap, form: &'a Parameters) -> Result<ClientCredentials<'a>, ApiError> {
    let mut authorizations = headers.get_all(header::AUTHORIZATION).iter();
    match (authorizations.next(), authorizations.next()) {
        (None, _) => posted(form),
        (Some(only), None) => {
            let credentials = basic(only).ok_or(ApiError::BasicRefused(FAILED))?;
            agrees(&credentials, form)?;
            Ok(credentials)
        }
        (Some(_), Some(_)) => Err(invalid("the Authorization header is repeated")),
    }
}

/// RFC 6749 §2.3.
const SEVERAL: ApiError = invalid("more than one client authentication method was used");

const fn invalid(description: &'static str) -> ApiError {
    ApiError::Refused(Refusal::new(ErrorCode::InvalidRequest, description))
}

/// `client_secret_post`, `private_key_jwt`, or a public client.
fn posted(form: &Parameters) -> Result<ClientCredentials<'_>, ApiError> {
    let get = |name| form.get(name).map_err(Refusal::from);
    let (secret, id) = (get("client_secret")?, get("client_id")?);
    let id = id.map(|id| ClientId::parse(id).ok_or(FAILED)).transpose()?;
    match (assertion(get("client_assertion_type")?, get("client_assertion")?)?, secret) {
        (Some(_), Some(_)) => Err(SEVERAL),
        (Some(assertion), None) => {
            // RFC 7521 §4.2: the id is not needed, and must not be another one.
            let claimed = assertion.client().clone();
            let is_same = id.is_none_or(|id| id == claimed);
            if !is_same {
                return Err(invalid("client_id differs from the client assertion"));
            }
            Ok(ClientCredentials { id: claimed, proof: Proof::Assertion(assertion) })
        }
        (None, secret) => {
            let id = id.ok_or_else(|| invalid("client_id is missing"))?;
            let proof = secret.map_or(Proof::None, |text| Proof::Secret(Digest::of(text.as_bytes())));
            Ok(ClientCredentials { id, proof })
        }
    }
}

/// RFC 7521 §4.2.
fn assertion<'a>(kind: Option<&str>, text: Option<&'a str>) -> Result<Option<ClientAssertion<'a>>, ApiError> {
    match (kind, text) {
        (None, None) => Ok(None),
        (Some(ASSERTION_TYPE), Some(text)) => {
            ClientAssertion::parse(text).map(Some).map_err(|_| FAILED.into())
        }
        (Some(_), Some(_)) => Err(invalid("client_assertion_type is not supported")),
        (_, None) => Err(invalid("client_assertion is missing")),
        (None, Some(_)) => Err(invalid("client_assertion_type is missing")),
    }
}

/// `client_secret_basic`. Id and secret are form-encoded (RFC 6749 §2.3.1). Some libraries forget to; ours hold no
/// character for which that makes a difference.
fn basic(header: &HeaderValue) -> Option<ClientCredentials<'static>> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let mut halves = decoded.splitn(2, |byte| *byte == b':');
    let id = ClientId::parse(&decode(halves.next()?).ok()?)?;
    let secret = decode(halves.next()?).ok()?;
    Some(ClientCredentials { id, proof: Proof::Secret(Digest::of(secret.as_bytes())) })
}

/// The body may repeat the id, as some libraries do; it must not bring a second proof or another id.
fn agrees(credentials: &ClientCredentials<'_>, form: &Parameters) -> Result<(), ApiError> {
    if ["client_secret", "client_assertion"].iter().any(|name| !matches!(form.get(name), Ok(None))) {
        return Err(SEVERAL);
    }
    match form.get("client_id").map_err(Refusal::from)? {
        Some(id) if id != credentials.id.as_str() => {
            Err(invalid("client_id differs from the Authorization header"))
        }
        _ => Ok(()),
    }
}
