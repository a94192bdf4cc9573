//! Clients that registered.

use gateway_core::time::UnixTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{BadRecord, Recorded};
use crate::domain::client::{
    ApplicationType, Client, ClientAuthentication, ClientId, ClientProfile, SecretMethod,
};
use crate::domain::client_keys::{ClientKeys, InlineKeys};
use crate::domain::secret::Digest;

#[derive(Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a member of its own")]
pub(in super::super) struct ClientRecord {
    id: String,
    issued_at: UnixTime,
    expires_at: Option<UnixTime>,
    secret_method: Option<String>,
    secret: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jwks: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jwks_uri: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    registration: Option<String>,
    name: Option<String>,
    redirect_uris: Vec<String>,
    native: bool,
    refreshes: bool,
    #[serde(default)]
    devices: bool,
    #[serde(default, skip_serializing_if = "is_false")]
    credentials: bool,
    scope: Option<String>,
    software_id: Option<String>,
    software_version: Option<String>,
}

impl Recorded for Client {
    type Record = ClientRecord;

    fn record(&self) -> ClientRecord {
        let (secret, jwks, jwks_uri) = match &self.authentication {
            ClientAuthentication::None => (None, None, None),
            ClientAuthentication::Secret { digest, .. } => (Some(digest.to_text()), None, None),
            ClientAuthentication::PrivateKey(ClientKeys::Inline(keys)) => {
                (None, Some(keys.document().clone()), None)
            }
            ClientAuthentication::PrivateKey(ClientKeys::At(url)) => (None, None, Some(url.to_string())),
        };
        let is_public = self.authentication == ClientAuthentication::None;
        let secret_method = (!is_public).then(|| self.authentication.name().to_owned());
        ClientRecord {
            id: self.id.to_string(),
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            secret_method,
            secret,
            jwks,
            jwks_uri,
            registration: self.registration.as_ref().map(Digest::to_text),
            name: self.profile.name.clone(),
            redirect_uris: self.profile.redirect_uris.iter().map(ToString::to_string).collect(),
            native: self.profile.application_type == ApplicationType::Native,
            refreshes: self.profile.refreshes,
            devices: self.profile.devices,
            credentials: self.profile.credentials,
            scope: self.profile.scope.clone(),
            software_id: self.profile.software_id.clone(),
            software_version: self.profile.software_version.clone(),
        }
    }

    fn restore(record: ClientRecord) -> Result<Self, BadRecord> {
        let authentication = authentication(&record)?;
        let registration = |text: &str| Digest::from_text(text).ok_or(BadRecord("registration"));
        let uris = record.redirect_uris.iter().map(|text| text.parse()).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            id: ClientId::parse(&record.id).ok_or(BadRecord("id"))?,
            issued_at: record.issued_at,
            expires_at: record.expires_at,
            authentication,
            registration: record.registration.as_deref().map(registration).transpose()?,
            profile: ClientProfile {
                name: record.name,
                redirect_uris: uris.map_err(|_| BadRecord("redirect_uris"))?,
                application_type: if record.native { ApplicationType::Native } else { ApplicationType::Web },
                refreshes: record.refreshes,
                devices: record.devices,
                credentials: record.credentials,
                scope: record.scope,
                software_id: record.software_id,
                software_version: record.software_version,
            },
        })
    }
}

fn authentication(record: &ClientRecord) -> Result<ClientAuthentication, BadRecord> {
    let ClientRecord { secret_method, secret, jwks, jwks_uri, .. } = record;
    let with_secret = |method| {
        let digest = secret.as_deref().and_then(Digest::from_text).ok_or(BadRecord("secret"))?;
        Ok(ClientAuthentication::Secret { method, digest })
    };
    match (secret_method.as_deref(), jwks, jwks_uri) {
        (None, None, None) if secret.is_none() => Ok(ClientAuthentication::None),
        (Some("client_secret_basic"), None, None) => with_secret(SecretMethod::Basic),
        (Some("client_secret_post"), None, None) => with_secret(SecretMethod::Post),
        (Some("private_key_jwt"), Some(jwks), None) => InlineKeys::parse(jwks.clone())
            .map(|keys| ClientAuthentication::PrivateKey(ClientKeys::Inline(keys)))
            .ok_or(BadRecord("jwks")),
        (Some("private_key_jwt"), None, Some(uri)) => {
            let url = uri.parse().map_err(|_| BadRecord("jwks_uri"))?;
            Ok(ClientAuthentication::PrivateKey(ClientKeys::At(url)))
        }
        _ => Err(BadRecord("secret_method")),
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes what it skips by reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}
