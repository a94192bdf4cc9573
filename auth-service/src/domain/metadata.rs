//! Client metadata (RFC 7591 §2): from what a client sends to what is kept of it.
//!
//! What we do not know is ignored, as §2 asks; what we know and cannot honour is left out of the answer (§3.2.1), or
//! refused when leaving it out would surprise.

use gateway_core::scope::ScopeSet;
use serde::Deserialize;

use super::client::{ApplicationType, ClientAuthentication, ClientProfile, SecretMethod};
use super::client_keys::{ClientKeys, RawKeys};
use super::device::GRANT_TYPE;
use super::error::{ErrorCode, Refusal};
use super::redirect_uri::{RedirectKind, RedirectUri, RedirectUriError};

/// A registration request that can be granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientMetadata {
    /// What is kept.
    pub profile: ClientProfile,
    /// How the client wants to prove who it is.
    pub authentication: WantedAuthentication,
}

/// `token_endpoint_auth_method`, with what belongs to it. A secret is ours to make, so it is not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedAuthentication {
    /// `none`.
    None,
    /// `client_secret_basic` or `client_secret_post`.
    Secret(SecretMethod),
    /// `private_key_jwt`.
    PrivateKey(ClientKeys),
}

/// Most redirect URIs of one client.
pub const MAX_REDIRECT_URIS: usize = 32;

/// Longest text that is kept of a name or version, in characters; the rest is cut off.
const MAX_TEXT: usize = 200;

/// Members we read. A wrong type is an error, `null` is an absent member, anything else is ignored.
#[derive(Deserialize)]
struct RawMetadata {
    redirect_uris: Option<Vec<String>>,
    token_endpoint_auth_method: Option<String>,
    grant_types: Option<Vec<String>>,
    response_types: Option<Vec<String>>,
    client_name: Option<String>,
    application_type: Option<String>,
    scope: Option<String>,
    software_id: Option<String>,
    software_version: Option<String>,
    jwks: Option<RawKeys>,
    jwks_uri: Option<String>,
}

const fn invalid(description: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidClientMetadata, description)
}

const fn invalid_uri(description: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRedirectUri, description)
}

impl ClientMetadata {
    /// Reads the body of a registration request.
    ///
    /// # Errors
    /// `invalid_client_metadata` or `invalid_redirect_uri` (RFC 7591 §3.2.2).
    pub fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let raw = RawMetadata::read(body)?;
        let authentication = raw.authentication();
        let profile = raw.profile()?;
        let authentication = authentication?;
        if profile.credentials && authentication == WantedAuthentication::None {
            return Err(invalid(NOBODY_ELSE));
        }
        Ok(Self { profile, authentication })
    }
}

/// RFC 6749 §4.4: anybody could act for a client that proves nothing.
const NOBODY_ELSE: &str =
    "client_credentials is for clients with a token_endpoint_auth_method other than none";

/// What a client says about itself at an address of its own, by the same rules. Whether it `signs` there is not found out
/// here: there the rules differ.
///
/// # Errors
/// Like [`ClientMetadata::parse`].
pub(super) fn published(body: &[u8], signs: bool) -> Result<(ClientProfile, ClientAuthentication), Refusal> {
    let raw = RawMetadata::read(body)?;
    let keys = signs.then(|| ClientKeys::read(raw.jwks.as_ref(), raw.jwks_uri.as_deref())).transpose();
    let profile = raw.profile()?;
    match keys? {
        Some(keys) => Ok((profile, ClientAuthentication::PrivateKey(keys))),
        None if profile.credentials => Err(invalid(NOBODY_ELSE)),
        None => Ok((profile, ClientAuthentication::None)),
    }
}

impl RawMetadata {
    fn read(body: &[u8]) -> Result<Self, Refusal> {
        // A struct would also be read from an array, member by member.
        let is_object = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
        if !is_object {
            return Err(invalid("the body must be one JSON object"));
        }
        serde_json::from_slice(body)
            .map_err(|_| invalid("the body must be one JSON object whose members have the types of RFC 7591"))
    }

    /// RFC 7591 §2: `client_secret_basic` when it is left out.
    fn authentication(&self) -> Result<WantedAuthentication, Refusal> {
        match self.token_endpoint_auth_method.as_deref() {
            Some("none") => Ok(WantedAuthentication::None),
            None | Some("client_secret_basic") => Ok(WantedAuthentication::Secret(SecretMethod::Basic)),
            Some("client_secret_post") => Ok(WantedAuthentication::Secret(SecretMethod::Post)),
            Some("private_key_jwt") => ClientKeys::read(self.jwks.as_ref(), self.jwks_uri.as_deref())
                .map(WantedAuthentication::PrivateKey),
            Some(_) => Err(invalid(
                "token_endpoint_auth_method must be none, client_secret_basic, client_secret_post or private_key_jwt",
            )),
        }
    }

    fn profile(self) -> Result<ClientProfile, Refusal> {
        if self.jwks.is_some() && self.jwks_uri.is_some() {
            return Err(invalid("jwks and jwks_uri must not be there together"));
        }
        if let Some(problem) = self.jwks.as_ref().and_then(RawKeys::problem) {
            return Err(invalid(problem));
        }
        let grants = Grants::read(self.grant_types.as_deref())?;
        // Without a redirect there is no place to register, and no response to choose the type of (RFC 7591 §2).
        let redirect_uris =
            if grants.redirects { redirect_uris(&self.redirect_uris.unwrap_or_default())? } else { vec![] };
        let application_type = application_type(self.application_type.as_deref(), &redirect_uris)?;
        if grants.redirects
            && self.response_types.is_some_and(|types| !types.iter().any(|name| name == "code"))
        {
            return Err(invalid("response_types must hold code: it is the only one there is"));
        }
        Ok(ClientProfile {
            name: kept_text(self.client_name),
            application_type,
            redirect_uris,
            refreshes: grants.refreshes,
            devices: grants.devices,
            credentials: grants.credentials,
            scope: self.scope.as_deref().and_then(kept_scope),
            software_id: kept_text(self.software_id),
            software_version: kept_text(self.software_version),
        })
    }
}

fn redirect_uris(texts: &[String]) -> Result<Vec<RedirectUri>, Refusal> {
    if texts.is_empty() {
        return Err(invalid_uri("redirect_uris must hold at least one URI"));
    }
    if texts.len() > MAX_REDIRECT_URIS {
        return Err(invalid_uri("redirect_uris holds more than 32 URIs"));
    }
    texts.iter().map(|text| text.parse().map_err(refused_uri)).collect()
}

/// The sentence of the error, as fixed text.
const fn refused_uri(error: RedirectUriError) -> Refusal {
    invalid_uri(match error {
        RedirectUriError::Malformed => {
            "a redirect URI must be an absolute URI of at most 2048 printable ASCII characters, \
             its scheme and host in lower case"
        }
        RedirectUriError::Fragment => "a redirect URI must not have a fragment",
        RedirectUriError::UserInfo => "a redirect URI must not have a user name or password",
        RedirectUriError::Wildcard => "a redirect URI must not have a wildcard",
        RedirectUriError::InsecureHost => {
            "http redirect URIs are for 127.0.0.1, [::1] and localhost only; use https"
        }
        RedirectUriError::Scheme => "the scheme of a redirect URI is not allowed",
        RedirectUriError::ReservedQuery => {
            "a redirect URI must not have code, state, iss or error in its query"
        }
    })
}

/// Derived when it is left out, as many clients do: whoever listens on the user's machine is native.
fn application_type(name: Option<&str>, uris: &[RedirectUri]) -> Result<ApplicationType, Refusal> {
    let is_native = uris.iter().any(|uri| uri.kind() != RedirectKind::Https);
    match name {
        Some("web") if is_native => Err(invalid_uri(
            "a client of application_type web has https redirect URIs only; register as native",
        )),
        Some("native") => Ok(ApplicationType::Native),
        None if is_native => Ok(ApplicationType::Native),
        None | Some("web") => Ok(ApplicationType::Web),
        Some(_) => Err(invalid("application_type must be web or native")),
    }
}

/// What `grant_types` says.
#[expect(clippy::struct_excessive_bools, reason = "each says whether one grant is there")]
struct Grants {
    redirects: bool,
    refreshes: bool,
    devices: bool,
    credentials: bool,
}

impl Grants {
    /// Unknown grant types are ignored: clients list everything they could do.
    fn read(grant_types: Option<&[String]>) -> Result<Self, Refusal> {
        let Some(names) = grant_types else {
            return Ok(Self { redirects: true, refreshes: false, devices: false, credentials: false });
        };
        let holds = |name: &str| names.iter().any(|it| it == name);
        let [redirects, devices, credentials] =
            ["authorization_code", GRANT_TYPE, "client_credentials"].map(holds);
        if redirects || devices || credentials {
            Ok(Self { redirects, refreshes: holds("refresh_token"), devices, credentials })
        } else {
            Err(invalid(
                "grant_types must hold authorization_code, the device_code grant or client_credentials",
            ))
        }
    }
}

fn kept_text(text: Option<String>) -> Option<String> {
    let kept: String = text?.trim().chars().take(MAX_TEXT).collect();
    (!kept.is_empty()).then_some(kept)
}

fn kept_scope(text: &str) -> Option<String> {
    let mut kept = ScopeSet::parse(text).to_string();
    if text.split(' ').any(|token| token == "offline_access") {
        kept.push_str(" offline_access");
    }
    let kept = kept.trim().to_owned();
    (!kept.is_empty()).then_some(kept)
}
