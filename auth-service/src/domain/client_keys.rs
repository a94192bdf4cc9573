//! The keys of a client that signs (RFC 7591 §2, `jwks` and `jwks_uri`): public ones, nothing else.

use std::sync::Arc;

use gateway_core::jwks::KeySet;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::document_url::DocumentUrl;
use super::error::{ErrorCode, Refusal};

/// Most keys that a client may send along.
const MAX_KEYS: usize = 64;

/// Longest key set that is kept with a registration, in bytes of JSON.
const MAX_KEPT: usize = 16 * 1024;

/// Members that only private and symmetric keys have (RFC 7518 §6).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];

/// Where the public keys of a client are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientKeys {
    /// `jwks`: it sent them with its registration.
    Inline(InlineKeys),
    /// `jwks_uri`: it publishes them there. The address follows the rules of Client Identifier URLs.
    At(DocumentUrl),
}

/// Public keys, as they were sent and as they are used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InlineKeys {
    document: Value,
    set: Arc<KeySet>,
}

/// What a client says its keys are.
#[derive(Debug, Deserialize)]
pub(super) struct RawKeys {
    keys: Vec<Map<String, Value>>,
}

const fn invalid(description: &'static str) -> Refusal {
    Refusal::new(ErrorCode::InvalidClientMetadata, description)
}

impl RawKeys {
    /// What is wrong with them, whether they are used or not; `None` when nothing is.
    pub(super) fn problem(&self) -> Option<&'static str> {
        let is_secret = |key: &Map<String, Value>| {
            PRIVATE.iter().any(|member| key.contains_key(*member)) || key.get("kty") == Some(&"oct".into())
        };
        if self.keys.len() > MAX_KEYS {
            Some("jwks holds more than 64 keys")
        } else if self.keys.iter().any(is_secret) {
            Some("jwks must hold public keys only: a private key that was sent is known, make a new one")
        } else {
            None
        }
    }
}

impl InlineKeys {
    /// The keys of a JSON Web Key Set; `None` when it is too large, ambiguous, or holds none that checks signatures.
    #[must_use]
    pub fn parse(document: Value) -> Option<Self> {
        let text = document.to_string();
        let set = KeySet::parse(text.as_bytes()).ok().filter(|_| text.len() <= MAX_KEPT)?;
        Some(Self { document, set: Arc::new(set) })
    }

    /// The key set as it was sent.
    #[must_use]
    pub const fn document(&self) -> &Value {
        &self.document
    }

    /// What checks signatures.
    #[must_use]
    pub const fn set(&self) -> &Arc<KeySet> {
        &self.set
    }
}

impl ClientKeys {
    /// Reads the one of `jwks` and `jwks_uri` that a client that signs must have.
    ///
    /// # Errors
    /// `invalid_client_metadata`.
    pub(super) fn read(jwks: Option<&RawKeys>, jwks_uri: Option<&str>) -> Result<Self, Refusal> {
        match (jwks, jwks_uri) {
            (Some(keys), None) => {
                let keys = InlineKeys::parse(json!({ "keys": keys.keys }));
                let description =
                    "jwks must hold, in at most 16 KiB, a key that checks signatures, and no kid twice";
                keys.map(Self::Inline).ok_or(invalid(description))
            }
            (None, Some(text)) => {
                let description = "jwks_uri must be an https URL with a host name and a path";
                text.parse().map(Self::At).map_err(|_| invalid(description))
            }
            (Some(_), Some(_)) => Err(invalid("jwks and jwks_uri must not be there together")),
            (None, None) => Err(invalid("private_key_jwt needs jwks or jwks_uri")),
        }
    }
}
