//! Orders of the gate, carried out as HTTP calls of the host.

use std::collections::BTreeMap;
use std::time::Duration;

use gateway_core::gate::{Answer, Order};
use gateway_core::jwks::KeySet;
use gateway_core::jwks::cache::{FetchFailed, Fetched, freshness};
use gateway_core::policy::{Issuer, KeySource, Policy};
use gateway_core::revocation::{Batch, Feed, NotABatch};

use crate::host::{self, Refused};

/// The calls that are under way, by the host's number for each.
#[derive(Debug, Default)]
pub(crate) struct Calls(BTreeMap<u32, Order>);

impl Calls {
    /// Starts the call for `order`. Fails when the cluster does not exist or has no room.
    pub(crate) fn start(&mut self, policy: &Policy, order: Order) -> Result<(), Order> {
        match policy.issuers.get(order.issuer()).map(|issuer| call(issuer, &order)) {
            Some(Ok(number)) => {
                self.0.insert(number, order);
                Ok(())
            }
            Some(Err(Refused)) | None => Err(order),
        }
    }

    /// The order that the call `number` was for. A number that nobody knows is none of ours (G-12).
    pub(crate) fn finish(&mut self, number: u32) -> Option<Order> {
        self.0.remove(&number)
    }
}

fn call(issuer: &Issuer, order: &Order) -> Result<u32, Refused> {
    match (order, &issuer.keys, &issuer.revocations) {
        (Order::Keys(_), KeySource::Fetched(endpoint, limits), _) => {
            host::get(endpoint, &endpoint.path, Duration::from_secs(limits.fetch_timeout))
        }
        (Order::Revocations(_, after), _, Some((endpoint, limits))) => {
            let cursor = after.as_ref().map(|after| format!("&after={after}")).unwrap_or_default();
            let path = format!("{}?wait={}{cursor}", endpoint.path, limits.wait);
            host::get(endpoint, &path, Duration::from_secs(limits.wait.saturating_add(Feed::PATIENCE)))
        }
        (Order::Keys(_), KeySource::Inline(_), _) | (Order::Revocations(..), _, None) => Err(Refused),
    }
}

/// Reads the answer to `order` that has arrived.
pub(crate) fn read(order: &Order, body_size: usize) -> Answer {
    match order {
        Order::Keys(_) => Answer::Keys(keys(body_size)),
        Order::Revocations(..) => {
            let fetched = host::fetched(body_size, Batch::MAX_BYTES).map_err(|Refused| NotABatch);
            Answer::Revocations(fetched.and_then(|(_, body)| Batch::parse(&body)))
        }
    }
}

fn keys(body_size: usize) -> Result<Fetched, FetchFailed> {
    let (headers, body) = host::fetched(body_size, KeySet::MAX_BYTES).map_err(|Refused| FetchFailed)?;
    let keys = KeySet::parse(&body).map_err(|_| FetchFailed)?;
    let mut said = headers.iter().filter(|(name, _)| name == "cache-control");
    let said = said.next().and_then(|(_, value)| std::str::from_utf8(value).ok());
    Ok(Fetched { keys, fresh_for: said.and_then(freshness) })
}

/// The answer to a call that could not even be made.
pub(crate) const fn failed(order: &Order) -> Answer {
    match order {
        Order::Keys(_) => Answer::Keys(Err(FetchFailed)),
        Order::Revocations(..) => Answer::Revocations(Err(NotABatch)),
    }
}
