//! Rounds of load, in turn over variants, so that whatever else this machine does hits all of them alike.

use std::iter;
use std::net::SocketAddr;
use std::time::Duration;

use crate::bootstrap::Listener;
use crate::envoy::Envoy;
use crate::load::{Load, Round};
use crate::report::say;
use crate::stats::median;
use crate::{Failure, load};

/// Connections of the generator to each listener.
pub(crate) const CONNECTIONS: usize = 16;

/// Loads `listeners` in turn with one `request`, round after round, and tells what each did.
pub(crate) fn in_turn(
    envoy: &Envoy,
    listeners: &[Listener],
    request: &[u8],
    (rounds, limit): (usize, Duration),
) -> Result<Vec<Variant>, Failure> {
    let mut variants = listeners
        .iter()
        .map(|listener| Variant::new(&listener.name, listener.address))
        .collect::<Result<Vec<_>, _>>()?;
    for round in 0..=rounds {
        for variant in &mut variants {
            variant.round(envoy, iter::repeat(request), limit, round > 0)?;
        }
    }
    variants.iter().for_each(Variant::tell);
    Ok(variants)
}

/// A listener under load, and what each round brought.
#[derive(Debug)]
pub(crate) struct Variant {
    name: String,
    load: Load,
    per_second: Vec<f64>,
    /// Requests for each second of the worker's processor time: what would be left if nothing else ran on its core.
    per_worker_second: Vec<f64>,
    /// How much of its time the worker worked, and the generator.
    busy: Vec<(f64, f64)>,
}

impl Variant {
    pub(crate) fn new(name: &str, address: SocketAddr) -> Result<Self, Failure> {
        let load = Load::connect(address, CONNECTIONS)?;
        Ok(Self { name: name.to_owned(), load, per_second: vec![], per_worker_second: vec![], busy: vec![] })
    }

    /// One round that counts, or does not.
    pub(crate) fn round<'a>(
        &mut self,
        envoy: &Envoy,
        requests: impl Iterator<Item = &'a [u8]>,
        limit: Duration,
        counts: bool,
    ) -> Result<(), Failure> {
        let (worker, generator) = (envoy.worker_time()?, own_time()?);
        let round = self.load.run(requests, limit).map_err(|failure| format!("{}: {failure}", self.name))?;
        let worker = envoy.worker_time()?.saturating_sub(worker);
        let generator = own_time()?.saturating_sub(generator);
        if counts {
            self.note(round, worker, generator);
        }
        Ok(())
    }

    fn note(&mut self, round: Round, worker: Duration, generator: Duration) {
        let share = |part: Duration| part.as_secs_f64() / round.time.as_secs_f64();
        self.per_second.push(round.per_second());
        self.per_worker_second.push(f64::from(round.answers) / worker.as_secs_f64());
        self.busy.push((share(worker), share(generator)));
    }

    /// Says what was seen.
    pub(crate) fn tell(&self) {
        let share = |pick: fn(&(f64, f64)) -> f64| median(&self.busy.iter().map(pick).collect::<Vec<_>>());
        say(&format!(
            "  {:<28} {:>7.0} requests/s, {:>6.1} µs of worker each; worker {:.0} %, generator {:.0} % busy",
            self.name,
            median(&self.per_second),
            1e6 / median(&self.per_worker_second),
            100.0 * share(|(worker, _)| *worker),
            100.0 * share(|(_, generator)| *generator),
        ));
    }

    /// How many times as fast as `other` this is: the median over rounds that were side by side. Beside it, the same by
    /// processor time, which other programs on the machine disturb less.
    pub(crate) fn against(&self, other: &Self) -> f64 {
        let ratios = |ours: &[f64], theirs: &[f64]| -> Vec<f64> {
            ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs).collect()
        };
        let rounds = ratios(&self.per_second, &other.per_second);
        let by_worker = ratios(&self.per_worker_second, &other.per_worker_second);
        let all: Vec<String> = rounds.iter().map(|ratio| format!("{ratio:.2}")).collect();
        say(&format!(
            "  {} / {}: {:.3} (by worker time {:.3}); rounds {}",
            self.name,
            other.name,
            median(&rounds),
            median(&by_worker),
            all.join(" ")
        ));
        median(&rounds)
    }
}

/// Medians over rounds of the 50th and 99th percentile of the latency at each of two listeners, in turn.
pub(crate) fn latencies(targets: [SocketAddr; 2], request: &[u8]) -> Result<[(f64, f64); 2], Failure> {
    const ROUNDS: usize = 7;
    const REQUESTS: usize = 2000;
    let mut seen: [(Vec<f64>, Vec<f64>); 2] = Default::default();
    for _ in 0..ROUNDS {
        for (address, (p50, p99)) in iter::zip(targets, &mut seen) {
            let all = load::latencies(address, request, REQUESTS)?;
            p50.push(crate::stats::percentile(&all, 50));
            p99.push(crate::stats::percentile(&all, 99));
        }
    }
    Ok(seen.map(|(p50, p99)| (median(&p50), median(&p99))))
}

/// The processor time of this thread.
fn own_time() -> Result<Duration, Failure> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(text.split_whitespace().next().ok_or("no schedstat")?.parse()?))
}
