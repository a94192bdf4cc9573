//! An issuer with a key for each algorithm that is measured, and tokens that are signed before the clock runs.

use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gateway_core::jwt::sign::SigningKey;
use gateway_core::jwt::{Algorithm, Claims};
use gateway_core::time::UnixTime;
use rsa::RsaPrivateKey;
use rsa::pkcs1v15;
use rsa::sha2::Sha256;
use rsa::signature::{SignatureEncoding as _, Signer as _};
use rsa::traits::PublicKeyParts as _;
use serde_json::{Value, json};

use crate::Failure;

/// The public origin, which is the issuer.
pub(crate) const ISSUER: &str = "http://localhost:8080";
/// The path of the MCP server that the tokens are for.
pub(crate) const PATH: &str = "/time/mcp";
/// The scope that covers it.
pub(crate) const SCOPE: &str = "mcp:time";

/// A key that signs, with its public half.
pub(crate) enum Key {
    /// ES256 and `EdDSA`: what our auth service signs with.
    Ours(SigningKey),
    /// RS256: what many other issuers sign with.
    Rsa(Box<pkcs1v15::SigningKey<Sha256>>, Value),
}

/// The keys of the issuer.
pub(crate) struct Issuer {
    pub(crate) es256: Key,
    pub(crate) eddsa: Key,
    pub(crate) rs256: Key,
}

impl Issuer {
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self {
            es256: Key::Ours(SigningKey::from_seed(Algorithm::Es256, &[42; 32])?),
            eddsa: Key::Ours(SigningKey::from_seed(Algorithm::EdDsa, &[43; 32])?),
            rs256: Key::rsa()?,
        })
    }

    /// The published key set.
    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": [self.es256.public_jwk(), self.eddsa.public_jwk(), self.rs256.public_jwk()] })
    }
}

impl Key {
    fn rsa() -> Result<Self, Failure> {
        let key = RsaPrivateKey::new(&mut rsa::rand_core::OsRng, 2048).map_err(|error| error.to_string())?;
        let number = |number: &rsa::BigUint| URL_SAFE_NO_PAD.encode(number.to_bytes_be());
        let jwk = json!({
            "kty": "RSA", "n": number(key.n()), "e": number(key.e()), "kid": "rsa", "use": "sig", "alg": "RS256",
        });
        Ok(Self::Rsa(Box::new(pkcs1v15::SigningKey::new(key)), jwk))
    }

    /// A key set of this key alone.
    pub(crate) fn jwks(&self) -> Value {
        json!({ "keys": [self.public_jwk()] })
    }

    fn public_jwk(&self) -> Value {
        match self {
            Self::Ours(key) => key.public_jwk(),
            Self::Rsa(_, jwk) => jwk.clone(),
        }
    }

    /// The access token with these claims.
    pub(crate) fn token(&self, claims: &Claims) -> Result<String, Failure> {
        match self {
            Self::Ours(key) => Ok(key.access_token(claims)?),
            Self::Rsa(key, _) => {
                let header = json!({ "alg": "RS256", "typ": "at+jwt", "kid": "rsa" }).to_string();
                let claims = serde_json::to_vec(claims)?;
                let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
                let signature = URL_SAFE_NO_PAD.encode(key.sign(text.as_bytes()).to_bytes());
                Ok(format!("{text}.{signature}"))
            }
        }
    }

    /// `count` tokens, no two alike.
    pub(crate) fn tokens(&self, count: usize) -> Result<Vec<String>, Failure> {
        let middle = count / 2;
        let sign = |numbers: std::ops::Range<usize>| -> Result<Vec<String>, Failure> {
            numbers.map(|number| self.token(&claims(SCOPE, &format!("token-{number:012}")))).collect()
        };
        let (first, second) = thread::scope(|scope| {
            let other = scope.spawn(|| {
                crate::pin::to(crate::pin::EDGE)?;
                sign(0..middle)
            });
            let second = sign(middle..count);
            (other.join().unwrap_or_else(|_| Err("signing failed".into())), second)
        });
        Ok([first?, second?].concat())
    }
}

/// The claims of a good token, as our auth service writes them.
pub(crate) fn claims(scope: &str, id: &str) -> Claims {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs());
    let now = UnixTime::from_secs(now);
    Claims {
        iss: ISSUER.to_owned(),
        sub: "local:0197a2c4-5c1e-7d3a-9b1f-2f6f0a4f3c11".to_owned(),
        aud: format!("{ISSUER}{PATH}"),
        client_id: "mcp_7Qm0Yw3sK2fVbN8tRx4cLz".to_owned(),
        scope: scope.to_owned(),
        iat: now,
        nbf: now,
        exp: now.plus(3600),
        jti: id.to_owned(),
        preferred_username: Some("ada".to_owned()),
    }
}
