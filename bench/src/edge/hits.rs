//! One token, over and over.

use std::iter;
use std::path::PathBuf;
use std::time::Duration;

use super::rounds::{in_turn, latencies};
use super::{Bench, get};
use crate::Failure;
use crate::bootstrap::{self, Listener, Native, Shape, native, ours, ours_telling};
use crate::envoy::{Envoy, free_address, free_addresses};
use crate::report::{figure, say};
use crate::tokens::{SCOPE, claims};

const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(400);

/// Several builds of our filter side by side, the first one as the measure: what a change of it brings.
pub(super) fn compare(bench: &Bench, builds: &[PathBuf]) -> Result<(), Failure> {
    let jwks = bench.issuer.jwks();
    let [admin] = free_addresses()?;
    let listeners =
        iter::once(Ok(Listener { name: "no auth".to_owned(), address: free_address()?, filters: vec![] }))
            .chain(builds.iter().map(|build| {
                let name =
                    build.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
                Ok(Listener { address: free_address()?, filters: vec![ours(&name, build, &jwks)], name })
            }))
            .collect::<Result<Vec<_>, Failure>>()?;
    let envoy = Envoy::start(&bench.root, &bootstrap::of(admin, &listeners, &[]), admin)?;
    let request = get(&bench.issuer.es256.token(&claims(SCOPE, "hit"))?);
    let variants = in_turn(&envoy, &listeners, &request, (ROUNDS, ROUND))?;
    let mut variants = variants.iter();
    let (Some(open), Some(first)) = (variants.next(), variants.next()) else { return Ok(()) };
    first.against(open);
    for other in variants {
        other.against(first);
    }
    Ok(())
}

pub(super) fn measure(bench: &Bench) -> Result<(), Failure> {
    say("hits: one ES256 token on every request; bare listeners");
    measure_on(bench, Shape::Bare, "edge.hit_vs")?;
    say("hits: the same; listeners like the gateway's own");
    measure_on(bench, Shape::Gateway, "edge.gateway_hit_vs")
}

fn measure_on(bench: &Bench, shape: Shape, figures: &str) -> Result<(), Failure> {
    let [admin, open, filtered, cached, with_headers, uncached] = free_addresses()?;
    let jwks = bench.issuer.jwks();
    let facts: &[&str] = match shape {
        Shape::Bare => &[],
        // What the access log of the gateway shows.
        Shape::Gateway => &["outcome", "user", "client", "token", "server", "era", "method", "tool"],
    };
    let listener = |name: &str, address, filters| Listener { name: name.to_owned(), address, filters };
    let listeners = [
        listener("no auth", open, vec![]),
        listener("our filter", filtered, vec![ours_telling("hits", &bench.wasm, &jwks, facts)]),
        listener("jwt_authn, cached", cached, vec![native(Native::Cached, &jwks)]),
        listener("jwt_authn, cached, headers", with_headers, vec![native(Native::CachedWithHeaders, &jwks)]),
        listener("jwt_authn, uncached", uncached, vec![native(Native::Uncached, &jwks)]),
    ];
    let envoy = Envoy::start(&bench.root, &bootstrap::shaped(shape, admin, &listeners, &[]), admin)?;
    let request = get(&bench.issuer.es256.token(&claims(SCOPE, "hit"))?);
    for listener in listeners.iter().skip(1) {
        super::refuses_bad_tokens(listener)?;
    }
    let variants = in_turn(&envoy, &listeners, &request, (ROUNDS, ROUND))?;
    let [none, ours, native, native_with_headers, _] = variants.as_slice() else { return Ok(()) };
    figure(&format!("{figures}_native_cached"), ours.against(native));
    figure(&format!("{figures}_native_cached_same_headers"), ours.against(native_with_headers));
    figure(&format!("{figures}_no_auth"), ours.against(none));
    native.against(none);
    if shape == Shape::Bare {
        let [(p50, p99), (native_p50, native_p99)] = latencies([filtered, cached], &request)?;
        figure("edge.hit_p50_us", p50);
        figure("edge.hit_p99_us", p99);
        figure("edge.native_hit_p50_us", native_p50);
        figure("edge.native_hit_p99_us", native_p99);
    }
    Ok(())
}
