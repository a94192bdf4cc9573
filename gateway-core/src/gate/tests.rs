use serde_json::{Value, json};

use super::*;
use crate::jwks::KeySet;
use crate::jwks::cache::FetchFailed;
use crate::jwt::sign::SigningKey;
use crate::jwt::{Algorithm, Claims, Compact};
use crate::signature::PureRust;
use crate::token_cache::CacheKey;

mod over_time;

const ISSUER: &str = "https://gw.example";
const TIME: &str = "https://gw.example/time/mcp";
const KEYS: Order = Order::Keys(0);
const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn key(algorithm: Algorithm, seed: u8) -> SigningKey {
    SigningKey::from_seed(algorithm, &[seed; 32]).unwrap()
}

fn gate_without_keys() -> Gate {
    let configuration = json!({
        "issuers": [{ "issuer": ISSUER, "jwks": { "cluster": "auth", "path": "/jwks.json" }, "leeway_seconds": 30 }],
        "resources": [
            { "uri": TIME, "scope": "mcp:time" },
            { "uri": "https://gw.example/fetch/mcp", "scope": "mcp:fetch" },
        ],
        "public_paths": ["/token"],
    });
    Gate::new(
        Policy::parse(configuration.to_string().as_bytes()).unwrap(),
        Box::new(PureRust),
        CacheKey::new([7; 16]),
    )
}

fn gate_with(keys: &[&SigningKey]) -> Gate {
    let mut gate = gate_without_keys();
    assert_eq!(gate.on_tick(NOW), [KEYS]);
    let jwks: Vec<Value> = keys.iter().map(|key| key.public_jwk()).collect();
    let set = KeySet::parse(json!({ "keys": jwks }).to_string().as_bytes()).unwrap();
    assert_eq!(gate.on_answer(NOW, &KEYS, Answer::Keys(Ok(set.into()))), None);
    gate
}

fn claims() -> Claims {
    Claims {
        iss: ISSUER.to_owned(),
        sub: "local:ada".to_owned(),
        aud: TIME.to_owned(),
        client_id: "client_1".to_owned(),
        scope: "mcp:time".to_owned(),
        iat: NOW,
        nbf: NOW,
        exp: NOW.plus(900),
        jti: "token-1".to_owned(),
        preferred_username: Some("Ada ✓".to_owned()),
    }
}

fn edited(edit: impl FnOnce(&mut Claims)) -> Claims {
    let mut claims = claims();
    edit(&mut claims);
    claims
}

/// What became of a request, in a form that outlives it.
#[derive(Debug, PartialEq)]
enum Outcome {
    Passed { removed: Vec<String>, set: Vec<(&'static str, String)> },
    Answered(Reply),
    Waits,
    NeedsBody,
}

/// Decides about a request for the time server with these headers.
fn decide(gate: &mut Gate, headers: &[(&str, &str)]) -> (Outcome, Option<Order>) {
    decide_at(gate, NOW, headers)
}

fn decide_at(gate: &mut Gate, now: UnixTime, headers: &[(&str, &str)]) -> (Outcome, Option<Order>) {
    let all = [(":path", "/time/mcp")].iter().chain(headers).map(|(name, value)| (*name, value.as_bytes()));
    let request = Request::read(all.collect::<Vec<_>>()).unwrap();
    let (decision, order) = gate.decide(now, &request, None);
    let outcome = match decision {
        Decision::Forward(forward) => Outcome::Passed {
            removed: forward.remove.iter().map(|name| (*name).to_owned()).collect(),
            set: forward.set().to_vec(),
        },
        Decision::Reply(reply) => Outcome::Answered(reply),
        Decision::Wait => Outcome::Waits,
        Decision::ReadBody => Outcome::NeedsBody,
    };
    (outcome, order)
}

fn with_token(gate: &mut Gate, token: &str) -> Outcome {
    decide(gate, &[("authorization", &format!("Bearer {token}"))]).0
}

fn reply_of(outcome: Outcome) -> (u16, String) {
    let Outcome::Answered(reply) = outcome else { panic!("not a reply: {outcome:?}") };
    let challenge = reply.headers.iter().find(|(name, _)| *name == "www-authenticate");
    (reply.status, challenge.map(|(_, value)| value.clone()).unwrap_or_default())
}

const METADATA: &str = "resource_metadata=\"https://gw.example/.well-known/oauth-protected-resource/time/mcp\", scope=\"mcp:time\"";

#[test]
fn a_good_token_passes_and_the_upstream_learns_who_calls_but_never_the_token() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let key = key(algorithm, 1);
        let token = key.access_token(&claims()).unwrap();
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("cookie", "a=b"),
            ("x-user-id", "local:root"),
            ("x-auth-token", "x"),
        ];
        let Outcome::Passed { removed, set } = decide(&mut gate_with(&[&key]), &headers).0 else { panic!() };
        assert_eq!(removed, ["authorization", "cookie", "x-user-id", "x-auth-token"]);
        let expected = [
            ("x-user-id", "local:ada"),
            ("x-scopes", "mcp:time"),
            ("x-client-id", "client_1"),
            ("x-token-id", "token-1"),
            ("x-user-name", "Ada%20%E2%9C%93"),
        ];
        assert_eq!(set, expected.map(|(name, value)| (name, value.to_owned())));
    }
}

#[test]
fn e_03_without_a_token_the_challenge_says_where_to_go_and_names_no_error() {
    let expected = (401, format!("Bearer {METADATA}"));
    assert_eq!(reply_of(decide(&mut gate_without_keys(), &[]).0), expected);
    assert_eq!(reply_of(decide(&mut gate_without_keys(), &[("authorization", "Basic YTpi")]).0), expected);
}

#[test]
fn e_03_a_bad_token_is_called_invalid_and_two_are_a_bad_request() {
    let mut gate = gate_without_keys();
    let invalid = (401, format!("Bearer error=\"invalid_token\", {METADATA}"));
    assert_eq!(reply_of(with_token(&mut gate, "not-a-jwt")), invalid);
    assert_eq!(reply_of(decide(&mut gate, &[("authorization", "Bearer ")]).0), invalid);
    let several = (400, format!("Bearer error=\"invalid_request\", {METADATA}"));
    assert_eq!(reply_of(decide(&mut gate, &[("authorization", "Bearer a, Bearer b")]).0), several);
}

#[test]
fn a_token_without_the_scope_is_told_which_one_is_needed() {
    let key = key(Algorithm::Es256, 1);
    for scope in ["", "mcp:fetch", "mcp:timer", "openid"] {
        let token = key.access_token(&edited(|claims| claims.scope = scope.to_owned())).unwrap();
        let expected = (403, format!("Bearer error=\"insufficient_scope\", {METADATA}"));
        assert_eq!(reply_of(with_token(&mut gate_with(&[&key]), &token)), expected, "{scope}");
    }
    let token = key.access_token(&edited(|claims| claims.scope = "mcp".to_owned())).unwrap();
    assert!(matches!(with_token(&mut gate_with(&[&key]), &token), Outcome::Passed { .. }));
}

#[test]
fn every_reason_to_refuse_a_token_has_a_name() {
    let (ours, other, eddsa) = (key(Algorithm::Es256, 1), key(Algorithm::Es256, 2), key(Algorithm::EdDsa, 3));
    let mut gate = gate_with(&[&ours, &eddsa]);
    let sign = |claims: &Claims| ours.access_token(claims).unwrap();
    let body = serde_json::to_vec(&claims()).unwrap();
    let header = |alg: &str, typ: &str| json!({ "alg": alg, "typ": typ, "kid": ours.kid() });
    let good = sign(&claims());
    let (signing_input, signature) = good.rsplit_once('.').unwrap();

    let cases: [(&str, String, Option<JwtError>); 22] = [
        ("good", good.clone(), None),
        ("too long", "a".repeat(Compact::MAX_LENGTH + 1), Some(JwtError::TooLong)),
        ("two parts", signing_input.to_owned(), Some(JwtError::NotCompact)),
        ("header is no JSON", format!("YQ.e30.{signature}"), Some(JwtError::Header)),
        ("alg none", ours.jws(&header("none", "at+jwt"), &body), Some(JwtError::Algorithm)),
        ("alg HS256", ours.jws(&header("HS256", "at+jwt"), &body), Some(JwtError::Algorithm)),
        ("ID token", ours.jws(&header("ES256", "JWT"), &body), Some(JwtError::Type)),
        (
            "crit",
            ours.jws(&json!({"alg":"ES256","typ":"at+jwt","kid":ours.kid(),"crit":["x"]}), &body),
            Some(JwtError::Extension),
        ),
        (
            "jwk in the header",
            ours.jws(&json!({"alg":"ES256","typ":"at+jwt","jwk":ours.public_jwk()}), &body),
            Some(JwtError::EmbeddedKey),
        ),
        ("foreign key", other.access_token(&claims()).unwrap(), Some(JwtError::UnknownKey)),
        (
            "no kid, two keys",
            ours.jws(&json!({"alg":"ES256","typ":"at+jwt"}), &body),
            Some(JwtError::UnknownKey),
        ),
        ("alg of another key", ours.jws(&header("EdDSA", "at+jwt"), &body), Some(JwtError::KeyMismatch)),
        (
            "foreign key under our kid",
            other.jws(&header("ES256", "at+jwt"), &body),
            Some(JwtError::Signature),
        ),
        ("signature cut off", format!("{signing_input}.AAAA"), Some(JwtError::Signature)),
        ("all-zero signature", format!("{signing_input}.{}", "A".repeat(86)), Some(JwtError::Signature)),
        ("claims are no object", ours.jws(&header("ES256", "at+jwt"), b"[]"), Some(JwtError::Claims)),
        ("other issuer", sign(&edited(|c| c.iss = format!("{ISSUER}/"))), Some(JwtError::Issuer)),
        (
            "other server",
            sign(&edited(|c| c.aud = "https://gw.example/fetch/mcp".to_owned())),
            Some(JwtError::Audience),
        ),
        ("audience with a slash", sign(&edited(|c| c.aud = format!("{TIME}/"))), Some(JwtError::Audience)),
        (
            "expired",
            sign(&edited(|c| c.exp = UnixTime::from_secs(NOW.as_secs() - 30))),
            Some(JwtError::Expired),
        ),
        ("nbf ahead", sign(&edited(|c| c.nbf = NOW.plus(31))), Some(JwtError::NotYetValid)),
        ("iat ahead", sign(&edited(|c| c.iat = NOW.plus(31))), Some(JwtError::NotYetValid)),
    ];
    for (name, token, expected) in cases {
        assert_eq!(gate.refusal(NOW, &token, TIME), expected, "{name}");
    }
}

#[test]
fn f_11_the_leeway_ends_to_the_second() {
    let key = key(Algorithm::EdDsa, 1);
    let mut gate = gate_with(&[&key]);
    let mut refusal = |claims: &Claims| gate.refusal(NOW, &key.access_token(claims).unwrap(), TIME);
    assert_eq!(refusal(&edited(|c| c.exp = UnixTime::from_secs(NOW.as_secs() - 29))), None);
    assert_eq!(refusal(&edited(|c| c.nbf = NOW.plus(30))), None);
    assert_eq!(refusal(&edited(|c| c.iat = NOW.plus(30))), None);
}

#[test]
fn f_16_one_flipped_bit_anywhere_refuses_the_token() {
    let key = key(Algorithm::Es256, 1);
    let mut gate = gate_with(&[&key]);
    let token = key.access_token(&claims()).unwrap();
    for index in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[index] ^= 1;
        if let Ok(changed) = String::from_utf8(bytes) {
            assert!(gate.refusal(NOW, &changed, TIME).is_some(), "byte {index}");
        }
    }
}

#[test]
fn what_is_not_listed_is_not_there_and_public_paths_carry_no_identity() {
    let mut gate = gate_without_keys();
    let at = |gate: &mut Gate, path: &str| {
        let request = [(":path", path), ("x-user-id", "root"), ("cookie", "s=1")];
        let request = Request::read(request.map(|(name, value)| (name, value.as_bytes()))).unwrap();
        match gate.decide(NOW, &request, None).0 {
            Decision::Forward(forward) => Ok((forward.remove.join(","), forward.set().len())),
            Decision::Reply(reply) => Err(reply.status),
            Decision::Wait | Decision::ReadBody => Err(0),
        }
    };
    assert_eq!(at(&mut gate, "/admin"), Err(404));
    assert_eq!(at(&mut gate, "/token?x=y"), Ok(("x-user-id".to_owned(), 0)));
}

#[test]
fn requests_wait_for_the_first_keys_of_one_fetch() {
    let key = key(Algorithm::Es256, 1);
    let token = format!("Bearer {}", key.access_token(&claims()).unwrap());
    let mut gate = gate_without_keys();
    let headers = [("authorization", token.as_str())];
    assert_eq!(gate.on_tick(NOW), [KEYS]);
    assert_eq!(decide(&mut gate, &headers), (Outcome::Waits, None));
    assert_eq!(gate.on_tick(NOW), [], "one fetch is under way");
}

#[test]
fn a_token_with_a_newer_key_waits_for_the_refresh_and_a_second_one_does_not_cause_another() {
    let (old, new) = (key(Algorithm::Es256, 1), key(Algorithm::Es256, 2));
    let token = format!("Bearer {}", new.access_token(&claims()).unwrap());
    let mut gate = gate_with(&[&old]);
    let headers = [("authorization", token.as_str())];
    assert_eq!(decide(&mut gate, &headers), (Outcome::Waits, Some(KEYS)));
    assert_eq!(gate.on_answer(NOW, &KEYS, Answer::Keys(Err(FetchFailed))), None);
    assert_eq!(reply_of(decide(&mut gate, &headers).0).0, 401);
}

#[test]
fn keys_past_their_stated_age_close_the_gate() {
    let key = key(Algorithm::Es256, 1);
    let token = format!("Bearer {}", key.access_token(&edited(|c| c.exp = NOW.plus(9999))).unwrap());
    let mut gate = gate_with(&[&key]);
    let headers = [("authorization", token.as_str())];
    assert!(matches!(decide_at(&mut gate, NOW.plus(3599), &headers).0, Outcome::Passed { .. }));
    assert_eq!(
        reply_of(decide_at(&mut gate, NOW.plus(3600), &headers).0).0,
        503,
        "though the token is known"
    );
}

#[test]
fn h_13_a_page_reads_the_challenge_and_a_foreign_one_gets_nothing() {
    let key = key(Algorithm::EdDsa, 1);
    let configuration = json!({
        "issuers": [{ "issuer": ISSUER, "jwks": { "inline": { "keys": [key.public_jwk()] } } }],
        "resources": [{ "uri": TIME, "scope": "mcp:time" }],
        "public_paths": ["/token"],
        "allowed_origins": ["https://app.example"],
    });
    let mut gate = Gate::new(
        Policy::parse(configuration.to_string().as_bytes()).unwrap(),
        Box::new(PureRust),
        CacheKey::new([7; 16]),
    );
    let token = format!("Bearer {}", key.access_token(&claims()).unwrap());
    let page = ("origin", "https://app.example");
    let Outcome::Answered(challenge) = decide(&mut gate, &[page]).0 else { panic!() };
    assert_eq!(challenge.status, 401);
    assert!(challenge.headers.contains(&("access-control-allow-origin", page.1.to_owned())));
    assert!(matches!(decide(&mut gate, &[page, ("authorization", &token)]).0, Outcome::Passed { .. }));
    let preflight = [page, (":method", "OPTIONS"), ("access-control-request-method", "POST")];
    assert_eq!(reply_of(decide(&mut gate, &preflight).0).0, 204);
    for origin in ["https://evil.example", "null"] {
        let headers = [("origin", origin), ("authorization", token.as_str())];
        let Outcome::Answered(refused) = decide(&mut gate, &headers).0 else { panic!() };
        assert_eq!(refused.status, 403, "{origin}");
        assert!(!refused.headers.iter().any(|(name, _)| name.starts_with("access-control")));
    }
}

/// Header values that come near the truth, and values that do not.
fn any_value() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
    use proptest::prelude::*;
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        "Bearer [a-zA-Z0-9_.-]{0,60}".prop_map(String::into_bytes),
        "(/time/mcp|/token|/fetch/mcp)[/?;%a-z.]{0,6}".prop_map(String::into_bytes),
        Just(b"Bearer eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.e30.AAAA".to_vec()),
    ]
}

proptest::proptest! {
    #[test]
    fn whatever_a_client_sends_nothing_passes_a_protected_path_without_a_token_that_we_signed(
        values in proptest::collection::vec((0_usize..7, any_value()), 0..8),
    ) {
        const NAMES: [&str; 7] = [":path", "authorization", "cookie", "x-user-id", "origin", "mcp-name", "x"];
        let mut gate = gate_with(&[&key(Algorithm::Es256, 1)]);
        let headers = values.iter().map(|(name, value)| (NAMES[*name], value.as_slice()));
        if let Ok(request) = Request::read(headers.chain([("x-last", &b"1"[..])])) {
            match gate.decide(NOW, &request, None).0 {
                Decision::Forward(_) => proptest::prop_assert_eq!(request.path, b"/token"),
                Decision::Reply(reply) => proptest::prop_assert!((400..=503).contains(&reply.status)),
                Decision::Wait | Decision::ReadBody => {}
            }
        }
    }
}
