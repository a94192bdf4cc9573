//! Consent that a user wants remembered, so that the same client need not ask for the same thing again.

use gateway_core::resource::ServerName;
use gateway_core::scope::ScopeSet;
use gateway_core::time::UnixTime;

use super::client::{Client, ClientAuthentication};
use super::grant::Access;
use super::redirect_uri::{RedirectKind, RedirectUri};
use super::secret::Digest;
use super::user::Subject;

/// What a remembered consent is found by: everything that the user was shown when they gave it. Whatever of it is
/// different is another question (B-14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConsentKey(Digest);

impl ConsentKey {
    /// The key of what `client` asks of `subject`; `None` where consent must be asked for every time.
    ///
    /// Remembered is only what a client asks for that proves at our token endpoint who it is, and that is answered at an
    /// `https` address. Any program on the user's machine can pose as a client at a loopback address or a private-use
    /// scheme (RFC 8252 §8.6). And whoever runs a malicious MCP server can use a public client to get at our codes, also
    /// one that describes itself: they send the user on to us in its name, and it brings code and verifier to *their*
    /// token endpoint (B-03). No header tells such a request from an honest one: Chromium, opened by a program, says
    /// `Sec-Fetch-Site: none` even after it was redirected by another site.
    #[must_use]
    pub fn of(
        client: &Client,
        redirect_uri: &RedirectUri,
        subject: &Subject,
        server: &ServerName,
        scope: &ScopeSet,
    ) -> Option<Self> {
        let is_proven = client.authentication != ClientAuthentication::None;
        let is_certain = is_proven && redirect_uri.kind() == RedirectKind::Https;
        is_certain.then(|| {
            Self(Digest::of_fields(&[
                "remembered consent",
                subject.as_str(),
                client.id.as_str(),
                client.profile.name.as_deref().unwrap_or_default(),
                if client.profile.refreshes { "stays connected" } else { "once" },
                redirect_uri.as_str(),
                server.as_str(),
                &scope.to_string(),
            ]))
        })
    }

    /// The key as the store knows it.
    #[must_use]
    pub const fn digest(&self) -> &Digest {
        &self.0
    }
}

/// A consent that is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RememberedConsent {
    /// What was granted. Nobody gets more by it, whatever the user may do meanwhile.
    pub access: Access,
    /// When.
    pub given_at: UnixTime,
}
