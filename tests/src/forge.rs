//! Tokens made with the gateway's own signing key: what its auth service would issue, and what it never would.

use std::time::{SystemTime, UNIX_EPOCH};

use gateway_core::jwt::sign::SigningKey;
use gateway_core::jwt::{Algorithm, Claims};
use gateway_core::time::UnixTime;
use serde_json::{Value, json};

use crate::gateway::Gateway;

/// A key and the claims of a good token for one server.
#[derive(Debug)]
pub struct Forge {
    key: SigningKey,
    claims: Claims,
}

impl Forge {
    /// Takes the key that `gateway` signs with; makes tokens for `server`.
    #[must_use]
    pub fn of(gateway: &Gateway, server: &str) -> Self {
        let file =
            std::fs::read_to_string(gateway.data_dir().join("signing-keys.json")).expect("the signing keys");
        let set: Value = serde_json::from_str(&file).expect("a key set");
        let jwk = set.pointer("/keys/0").expect("a signing key").to_string();
        let key = SigningKey::from_private_jwk(&jwk).expect("a private key");
        Self { key, claims: good_claims(gateway.origin(), server) }
    }

    /// Makes tokens with a key that the gateway has never seen.
    #[must_use]
    pub fn stranger(gateway: &Gateway, server: &str) -> Self {
        Self::of_issuer(gateway.origin(), server)
    }

    /// Makes tokens of an issuer that is not running, with a key of its own.
    #[must_use]
    pub fn of_issuer(origin: &str, server: &str) -> Self {
        let key = SigningKey::from_seed(Algorithm::Es256, &[42; 32]).expect("a fixed seed that fits");
        Self { key, claims: good_claims(origin, server) }
    }

    /// The same issuer with another key: the one of this number.
    #[must_use]
    pub fn with_key(&self, number: u8) -> Self {
        let key = SigningKey::from_seed(Algorithm::Es256, &[number; 32]).expect("a fixed seed that fits");
        Self { key, claims: self.claims.clone() }
    }

    /// A token with this header and these claims, to the byte, and a good signature.
    #[must_use]
    pub fn signed(&self, header: &Value, claims: &str) -> String {
        self.key.jws(header, claims.as_bytes())
    }

    /// The claims of a good token.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// The key's id.
    #[must_use]
    pub fn kid(&self) -> &str {
        self.key.kid()
    }

    /// The published half of the key.
    #[must_use]
    pub fn public_jwk(&self) -> Value {
        self.key.public_jwk()
    }

    /// A good token.
    #[must_use]
    pub fn token(&self) -> String {
        self.with(|_| ())
    }

    /// A token with changed claims.
    #[must_use]
    pub fn with(&self, edit: impl FnOnce(&mut Claims)) -> String {
        let mut claims = self.claims.clone();
        edit(&mut claims);
        self.key.access_token(&claims).expect("claims can be signed")
    }

    /// A token with good claims and another header; `kid` is that of the key unless `header` has one.
    #[must_use]
    pub fn with_header(&self, header: Value) -> String {
        let mut full = json!({ "alg": "ES256", "typ": "at+jwt", "kid": self.kid() });
        if let (Some(members), Value::Object(changes)) = (full.as_object_mut(), header) {
            members.extend(changes);
        }
        self.key.jws(&full, &serde_json::to_vec(&self.claims).expect("claims are JSON"))
    }
}

fn good_claims(origin: &str, server: &str) -> Claims {
    let now = now();
    Claims {
        iss: origin.to_owned(),
        sub: "local:forged".to_owned(),
        aud: format!("{origin}/{server}/mcp"),
        client_id: "forge".to_owned(),
        scope: format!("mcp:{server}"),
        iat: now,
        nbf: now,
        exp: now.plus(300),
        jti: "forged-token".to_owned(),
        preferred_username: None,
    }
}

/// The present, which real programs in other processes share.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the stack under test runs on the machine's clock")]
pub fn now() -> UnixTime {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock past 1970");
    UnixTime::from_secs(elapsed.as_secs())
}
