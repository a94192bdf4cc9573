//! An auth service that publishes what it is told to, and an edge that asks it.

use gateway_core::gate::{Answer, Decision, Gate, Order};
use gateway_core::jwks::KeySet;
use gateway_core::jwks::cache::{FetchFailed, Fetched};
use gateway_core::jwt::sign::SigningKey;
use gateway_core::jwt::{Algorithm, Claims};
use gateway_core::policy::Policy;
use gateway_core::request::Request;
use gateway_core::revocation::{Batch, NotABatch};
use gateway_core::signature::PureRust;
use gateway_core::time::UnixTime;
use gateway_core::token_cache::CacheKey;
use serde_json::{Value, json};

pub(crate) const T0: u64 = 1_800_000_000;
const ISSUER: &str = "https://gw.example";
const RESOURCE: &str = "https://gw.example/time/mcp";

pub(crate) fn claims(id: &str, now: u64, life: u64) -> Claims {
    let text = |text: &str| text.to_owned();
    Claims {
        iss: text(ISSUER),
        sub: text("local:ada"),
        aud: text(RESOURCE),
        client_id: text("client_1"),
        scope: text("mcp:time"),
        iat: UnixTime::from_secs(now),
        nbf: UnixTime::from_secs(now),
        exp: UnixTime::from_secs(now + life),
        jti: text(id),
        preferred_username: None,
    }
}

/// A signing key and the name that it goes by.
pub(crate) struct Key {
    signing: SigningKey,
    kid: String,
}

impl Key {
    pub(crate) fn new(seed: u8) -> Self {
        let signing = SigningKey::from_seed(Algorithm::EdDsa, &[seed; 32]).unwrap();
        Self { kid: signing.kid().to_owned(), signing }
    }

    pub(crate) fn named(self, kid: &str) -> Self {
        Self { kid: kid.to_owned(), ..self }
    }

    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = self.signing.public_jwk();
        jwk["kid"] = json!(self.kid);
        jwk
    }

    pub(crate) fn token(&self, claims: &Claims) -> String {
        let header = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": self.kid });
        self.signing.jws(&header, &serde_json::to_vec(claims).unwrap())
    }

    /// What an attacker sends: any `kid`, and a signature that nobody will look at.
    pub(crate) fn token_by(&self, kid: &str) -> String {
        let stranger = json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": kid }).to_string();
        let [header, claims] = [stranger.as_bytes(), self.kid.as_bytes()].map(base64url);
        format!("{header}.{claims}.AAAA")
    }
}

fn base64url(bytes: &[u8]) -> String {
    use base64ct::Encoding as _;
    base64ct::Base64UrlUnpadded::encode_string(bytes)
}

/// What the auth service answers; `None` is no answer (no connection, or a status other than 200).
pub(crate) struct Service {
    jwks: Option<Vec<u8>>,
    pub(crate) feed: Option<Vec<u8>>,
}

impl Service {
    pub(crate) fn publishing(keys: &[&Key]) -> Self {
        Self::with_jwks(&keys.iter().map(|key| key.jwk()).collect::<Vec<_>>())
    }

    pub(crate) fn with_jwks(jwks: &[Value]) -> Self {
        Self { jwks: Some(json!({ "keys": jwks }).to_string().into_bytes()), feed: None }
    }

    pub(crate) fn publish(&mut self, keys: &[&Key]) {
        self.jwks = Self::publishing(keys).jwks;
    }

    /// Every way in which a service that should publish `key` fails as a whole.
    pub(crate) fn failures(key: &Key) -> Vec<(&'static str, Self)> {
        let with = |jwks: Option<&[u8]>| Self { jwks: jwks.map(<[u8]>::to_vec), feed: None };
        let set = |keys: Vec<Value>| json!({ "keys": keys }).to_string().into_bytes();
        let good = set(vec![key.jwk()]);
        let padded = [good.as_slice(), &vec![b' '; 10 << 20]].concat();
        let mut twin = Key::new(9).jwk();
        twin["kid"] = key.jwk()["kid"].clone();
        let cut = good.get(..good.len() - 2);
        let mut failures = vec![
            ("down or 500", with(None)),
            ("nothing", with(Some(b""))),
            ("a page", with(Some(b"<html>Bad Gateway</html>"))),
            ("cut off", with(cut)),
            ("null", with(Some(b"null"))),
            ("empty keys", with(Some(br#"{"keys":[]}"#))),
            ("keys twice", with(Some(br#"{"keys":[],"keys":[]}"#))),
            ("10 MB", with(Some(&padded))),
            ("one kid twice", with(Some(&set(vec![key.jwk(), twin])))),
            ("too many keys", with(Some(&set(vec![key.jwk(); 65])))),
        ];
        let bad_keys = Self::bad_keys().into_iter();
        failures.extend(bad_keys.map(|(name, bad)| (name, with(Some(&set(vec![bad]))))));
        failures
    }

    /// Keys that must never be used.
    pub(crate) fn bad_keys() -> Vec<(&'static str, Value)> {
        let private = Key::new(8).signing.to_private_jwk();
        vec![
            ("a private key", serde_json::from_str(&private).unwrap()),
            ("a symmetric key", json!({ "kty": "oct", "kid": "s", "alg": "HS256", "k": "AAAA" })),
            ("a short RSA key", json!({ "kty": "RSA", "kid": "r", "n": "AQAB", "e": "AQAB" })),
            (
                "a key of small order",
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": "w", "x": base64url(&[0; 32]) }),
            ),
            ("no key at all", json!(7)),
        ]
    }
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sees {
    Good,
    /// 401.
    Refused,
    /// 503.
    Unavailable,
    Waits,
}

/// One edge, and how often it asked for keys.
pub(crate) struct Edge {
    gate: Gate,
    fetches: u64,
    polls: u64,
}

impl Edge {
    pub(crate) fn new() -> Self {
        Self::with(&json!({ "issuer": ISSUER, "jwks": { "cluster": "auth", "path": "/jwks.json" } }))
    }

    /// An edge that also follows the revocations.
    pub(crate) fn with_feed() -> Self {
        Self::with(&json!({
            "issuer": ISSUER,
            "jwks": { "cluster": "auth", "path": "/jwks.json", "max_age_seconds": 86_400 },
            "revocations": { "cluster": "auth", "path": "/internal/revocations" },
        }))
    }

    fn with(issuer: &Value) -> Self {
        let configuration = json!({
            "issuers": [issuer], "resources": [{ "uri": RESOURCE, "scope": "mcp:time" }],
        });
        let policy = Policy::parse(configuration.to_string().as_bytes()).unwrap();
        Self { gate: Gate::new(policy, Box::new(PureRust), CacheKey::new([7; 16])), fetches: 0, polls: 0 }
    }

    pub(crate) const fn fetches(&self) -> u64 {
        self.fetches
    }

    pub(crate) const fn polls(&self) -> u64 {
        self.polls
    }

    /// Time passed: what does the edge ask for?
    pub(crate) fn orders(&mut self, now: u64) -> Vec<Order> {
        self.gate.on_tick(UnixTime::from_secs(now))
    }

    /// Time passed, and whatever the edge asked for was answered.
    pub(crate) fn tick(&mut self, now: u64, service: &Service) {
        for order in self.orders(now) {
            self.answer(now, &order, service);
        }
    }

    /// The service answers an order. The next one, if it follows at once, is left to time out.
    pub(crate) fn answer(&mut self, now: u64, order: &Order, service: &Service) {
        let answer = match order {
            Order::Keys(_) => {
                self.fetches += 1;
                let document = service.jwks.as_deref().ok_or(FetchFailed);
                Answer::Keys(
                    document.and_then(|text| KeySet::parse(text).map(Fetched::from).map_err(|_| FetchFailed)),
                )
            }
            Order::Revocations(..) => {
                self.polls += 1;
                let document = service.feed.as_deref().ok_or(NotABatch);
                Answer::Revocations(document.and_then(Batch::parse))
            }
        };
        self.gate.on_answer(UnixTime::from_secs(now), order, answer);
    }

    pub(crate) fn sees(&mut self, now: u64, token: &str) -> Sees {
        self.ask(now, token).0
    }

    /// What a request sees that waits for the keys it caused to be fetched.
    pub(crate) fn sees_in_the_end(&mut self, now: u64, token: &str, service: &Service) -> Sees {
        let (sees, order) = self.ask(now, token);
        let Some(order) = order else { return sees };
        self.answer(now, &order, service);
        self.sees(now, token)
    }

    /// Asks for the resource with `token`.
    pub(crate) fn ask(&mut self, now: u64, token: &str) -> (Sees, Option<Order>) {
        let bearer = format!("Bearer {token}");
        let headers = [(":path", b"/time/mcp".as_slice()), ("authorization", bearer.as_bytes())];
        let request = Request::read(headers).unwrap();
        let (decision, order) = self.gate.decide(UnixTime::from_secs(now), &request, None);
        let sees = match decision {
            Decision::Forward(_) => Sees::Good,
            Decision::Reply(reply) if reply.status == 401 => Sees::Refused,
            Decision::Reply(reply) if reply.status == 503 => Sees::Unavailable,
            Decision::Wait => Sees::Waits,
            Decision::Reply(_) | Decision::ReadBody => panic!("{decision:?}"),
        };
        (sees, order)
    }
}
