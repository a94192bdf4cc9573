//! Hostile bytes: the invariants that the fuzz targets check, on inputs that begin where others end.
#![expect(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a helper of tests may stop them and counts with small numbers"
)]

mod invariants {
    pub(crate) mod configuration;
    pub(crate) mod jwks;
    pub(crate) mod token;
}

use std::cell::RefCell;

use gateway_core::jwt::Algorithm;
use gateway_core::jwt::sign::SigningKey;
use invariants::token::Fixture;
use invariants::{configuration, jwks};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

/// Pieces of text that decide something somewhere.
const PIECES: &[&str] = &[
    "",
    " ",
    "\n",
    ",",
    ":",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\\u0061",
    "null",
    "true",
    "0",
    "-1",
    "1e30",
    "\"\"",
    "/",
    "//",
    "/*",
    "*",
    "..",
    ".",
    "%2f",
    "?",
    "#",
    ";",
    "mcp",
    "\"kid\":\"x\",",
    "\"exp\":1,",
    "\"aud\":[],",
    "\"d\":\"AA\",",
    "\"crit\":[],",
    "\"use\":\"enc\",",
    "\"alg\":\"none\",",
    "\u{0}",
    "\u{feff}",
    "é",
    "a",
];

/// Bytes near `good`: some pieces replaced, inserted, or cut out.
fn near(good: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let edit = (any::<Index>(), 0_usize..12, select(PIECES));
    prop::collection::vec(edit, 0..4).prop_map(move |edits| {
        let mut bytes = good.clone();
        for (at, length, piece) in edits {
            let start = at.index(bytes.len() + 1);
            let end = bytes.len().min(start + length);
            bytes.splice(start..end, piece.bytes());
        }
        bytes
    })
}

/// Runs `check` on inputs near `good`; answers how many it said yes to.
fn run(cases: u32, good: Vec<u8>, mut check: impl FnMut(&[u8]) -> bool) -> u32 {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let state = RefCell::new((&mut check, 0));
    TestRunner::new(config)
        .run(&near(good), |input| {
            let (check, accepted) = &mut *state.borrow_mut();
            *accepted += u32::from(check(&input));
            Ok(())
        })
        .unwrap();
    state.into_inner().1
}

fn public_jwk(algorithm: Algorithm, seed: u8) -> Value {
    SigningKey::from_seed(algorithm, &[seed; 32]).unwrap().public_jwk()
}

#[test]
fn f_17_no_path_and_no_header_pass_but_the_right_ones() {
    let mut fixture = Fixture::new().unwrap();
    let good = format!("/time/mcp\nBearer {}", fixture.token);
    assert!(fixture.check_request(good.as_bytes()) && fixture.check_request(b"/token\n"));
    assert!(run(4000, good.into_bytes(), |input| fixture.check_request(input)) > 100);
}

#[test]
fn f_16_a_signature_is_good_for_no_other_header_and_no_other_claims() {
    let mut fixture = Fixture::new().unwrap();
    let (header, claims) = (fixture.header.clone(), fixture.claims.clone());
    let mut check = |input: &[u8]| {
        fixture.check_unsigned(input, claims.as_bytes());
        fixture.check_unsigned(header.as_bytes(), input);
        true
    };
    run(1000, header.clone().into_bytes(), &mut check);
    run(1000, claims.clone().into_bytes(), &mut check);
}

#[test]
fn f_09_signed_claims_pass_only_if_every_reader_sees_a_token_for_here_and_now() {
    let mut fixture = Fixture::new().unwrap();
    let claims = fixture.claims.clone().into_bytes();
    assert!(run(4000, claims, |input| fixture.check_claims(input)) > 100);
}

#[test]
fn e_12_an_accepted_key_set_holds_keys_of_one_family_each_and_finds_them() {
    let set = json!({ "keys": [
        public_jwk(Algorithm::Es256, 1), public_jwk(Algorithm::EdDsa, 2), { "kty": "oct", "kid": "s", "k": "AA" },
    ] });
    assert!(run(4000, set.to_string().into_bytes(), jwks::check) > 100);
}

#[test]
fn g_07_an_accepted_configuration_opens_and_protects_what_it_lists_and_nothing_else() {
    let configuration = json!({
        "issuers": [{ "issuer": "https://gw.example", "jwks": { "cluster": "auth", "path": "/jwks.json" } }],
        "resources": [
            { "uri": "https://gw.example/time/mcp", "scope": "mcp:time" },
            { "uri": "https://gw.example/a/b/c", "scope": "mcp:a" },
        ],
        "public_paths": ["/token", "/register/*", "/a/*"],
    });
    let check = |input: &[u8]| {
        let probe = &input[..input.len().min(3)];
        configuration::check(input, probe)
    };
    assert!(run(4000, configuration.to_string().into_bytes(), check) > 100);
}
