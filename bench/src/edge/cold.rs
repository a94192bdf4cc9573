//! Every token new.

use std::path::PathBuf;
use std::time::Duration;

use super::rounds::Variant;
use super::{Bench, get};
use crate::Failure;
use crate::bootstrap::{self, Listener, Native, native, ours};
use crate::envoy::{Envoy, free_address, free_addresses};
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
        let variants = in_turn(&envoy, &listeners, &requests)?;
        let [ours, native] = variants.as_slice() else { continue };
        figure(name, ours.against(native));
    }
    Ok(())
}

/// Several builds of our filter side by side, the first one as the measure: what a change of it brings.
pub(super) fn compare(bench: &Bench, builds: &[PathBuf]) -> Result<(), Failure> {
    let jwks = bench.issuer.jwks();
    for key in [&bench.issuer.es256, &bench.issuer.rs256, &bench.issuer.eddsa] {
        let admin = free_address()?;
        let mut listeners = vec![Listener {
            name: "jwt_authn, uncached".to_owned(),
            address: free_address()?,
            filters: vec![native(Native::Uncached, &jwks)],
        }];
        for build in builds {
            let name = build.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            listeners.push(Listener {
                address: free_address()?,
                filters: vec![ours(&name, build, &jwks)],
                name,
            });
        }
        let requests = requests(key)?;
        let envoy = Envoy::start(&bench.root, &bootstrap::of(admin, &listeners, &[]), admin)?;
        let variants = in_turn(&envoy, &listeners, &requests)?;
        if let [native, all @ ..] = variants.as_slice() {
            for build in all {
                build.against(native);
            }
        }
    }
    Ok(())
}

fn in_turn(envoy: &Envoy, listeners: &[Listener], requests: &[Vec<u8>]) -> Result<Vec<Variant>, Failure> {
    let mut variants = listeners
        .iter()
        .map(|listener| Variant::new(&listener.name, listener.address))
        .collect::<Result<Vec<_>, _>>()?;
    for (round, requests) in requests.chunks(TOKENS).enumerate() {
        for variant in &mut variants {
            variant.round(envoy, requests.iter().map(Vec::as_slice), NO_LIMIT, round > 0)?;
        }
    }
    variants.iter().for_each(Variant::tell);
    Ok(variants)
}

/// One round more than counts: V8 compiles what is hot in it.
fn requests(key: &Key) -> Result<Vec<Vec<u8>>, Failure> {
    let count = TOKENS.saturating_mul(ROUNDS.saturating_add(1));
    say(&format!("cold: signing {count} tokens"));
    Ok(key.tokens(count)?.iter().map(|token| get(token)).collect())
}
