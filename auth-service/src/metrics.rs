//! What operators count: for Prometheus, at `/metrics` of the internal port. No label names a user, a client or an address.

use std::sync::OnceLock;
use std::time::Duration;

use axum::http::{Method, StatusCode};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use crate::keys::InUse;
use crate::limits::Door;

const EVENTS: &str = "auth_events_total";
const LIMITED: &str = "auth_limited_total";
const REQUESTS: &str = "auth_http_requests_total";
const DURATION: &str = "auth_http_request_duration_seconds";
const KEYS: &str = "auth_signing_keys";

/// From a cached answer to an argon2 hash and beyond.
const BUCKETS: [f64; 8] = [0.001, 0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 5.0];

/// The process's metrics.
#[derive(Clone)]
pub struct Metrics(Option<PrometheusHandle>);

impl Metrics {
    /// The metrics of this process: from the first call on, everything is counted.
    #[must_use]
    pub fn of_process() -> Self {
        static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
        Self(HANDLE.get_or_init(install).clone())
    }

    /// All of them, in the text format of Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.as_ref().map(PrometheusHandle::render).unwrap_or_default()
    }

    /// Makes room: what was measured goes into its buckets.
    pub fn upkeep(&self) {
        if let Some(handle) = &self.0 {
            handle.run_upkeep();
        }
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Metrics")
    }
}

/// `None` when this process counts in another way already.
fn install() -> Option<PrometheusHandle> {
    let builder = PrometheusBuilder::new();
    let builder = builder.set_buckets_for_metric(Matcher::Full(DURATION.to_owned()), &BUCKETS).ok()?;
    let handle = builder.install_recorder().ok()?;
    describe_counter!(EVENTS, "security events, as in the log, by event and outcome");
    describe_counter!(LIMITED, "requests that were refused because too many came, by what was asked for");
    describe_counter!(REQUESTS, "answered requests, by route, method and status");
    describe_histogram!(DURATION, "how long they took, by route");
    describe_gauge!(KEYS, "published signing keys");
    Some(handle)
}

/// A security event was logged.
pub(crate) fn event(event: &'static str, outcome: &'static str) {
    counter!(EVENTS, "event" => event, "outcome" => outcome).increment(1);
}

/// A request was refused at `door`.
pub(crate) fn limited(door: Door) {
    let door = match door {
        Door::Register => "register",
        Door::Authorize => "authorize",
        Door::SignIn => "sign_in",
        Door::Device => "device",
        Door::Token => "token",
    };
    counter!(LIMITED, "door" => door).increment(1);
}

/// A request was answered; `route` is the pattern that it matched.
pub(crate) fn answered(route: &str, method: &Method, status: StatusCode, took: Duration) {
    // Any word can be a method; only those that mean something become a label.
    let is_known = [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::HEAD, Method::OPTIONS];
    let method = if is_known.contains(method) { method.to_string() } else { "other".to_owned() };
    let route = route.to_owned();
    let status = status.as_str().to_owned();
    counter!(REQUESTS, "route" => route.clone(), "method" => method, "status" => status).increment(1);
    histogram!(DURATION, "route" => route).record(took.as_secs_f64());
}

/// These signing keys are in use.
pub(crate) fn keys(in_use: &InUse) {
    gauge!(KEYS).set(f64::from(u32::try_from(in_use.count()).unwrap_or(u32::MAX)));
}
