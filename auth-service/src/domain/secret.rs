//! Bearer secrets: shown once to whoever they are for, kept only as a hash.

use std::fmt;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use service_kit::random::{NoEntropy, Rng};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// What a secret is for; its prefix makes leaked ones easy to find and impossible to confuse.
pub trait Kind {
    /// Readable beginning of every secret of this kind.
    const PREFIX: &'static str;
}

/// An authorization code (RFC 6749 §4.1.2).
#[derive(Debug)]
pub enum AuthorizationCode {}

/// What a device waits with for its user's answer (RFC 8628 §3.2).
#[derive(Debug)]
pub enum DeviceCode {}

/// The cookie of a signed-in browser.
#[derive(Debug)]
pub enum BrowserSession {}

/// The single-use ticket of one rendered consent page.
#[derive(Debug)]
pub enum ConsentTicket {}

/// The password of a confidential client (RFC 6749 §2.3.1).
#[derive(Debug)]
pub enum ClientSecret {}

/// What a client manages its own registration with (RFC 7592 §3).
#[derive(Debug)]
pub enum RegistrationToken {}

/// The cookie of a browser that is on its way to a provider.
#[derive(Debug)]
pub enum UpstreamBrowser {}

/// The `state` that a browser takes along to a provider (RFC 6749 §4.1.1).
#[derive(Debug)]
pub enum UpstreamState {}

impl Kind for AuthorizationCode {
    const PREFIX: &'static str = "mcp_code_";
}

impl Kind for DeviceCode {
    const PREFIX: &'static str = "mcp_device_";
}

impl Kind for BrowserSession {
    const PREFIX: &'static str = "mcp_session_";
}

impl Kind for ConsentTicket {
    const PREFIX: &'static str = "mcp_consent_";
}

impl Kind for ClientSecret {
    const PREFIX: &'static str = "mcp_secret_";
}

impl Kind for RegistrationToken {
    const PREFIX: &'static str = "mcp_registration_";
}

impl Kind for UpstreamBrowser {
    const PREFIX: &'static str = "mcp_upstream_";
}

impl Kind for UpstreamState {
    const PREFIX: &'static str = "mcp_state_";
}

/// A prefix and 256 random bits in base64url. Has no `Display`, and its `Debug` hides it.
pub struct Secret<K> {
    text: String,
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> Secret<K> {
    /// A new secret.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn generate(rng: &dyn Rng) -> Result<Self, NoEntropy> {
        let text = format!("{}{}", K::PREFIX, URL_SAFE_NO_PAD.encode(rng.bits256()?));
        Ok(Self { text, kind: PhantomData })
    }

    /// Reads a secret that a client sent; `None` for what cannot be one of ours, so that it is not even looked up.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let body = text.strip_prefix(K::PREFIX)?;
        let is_ours = URL_SAFE_NO_PAD.decode(body).is_ok_and(|bytes| bytes.len() == 32);
        is_ours.then(|| Self { text: text.to_owned(), kind: PhantomData })
    }

    /// What the store keeps.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }

    /// The secret itself: for the one response that hands it out.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl<K> fmt::Debug for Secret<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// A SHA-256 digest. Compared in constant time.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of several fields, unambiguous: each is preceded by its length.
    #[must_use]
    pub fn of_fields(fields: &[&str]) -> Self {
        let mut hasher = Sha256::new();
        for field in fields {
            hasher.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
            hasher.update(field.as_bytes());
        }
        Self(hasher.finalize().into())
    }

    /// The bytes, as a key of the store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The digest in base64url, as records keep it.
    #[must_use]
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads what [`Self::to_text`] wrote.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Some(Self(URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?))
    }
}

impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    /// Hidden too: the digest of a token finds its record.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Digest(…)")
    }
}

#[cfg(test)]
mod tests {
    use service_kit::random::SequenceRng;

    use super::*;

    #[test]
    fn a_secret_survives_the_trip_to_the_client_and_nothing_shorter_does() {
        let secret = Secret::<AuthorizationCode>::generate(&SequenceRng::default()).unwrap();
        let back = Secret::<AuthorizationCode>::parse(secret.expose()).unwrap();
        assert_eq!(back.digest(), secret.digest());
        let truncated = &secret.expose()[..secret.expose().len() - 1];
        for other in [truncated, "", "mcp_code_", "mcp_code_%00", &secret.expose().to_uppercase()] {
            assert!(Secret::<AuthorizationCode>::parse(other).is_none(), "{other}");
        }
        assert!(Secret::<ClientSecret>::parse(secret.expose()).is_none(), "a code is not a client secret");
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let secret = Secret::<ClientSecret>::generate(&SequenceRng::default()).unwrap();
        assert_eq!(format!("{secret:?} {:?}", secret.digest()), "Secret(…) Digest(…)");
    }

    #[test]
    fn fields_cannot_flow_into_each_other() {
        assert_ne!(Digest::of_fields(&["ab", "c"]), Digest::of_fields(&["a", "bc"]));
    }
}
