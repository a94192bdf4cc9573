//! How many requests may be under way at the same time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::target::CheckedAddress;

/// Most requests in all.
const IN_ALL: usize = 32;

/// Most requests to one host, and to one address, whatever the names that lead there: nobody can use us to flood another (D-34).
const PER_PLACE: usize = 4;

/// The turns that are being taken.
#[derive(Debug)]
pub(super) struct Limits {
    all: Arc<Semaphore>,
    places: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(IN_ALL)), places: Mutex::default() }
    }
}

/// A turn; it ends when it is dropped.
#[derive(Debug)]
pub(super) struct Turn(#[expect(dead_code, reason = "held, not read")] Option<OwnedSemaphorePermit>);

impl Limits {
    /// Waits for a turn at `place`, a host or an address.
    pub(super) async fn at(&self, place: String) -> Turn {
        Turn(self.place(place).acquire_owned().await.ok())
    }

    /// Waits for a turn at the address that is tried first.
    pub(super) async fn at_first(&self, addresses: &[CheckedAddress]) -> Turn {
        match addresses.first() {
            Some(address) => self.at(address.get().ip().to_string()).await,
            None => Turn(None),
        }
    }

    /// Waits for a turn among all. It comes last: who waits for a slow place waits there and takes no turn from others.
    pub(super) async fn turn(&self) -> Turn {
        Turn(Arc::clone(&self.all).acquire_owned().await.ok())
    }

    fn place(&self, place: String) -> Arc<Semaphore> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody else holds what nobody uses.
        if places.len() > IN_ALL {
            places.retain(|_, turns| Arc::strong_count(turns) > 1);
        }
        Arc::clone(places.entry(place).or_insert_with(|| Arc::new(Semaphore::new(PER_PLACE))))
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
    async fn d_34_a_place_is_asked_four_times_at_once_and_others_do_not_wait_for_it() {
        let limits = Limits::default();
        let mut turns = Vec::new();
        for _ in 0..PER_PLACE {
            turns.push(limits.at("slow.example".to_owned()).await);
        }
        assert!(!is_ready(limits.at("slow.example".to_owned())));
        assert!(is_ready(limits.at("other.example".to_owned())));
        turns.pop();
        assert!(is_ready(limits.at("slow.example".to_owned())));
    }

    #[tokio::test]
    async fn d_34_a_flood_is_bounded_and_leaves_nothing_behind() {
        let limits = Limits::default();
        let mut turns = Vec::new();
        for _ in 0..IN_ALL {
            turns.push(limits.turn().await);
        }
        assert!(!is_ready(limits.turn()));
        turns.clear();
        for number in 0..1000 {
            drop(limits.at(format!("{number}.example")).await);
        }
        assert!(limits.places.lock().unwrap().len() <= IN_ALL + 1);
    }
}
