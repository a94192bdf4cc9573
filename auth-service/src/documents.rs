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
use crate::limits::TooMany;
use crate::outbound::{Fetched, Origins, Outbound, OutboundError, Target};

use cache::{Described, Slots};

pub use cache::RETRY_AFTER;
pub use domains::{Domains, DomainsError};

/// Seconds for which the description of a client may still be used when it is no longer fresh and cannot be fetched (RFC 5861
/// §4): a client outlives a bad day of its website.
pub const STALE: u64 = 86_400;

/// Seconds for which a key set is fresh at most, whatever its website says, and for which it may still be used after that while
/// it cannot be fetched: a key that was stolen and withdrawn proves nothing for much longer.
pub const MAX_KEYS_FRESH: u64 = 3600;

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
    #[error(transparent)]
    TooMany(#[from] TooMany),
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

    /// The client that is described at `url`. Just before a document is fetched that describes nobody so far, `admit` is asked.
    ///
    /// # Errors
    /// [`NoDocument`].
    pub async fn client(
        &self,
        url: &DocumentUrl,
        now: UnixTime,
        admit: impl FnOnce() -> Result<(), TooMany>,
    ) -> Result<Arc<Client>, NoDocument> {
        if !self.rules.domains.hold(url.host()) {
            return Err(NoDocument::NotAllowed);
        }
        let fetch = async {
            let Fetched { headers, body } = self.fetch(url, MAX_DOCUMENT).await?;
            let content = Arc::new(client_document::parse(&body, url, now)?);
            Ok(Described { content, fresh_for: fresh_for(&headers), stale_for: STALE })
        };
        self.clients.get(url, now, |_| true, admit, noted(url, fetch)).await
    }

    /// The keys that are published at `url`, for at most [`MAX_KEYS_FRESH`] seconds. When the one named `kid` is not among those
    /// that are known, they are fetched again, at most once in [`RETRY_AFTER`] seconds: clients change their keys. `admit` is
    /// asked as in [`Self::client`].
    ///
    /// # Errors
    /// [`NoDocument`].
    pub async fn keys(
        &self,
        url: &DocumentUrl,
        kid: Option<&str>,
        now: UnixTime,
        admit: impl FnOnce() -> Result<(), TooMany>,
    ) -> Result<Arc<KeySet>, NoDocument> {
        if !self.take_keys_from(url) {
            return Err(NoDocument::NotAllowed);
        }
        let fetch = async {
            let Fetched { headers, body } = self.fetch(url, MAX_KEY_SET).await?;
            let content = Arc::new(KeySet::parse(&body).map_err(DocumentError::from)?);
            let fresh_for = fresh_for(&headers).min(MAX_KEYS_FRESH);
            Ok(Described { content, fresh_for, stale_for: MAX_KEYS_FRESH })
        };
        let holds = |keys: &KeySet| keys.find(kid).is_some();
        self.keys.get(url, now, holds, admit, noted(url, fetch)).await
    }

    /// Whether keys would be fetched from `url`: by the same rules as descriptions.
    #[must_use]
    pub fn take_keys_from(&self, url: &DocumentUrl) -> bool {
        self.rules.domains.hold(url.host()) && Target::new(url.url(), &self.rules.private_origins).is_ok()
    }

    async fn fetch(&self, url: &DocumentUrl, max_body: usize) -> Result<Fetched, NoDocument> {
        let target = Target::new(url.url(), &self.rules.private_origins).map_err(OutboundError::from)?;
        self.outbound.get(&target, max_body).await.map_err(without_document)
    }
}

/// A failure stands in the log.
async fn noted<T>(
    url: &DocumentUrl,
    fetch: impl Future<Output = Result<Described<T>, NoDocument>>,
) -> Result<Described<T>, NoDocument> {
    fetch.await.inspect_err(|error| {
        tracing::info!(host = url.host(), %error, "what a client publishes was not taken");
    })
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
