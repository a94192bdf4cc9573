//! What clients publish: descriptions of themselves (draft-ietf-oauth-client-id-metadata-document-02 §5) and their keys
//! (RFC 7591 §2, `jwks_uri`), fetched when somebody asks for them and kept for a while.

mod cache;
mod domains;

use std::sync::Arc;

use axum::http::header::{AGE, CACHE_CONTROL};
use axum::http::{HeaderMap, StatusCode};
use gateway_core::jwks::KeySet;
use gateway_core::time::UnixTime;

use crate::domain::client::Client;
use crate::domain::client_document::{self, DocumentError, MAX_DOCUMENT};
use crate::domain::document_url::DocumentUrl;
use crate::domain::freshness;
use crate::outbound::{Fetched, Origins, Outbound, OutboundError, Target};

use cache::{Described, Slots};

pub use cache::{RETRY_AFTER, STALE};
pub use domains::{Domains, DomainsError};

/// Longest key set that is read, in bytes.
const MAX_KEY_SET: usize = 16 * 1024;

/// Every document that was asked for lately.
#[derive(Debug)]
pub struct Documents {
    outbound: Outbound,
    rules: DocumentRules,
    clients: Slots<Client>,
    keys: Slots<KeySet>,
}

/// Whose documents are fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentRules {
    /// The hosts that may describe clients, or publish their keys.
    pub domains: Domains,
    /// The origins among them that may be at a private address.
    pub private_origins: Origins,
}

/// Why a client is not known by its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoDocument {
    /// The operator does not take clients from there.
    #[error("clients of this host are not allowed here")]
    NotAllowed,
    /// There is an answer, and it describes nobody.
    #[error(transparent)]
    Refused(#[from] DocumentError),
    /// The host says that there is no document.
    #[error("the host has no such document")]
    Gone,
    /// Nobody was asked: too many documents that are new here were wanted from one address.
    #[error("too many clients that are new here were asked for from one address")]
    TooMany,
    /// There is no answer. Whoever asks learns no more than that: what is inside of our network is nobody's business.
    #[error("the document cannot be fetched: {0}")]
    Unavailable(#[from] OutboundError),
}

impl Documents {
    /// Documents by these rules, none of them known yet.
    #[must_use]
    pub fn new(outbound: Outbound, rules: DocumentRules) -> Self {
        Self { outbound, rules, clients: Slots::default(), keys: Slots::default() }
    }

    /// Whether a document would have to be fetched that describes nobody we know.
    #[must_use]
    pub fn is_new(&self, url: &DocumentUrl) -> bool {
        self.rules.domains.hold(url.host()) && !self.clients.describe(url)
    }

    /// The client that is described at `url`. Of those who ask at the same time one fetches, and the others wait for it.
    ///
    /// # Errors
    /// [`NoDocument`].
    pub async fn client(&self, url: &DocumentUrl, now: UnixTime) -> Result<Arc<Client>, NoDocument> {
        if !self.rules.domains.hold(url.host()) {
            return Err(NoDocument::NotAllowed);
        }
        let shared = self.clients.of(url);
        let mut slot = shared.lock().await;
        if let Some(known) = slot.known(now) {
            return known;
        }
        let fetched = self.fetch(url, MAX_DOCUMENT, |body| client_document::parse(body, url, now)).await;
        if fetched.is_ok() {
            self.clients.keep(url, &shared);
        }
        slot.learn(fetched, now)
    }

    /// The keys that are published at `url`. When the one named `kid` is not among those that are known, they are fetched
    /// again, at most once in [`RETRY_AFTER`] seconds: clients change their keys.
    ///
    /// # Errors
    /// [`NoDocument`].
    pub async fn keys(
        &self,
        url: &DocumentUrl,
        kid: Option<&str>,
        now: UnixTime,
    ) -> Result<Arc<KeySet>, NoDocument> {
        if !self.take_keys_from(url) {
            return Err(NoDocument::NotAllowed);
        }
        let shared = self.keys.of(url);
        let mut slot = shared.lock().await;
        if let Some(known) = slot.known_to_hold(now, |keys| keys.find(kid).is_some()) {
            return known;
        }
        let fetched = self.fetch(url, MAX_KEY_SET, |body| Ok(KeySet::parse(body)?)).await;
        if fetched.is_ok() {
            self.keys.keep(url, &shared);
        }
        slot.learn(fetched, now)
    }

    /// Whether keys would be fetched from `url`: by the same rules as descriptions.
    #[must_use]
    pub fn take_keys_from(&self, url: &DocumentUrl) -> bool {
        self.rules.domains.hold(url.host()) && Target::new(url.url(), &self.rules.private_origins).is_ok()
    }

    async fn fetch<T>(
        &self,
        url: &DocumentUrl,
        max_body: usize,
        read: impl FnOnce(&[u8]) -> Result<T, DocumentError>,
    ) -> Result<Described<T>, NoDocument> {
        let described = self.get(url, max_body).await.and_then(|Fetched { headers, body }| {
            Ok(Described { content: Arc::new(read(&body)?), fresh_for: fresh_for(&headers) })
        });
        described.inspect_err(|error| {
            tracing::info!(host = url.host(), %error, "what a client publishes was not taken");
        })
    }

    async fn get(&self, url: &DocumentUrl, max_body: usize) -> Result<Fetched, NoDocument> {
        let target = Target::new(url.url(), &self.rules.private_origins).map_err(OutboundError::from)?;
        self.outbound.get(&target, max_body).await.map_err(without_document)
    }
}

fn without_document(error: OutboundError) -> NoDocument {
    if let OutboundError::Status(StatusCode::NOT_FOUND | StatusCode::GONE) = error {
        NoDocument::Gone
    } else {
        NoDocument::Unavailable(error)
    }
}

fn fresh_for(headers: &HeaderMap) -> u64 {
    // A line that is not text is one that cannot be read.
    let lines = headers.get_all(CACHE_CONTROL).iter().map(|line| line.to_str().unwrap_or("no-store"));
    let age = headers.get(AGE).and_then(|line| line.to_str().ok());
    freshness::lifetime(lines, age)
}
