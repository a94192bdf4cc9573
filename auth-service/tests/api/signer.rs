//! A client with a private key.

use gateway_core::jwt::Algorithm;
use gateway_core::jwt::sign::SigningKey;
use serde_json::{Value, json};

use crate::app::{ISSUER, NOW};

/// A client and what it signs with.
pub(crate) struct Signer {
    pub(crate) id: String,
    pub(crate) key: SigningKey,
}

pub(crate) fn key(algorithm: Algorithm, seed: u8) -> SigningKey {
    SigningKey::from_seed(algorithm, &[seed; 32]).unwrap()
}

/// The public halves, as they are registered.
pub(crate) fn jwks(keys: &[&SigningKey]) -> Value {
    json!({ "keys": keys.iter().map(|key| key.public_jwk()).collect::<Vec<_>>() })
}

impl Signer {
    pub(crate) fn new(id: &str, key: SigningKey) -> Self {
        Self { id: id.to_owned(), key }
    }

    /// An honest assertion.
    pub(crate) fn assertion(&self, jti: &str) -> String {
        self.signed_with(&self.key, &json!({ "alg": self.key.algorithm().name() }), jti)
    }

    /// An honest one with some claims replaced.
    pub(crate) fn claiming(&self, members: Value) -> String {
        let mut claims = self.claims("claiming");
        let Value::Object(members) = members else { return String::new() };
        claims.as_object_mut().unwrap().extend(members);
        self.key.jws(&json!({ "alg": self.key.algorithm().name() }), claims.to_string().as_bytes())
    }

    /// Honest claims under any key and header.
    pub(crate) fn signed_with(&self, key: &SigningKey, header: &Value, jti: &str) -> String {
        key.jws(header, self.claims(jti).to_string().as_bytes())
    }

    fn claims(&self, jti: &str) -> Value {
        json!({ "iss": self.id, "sub": self.id, "aud": ISSUER, "iat": NOW, "exp": NOW + 60, "jti": jti })
    }
}
