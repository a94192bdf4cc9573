//! One log line for each change of state, none for a request.

use std::collections::BTreeMap;

use gateway_core::gate::{Answer, Order};
use gateway_core::policy::{KeySource, Policy};

/// What was last logged about each thing that is fetched.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    last: BTreeMap<(usize, Thing), bool>,
    misses_bodies: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Keys,
    Revocations,
}

impl Journal {
    /// Says what an operator should know about the configuration.
    pub(crate) fn start(policy: &Policy) -> Self {
        for issuer in &policy.issuers {
            let keys = match &issuer.keys {
                KeySource::Inline(_) => "inline",
                KeySource::Fetched(..) => "fetched",
            };
            let revocations = match &issuer.revocations {
                Some(_) => "followed",
                None => "unknown: its tokens are good until they expire",
            };
            log::info!("issuer {}: keys {keys}, revocations {revocations}", issuer.name);
        }
        Self::default()
    }

    /// Logs what `order` brought, if that is not what it brought the last time.
    pub(crate) fn note(&mut self, policy: &Policy, order: &Order, answer: &Answer) {
        let (thing, is_good) = match answer {
            Answer::Keys(keys) => (Thing::Keys, keys.is_ok()),
            Answer::Revocations(batch) => (Thing::Revocations, batch.is_ok()),
        };
        let issuer = order.issuer();
        if self.last.insert((issuer, thing), is_good) == Some(is_good) {
            return;
        }
        let name = policy.issuers.get(issuer).map_or("?", |issuer| &issuer.name);
        let what = match thing {
            Thing::Keys => "keys",
            Thing::Revocations => "revocations",
        };
        if is_good {
            log::info!("{what} of {name} are here");
        } else {
            log::warn!("{what} of {name} could not be fetched");
        }
    }

    /// Says once why the bodies of requests may be missing: a host that cannot deliver them never does.
    pub(crate) fn note_missing_body(&mut self) {
        if !std::mem::replace(&mut self.misses_bodies, true) {
            log::warn!(
                "a message did not arrive in time; if none does from clients with tokens for single tools, \
                 set allow_on_headers_stop_iteration"
            );
        }
    }
}
