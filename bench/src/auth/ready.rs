//! How long a start takes.

use std::time::Instant;

use super::Bench;
use crate::Failure;
use crate::auth_service::Prepared;
use crate::report::{figure, say};
use crate::stats::median;

const STARTS: usize = 15;

/// From exec to the first `200` of `/health/ready`, with keys and a user, as on every start but the first.
pub(super) fn measure(bench: &Bench) -> Result<(), Failure> {
    let mut seen = vec![];
    for _ in 0..STARTS {
        let prepared = Prepared::new(&bench.root)?;
        let began = Instant::now();
        let service = prepared.start()?;
        seen.push(began.elapsed().as_secs_f64() * 1000.0);
        drop(service);
    }
    let all: Vec<String> = seen.iter().map(|time| format!("{time:.0}")).collect();
    say(&format!("ready: {} ms", all.join(" ")));
    figure("auth.ready_ms", median(&seen));
    Ok(())
}
