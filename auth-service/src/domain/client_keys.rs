//! The keys that a client says it has (RFC 7591 §2, `jwks`). None of our methods of authentication uses them, so
//! they are not kept; but a client that sends what must stay with it is told so.

use serde::Deserialize;
use serde_json::{Map, Value};

/// Most keys of one client.
const MAX_KEYS: usize = 64;

/// Members that only private and symmetric keys have (RFC 7518 §6).
const PRIVATE: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "k"];

/// What a client says its keys are.
#[derive(Debug, Deserialize)]
pub(super) struct ClientKeys {
    keys: Vec<Map<String, Value>>,
}

impl ClientKeys {
    /// What is wrong with them; `None` when nothing is.
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
