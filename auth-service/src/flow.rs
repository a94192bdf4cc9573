//! What happens, one step at a time. A flow takes [`Deps`] and domain values and gives a domain value or a typed
//! failure; it knows neither HTTP nor how anything is stored.

pub mod account;
pub mod authorize;
pub mod client_authentication;
pub mod client_credentials;
pub mod clients;
pub mod configuration;
pub mod consent;
pub mod device;
pub mod error;
pub mod exchange;
pub mod feed;
pub mod introspection;
pub mod inventory;
pub mod refresh;
pub mod register;
pub mod revoke;
pub mod sign_in;
pub mod token;
pub mod token_revocation;
pub mod upstream;
pub mod verify;

use std::sync::Arc;

use gateway_core::time::UnixTime;
use service_kit::clock::Clock;
use service_kit::random::Rng;
use tokio::sync::watch;

use crate::documents::Documents;
use crate::domain::catalogue::Catalogue;
use crate::domain::client::Client;
use crate::domain::consent::RememberedClients;
use crate::domain::refresh::RefreshKey;
use crate::identity::Identities;
use crate::identity::upstream::Providers;
use crate::keys::SigningKeys;
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::store::Store;

/// Everything that the flows need. Built once, by [`crate::app`]; tests replace parts of it.
#[derive(Debug)]
pub struct Deps {
    /// Issuer and protected resources.
    pub catalogue: Catalogue,
    /// What is remembered.
    pub store: Arc<dyn Store>,
    /// Clients that describe themselves; `None` when they are not taken.
    pub documents: Option<Documents>,
    /// Whether devices without a browser are served (RFC 8628).
    pub devices: bool,
    /// Whether clients may act on their own behalf (RFC 6749 §4.4).
    pub client_credentials: bool,
    /// Of whom consent can be remembered.
    pub remembered_clients: RememberedClients,
    /// Who users are.
    pub identities: Arc<dyn Identities>,
    /// Where users sign in who have no password here.
    pub providers: Arc<Providers>,
    /// What signs access tokens.
    pub keys: SigningKeys,
    /// What verifies access tokens.
    pub verifier: verify::Verifier,
    /// What derives refresh tokens.
    pub refresh_key: RefreshKey,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Random bytes.
    pub rng: Arc<dyn Rng>,
    /// How long things live.
    pub lifetimes: Lifetimes,
    /// How often somebody may ask.
    pub limits: Limits,
    /// What operators count.
    pub metrics: Metrics,
    /// When to stop waiting.
    pub ending: Ending,
}

/// Tells everything that waits that the service is about to end.
#[derive(Debug, Clone)]
pub struct Ending(watch::Sender<bool>);

impl Ending {
    /// From here on, nothing waits any more.
    pub fn begin(&self) {
        self.0.send_replace(true);
    }

    /// Returns when the end has begun.
    pub async fn begun(&self) {
        let mut bell = self.0.subscribe();
        // An error would mean that every sender is gone; `self` is one.
        let _begun = bell.wait_for(|has_begun| *has_begun).await;
    }
}

impl Default for Ending {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

/// How long things live, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// An access token.
    pub access_token: u64,
    /// A family of refresh tokens that nobody uses.
    pub refresh_token: u64,
    /// After a rotation, the old refresh token's right to the same successor.
    pub refresh_grace: u64,
    /// A registration that nobody uses any more; 0 is for ever.
    pub client: u64,
    /// A registration that nobody has used yet; 0 is as long as one that was used.
    pub unused_client: u64,
    /// A browser's sign-in.
    pub session: u64,
    /// A consent that its user wants remembered, where that is possible; 0 is no time at all: everybody is asked every time.
    pub remembered_consent: u64,
    /// What a provider said about a user; then they must sign in there again.
    pub upstream: u64,
}

/// A code, from its issue to its redemption (RFC 6749 §4.1.2 recommends at most 10 minutes, RFC 9700 less).
pub const CODE_LIFETIME: u64 = 60;

/// How long a spent code is remembered, so that a second redemption is noticed.
pub const CODE_MEMORY: u64 = 600;

/// A device code with its user code (RFC 8628 §3.2).
pub const DEVICE_LIFETIME: u64 = 600;

/// How long a device code is remembered, so that its device hears what became of it and a second redemption is noticed.
pub const DEVICE_MEMORY: u64 = 1200;

/// A sign-in at a provider outside, from our page to the way back.
pub const DEPARTURE_LIFETIME: u64 = 600;

/// A consent page, from its rendering to its answer.
pub const CONSENT_LIFETIME: u64 = 600;

impl Deps {
    /// The present.
    #[must_use]
    pub fn now(&self) -> UnixTime {
        UnixTime::from_secs(self.clock.now())
    }

    /// When a registration that is used now will be forgotten.
    #[must_use]
    pub fn client_expiry(&self) -> Option<UnixTime> {
        (self.lifetimes.client > 0).then(|| self.now().plus(self.lifetimes.client))
    }

    /// When a registration that has led to no token will be forgotten: never later than one that has.
    #[must_use]
    pub fn unused_client_expiry(&self) -> Option<UnixTime> {
        let used = self.client_expiry();
        if self.lifetimes.unused_client == 0 {
            return used;
        }
        let unused = self.now().plus(self.lifetimes.unused_client);
        Some(used.map_or(unused, |used| used.min(unused)))
    }

    /// When a registration will be forgotten if it is used from now on as clients are meant to: what a client is told. The
    /// shorter life of one that was never used is nobody's plan.
    #[must_use]
    pub fn promised_expiry(&self, client: &Client) -> Option<UnixTime> {
        let usual = client.issued_at.plus(self.lifetimes.client);
        client.expires_at.filter(|_| self.lifetimes.client > 0).map(|expires_at| expires_at.max(usual))
    }

    /// Whether a registration has led to nothing yet. Every use gives it at least the usual life, counted from its beginning.
    #[must_use]
    pub fn is_unused(&self, client: &Client) -> bool {
        client.expires_at.is_some() && client.expires_at != self.promised_expiry(client)
    }
}

/// Whether a `scope` parameter says nothing about permissions: it is empty, or asks only for a refresh token.
fn names_no_permission(scope: &str) -> bool {
    scope.split(' ').all(|token| token.is_empty() || token == "offline_access")
}
