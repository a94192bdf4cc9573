//! A second implementation of JWT, to disagree with: what the gate forwards, `jsonwebtoken` accepts too; and where only
//! `jsonwebtoken` accepts, the gate names one of the rules in [`rules`] that it is stricter by.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a helper of tests may stop them; the counts are for the reader of `--nocapture`"
)]

mod forge;
mod rules;

use std::cell::RefCell;
use std::collections::BTreeMap;

use forge::{Case, NAMES, Signer, Signers};
use gateway_core::gate::{Decision, Gate};
use gateway_core::jwt::JwtError;
use gateway_core::policy::Policy;
use gateway_core::request::Request;
use gateway_core::signature::PureRust;
use gateway_core::time::UnixTime;
use gateway_core::token_cache::CacheKey;
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header, get_current_timestamp};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

const PATH: &str = "/time/mcp";
const CASES: u32 = 6000;

/// Both implementations, told the same.
struct Rivals {
    gate: Gate,
    keys: JwkSet,
}

/// What the two say.
struct Verdicts {
    /// The clock of both.
    now: u64,
    is_forwarded: bool,
    refusal: Option<JwtError>,
    oracle_accepts: bool,
}

impl Rivals {
    fn new(signers: &Signers) -> Self {
        let keys = json!({ "keys": signers.published() });
        let configuration = json!({
            "issuers": [{ "issuer": forge::ISSUER, "jwks": { "inline": keys }, "leeway_seconds": forge::LEEWAY }],
            "resources": [{ "uri": forge::RESOURCE, "scope": "mcp:time" }],
            "cached_tokens": 100,
        });
        let policy = Policy::parse(configuration.to_string().as_bytes()).unwrap();
        Self {
            gate: Gate::new(policy, Box::new(PureRust), CacheKey::new([7; 16])),
            keys: serde_json::from_value(keys).unwrap(),
        }
    }

    /// Asks both within the same second: the oracle has a clock of its own.
    fn judge(&mut self, token: &str) -> Verdicts {
        loop {
            let now = get_current_timestamp();
            let (is_forwarded, refusal) = self.gate_says(UnixTime::from_secs(now), token);
            let oracle_accepts = self.oracle_accepts(token);
            if now == get_current_timestamp() {
                return Verdicts { now, is_forwarded, refusal, oracle_accepts };
            }
        }
    }

    fn gate_says(&mut self, now: UnixTime, token: &str) -> (bool, Option<JwtError>) {
        let bearer = format!("Bearer {token}");
        let headers = [(":path", PATH.as_bytes()), ("authorization", bearer.as_bytes())];
        let request = Request::read(headers).unwrap();
        let is_forwarded = matches!(self.gate.decide(now, &request, None).0, Decision::Forward(_));
        (is_forwarded, self.gate.refusal(now, token, forge::RESOURCE))
    }

    /// As lenient as a caller of the library may be: a token without a known `kid` is tried with every key.
    fn oracle_accepts(&self, token: &str) -> bool {
        let kid = decode_header(token).ok().and_then(|header| header.kid);
        match kid.and_then(|kid| self.keys.find(&kid)) {
            Some(key) => accepts(key, token),
            None => self.keys.keys.iter().any(|key| accepts(key, token)),
        }
    }
}

fn accepts(key: &Jwk, token: &str) -> bool {
    let algorithm = key.common.key_algorithm.unwrap().to_string().parse().unwrap();
    let mut validation = Validation::new(algorithm);
    validation.leeway = forge::LEEWAY;
    validation.validate_nbf = true;
    validation.set_issuer(&[forge::ISSUER]);
    validation.set_audience(&[forge::RESOURCE]);
    validation.set_required_spec_claims(&["exp", "iss", "aud"]);
    decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &validation).is_ok()
}

/// How often what happened.
#[derive(Debug, Default)]
struct Tally {
    forwarded: u32,
    /// Good, but not for this server.
    without_scope: u32,
    both_refuse: u32,
    stricter: BTreeMap<String, u32>,
}

#[test]
fn f_01_to_f_16_the_gate_forwards_nothing_that_another_implementation_refuses() {
    let signers = Signers::new();
    let rivals = RefCell::new(Rivals::new(&signers));
    let tally = RefCell::new(Tally::default());
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&forge::case(), |case: Case| {
            let token = signers.forge(&case, get_current_timestamp());
            let verdicts = rivals.borrow_mut().judge(&token);
            let broken = rules::broken(&token, verdicts.now, &signers.kids());
            let told = format!("{case:?}\n{token}\nrefusal {:?}, rules {broken:?}", verdicts.refusal);
            let mut tally = tally.borrow_mut();
            let is_good = verdicts.refusal.is_none();
            assert_eq!(verdicts.is_forwarded, is_good && rules::has_scope(&token), "two answers: {told}");
            match (is_good, verdicts.oracle_accepts) {
                (true, accepts) => {
                    assert!(accepts, "only the gate accepts: {told}");
                    assert!(broken.is_empty(), "a rule is broken and nobody minds: {told}");
                    tally.forwarded += u32::from(verdicts.is_forwarded);
                    tally.without_scope += u32::from(!verdicts.is_forwarded);
                }
                (false, true) => {
                    let reason = verdicts.refusal.unwrap();
                    assert!(broken.contains(&reason), "refused without a rule: {told}");
                    *tally.stricter.entry(format!("{reason:?}")).or_default() += 1;
                }
                (false, false) => tally.both_refuse += 1,
            }
            Ok(())
        })
        .unwrap();
    let tally = tally.into_inner();
    println!("ORACLE {CASES} tokens: {tally:?}");
    // A generator that makes only one kind of token proves nothing.
    assert!(tally.forwarded > CASES / 10 && tally.both_refuse > CASES / 10, "{tally:?}");
    let stricter = [
        "Audience",
        "Claims",
        "EmbeddedKey",
        "Expired",
        "Extension",
        "NotYetValid",
        "TooLong",
        "Type",
        "UnknownKey",
    ];
    assert_eq!(tally.stricter.keys().collect::<Vec<_>>(), stricter, "{tally:?}");
}

#[test]
fn f_16_a_changed_bit_anywhere_is_refused_by_both() {
    let signers = Signers::new();
    let mut rivals = Rivals::new(&signers);
    for signer in [Signer::Es256, Signer::EdDsa] {
        let token = signers.good(signer, get_current_timestamp());
        let verdicts = rivals.judge(&token);
        assert!(verdicts.is_forwarded && verdicts.oracle_accepts, "{}", NAMES[signer as usize]);
        for index in 0..token.len() {
            let mut bytes = token.clone().into_bytes();
            bytes[index] ^= 1;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let verdicts = rivals.judge(&changed);
            assert!(!verdicts.is_forwarded && !verdicts.oracle_accepts, "byte {index}: {changed}");
        }
    }
}
