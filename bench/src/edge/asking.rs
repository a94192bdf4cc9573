//! Deciding at the edge, beside asking our auth service about each request.

use std::time::Duration;

use super::rounds::in_turn;
use super::{Bench, get};
use crate::auth_service::AuthService;
use crate::bootstrap::{self, Listener, ext_authz, ours};
use crate::envoy::{Envoy, free_address};
use crate::report::{figure, say, skipped};
use crate::tokens::{ISSUER, SCOPE, claims};
use crate::{Failure, pin};

const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_millis(400);

pub(super) fn measure(bench: &Bench) -> Result<(), Failure> {
    say("ext_authz: one ES256 token, our filter beside a call to /verify of our auth service");
    say("  on one core: what decides shares the worker's processor, as our filter does");
    measure_on(bench, pin::EDGE, "edge.hit_vs_ext_authz")?;
    say("  on two cores: the auth service has another core than the worker");
    measure_on(bench, pin::REST, "edge.hit_vs_ext_authz_two_cores")
}

fn measure_on(bench: &Bench, core: usize, name: &str) -> Result<(), Failure> {
    let auth = match AuthService::start(&bench.root, core) {
        Ok(auth) => auth,
        Err(failure) => {
            skipped(name, &failure.to_string());
            return Ok(());
        }
    };
    let key = auth.key()?;
    let token = key.token(&claims(SCOPE, "asked"))?;
    if !auth.verifies(&token)? {
        skipped(name, "auth-service has no /verify");
        return Ok(());
    }
    let chains = [
        ("our filter", ours("asking", &bench.wasm, &key.jwks())),
        ("ext_authz to /verify", ext_authz("auth-service", ISSUER)),
    ];
    let listeners = chains.map(|(name, filter)| {
        Ok(Listener { name: name.to_owned(), address: free_address()?, filters: vec![filter] })
    });
    let listeners = listeners.into_iter().collect::<Result<Vec<_>, Failure>>()?;
    let admin = free_address()?;
    let config = bootstrap::of(admin, &listeners, &[("auth-service", auth.address())]);
    let envoy = Envoy::start(&bench.root, &config, admin)?;
    for listener in &listeners {
        super::refuses_bad_tokens(listener)?;
    }
    let request = get(&token);
    let variants = in_turn(&envoy, &listeners, &request, (ROUNDS, ROUND))?;
    if let [ours, asking] = variants.as_slice() {
        figure(name, ours.against(asking));
    }
    Ok(())
}
