//! Tokens that are wrong in every way that security.md names, at real Envoy: each is refused with a challenge that says
//! so, nothing reaches the upstream, and the filter lives on.

#![expect(clippy::unwrap_used, reason = "helpers of a test fail it by panicking")]

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gateway_core::time::UnixTime;
use gateway_e2e::forge::{Forge, now};
use gateway_e2e::gateway::Gateway;
use gateway_e2e::raw::{self, Answer};
use gateway_e2e::upstream::Recorder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

type Bad = (&'static str, String);

async fn with_token(gateway: &Gateway, token: &str) -> Answer {
    let header = format!("authorization: Bearer {token}");
    raw::get(gateway.edge(), "/time/mcp", &[header.as_bytes()]).await
}

/// Shows every token of `bad` to a gateway, and a good one after it.
async fn all_refused(bad: impl FnOnce(&Gateway, &Forge) -> Vec<Bad>) {
    let recorder = Recorder::start().await;
    let gateway = Gateway::builder().upstream(recorder.address()).start().await;
    let forge = Forge::of(&gateway, "time");
    for (name, token) in bad(&gateway, &forge) {
        let answer = with_token(&gateway, &token).await;
        assert_eq!(answer.status, 401, "{name}: {}", answer.head);
        let challenge = answer.header("www-authenticate").unwrap();
        let begins = "Bearer error=\"invalid_token\", resource_metadata=\"http://";
        assert!(challenge.starts_with(begins), "{name}: {challenge}");
        assert_eq!(recorder.heads(), [] as [&str; 0], "{name}");
    }
    assert_eq!(with_token(&gateway, &forge.token()).await.status, 200);
    assert_eq!(gateway.envoy_stat("wasm.mcp_edge.vm_reload").await, 0);
    gateway.stop().await;
}

fn header(forge: &Forge) -> Value {
    json!({ "alg": "ES256", "typ": "at+jwt", "kid": forge.kid() })
}

/// The claims of a good token with some members replaced, and one taken away if its value is null.
fn claims(forge: &Forge, changes: Value) -> String {
    let mut claims = serde_json::to_value(forge.claims()).unwrap();
    let members = claims.as_object_mut().unwrap();
    let Value::Object(changes) = changes else { return String::new() };
    for (name, value) in changes {
        if value == Value::Null {
            members.remove(&name)
        } else {
            members.insert(name, value)
        };
    }
    claims.to_string()
}

/// The parts of a good token.
fn parts(forge: &Forge) -> [String; 3] {
    let token = forge.token();
    let parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts.try_into().unwrap()
}

/// F-02: a token "signed" with HMAC under the published key.
fn symmetric(forge: &Forge) -> String {
    let token = forge.with_header(json!({ "alg": "HS256" }));
    let (signing_input, _) = token.rsplit_once('.').unwrap();
    let mut block = [0_u8; 64];
    block[..32].copy_from_slice(&Sha256::digest(forge.public_jwk().to_string()));
    let padded = |byte: u8| block.map(|key| key ^ byte);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(signing_input).finalize();
    let mac = Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize();
    format!("{signing_input}.{}", BASE64_URL_SAFE_NO_PAD.encode(mac))
}

#[tokio::test]
async fn f_01_to_f_07_a_header_that_says_anything_else_is_refused() {
    all_refused(|gateway, forge| {
        let stranger = Forge::stranger(gateway, "time");
        let [_, payload, _] = parts(forge);
        let none = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
        let with = |change: Value| forge.with_header(change);
        vec![
            ("F-01 none", with(json!({ "alg": "none" }))),
            ("F-01 NONE", with(json!({ "alg": "NONE" }))),
            ("F-01 empty", with(json!({ "alg": "" }))),
            ("F-01 a number", with(json!({ "alg": 0 }))),
            ("F-01 an array", with(json!({ "alg": ["ES256"] }))),
            ("F-01 none, and no signature", format!("{none}.{payload}.")),
            ("F-01 none, and some signature", format!("{none}.{payload}.AA")),
            ("F-02 HS256 under the public key", symmetric(forge)),
            ("F-03 another algorithm than the key's", with(json!({ "alg": "EdDSA" }))),
            ("F-04 no kid that is known", with(json!({ "kid": "../../etc/passwd" }))),
            ("F-04 an empty kid", with(json!({ "kid": "" }))),
            ("F-04 a kid of 5 KB", with(json!({ "kid": "k".repeat(5000) }))),
            ("F-04 a kid that is no text", with(json!({ "kid": 7 }))),
            ("F-04 a kid with NUL", with(json!({ "kid": "a\0b" }))),
            ("F-05 jwk", stranger.with_header(json!({ "jwk": stranger.public_jwk() }))),
            ("F-05 jku", with(json!({ "jku": "https://evil.example/keys" }))),
            ("F-05 x5u", with(json!({ "x5u": "https://evil.example/cert" }))),
            ("F-05 x5c", with(json!({ "x5c": [] }))),
            ("F-06 crit", with(json!({ "crit": ["exp"] }))),
            ("F-06 b64", with(json!({ "b64": false }))),
            ("F-06 zip", with(json!({ "zip": "DEF" }))),
            ("F-06 five parts", format!("{}.AA.AA", forge.token())),
            ("F-07 JWT", with(json!({ "typ": "JWT" }))),
            ("F-07 logout+jwt", with(json!({ "typ": "logout+jwt" }))),
            ("F-07 dpop+jwt", with(json!({ "typ": "dpop+jwt" }))),
        ]
    })
    .await;
}

#[tokio::test]
async fn f_08_to_f_10_what_is_not_one_clean_token_of_a_bounded_size_is_refused() {
    all_refused(|_, forge| {
        let [head, payload, signature] = parts(forge);
        let signed = |claims: &str| forge.signed(&header(forge), claims);
        let good = claims(forge, json!({}));
        let doubled = |name: &str| good.replacen('{', &format!("{{\"{name}\":\"x\","), 1);
        let deep = format!(
            "{{\"deep\":{}{},{}",
            "[".repeat(2000),
            "]".repeat(2000),
            good.strip_prefix('{').unwrap()
        );
        vec![
            ("F-08 padding", format!("{head}=.{payload}.{signature}")),
            ("F-08 padding at the end", format!("{head}.{payload}.{signature}==")),
            ("F-08 the other alphabet", format!("{head}.{payload}.{}+/", signature.get(..84).unwrap())),
            ("F-08 an empty part", format!("{head}..{signature}")),
            ("F-08 no signature", format!("{head}.{payload}.")),
            ("F-08 two parts", format!("{head}.{payload}")),
            ("F-08 four parts", format!("{head}.{payload}.{signature}.AA")),
            ("F-08 a dot at the end", format!("{head}.{payload}.{signature}.")),
            ("F-09 sub twice", signed(&doubled("sub"))),
            ("F-09 exp twice", signed(&doubled("exp"))),
            ("F-09 an array", signed(&format!("[{good}]"))),
            ("F-09 something behind it", signed(&format!("{good} {good}"))),
            ("F-09 a byte order mark", signed(&format!("\u{feff}{good}"))),
            ("F-09 a lone surrogate", signed(&good.replacen('{', r#"{"x":"\ud800","#, 1))),
            ("F-09 2000 levels", signed(&deep)),
            ("F-10 9 KB", forge.with(|claims| claims.jti = "j".repeat(9 * 1024))),
            ("F-10 64 KB", format!("{head}.{payload}.{}", "A".repeat(64 * 1024))),
            ("nothing like a token", "%%%".to_owned()),
        ]
    })
    .await;
}

#[tokio::test]
async fn f_11_to_f_14_claims_that_are_odd_or_for_another_time_or_place_are_refused() {
    all_refused(|gateway, forge| {
        let with = |change: Value| forge.signed(&header(forge), &claims(forge, change));
        let origin = gateway.origin();
        let (ours, other) = (gateway.url("/time/mcp"), gateway.url("/everything/mcp"));
        vec![
            ("F-11 no exp", with(json!({ "exp": null }))),
            ("F-11 exp as a text", with(json!({ "exp": "9999999999" }))),
            ("F-11 exp below zero", with(json!({ "exp": -1 }))),
            ("F-11 exp of 1e30", with(json!({ "exp": 1e30 }))),
            ("F-11 exp of i64::MAX", with(json!({ "exp": i64::MAX }))),
            ("F-11 exp with a fraction", with(json!({ "exp": 9_999_999_999.5 }))),
            ("F-11 expired", forge.with(|claims| claims.exp = UnixTime::from_secs(now().as_secs() - 120))),
            ("F-12 nbf in the future", forge.with(|claims| claims.nbf = now().plus(600))),
            ("F-12 iat in the future", forge.with(|claims| claims.iat = now().plus(600))),
            ("F-13 no iss", with(json!({ "iss": null }))),
            ("F-13 another iss", with(json!({ "iss": "https://evil.example" }))),
            ("F-13 iss with a slash", with(json!({ "iss": format!("{origin}/") }))),
            ("F-13 iss in capitals", with(json!({ "iss": origin.to_uppercase() }))),
            ("F-14 no aud", with(json!({ "aud": null }))),
            ("F-14 another server", with(json!({ "aud": other }))),
            ("F-14 ours and another", with(json!({ "aud": [ours, other] }))),
            ("F-14 a prefix", with(json!({ "aud": origin }))),
            ("F-14 with a slash", with(json!({ "aud": format!("{ours}/") }))),
            ("F-14 a number", with(json!({ "aud": 7 }))),
            ("F-15 scope as an object", with(json!({ "scope": { "mcp": true } }))),
        ]
    })
    .await;
}

#[tokio::test]
async fn f_16_a_signature_that_is_not_exactly_right_is_refused() {
    all_refused(|gateway, forge| {
        let stranger = Forge::stranger(gateway, "time");
        let [head, payload, signature] = parts(forge);
        let right = BASE64_URL_SAFE_NO_PAD.decode(&signature).unwrap();
        let signed = |bytes: &[u8]| format!("{head}.{payload}.{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
        let (r, s) = right.split_at(32);
        let mut bad = vec![
            ("F-16 another key", stranger.token()),
            ("F-16 another key under our kid", stranger.with_header(json!({ "kid": forge.kid() }))),
            ("F-16 63 bytes", signed(&right[..63])),
            ("F-16 65 bytes", signed(&[&right[..], b"\0"].concat())),
            ("F-16 zeros", signed(&[0; 64])),
            ("F-16 r = 0", signed(&[&[0; 32], s].concat())),
            ("F-16 s = 0", signed(&[r, &[0; 32]].concat())),
            ("F-16 r >= n", signed(&[&[0xFF; 32], s].concat())),
            ("F-16 in DER", signed(&[&[0x30, 0x44, 0x02, 0x20], r, &[0x02, 0x20], s].concat())),
        ];
        for byte in 0..64 {
            let mut flipped = right.clone();
            flipped[byte] ^= 1;
            bad.push(("F-16 a flipped bit", signed(&flipped)));
        }
        bad
    })
    .await;
}

#[tokio::test]
async fn f_15_a_token_without_the_right_scope_is_told_which_it_needs() {
    let recorder = Recorder::start().await;
    let gateway = Gateway::builder().upstream(recorder.address()).start().await;
    let forge = Forge::of(&gateway, "time");
    for scope in
        ["", "mcp:times", "mcp:tim", "xmcp:time", "mcp:everything", "MCP:time", "mcp:time2 offline_access"]
    {
        let token = forge.with(|claims| scope.clone_into(&mut claims.scope));
        let answer = with_token(&gateway, &token).await;
        assert_eq!(answer.status, 403, "{scope}: {}", answer.head);
        let challenge = answer.header("www-authenticate").unwrap();
        let says = |text: &str| challenge.contains(text);
        assert!(says("error=\"insufficient_scope\"") && says("scope=\"mcp:time\""), "{scope}: {challenge}");
    }
    assert_eq!(recorder.heads(), [] as [&str; 0]);
    gateway.stop().await;
}

#[tokio::test]
async fn f_17_a_token_counts_in_one_authorization_header_and_nowhere_else() {
    let recorder = Recorder::start().await;
    let gateway = Gateway::builder().upstream(recorder.address()).start().await;
    let token = Forge::of(&gateway, "time").token();
    let header = |text: &str| format!("authorization: {}", text.replace('T', &token)).into_bytes();
    let ask = async |headers: &[Vec<u8>], path: &str| {
        let headers: Vec<&[u8]> = headers.iter().map(Vec::as_slice).collect();
        raw::get(gateway.edge(), path, &headers).await.status
    };
    for good in ["Bearer T", "bearer T", "BEARER T"] {
        assert_eq!(ask(&[header(good)], "/time/mcp").await, 200, "{good}");
    }
    let refused = ["Bearer", "Bearer ", "Basic T", "T", "Bearer T T", "Bearer\tT", "DPoP T"];
    for bad in refused {
        assert_eq!(ask(&[header(bad)], "/time/mcp").await, 401, "{bad}");
    }
    for several in ["Bearer T, Bearer T", "Bearer T,Bearer T"] {
        assert_eq!(ask(&[header(several)], "/time/mcp").await, 400, "{several}");
    }
    assert_eq!(ask(&[header("Bearer T"), header("Bearer T")], "/time/mcp").await, 400);
    assert_eq!(ask(&[], &format!("/time/mcp?access_token={token}")).await, 401);
    let logs = gateway.stop().await;
    let (_, signature) = token.rsplit_once('.').unwrap();
    assert!(!logs.contains(signature), "a token in a query reached a log");
    assert_eq!(recorder.heads().len(), 3);
}
