//! Every token new.

use std::time::Duration;

use super::rounds::Variant;
use super::{Bench, get};
use crate::Failure;
use crate::bootstrap::{self, Listener, Native, native, ours};
use crate::envoy::{Envoy, free_addresses};
use crate::report::{figure, say};
use crate::tokens::Key;

const ROUNDS: usize = 7;
/// Tokens of a round. Our filter sees each of them once; so does the native one, which would not remember them.
const TOKENS: usize = 2000;
const NO_LIMIT: Duration = Duration::from_secs(60);

pub(super) fn measure(bench: &Bench) -> Result<(), Failure> {
    let [admin, filtered, uncached] = free_addresses()?;
    let jwks = bench.issuer.jwks();
    let listeners = [
        Listener {
            name: "our filter".to_owned(),
            address: filtered,
            filters: vec![ours("cold", &bench.wasm, &jwks)],
        },
        Listener {
            name: "jwt_authn, uncached".to_owned(),
            address: uncached,
            filters: vec![native(Native::Uncached, &jwks)],
        },
    ];
    let algorithms = [
        ("edge.cold_es256_vs_native", &bench.issuer.es256),
        ("edge.cold_rs256_vs_native", &bench.issuer.rs256),
        ("edge.cold_eddsa_vs_native", &bench.issuer.eddsa),
    ];
    for (name, key) in algorithms {
        let requests = requests(key)?;
        let envoy = Envoy::start(&bench.root, &bootstrap::of(admin, &listeners, &[]), admin)?;
        let mut ours = Variant::new("our filter", filtered)?;
        let mut native = Variant::new("jwt_authn, uncached", uncached)?;
        for (round, requests) in requests.chunks(TOKENS).enumerate() {
            ours.round(&envoy, requests.iter().map(Vec::as_slice), NO_LIMIT, round > 0)?;
            native.round(&envoy, requests.iter().map(Vec::as_slice), NO_LIMIT, round > 0)?;
        }
        ours.tell();
        native.tell();
        figure(name, ours.against(&native));
    }
    Ok(())
}

/// One round more than counts: V8 compiles what is hot in it.
fn requests(key: &Key) -> Result<Vec<Vec<u8>>, Failure> {
    let count = TOKENS.saturating_mul(ROUNDS.saturating_add(1));
    say(&format!("cold: signing {count} tokens"));
    Ok(key.tokens(count)?.iter().map(|token| get(token)).collect())
}
