//! Clients that describe themselves: their documents, fetched when somebody asks for them and kept for a while
//! (draft-ietf-oauth-client-id-metadata-document-02 §5).

mod cache;
mod domains;

use std::sync::Arc;

use axum::http::header::{AGE, CACHE_CONTROL};
use axum::http::{HeaderMap, StatusCode};
use gateway_core::time::UnixTime;

use crate::domain::client::Client;
use crate::domain::client_document::{self, DocumentError, MAX_DOCUMENT};
use crate::domain::document_url::DocumentUrl;
use crate::domain::freshness;
use crate::outbound::{Origins, Outbound, OutboundError, Target};

use cache::{Described, Slots};

pub use cache::{RETRY_AFTER, STALE};
pub use domains::{Domains, DomainsError};

/// Every document that was asked for lately.
#[derive(Debug)]
pub struct Documents {
    outbound: Outbound,
    rules: DocumentRules,
    slots: Slots,
}

/// Whose documents are fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DocumentRules {
    /// The hosts that may describe clients.
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
        Self { outbound, rules, slots: Slots::default() }
    }

    /// Whether a document would have to be fetched that describes nobody we know.
    #[must_use]
    pub fn is_new(&self, url: &DocumentUrl) -> bool {
        self.rules.domains.hold(url.host()) && !self.slots.describe(url)
    }

    /// The client that is described at `url`. Of those who ask at the same time one fetches, and the others wait for it.
    ///
    /// # Errors
    /// [`NoDocument`].
    pub async fn client(&self, url: &DocumentUrl, now: UnixTime) -> Result<Arc<Client>, NoDocument> {
        if !self.rules.domains.hold(url.host()) {
            return Err(NoDocument::NotAllowed);
        }
        let shared = self.slots.of(url);
        let mut slot = shared.lock().await;
        if let Some(known) = slot.known(now) {
            return known;
        }
        let fetched = self.fetch(url, now).await;
        match &fetched {
            Ok(_) => self.slots.keep(url, &shared),
            Err(error) => {
                tracing::info!(host = url.host(), %error, "the metadata document of a client was not taken");
            }
        }
        slot.learn(fetched, now)
    }

    async fn fetch(&self, url: &DocumentUrl, now: UnixTime) -> Result<Described, NoDocument> {
        let target = Target::new(url.url(), &self.rules.private_origins).map_err(OutboundError::from)?;
        let fetched = self.outbound.get(&target, MAX_DOCUMENT).await.map_err(without_document)?;
        let client = Arc::new(client_document::parse(&fetched.body, url, now)?);
        Ok(Described { client, fresh_for: fresh_for(&fetched.headers) })
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
