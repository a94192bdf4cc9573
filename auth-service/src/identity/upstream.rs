//! Identity providers outside of the gateway: GitHub, Google, any `OpenID` Connect issuer.
//!
//! A provider's tokens live as long as one function call: nothing here keeps, shows or logs them (B-18).

pub mod fetch;
mod github;
pub mod grant;
pub mod id_token;
mod oidc;
pub mod settings;

use std::time::Duration;

use gateway_core::time::UnixTime;
use tokio::sync::Mutex;

use crate::domain::admission::Admission;
use crate::domain::upstream::{Person, ProviderId};
use crate::domain::user::Subject;
use fetch::{FetchError, HttpClient};
use github::GitHub;
use grant::{Luggage, Souvenir};
use id_token::IdTokenError;
use oidc::Oidc;
use settings::{ProviderSettings, Site};

pub use github::GitHubSites;
pub use oidc::DomainOf;

/// Longest time for all questions about one user together. With discovery before it, that is less than the 15 s for which
/// the edge waits.
const PATIENCE: Duration = Duration::from_secs(9);

/// Why a provider could not say who signed in. Holds nothing that the provider wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    /// There is no answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// An answer with a status that is not 200.
    #[error("status {0}")]
    Status(u16),
    /// An answer that makes no sense; names which.
    #[error("the {0} answer is malformed")]
    Malformed(&'static str),
    /// The code was not taken.
    #[error("the code was refused")]
    CodeRefused,
    /// There are no keys that could check anything.
    #[error("the issuer's keys are not known")]
    NoKeys,
    /// The ID token is not believed.
    #[error("ID token: {0}")]
    IdToken(#[from] IdTokenError),
}

/// One provider as we are registered there.
#[derive(Debug)]
pub struct Provider {
    id: ProviderId,
    label: String,
    admission: Admission,
    default_roles: Vec<String>,
    issuer: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    GitHub(Box<GitHub>),
    Oidc(Box<Oidc>),
}

/// All providers, in the order in which they are offered.
#[derive(Debug, Default)]
pub struct Providers(Vec<Provider>);

impl Providers {
    /// The providers that the settings name.
    ///
    /// # Errors
    /// [`FetchError::NoClient`].
    pub fn new(settings: Vec<ProviderSettings>) -> Result<Self, FetchError> {
        if settings.is_empty() {
            return Ok(Self::default());
        }
        let http = HttpClient::new()?;
        Ok(Self(settings.into_iter().map(|it| Provider::new(it, http.clone())).collect()))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Provider> {
        self.0.iter()
    }

    /// The one with this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Provider> {
        self.0.iter().find(|provider| provider.id.as_str() == name)
    }

    /// The one that knows `subject`.
    #[must_use]
    pub fn of(&self, subject: &Subject) -> Option<&Provider> {
        self.0.iter().find(|provider| subject.id_within(provider.id.as_str()).is_some())
    }
}

impl Provider {
    fn new(settings: ProviderSettings, http: HttpClient) -> Self {
        let ProviderSettings { id, label, admission, default_roles, registration, site } = settings;
        let (issuer, kind) = match site {
            Site::GitHub { sites, endpoints } => {
                let asks_for_organisations = admission.asks_for_organisations();
                let issuer = sites.issuer();
                let endpoints = *endpoints;
                let github = GitHub { http, registration, endpoints, sites, asks_for_organisations };
                (issuer, Kind::GitHub(Box::new(github)))
            }
            Site::Oidc { issuer, domain, prompt } => {
                let (discovery, keys) = (Mutex::default(), Mutex::new(oidc::no_keys()));
                let oidc =
                    Oidc { http, registration, issuer: issuer.clone(), domain, prompt, discovery, keys };
                (issuer, Kind::Oidc(Box::new(oidc)))
            }
        };
        Self { id, label, admission, default_roles, issuer, kind }
    }

    /// Its name.
    #[must_use]
    pub const fn id(&self) -> &ProviderId {
        &self.id
    }

    /// What people call it.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The roles of its users who are not in the users file.
    #[must_use]
    pub fn default_roles(&self) -> &[String] {
        &self.default_roles
    }

    /// Whether `person`, whom this provider described, may come in by the present lists.
    #[must_use]
    pub fn admits(&self, person: &Person) -> bool {
        person.issuer == self.issuer && self.admission.admits(person)
    }

    /// The address that the browser is sent to.
    ///
    /// # Errors
    /// [`UpstreamError`], when the provider has to be asked and does not answer.
    pub async fn address(&self, luggage: &Luggage, now: UnixTime) -> Result<String, UpstreamError> {
        match &self.kind {
            Kind::GitHub(github) => Ok(github.address(luggage)),
            Kind::Oidc(oidc) => oidc.address(luggage, now).await,
        }
    }

    /// Whether an answer with this `iss`, or without any, is this provider's (RFC 9207).
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub async fn is_named(&self, named: Option<&str>, now: UnixTime) -> Result<bool, UpstreamError> {
        match &self.kind {
            // GitHub names itself since 2026; an Enterprise server of before does not.
            Kind::GitHub(_) => Ok(named.is_none_or(|named| named == self.issuer)),
            Kind::Oidc(oidc) => oidc.is_named(named, now).await,
        }
    }

    /// Fetches the issuer's discovery document, unless it is known; `false` when there is none to fetch (GitHub).
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub async fn discover(&self, now: UnixTime) -> Result<bool, UpstreamError> {
        match &self.kind {
            Kind::GitHub(_) => Ok(false),
            Kind::Oidc(oidc) => oidc.discover(now).await.map(|()| true),
        }
    }

    /// Who signed in.
    ///
    /// # Errors
    /// [`UpstreamError`].
    pub async fn person(&self, souvenir: Souvenir, now: UnixTime) -> Result<Person, UpstreamError> {
        let asking = async {
            match &self.kind {
                Kind::GitHub(github) => github.person(&self.id, souvenir).await,
                Kind::Oidc(oidc) => oidc.person(&self.id, souvenir, now).await,
            }
        };
        tokio::time::timeout(PATIENCE, asking).await.unwrap_or(Err(FetchError::TooSlow.into()))
    }
}
