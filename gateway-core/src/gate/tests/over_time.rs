//! What happens to tokens while keys, revocations and issuers change.

use super::*;

#[test]
fn f_18_a_known_token_still_dies_with_its_time_its_route_and_its_key() {
    let (old, new) = (key(Algorithm::Es256, 1), key(Algorithm::Es256, 2));
    let mut gate = gate_with(&[&old]);
    let token = old.access_token(&claims()).unwrap();
    assert!(matches!(with_token(&mut gate, &token), Outcome::Passed { .. }));
    assert_eq!(gate.refusal(NOW, &token, "https://gw.example/fetch/mcp"), Some(JwtError::Audience));
    assert_eq!(gate.refusal(NOW.plus(930), &token, TIME), Some(JwtError::Expired));
    assert!(matches!(with_token(&mut gate, &token), Outcome::Passed { .. }));

    let replaced = KeySet::parse(json!({ "keys": [new.public_jwk()] }).to_string().as_bytes()).unwrap();
    assert_eq!(gate.on_answer(NOW, &KEYS, Answer::Keys(Ok(replaced.into()))), None);
    assert_eq!(gate.refusal(NOW, &token, TIME), Some(JwtError::UnknownKey));
}

#[test]
fn h_10_a_stream_ends_with_its_token_and_not_because_keys_are_late() {
    let key = key(Algorithm::EdDsa, 1);
    let mut gate = gate_with_feed(&key);
    let token = format!("Bearer {}", key.access_token(&claims()).unwrap());
    assert_eq!(gate.on_tick(NOW), [FEED(None)]);
    assert!(gate.on_answer(NOW, &FEED(None), revoked("e-1", &json!([]))).is_some());
    let request = [(":path", "/time/mcp"), ("authorization", token.as_str())];
    let request = Request::read(request.map(|(name, value)| (name, value.as_bytes()))).unwrap();
    let Decision::Forward(Forward { passage: Passage { admission: Some(admission), .. }, .. }) =
        gate.decide(NOW, &request, None).0
    else {
        panic!()
    };
    assert!(gate.is_still_good(NOW.plus(929), &admission), "within the leeway, though the feed is stale");
    assert!(!gate.is_still_good(NOW.plus(930), &admission));
    let entries =
        json!([{ "sub": "local:ada", "issued_before": NOW.as_secs(), "expires_at": NOW.as_secs() + 900 }]);
    assert!(gate.on_answer(NOW, &FEED(Some("e-1")), revoked("e-2", &entries)).is_some());
    assert!(!gate.is_still_good(NOW, &admission));
}

const FEED: fn(Option<&str>) -> Order = |after| Order::Revocations(0, after.map(str::to_owned));

fn gate_with_feed(key: &SigningKey) -> Gate {
    let configuration = json!({
        "issuers": [{
            "issuer": ISSUER, "jwks": { "inline": { "keys": [key.public_jwk()] } },
            "revocations": { "cluster": "auth", "path": "/internal/revocations" },
        }],
        "resources": [{ "uri": TIME, "scope": "mcp:time" }],
    });
    Gate::new(
        Policy::parse(configuration.to_string().as_bytes()).unwrap(),
        Box::new(PureRust),
        CacheKey::new([7; 16]),
    )
}

fn revoked(cursor: &str, entries: &Value) -> Answer {
    let batch = json!({ "cursor": cursor, "entries": entries }).to_string();
    Answer::Revocations(crate::revocation::Batch::parse(batch.as_bytes()))
}

#[test]
fn c_31_a_revoked_token_is_dead_with_the_next_answer_of_the_feed_though_it_is_known() {
    let key = key(Algorithm::EdDsa, 1);
    let mut gate = gate_with_feed(&key);
    let token = key.access_token(&claims()).unwrap();
    assert_eq!(gate.on_tick(NOW), [FEED(None)]);
    assert_eq!(with_token(&mut gate, &token), Outcome::Waits, "what is revoked is not known yet");
    assert_eq!(gate.on_answer(NOW, &FEED(None), revoked("e-1", &json!([]))), Some(FEED(Some("e-1"))));
    assert!(matches!(with_token(&mut gate, &token), Outcome::Passed { .. }));

    let entries = json!([{ "jti": "token-1", "expires_at": NOW.as_secs() + 900 }]);
    assert!(gate.on_answer(NOW, &FEED(Some("e-1")), revoked("e-2", &entries)).is_some());
    assert_eq!(gate.refusal(NOW, &token, TIME), Some(JwtError::Revoked));
    let other = key.access_token(&edited(|claims| claims.jti = "token-2".to_owned())).unwrap();
    assert!(matches!(with_token(&mut gate, &other), Outcome::Passed { .. }));
}

#[test]
fn c_31_a_feed_past_its_stated_staleness_closes_the_gate() {
    let key = key(Algorithm::EdDsa, 1);
    let mut gate = gate_with_feed(&key);
    let token = format!("Bearer {}", key.access_token(&claims()).unwrap());
    assert_eq!(gate.on_tick(NOW), [FEED(None)]);
    assert!(gate.on_answer(NOW, &FEED(None), revoked("e-1", &json!([]))).is_some());
    let headers = [("authorization", token.as_str())];
    assert!(matches!(decide_at(&mut gate, NOW.plus(299), &headers).0, Outcome::Passed { .. }));
    assert_eq!(reply_of(decide_at(&mut gate, NOW.plus(300), &headers).0).0, 503);
}

#[test]
fn each_issuer_signs_for_itself_only() {
    let (ours, theirs) = (key(Algorithm::Es256, 1), key(Algorithm::EdDsa, 2));
    let configuration = json!({
        "issuers": [
            { "issuer": ISSUER, "jwks": { "inline": { "keys": [ours.public_jwk()] } } },
            {
                "issuer": "https://idp.example/", "jwks": { "inline": { "keys": [theirs.public_jwk()] } },
                "token_type": "JWT", "audience": { "one_of": ["api://tools"] }, "claims": { "user": "oid", "scope": "scp" },
            },
        ],
        "resources": [{ "uri": TIME, "scope": "mcp:time" }],
    });
    let mut gate = Gate::new(
        Policy::parse(configuration.to_string().as_bytes()).unwrap(),
        Box::new(PureRust),
        CacheKey::new([7; 16]),
    );
    let foreign = |key: &SigningKey, edit: fn(&mut Value)| {
        let mut claims = json!({
            "iss": "https://idp.example/", "oid": "u1", "aud": ["api://tools"], "scp": ["mcp:time"],
            "exp": NOW.as_secs() + 60,
        });
        edit(&mut claims);
        key.jws(&json!({ "alg": key.algorithm().name(), "kid": key.kid() }), claims.to_string().as_bytes())
    };
    let mut refusal = |token: &str| gate.refusal(NOW, token, TIME);
    assert_eq!(refusal(&ours.access_token(&claims()).unwrap()), None);
    assert_eq!(refusal(&foreign(&theirs, |_| ())), None);
    assert_eq!(refusal(&foreign(&theirs, |c| c["aud"] = json!(TIME))), Some(JwtError::Audience));
    assert_eq!(refusal(&foreign(&theirs, |c| c["iss"] = json!("https://other"))), Some(JwtError::Issuer));
    assert_eq!(refusal(&foreign(&theirs, |c| c["oid"] = json!(""))), Some(JwtError::Claims));
    assert_eq!(
        refusal(&foreign(&ours, |_| ())),
        Some(JwtError::UnknownKey),
        "our key does not sign for them"
    );
    let posing = theirs.access_token(&claims()).unwrap();
    assert_eq!(refusal(&posing), Some(JwtError::UnknownKey), "nor theirs for us");
    let as_ours = theirs.jws(
        &json!({ "alg": "EdDSA", "typ": "at+jwt", "kid": ours.kid() }),
        &serde_json::to_vec(&claims()).unwrap(),
    );
    assert_eq!(refusal(&as_ours), Some(JwtError::KeyMismatch));
}
