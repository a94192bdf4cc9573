//! What operators see: counters and gauges, published once a second, so that a request costs no host call for them.
//!
//! Envoy prefixes the names with `wasmcustom.`; its `stats_config` turns the parts into labels. There are none for users.

use std::collections::BTreeMap;

use gateway_core::gate::Vitals;
use gateway_core::policy::Policy;
use gateway_core::request::Request;

use crate::host::{self, Metric, Refused};

/// What was counted since the last publication, and the metrics that exist already.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// By server, then by era and outcome: counting allocates nothing once a server is known.
    counts: BTreeMap<String, BTreeMap<(&'static str, &'static str), u64>>,
    metrics: BTreeMap<String, u32>,
    published: Vitals,
}

impl Tally {
    /// Counts one decided request: by server, era and what became of it.
    pub(crate) fn count(&mut self, policy: &Policy, request: &Request<'_>, outcome: &'static str) {
        let server = policy.server_at(request.authority, request.path);
        let era = request.era();
        if !self.counts.contains_key(server) {
            self.counts.insert(server.to_owned(), BTreeMap::new());
        }
        if let Some(counts) = self.counts.get_mut(server) {
            let count = counts.entry((era, outcome)).or_default();
            *count = count.wrapping_add(1);
        }
    }

    /// Publishes what was counted, and how the gate goes.
    pub(crate) fn publish(&mut self, vitals: Vitals) -> Result<(), Refused> {
        for (server, counts) in std::mem::take(&mut self.counts) {
            for ((era, outcome), count) in counts {
                let name = format!("mcp_edge.requests.server.{server}.era.{era}.outcome.{outcome}");
                self.increment(&name, count)?;
            }
        }
        let before = std::mem::replace(&mut self.published, vitals);
        self.increment("mcp_edge.token_cache.hits", vitals.cache_hits.wrapping_sub(before.cache_hits))?;
        self.increment("mcp_edge.token_cache.misses", vitals.cache_misses.wrapping_sub(before.cache_misses))?;
        let size = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
        let gauges = [
            ("mcp_edge.keys_age_seconds", vitals.keys_age),
            ("mcp_edge.revocations_age_seconds", vitals.revocations_age),
            ("mcp_edge.revocations", Some(size(vitals.revocations))),
            ("mcp_edge.token_cache.size", Some(size(vitals.cached_tokens))),
        ];
        for (name, value) in gauges {
            if let Some(value) = value {
                host::record(self.metric(Metric::Gauge, name)?, value)?;
            }
        }
        Ok(())
    }

    fn increment(&mut self, name: &str, by: u64) -> Result<(), Refused> {
        if by == 0 {
            return Ok(());
        }
        host::increment(self.metric(Metric::Counter, name)?, by)
    }

    fn metric(&mut self, kind: Metric, name: &str) -> Result<u32, Refused> {
        if let Some(metric) = self.metrics.get(name) {
            return Ok(*metric);
        }
        let metric = host::define_metric(kind, name)?;
        self.metrics.insert(name.to_owned(), metric);
        Ok(metric)
    }
}
