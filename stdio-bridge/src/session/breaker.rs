//! Servers that end before they have said anything: how long to wait until they are started again. Time is an argument.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::config::ServerName;

/// The wait after the first failure; it doubles with each that follows.
const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait while a server still counts as one that may come up.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Failures in a row until it counts as broken.
const BROKEN: u32 = 10;
/// Between two tries of a broken one.
const BROKEN_WAIT: Duration = Duration::from_secs(5 * 60);

/// Failures that are older than this count no more.
const FORGOTTEN: Duration = Duration::from_secs(10 * 60);

/// Which servers fail to start, and for whom: a user whose own arguments make a server fail keeps nobody else from it.
#[derive(Debug, Default)]
pub(super) struct Breaker(Mutex<HashMap<Key, Failing>>);

/// A server, and the user for whom it is started.
type Key = (ServerName, Option<Arc<str>>);

#[derive(Debug, Clone, Copy)]
struct Failing {
    failures: u32,
    retry_at: Instant,
}

/// A server is not started, because it has just failed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the server has ended {failures} times in a row before it said anything; it is started again in {} s", .wait.as_secs().saturating_add(1))]
pub struct KeepsFailing {
    /// How often, in a row.
    pub failures: u32,
    /// Until it may be tried again.
    pub wait: Duration,
}

impl Breaker {
    /// Whether a server may be started now.
    pub(super) fn admits(&self, key: &Key, now: Instant) -> Result<(), KeepsFailing> {
        let failing = self.with(|all| all.get(key).copied());
        match failing {
            Some(Failing { failures, retry_at }) if now < retry_at => {
                Err(KeepsFailing { failures, wait: retry_at.duration_since(now) })
            }
            _ => Ok(()),
        }
    }

    /// It has ended before it said anything; gives how often that has happened in a row.
    pub(super) fn failed(&self, key: Key, now: Instant) -> u32 {
        self.with(|all| {
            // Whoever has not come back for so long begins anew.
            all.retain(|_, failing| now < after(failing.retry_at, FORGOTTEN));
            let failing = all.entry(key).or_insert(Failing { failures: 0, retry_at: now });
            failing.failures = failing.failures.saturating_add(1);
            failing.retry_at = after(now, wait_after(failing.failures));
            failing.failures
        })
    }

    /// It has said something.
    pub(super) fn worked(&self, key: &Key) {
        self.with(|all| all.remove(key));
    }

    /// Its entry has changed: what was wrong may be right now.
    pub(super) fn forget(&self, server: &ServerName) {
        self.with(|all| all.retain(|(name, _), _| name != server));
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<Key, Failing>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn wait_after(failures: u32) -> Duration {
    if failures >= BROKEN {
        return BROKEN_WAIT;
    }
    let doubled = FIRST_WAIT.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    doubled.min(LONGEST_WAIT)
}

fn after(now: Instant, wait: Duration) -> Instant {
    now.checked_add(wait).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(user: &str) -> Key {
        (ServerName::parse("time").unwrap(), Some(user.into()))
    }

    #[test]
    fn i08_the_wait_doubles_to_30_s_and_after_10_failures_the_circuit_says_so() {
        let (breaker, mut now) = (Breaker::default(), Instant::now());
        assert_eq!(breaker.admits(&key("ann"), now), Ok(()));
        for (failures, wait) in (1..).zip([1, 2, 4, 8, 16, 30, 30, 30, 30, 300, 300]) {
            assert_eq!(breaker.failed(key("ann"), now), failures);
            let wait = Duration::from_secs(wait);
            assert_eq!(breaker.admits(&key("ann"), now), Err(KeepsFailing { failures, wait }));
            now += wait;
            assert_eq!(breaker.admits(&key("ann"), now), Ok(()));
        }
        let told = KeepsFailing { failures: 10, wait: Duration::from_millis(299_500) }.to_string();
        assert_eq!(
            told,
            "the server has ended 10 times in a row before it said anything; it is started again in 300 s"
        );
    }

    #[test]
    fn i08_a_start_that_works_begins_the_count_anew_and_nobody_waits_for_another_user() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        breaker.failed(key("ann"), now);
        assert_eq!(breaker.admits(&key("bob"), now), Ok(()));
        breaker.worked(&key("ann"));
        assert_eq!(breaker.admits(&key("ann"), now), Ok(()));
        assert_eq!(breaker.failed(key("ann"), now), 1);
        breaker.forget(&ServerName::parse("time").unwrap());
        assert_eq!(breaker.admits(&key("ann"), now), Ok(()));
    }

    #[test]
    fn what_failed_long_ago_is_forgotten() {
        let (breaker, now) = (Breaker::default(), Instant::now());
        breaker.failed(key("ann"), now);
        breaker.failed(key("bob"), now + Duration::from_secs(3600));
        assert_eq!(breaker.0.lock().unwrap().len(), 1);
    }
}
