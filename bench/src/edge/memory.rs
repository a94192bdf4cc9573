//! What 10,000 tokens cost.

use std::iter;
use std::time::Duration;

use super::{Bench, get};
use crate::Failure;
use crate::bootstrap::{self, Listener, ours};
use crate::envoy::{Envoy, free_address};
use crate::load::Load;
use crate::report::{figure, say};
use crate::tokens::{SCOPE, claims};

/// As many as a VM keeps.
const TOKENS: usize = 10_000;
const NO_LIMIT: Duration = Duration::from_secs(120);

pub(super) fn measure(bench: &Bench) -> Result<(), Failure> {
    say(&format!("memory: {TOKENS} tokens, ES256"));
    let tokens = bench.issuer.es256.tokens(TOKENS)?;
    let requests: Vec<Vec<u8>> = tokens.iter().map(|token| get(token)).collect();
    let known = get(&bench.issuer.es256.token(&claims(SCOPE, "known"))?);
    let (admin, address) = (free_address()?, free_address()?);
    let filters = vec![ours("memory", &bench.wasm, &bench.issuer.jwks())];
    let listener = Listener { name: "our filter".to_owned(), address, filters };
    let envoy = Envoy::start(&bench.root, &bootstrap::of(admin, &[listener], &[]), admin)?;
    let mut load = Load::connect(address, super::rounds::CONNECTIONS)?;
    // As many requests with a token that is known: what Envoy itself needs for them, it has then.
    load.run(iter::repeat_n(known.as_slice(), TOKENS), NO_LIMIT)?;
    let (resident, linear) = (envoy.resident_kib()?, envoy.wasm_memory_kib()?);
    load.run(requests.iter().map(Vec::as_slice), NO_LIMIT)?;
    let (resident_full, linear_full) = (envoy.resident_kib()?, envoy.wasm_memory_kib()?);
    say(&format!(
        "  resident {resident} KiB, then {resident_full} KiB; memory of the VM {linear} KiB, then {linear_full} KiB"
    ));
    let mib = |kib: u32| f64::from(kib) / 1024.0;
    figure("edge.vm_mib_10k_tokens", mib(resident_full.saturating_sub(resident)));
    figure("edge.vm_linear_mib_10k_tokens", mib(linear_full.saturating_sub(linear)));
    Ok(())
}
