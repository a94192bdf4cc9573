//! An update of a registration (RFC 7592 §2.2): what a client sends to replace all that is kept of it.

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::client::Client;
use super::error::{ErrorCode, Refusal};
use super::metadata::ClientMetadata;
use super::secret::{ClientSecret, Digest, Secret};

/// An update that can be granted.
#[derive(Debug)]
pub struct ClientUpdate {
    /// What takes the place of what was kept. What was left out has its default again.
    pub metadata: ClientMetadata,
    /// The client's secret, if it was sent; it is the right one.
    pub secret: Option<Secret<ClientSecret>>,
}

/// The members that say whose update it is, and those that an update must not have. `null` is an absent member.
#[derive(Deserialize)]
struct RawIdentity {
    client_id: Option<String>,
    client_secret: Option<String>,
    registration_access_token: Option<IgnoredAny>,
    registration_client_uri: Option<IgnoredAny>,
    client_secret_expires_at: Option<IgnoredAny>,
    client_id_issued_at: Option<IgnoredAny>,
}

const fn invalid(description: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidClientMetadata, description)
}

impl ClientUpdate {
    /// Reads the body of an update of `client`. The metadata follows the rules of a registration.
    ///
    /// # Errors
    /// `invalid_client_metadata` or `invalid_redirect_uri` (RFC 7591 §3.2.2).
    pub fn parse(body: &[u8], client: &Client) -> Result<Self, Refusal> {
        let metadata = ClientMetadata::parse(body)?;
        let identity: RawIdentity = serde_json::from_slice(body).map_err(|_| {
            invalid("client_id and client_secret must be strings, and no member may be there twice")
        })?;
        if identity.names_what_is_ours() {
            return Err(invalid(
                "registration_access_token, registration_client_uri, client_secret_expires_at and \
                 client_id_issued_at must not be in an update",
            ));
        }
        if identity.client_id.as_deref() != Some(client.id.as_str()) {
            return Err(invalid("client_id must be that of the client"));
        }
        let Some(text) = identity.client_secret else { return Ok(Self { metadata, secret: None }) };
        if !client.authentication.accepts(Some(&Digest::of(text.as_bytes()))) {
            return Err(invalid("client_secret must be that of the client; it cannot be chosen"));
        }
        Ok(Self { metadata, secret: Secret::parse(&text) })
    }
}

impl RawIdentity {
    const fn names_what_is_ours(&self) -> bool {
        self.registration_access_token.is_some()
            || self.registration_client_uri.is_some()
            || self.client_secret_expires_at.is_some()
            || self.client_id_issued_at.is_some()
    }
}
