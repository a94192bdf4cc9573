//! Requests that wait for keys: bounded in number and in time.

use std::collections::BTreeMap;

use crate::policy::Waiting;
use crate::time::UnixTime;

/// The waiting requests of one VM, by the host's id for each.
#[derive(Debug)]
pub struct Parking {
    limits: Waiting,
    deadlines: BTreeMap<u32, UnixTime>,
}

impl Parking {
    /// Nobody waits yet.
    #[must_use]
    pub const fn new(limits: Waiting) -> Self {
        Self { limits, deadlines: BTreeMap::new() }
    }

    /// Lets a request wait from `now` on. `false` when too many wait already; a request that waits keeps its deadline.
    #[must_use]
    pub fn park(&mut self, request: u32, now: UnixTime) -> bool {
        let has_room = self.deadlines.len() < self.limits.requests || self.deadlines.contains_key(&request);
        if has_room {
            self.deadlines.entry(request).or_insert_with(|| now.plus(self.limits.seconds));
        }
        has_room
    }

    /// The request waits no more: it was decided, or its client went away.
    pub fn leave(&mut self, request: u32) {
        self.deadlines.remove(&request);
    }

    /// Everybody who waits.
    #[must_use]
    pub fn waiting(&self) -> Vec<u32> {
        self.deadlines.keys().copied().collect()
    }

    /// Those who have waited long enough.
    #[must_use]
    pub fn overdue(&self, now: UnixTime) -> Vec<u32> {
        self.deadlines.iter().filter(|(_, deadline)| **deadline <= now).map(|(request, _)| *request).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(100);

    #[test]
    fn only_so_many_requests_wait() {
        let mut parking = Parking::new(Waiting { seconds: 5, requests: 2 });
        assert!(parking.park(1, NOW) && parking.park(2, NOW));
        assert!(!parking.park(3, NOW));
        assert!(parking.park(2, NOW), "who waits already keeps its place");
        parking.leave(1);
        assert!(parking.park(3, NOW));
        assert_eq!(parking.waiting(), [2, 3]);
    }

    #[test]
    fn nobody_waits_longer_than_the_limit_however_often_it_is_parked_again() {
        let mut parking = Parking::new(Waiting { seconds: 5, requests: 2 });
        assert!(parking.park(1, NOW));
        assert!(parking.park(1, NOW.plus(4)));
        assert_eq!(parking.overdue(NOW.plus(4)), [] as [u32; 0]);
        assert_eq!(parking.overdue(NOW.plus(5)), [1]);
    }
}
