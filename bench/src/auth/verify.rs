//! How many requests of proxies are answered.

use std::time::Duration;

use super::Bench;
use crate::Failure;
use crate::auth_service::{AuthService, Prepared};
use crate::load::Load;
use crate::report::{figure, say};
use crate::stats::median;
use crate::tokens::{SCOPE, claims};

/// What the system before this one answered each second, on two cores: 320 to 350.
const PRIOR: f64 = 335.0;
const CONNECTIONS: usize = 64;
const ROUNDS: usize = 7;
const ROUND: Duration = Duration::from_secs(2);
/// Tokens that are in use at the same time.
const TOKENS: usize = 1000;

pub(super) fn measure(bench: &Bench) -> Result<(), Failure> {
    say(&format!("verify: {TOKENS} ES256 tokens in turn, {CONNECTIONS} connections"));
    let service = Prepared::new(&bench.root)?.start()?;
    let key = service.key()?;
    let requests = (0..TOKENS)
        .map(|number| {
            Ok(AuthService::verification(&key.token(&claims(SCOPE, &format!("verified-{number}")))?))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    if service.verifies("a.b.c")? {
        return Err("a bad token passes".into());
    }
    let mut load = Load::connect(service.address(), CONNECTIONS)?;
    let mut seen = vec![];
    for round in 0..=ROUNDS {
        let answered = load.run(requests.iter().cycle().map(Vec::as_slice), ROUND)?;
        if round > 0 {
            seen.push(answered.per_second());
        }
    }
    let all: Vec<String> = seen.iter().map(|rate| format!("{rate:.0}")).collect();
    say(&format!("  /verify {:.0}/s; rounds {}", median(&seen), all.join(" ")));
    figure("auth.verify_rps_vs_prior", median(&seen) / PRIOR);
    Ok(())
}
