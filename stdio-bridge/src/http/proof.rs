//! Proof that a request passed the edge, where an edge key is set.

use std::sync::{Mutex, PoisonError};

use axum::extract::Request;
use edge_assertion::{Assertion, AssertionError, EdgeKey, HEADER};
use http::HeaderValue;
use http::header::HOST;

use super::access::forbidden;
use super::refusal::Refusal;
use crate::app::Bridge;

/// Refuses (403) what has no valid assertion of the edge about exactly this request and caller.
pub(super) fn check(bridge: &Bridge, request: &Request) -> Result<(), Refusal> {
    let keys = &bridge.access.edge_keys;
    if keys.is_empty() {
        return Ok(());
    }
    let now = bridge.clock.now();
    let outcome = verify(request, keys, now);
    bridge.journal.note(outcome.err(), now);
    outcome.map_err(|error| forbidden(&format!("{error}; this endpoint is served behind the gateway only")))
}

fn verify(request: &Request, keys: &[EdgeKey], now: u64) -> Result<(), AssertionError> {
    let (uri, headers) = (request.uri(), request.headers());
    let authority = uri.authority().map(|authority| authority.as_str().as_bytes());
    let host = headers.get(HOST).map(HeaderValue::as_bytes).or(authority).unwrap_or_default();
    if authority.is_some_and(|authority| authority != host) {
        return Err(AssertionError::Host);
    }
    let all = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let assertion = Assertion::new(request.method().as_str().as_bytes(), host, uri.path().as_bytes(), all)?;
    assertion.verify(headers.get_all(HEADER).iter().map(HeaderValue::as_bytes), keys, now)
}

/// Says in the log when requests begin to be refused for want of proof, or cease to be: a line for each change, not for
/// each request.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Said>);

/// What the log says at present.
#[derive(Debug, Default)]
struct Said {
    refused_for: Option<AssertionError>,
    at: Option<u64>,
}

/// Seconds between two lines, so that good and bad requests in turn cannot fill the log.
const QUIET_SECONDS: u64 = 10;

impl Journal {
    /// A request was refused for this reason, or for none.
    fn note(&self, refused_for: Option<AssertionError>, now: u64) {
        let is_new = self.0.lock().unwrap_or_else(PoisonError::into_inner).note(refused_for, now);
        match refused_for {
            Some(error) if is_new => {
                tracing::warn!(%error, "refused a request that does not prove that it passed the edge");
            }
            None if is_new => tracing::info!("requests prove again that they passed the edge"),
            Some(_) | None => {}
        }
    }
}

impl Said {
    /// Whether that is to be said.
    fn note(&mut self, refused_for: Option<AssertionError>, now: u64) -> bool {
        let is_quiet = self.at.is_some_and(|at| now.abs_diff(at) < QUIET_SECONDS);
        let is_new = !is_quiet && refused_for != self.refused_for;
        if is_new {
            *self = Self { refused_for, at: Some(now) };
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_said_once_and_not_again_for_a_while() {
        let mut said = Said::default();
        let (missing, expired) = (Some(AssertionError::Missing), Some(AssertionError::Expired));
        for (refused_for, now, expected) in [
            (None, 100, false),
            (missing, 100, true),
            (missing, 100, false),
            (None, 101, false),
            (missing, 102, false),
            (expired, 109, false),
            (missing, 200, false),
            (expired, 201, true),
            (None, 210, false),
            (None, 211, true),
            (None, 300, false),
            (missing, 50, true),
        ] {
            assert_eq!(said.note(refused_for, now), expected, "{refused_for:?} at {now}");
        }
    }
}
