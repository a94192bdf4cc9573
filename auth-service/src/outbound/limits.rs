//! How many requests may be under way at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Most requests in all.
const IN_ALL: usize = 32;

/// Most requests to one host: nobody can use us to flood another (D-34).
const PER_HOST: usize = 4;

/// The turns that are being taken.
#[derive(Debug)]
pub(super) struct Limits {
    all: Arc<Semaphore>,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(IN_ALL)), hosts: Mutex::default() }
    }
}

/// A turn; it ends when it is dropped.
#[derive(Debug)]
pub(super) struct Turn(#[expect(dead_code, reason = "held, not read")] [Option<OwnedSemaphorePermit>; 2]);

impl Limits {
    /// Waits for a turn at `host`. Who waits for a slow host waits there and takes no turn from others.
    pub(super) async fn turn(&self, host: &str) -> Turn {
        let here = self.host(host).acquire_owned().await.ok();
        let in_all = Arc::clone(&self.all).acquire_owned().await.ok();
        Turn([here, in_all])
    }

    fn host(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody else holds what nobody uses. Above this many hosts, nearly all of them only wait for `all`.
        if hosts.len() > IN_ALL {
            hosts.retain(|_, turns| Arc::strong_count(turns) > 1);
        }
        Arc::clone(hosts.entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(PER_HOST))))
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::*;

    fn is_ready(turn: impl Future<Output = Turn>) -> bool {
        pin!(turn).poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[tokio::test]
    async fn d_34_a_host_is_asked_four_times_at_once_and_others_do_not_wait_for_it() {
        let limits = Limits::default();
        let mut turns = Vec::new();
        for _ in 0..PER_HOST {
            turns.push(limits.turn("slow.example").await);
        }
        assert!(!is_ready(limits.turn("slow.example")));
        assert!(is_ready(limits.turn("other.example")));
        turns.pop();
        assert!(is_ready(limits.turn("slow.example")));
    }

    #[tokio::test]
    async fn d_34_a_flood_of_hosts_is_bounded_and_leaves_nothing_behind() {
        let limits = Limits::default();
        let mut turns = Vec::new();
        for number in 0..IN_ALL {
            turns.push(limits.turn(&format!("{number}.example")).await);
        }
        assert!(!is_ready(limits.turn("one.more.example")));
        turns.clear();
        for number in 0..1000 {
            drop(limits.turn(&format!("{number}.example")).await);
        }
        assert!(limits.hosts.lock().unwrap().len() <= IN_ALL + 1);
    }
}
