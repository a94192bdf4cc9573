//! What all grants at the token endpoint have in common: who asks, for what, and what they get.

use gateway_core::jwt::Claims;
use gateway_core::scope::ScopeSet;

use super::Deps;
use super::error::{Cause, FlowError};
use crate::domain::client::Client;
use crate::domain::device::GRANT_TYPE;
use crate::domain::error::{ErrorCode, Refusal};
use crate::domain::grant::Access;
use crate::domain::parameters::Parameters;
use crate::domain::refresh::RefreshToken;
use crate::domain::token::{IssuedToken, TokenId};
use crate::domain::user::User;

/// The answer to a `grant_type` that is not served here.
pub const UNSUPPORTED_GRANT_TYPE: Refusal = Refusal::new(
    ErrorCode::UnsupportedGrantType,
    "grant_type must be one of the grant_types_supported in the metadata",
);

/// A token request: one variant per grant, each with exactly what the grant needs.
#[derive(Debug)]
pub enum TokenRequest<'a> {
    /// RFC 6749 §4.1.3.
    AuthorizationCode(CodeExchange<'a>),
    /// RFC 6749 §6.
    RefreshToken(RefreshExchange<'a>),
    /// RFC 8628 §3.4.
    DeviceCode(DeviceExchange<'a>),
    /// RFC 6749 §4.4.2.
    ClientCredentials(CredentialsExchange<'a>),
}

/// `grant_type=authorization_code`.
pub struct CodeExchange<'a> {
    /// `code`.
    pub code: &'a str,
    /// `redirect_uri`: compared when it is sent. OAuth 2.1 no longer asks for it, PKCE does its work.
    pub redirect_uri: Option<&'a str>,
    /// `code_verifier`.
    pub verifier: &'a str,
    /// `resource` (RFC 8707 §2.2).
    pub resource: Option<&'a str>,
}

/// `grant_type=refresh_token`.
pub struct RefreshExchange<'a> {
    /// `refresh_token`.
    pub token: &'a str,
    /// `scope`: narrower than what was granted.
    pub scope: Option<&'a str>,
    /// `resource`.
    pub resource: Option<&'a str>,
}

/// `grant_type=client_credentials`.
#[derive(Debug)]
pub struct CredentialsExchange<'a> {
    /// `scope`.
    pub scope: Option<&'a str>,
    /// `resource`.
    pub resource: Option<&'a str>,
}

/// The grant of devices.
pub struct DeviceExchange<'a> {
    /// `device_code`.
    pub code: &'a str,
    /// `resource`.
    pub resource: Option<&'a str>,
}

impl std::fmt::Debug for DeviceExchange<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("DeviceExchange(…)")
    }
}

impl std::fmt::Debug for CodeExchange<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("CodeExchange(…)")
    }
}

impl std::fmt::Debug for RefreshExchange<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("RefreshExchange(…)")
    }
}

/// What a client gets.
#[derive(Debug)]
pub struct IssuedTokens {
    /// A signed access token (RFC 9068).
    pub access_token: String,
    /// Seconds until it expires.
    pub expires_in: u64,
    /// The refresh token, for clients that registered for it.
    pub refresh_token: Option<RefreshToken>,
    /// What the access token allows; may be less than was asked for (RFC 6749 §3.3).
    pub scope: ScopeSet,
}

impl<'a> TokenRequest<'a> {
    /// Reads a token request.
    ///
    /// # Errors
    /// `invalid_request` or `unsupported_grant_type`.
    pub fn read(parameters: &'a Parameters) -> Result<Self, Refusal> {
        match parameters.get("grant_type")? {
            Some("authorization_code") => Ok(Self::AuthorizationCode(CodeExchange {
                code: parameters.required("code", "code is missing")?,
                redirect_uri: parameters.get("redirect_uri")?,
                verifier: parameters.required("code_verifier", "code_verifier is missing")?,
                resource: parameters.get("resource")?,
            })),
            Some("refresh_token") => Ok(Self::RefreshToken(RefreshExchange {
                token: parameters.required("refresh_token", "refresh_token is missing")?,
                scope: parameters.get("scope")?,
                resource: parameters.get("resource")?,
            })),
            Some(GRANT_TYPE) => Ok(Self::DeviceCode(DeviceExchange {
                code: parameters.required("device_code", "device_code is missing")?,
                resource: parameters.get("resource")?,
            })),
            Some("client_credentials") => Ok(Self::ClientCredentials(CredentialsExchange {
                scope: parameters.get("scope")?,
                resource: parameters.get("resource")?,
            })),
            Some(_) => Err(UNSUPPORTED_GRANT_TYPE),
            None => Err(Refusal::new(ErrorCode::InvalidRequest, "grant_type is missing")),
        }
    }
}

/// Moves the expiry of a client that is in use: at its first use, and from then on at most once in half a lifetime.
pub(super) async fn keep_client(deps: &Deps, client: &Client) -> Result<(), FlowError> {
    if is_due_for_renewal(deps, client) {
        deps.store.extend_client(&client.id, deps.client_expiry(), deps.now()).await?;
    }
    Ok(())
}

/// Whether [`keep_client`] would move the expiry.
pub(super) fn is_due_for_renewal(deps: &Deps, client: &Client) -> bool {
    client.expires_at.is_some_and(|expires_at| {
        deps.client_expiry().is_none()
            || deps.is_unused(client)
            || expires_at.since(deps.now()) < deps.lifetimes.client / 2
    })
}

/// Signs an access token for `access`, narrowed to `scope`; gives also what the store has to remember of it.
pub(super) fn access_token(
    deps: &Deps,
    access: &Access,
    scope: &ScopeSet,
    user: &User,
) -> Result<(String, IssuedToken), Cause> {
    let id = TokenId::generate(deps.rng.as_ref())?;
    let now = deps.now();
    let expires_at = now.plus(deps.lifetimes.access_token);
    let token = deps.keys.in_use().access_token(&Claims {
        iss: deps.catalogue.issuer().to_string(),
        sub: access.subject.to_string(),
        aud: deps.catalogue.resource_of(&access.server).to_string(),
        client_id: access.client.to_string(),
        scope: scope.to_string(),
        iat: now,
        nbf: now,
        exp: expires_at,
        jti: id.to_string(),
        preferred_username: Some(user.username.clone()),
    })?;
    Ok((token, IssuedToken { id, issued_at: now, expires_at }))
}
