//! How many sessions there may be.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::OpenError;

/// Counts sessions, in all and by user. A seat is taken before the child starts and given back when it is reaped.
#[derive(Debug)]
pub(super) struct Seats {
    taken: Mutex<Taken>,
    freed: Notify,
    limit: usize,
    limit_per_user: usize,
}

/// The right to have one child.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    user: Option<Arc<str>>,
}

#[derive(Debug, Default)]
struct Taken {
    all: usize,
    by_user: HashMap<Arc<str>, usize>,
}

impl Seats {
    pub(super) fn new(limit: usize, limit_per_user: usize) -> Arc<Self> {
        Arc::new(Self { taken: Mutex::default(), freed: Notify::new(), limit, limit_per_user })
    }

    /// Takes a seat for `user`. Callers without identity share only the limit for all.
    pub(super) fn take(self: &Arc<Self>, user: Option<&Arc<str>>) -> Result<Seat, OpenError> {
        self.with(|taken| {
            if taken.all >= self.limit {
                return Err(OpenError::Full);
            }
            if let Some(user) = user {
                let count = taken.by_user.entry(Arc::clone(user)).or_default();
                if *count >= self.limit_per_user {
                    return Err(OpenError::FullForUser);
                }
                *count = count.saturating_add(1);
            }
            taken.all = taken.all.saturating_add(1);
            Ok(Seat { seats: Arc::clone(self), user: user.cloned() })
        })
    }

    /// Until a seat is given back, from now on.
    pub(super) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    fn with<T>(&self, change: impl FnOnce(&mut Taken) -> T) -> T {
        change(&mut self.taken.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.with(|taken| {
            taken.all = taken.all.saturating_sub(1);
            if let Some(user) = &self.user
                && let Some(count) = taken.by_user.get_mut(user)
            {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    taken.by_user.remove(user);
                }
            }
        });
        self.seats.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h08_seats_are_limited_in_all_and_by_user_and_come_back() {
        let (ann, bob): (Arc<str>, Arc<str>) = ("ann".into(), "bob".into());
        let seats = Seats::new(3, 2);
        let first = seats.take(Some(&ann)).unwrap();
        let _second = seats.take(Some(&ann)).unwrap();
        assert!(matches!(seats.take(Some(&ann)), Err(OpenError::FullForUser)));
        let third = seats.take(Some(&bob)).unwrap();
        assert!(matches!(seats.take(Some(&bob)), Err(OpenError::Full)));
        assert!(matches!(seats.take(None), Err(OpenError::Full)));
        drop(first);
        assert!(seats.take(Some(&ann)).is_ok());
        drop(third);
        assert!(!seats.taken.lock().unwrap().by_user.contains_key("bob"), "no trace of a user is left");
    }
}
