//! Clients (RFC 6749 §2, RFC 7591 §2): those that registered, and those that describe themselves at an address.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gateway_core::time::UnixTime;
use service_kit::random::{NoEntropy, Rng};

use super::client_keys::ClientKeys;
use super::document_url::DocumentUrl;
use super::redirect_uri::RedirectUri;
use super::secret::Digest;

/// The public identifier of a client, and with it where its metadata is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ClientId {
    /// We gave it: the metadata is in the store (RFC 7591).
    Registered(RegisteredId),
    /// The client chose it: the metadata is at this address (draft-ietf-oauth-client-id-metadata-document).
    Document(DocumentUrl),
}

/// An identifier that a registration gave: 1 to 255 visible ASCII characters that are no address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RegisteredId(String);

impl ClientId {
    /// A new identifier: 128 random bits, so that two registrations never meet.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn generate(rng: &dyn Rng) -> Result<Self, NoEntropy> {
        let mut bytes = [0; 16];
        rng.fill(&mut bytes)?;
        Ok(Self::Registered(RegisteredId(format!("client_{}", URL_SAFE_NO_PAD.encode(bytes)))))
    }

    /// Reads an identifier that a client sent. What looks like an address is a good one or none at all.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if DocumentUrl::is_meant_by(text) {
            return text.parse().ok().map(Self::Document);
        }
        let is_plain = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        is_plain.then(|| Self::Registered(RegisteredId(text.to_owned())))
    }

    /// The identifier as it is written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Registered(RegisteredId(text)) => text,
            Self::Document(url) => url.as_str(),
        }
    }

    /// The host that stands behind the client's description of itself; nobody does behind a registration.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::Registered(_) => None,
            Self::Document(url) => Some(url.host()),
        }
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// How a client proves who it is at the token endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// A public client: it proves nothing, PKCE protects its codes.
    None,
    /// A secret, whose digest is kept.
    Secret {
        /// Where the client said it would put the secret.
        method: SecretMethod,
        /// What is kept of it.
        digest: Digest,
    },
    /// A private key of its own: it signs an assertion for each request (RFC 7523), and these are the public halves.
    PrivateKey(ClientKeys),
}

/// Where a client secret is sent (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecretMethod {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Post,
}

impl ClientAuthentication {
    /// The value of `token_endpoint_auth_method`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Secret { method: SecretMethod::Basic, .. } => "client_secret_basic",
            Self::Secret { method: SecretMethod::Post, .. } => "client_secret_post",
            Self::PrivateKey(_) => "private_key_jwt",
        }
    }

    /// Whether `presented` (nothing, or the digest of a secret) is what this client proves itself with. Constant time.
    /// A secret is accepted from either place, because libraries do not keep to what they registered; a missing one
    /// never is, and a public client that sends one is not the client it says it is. A client that has a private key proves
    /// itself with an assertion only.
    #[must_use]
    pub fn accepts(&self, presented: Option<&Digest>) -> bool {
        match (self, presented) {
            (Self::None, None) => true,
            (Self::Secret { digest, .. }, Some(secret)) => digest == secret,
            (Self::None, Some(_)) | (Self::Secret { .. }, None) | (Self::PrivateKey(_), _) => false,
        }
    }
}

/// `application_type`: what may be registered as a redirect URI (`OpenID` Connect Registration §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApplicationType {
    /// Runs on a server: `https` only.
    Web,
    /// Runs on the user's machine: loopback and private-use schemes too.
    Native,
}

impl ApplicationType {
    /// The value as it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Native => "native",
        }
    }
}

/// What a client says about itself and we keep. Made by [`super::metadata`] and
/// [`super::client_document`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientProfile {
    /// `client_name`: unverified, for people.
    pub name: Option<String>,
    /// `redirect_uris`. Empty for a client without `authorization_code` in its `grant_types`, and for no other.
    pub redirect_uris: Vec<RedirectUri>,
    /// `application_type`.
    pub application_type: ApplicationType,
    /// Whether `grant_types` holds `refresh_token`.
    pub refreshes: bool,
    /// Whether `grant_types` holds [`GRANT_TYPE`](super::device::GRANT_TYPE).
    pub devices: bool,
    /// Whether `grant_types` holds `client_credentials`. What the client may do on its own behalf is said elsewhere, by the
    /// operator.
    pub credentials: bool,
    /// `scope`: what the client expects to ask for, without what means nothing here. It binds nobody: what a client
    /// gets is decided at each authorization.
    pub scope: Option<String>,
    /// `software_id`.
    pub software_id: Option<String>,
    /// `software_version`.
    pub software_version: Option<String>,
}

/// A client that we know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its public identifier.
    pub id: ClientId,
    /// When it registered, or when we fetched its description.
    pub issued_at: UnixTime,
    /// When it is forgotten unless it is used; `None` is never.
    pub expires_at: Option<UnixTime>,
    /// How it authenticates.
    pub authentication: ClientAuthentication,
    /// Digest of its registration access token (RFC 7592 §3). `None` for clients that registered before there were any:
    /// nobody can manage those.
    pub registration: Option<Digest>,
    /// What it said about itself.
    pub profile: ClientProfile,
}

impl Client {
    /// Whether `token` is the one with which this registration is managed. Constant time.
    #[must_use]
    pub fn is_managed_with(&self, token: &Digest) -> bool {
        self.registration.as_ref() == Some(token)
    }

    /// Whether what was granted to this client must not outlive its change into `next`: its tokens would be protected
    /// otherwise than when they were granted, or live longer than the user was told, who was asked once and not for good.
    #[must_use]
    pub const fn loses_grants_as(&self, next: &Self) -> bool {
        let stays_as_public = matches!(self.authentication, ClientAuthentication::None)
            == matches!(next.authentication, ClientAuthentication::None);
        let stays_as_long = self.profile.refreshes == next.profile.refreshes;
        !stays_as_public || !stays_as_long
    }

    /// Whether a code may be sent to `requested`.
    #[must_use]
    pub fn may_redirect_to(&self, requested: &RedirectUri) -> bool {
        self.profile.redirect_uris.iter().any(|registered| requested.is_covered_by(registered))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_of_one_kind_and_says_which() {
        assert!(matches!(ClientId::parse("client_abc"), Some(ClientId::Registered(_))));
        assert!(matches!(ClientId::parse("https://app.example/c"), Some(ClientId::Document(_))));
        let long = "x".repeat(256);
        for neither in
            ["", "a b", "\u{e9}", &long, "http://app.example/c", "https://app.example", "https:", "x:y"]
        {
            assert_eq!(ClientId::parse(neither), None, "{neither}");
        }
    }

    #[test]
    fn two_spellings_of_one_address_are_two_clients() {
        let id = |text| ClientId::parse(text).unwrap();
        assert_ne!(id("https://app.example/c"), id("https://app.example:443/c"));
        assert_ne!(id("https://app.example/c"), id("HTTPS://app.example/c"));
        assert_eq!(id("https://app.example:443/c").to_string(), "https://app.example:443/c");
    }
}
