//! Nobody passes but with the token that was made for it. Also used by the fuzz target.

use base64ct::{Base64UrlUnpadded, Encoding as _};
use gateway_core::gate::{Decision, Gate};
use gateway_core::jwt::Algorithm;
use gateway_core::jwt::sign::SigningKey;
use gateway_core::policy::Policy;
use gateway_core::request::Request;
use gateway_core::signature::PureRust;
use gateway_core::time::UnixTime;
use gateway_core::token_cache::CacheKey;
use serde_json::{Value, json};

const NOW: u64 = 1_800_000_000;
const LEEWAY: u64 = 30;
const ISSUER: &str = "https://gw.example";
const RESOURCE: &str = "https://gw.example/time/mcp";

/// A gate, the key that it trusts, and the one token that was signed with it.
pub(crate) struct Fixture {
    gate: Gate,
    key: SigningKey,
    /// Its header and its claims, as text, and all of it.
    pub(crate) header: String,
    pub(crate) claims: String,
    pub(crate) token: String,
}

impl Fixture {
    pub(crate) fn new() -> Option<Self> {
        let key = SigningKey::from_seed(Algorithm::EdDsa, &[1; 32]).ok()?;
        let other = SigningKey::from_seed(Algorithm::Es256, &[2; 32]).ok()?;
        let configuration = json!({
            "issuers": [{
                "issuer": ISSUER,
                "jwks": { "inline": { "keys": [key.public_jwk(), other.public_jwk()] } },
                "leeway_seconds": LEEWAY,
            }],
            "resources": [{ "uri": RESOURCE, "scope": "mcp:time" }],
            "public_paths": ["/token"],
            "cached_tokens": 64,
        });
        let policy = Policy::parse(configuration.to_string().as_bytes()).ok()?;
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": key.kid() });
        let claims = json!({
            "iss": ISSUER, "sub": "local:ada", "aud": RESOURCE, "client_id": "c", "scope": "mcp:time",
            "iat": NOW, "nbf": NOW, "exp": NOW.saturating_add(900), "jti": "t",
        });
        let token = key.jws(&header, claims.to_string().as_bytes());
        let [header, claims] = [header, claims].map(|part| part.to_string());
        Some(Self {
            gate: Gate::new(policy, Box::new(PureRust), CacheKey::new([7; 16])),
            key,
            header,
            claims,
            token,
        })
    }

    /// Any path, a line break, any `Authorization`; answers whether the request passed.
    pub(crate) fn check_request(&mut self, input: &[u8]) -> bool {
        let mut parts = input.splitn(2, |byte| *byte == b'\n');
        let (path, authorization) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let Some(identity) = self.decide(path, authorization) else { return false };
        let bare = path.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
        if identity.is_empty() {
            assert_eq!(bare, b"/token");
        } else {
            assert!([b"/time/mcp".as_slice(), b"/time/mcp/"].contains(&bare));
            let (scheme, token) = authorization.split_at_checked(7).unwrap_or_default();
            assert!(scheme.eq_ignore_ascii_case(b"bearer "));
            assert_eq!(token.trim_ascii_start(), self.token.as_bytes());
        }
        true
    }

    /// Any header and claims under a signature that was made for others.
    pub(crate) fn check_unsigned(&mut self, header: &[u8], claims: &[u8]) {
        let signature = self.token.rsplit_once('.').map(|(_, signature)| signature).unwrap_or_default();
        let [header, claims] = [header, claims].map(Base64UrlUnpadded::encode_string);
        let token = format!("{header}.{claims}.{signature}");
        assert_eq!(self.present(&token).is_some(), token == self.token);
    }

    /// Any claims that the issuer did sign; answers whether they passed.
    pub(crate) fn check_claims(&mut self, claims: &[u8]) -> bool {
        let header: Value = serde_json::from_str(&self.header).unwrap_or_default();
        let token = self.key.jws(&header, claims);
        let Some(identity) = self.present(&token) else { return false };
        // Whoever reads the same claims must see a token for this resource and this time.
        let claims: Value = serde_json::from_slice(claims).unwrap_or_default();
        let text = |name: &str| claims.get(name).and_then(Value::as_str).unwrap_or_default();
        let time = |name: &str| claims.get(name).and_then(Value::as_u64);
        assert_eq!(text("iss"), ISSUER);
        let audience = claims.get("aud").cloned().unwrap_or_default();
        assert!(audience == json!(RESOURCE) || audience == json!([RESOURCE]), "{audience}");
        assert!(time("exp").is_some_and(|expiry| expiry.saturating_add(LEEWAY) > NOW));
        let latest = NOW.saturating_add(LEEWAY);
        assert!(time("iat").is_some_and(|issued| issued > 0 && issued <= latest));
        assert!(claims.get("nbf").is_none() || time("nbf").is_some_and(|start| start <= latest));
        assert!(!["sub", "client_id", "jti"].iter().any(|name| text(name).is_empty()));
        let scope = claims.get("scope").cloned().unwrap_or_default().to_string();
        assert!(scope.contains("mcp"), "{scope}");
        for (name, value) in identity {
            assert!(value.bytes().all(|byte| (0x20..0x7F).contains(&byte)), "{name}: {value:?}");
        }
        true
    }

    fn present(&mut self, token: &str) -> Option<Vec<(&'static str, String)>> {
        self.decide(b"/time/mcp", format!("Bearer {token}").as_bytes())
    }

    /// What the upstream learns of who is calling, when the request goes on.
    fn decide(&mut self, path: &[u8], authorization: &[u8]) -> Option<Vec<(&'static str, String)>> {
        let request = Request::read([(":path", path), ("authorization", authorization)]).ok()?;
        match self.gate.decide(UnixTime::from_secs(NOW), &request, None).0 {
            Decision::Forward(forward) => Some(forward.set().to_vec()),
            Decision::Reply(_) | Decision::Wait | Decision::ReadBody => None,
        }
    }
}
