//! Writing: verbs that wait at the same time share a transaction, and so the wait for the disk.
//!
//! A disk takes milliseconds to say that something is there to stay, however much it is. So whatever is asked for while
//! one commit is under way goes into the next one, in the order in which it came: each verb sees what those before it did,
//! and nobody hears of anything before it is on disk. A lone verb waits for nobody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::Database;
use tokio::sync::oneshot;

use super::super::{Live, StoreError};
use super::table::Change;
use super::unavailable;

/// Does what is asked for on a blocking thread, which there is as long as somebody waits.
#[derive(Debug, Clone)]
pub(super) struct Writer(Arc<Desk>);

/// A verb in the queue.
trait Job: Send {
    /// Does what is asked for. Done again on another change, should this one come to nothing.
    fn work(&mut self, change: &Change) -> Result<(), StoreError>;

    /// Tells whoever asked, now that the change is durable or has failed.
    fn answer(self: Box<Self>, committed: Result<(), StoreError>);
}

/// A verb, and whether what it did is durable.
type Done = (Box<dyn Job>, Result<(), StoreError>);

struct Verb<T, F> {
    work: F,
    result: Option<T>,
    asker: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for Verb<T, F>
where
    T: Send,
    F: Fn(&Change) -> Result<T, StoreError> + Send,
{
    fn work(&mut self, change: &Change) -> Result<(), StoreError> {
        self.result = Some((self.work)(change)?);
        Ok(())
    }

    fn answer(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { result, asker, .. } = *self;
        let result = committed.and_then(|()| result.ok_or_else(|| unavailable("nothing was done")));
        // Who has gone away meanwhile does not hear it; what was asked for is done all the same.
        drop(asker.send(result));
    }
}

impl Writer {
    pub(super) fn new(database: Arc<Database>, live: Arc<Live>) -> Self {
        Self(Arc::new(Desk { database, live, queue: Mutex::default() }))
    }

    /// Has `work` done: durable when it succeeds, as if it never was when it fails. It is a function of the change and of
    /// nothing else, because it is done a second time when another verb of its transaction fails.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Change) -> Result<T, StoreError> + Send + 'static,
    {
        let (asker, answer) = oneshot::channel();
        if self.0.is_unattended_with(Box::new(Verb { work, result: None, asker })) {
            let desk = Arc::clone(&self.0);
            // Its end is that of the queue; whoever waits hears from it.
            drop(tokio::task::spawn_blocking(move || desk.serve()));
        }
        answer.await.map_err(|_| unavailable("the store could not be written"))?
    }
}

/// Where verbs queue up.
#[derive(Debug)]
struct Desk {
    database: Arc<Database>,
    live: Arc<Live>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    jobs: Vec<Box<dyn Job>>,
    is_attended: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Queue({})", self.jobs.len())
    }
}

impl Desk {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts `job` into the queue; whether somebody has to come and serve it.
    fn is_unattended_with(&self, job: Box<dyn Job>) -> bool {
        let mut queue = self.queue();
        queue.jobs.push(job);
        !std::mem::replace(&mut queue.is_attended, true)
    }

    /// Whoever waits; when nobody does, the desk is left, in the same step.
    fn next(&self) -> Option<Vec<Box<dyn Job>>> {
        let mut queue = self.queue();
        queue.is_attended = !queue.jobs.is_empty();
        queue.is_attended.then(|| std::mem::take(&mut queue.jobs))
    }

    /// Serves until nobody waits. The last ones hear of it when the file has been let go of: they may close the store.
    fn serve(self: Arc<Self>) {
        let mut waiting = self.next();
        while let Some(jobs) = waiting {
            // A panic is a bug; it costs those who waited together, and not everybody from then on.
            let done = catch_unwind(AssertUnwindSafe(|| self.commit(jobs)));
            waiting = self.next();
            if waiting.is_none() {
                drop(self);
                return answer(done.unwrap_or_default());
            }
            answer(done.unwrap_or_default());
        }
    }

    /// Does `jobs` in one transaction. When one of them fails, for a record that cannot be read, each has its own instead.
    fn commit(&self, mut jobs: Vec<Box<dyn Job>>) -> Vec<Done> {
        let committed = match self.work(&mut jobs) {
            Ok(change) => change.finish().map(|revoked| self.live.publish(&revoked)),
            Err(_) if jobs.len() > 1 => {
                return jobs.into_iter().flat_map(|job| self.commit(vec![job])).collect();
            }
            Err(error) => Err(error),
        };
        jobs.into_iter().map(|job| (job, committed.clone())).collect()
    }

    fn work(&self, jobs: &mut [Box<dyn Job>]) -> Result<Change, StoreError> {
        let change = Change::begin(&self.database)?;
        jobs.iter_mut().try_for_each(|job| job.work(&change))?;
        Ok(change)
    }
}

fn answer(done: Vec<Done>) {
    for (job, committed) in done {
        job.answer(committed);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Mutex;
    use std::sync::mpsc::Receiver;

    use gateway_core::time::UnixTime;
    use service_kit::random::SystemRng;

    use super::super::table::{self, Kind, Stored};
    use super::super::{EmbeddedStore, StoreErrorKind};
    use super::*;
    use crate::domain::grant::PendingConsent;
    use crate::domain::secret::Digest;

    fn open(home: &Path) -> EmbeddedStore {
        EmbeddedStore::open(&home.join("auth.redb"), &SystemRng).unwrap()
    }

    fn keep(change: &Change, key: u8) -> Result<(), StoreError> {
        let value = PendingConsent { session: Digest::of(b"session"), request: Digest::of(b"request") };
        let stored = Stored { value: &value, expires_at: UnixTime::MAX };
        table::write(change, Kind::Pending, &[key; 32], &stored)
    }

    fn is_kept(store: &EmbeddedStore, key: u8) -> bool {
        let found = store.look(|all| table::read::<PendingConsent>(all, Kind::Pending, &[key; 32]));
        found.unwrap().is_some()
    }

    /// Keeps the store busy, so that whatever else is asked for until `go` is sent or dropped shares one transaction.
    async fn hold(store: &EmbeddedStore, go: Receiver<()>) -> Result<(), StoreError> {
        let go = Mutex::new(go);
        store
            .write(move |_| {
                let _either = go.lock().unwrap().recv();
                Ok(())
            })
            .await
    }

    #[tokio::test]
    async fn a_verb_that_fails_leaves_nothing_behind_and_takes_nobody_down() {
        let home = tempfile::tempdir().unwrap();
        let store = open(home.path());
        let (release, go) = std::sync::mpsc::channel();
        let fails = |change: &Change| -> Result<(), StoreError> {
            keep(change, 2)?;
            Err(StoreError::new(StoreErrorKind::Corrupt, "on purpose"))
        };
        let (_, first, failed, last, ()) = tokio::join!(
            hold(&store, go),
            store.write(|change| keep(change, 1)),
            store.write(fails),
            store.write(|change| keep(change, 3)),
            async { drop(release) },
        );
        assert_eq!(failed.unwrap_err().kind(), StoreErrorKind::Corrupt);
        assert!(first.is_ok() && last.is_ok());
        drop(store);
        let again = open(home.path());
        assert_eq!([1, 2, 3].map(|key| is_kept(&again, key)), [true, false, true]);
    }

    #[tokio::test]
    async fn of_verbs_that_share_a_transaction_each_sees_what_those_before_it_did() {
        let home = tempfile::tempdir().unwrap();
        let store = open(home.path());
        let (release, go) = std::sync::mpsc::channel();
        let take = |change: &Change| {
            let found = table::read_to_change::<PendingConsent>(change, Kind::Pending, &[1; 32])?;
            table::remove(change, Kind::Pending, &[1; 32])?;
            Ok(found.is_some())
        };
        let (_, kept, one, other, ()) = tokio::join!(
            hold(&store, go),
            store.write(|change| keep(change, 1)),
            store.write(take),
            store.write(take),
            async { drop(release) },
        );
        assert!(kept.is_ok());
        assert_eq!((one.unwrap(), other.unwrap()), (true, false));
    }

    #[tokio::test]
    async fn a_panic_costs_those_who_waited_together_and_nobody_after_them() {
        let home = tempfile::tempdir().unwrap();
        let store = open(home.path());
        let panicked = store.write(|_| -> Result<(), StoreError> { panic!("on purpose") }).await;
        assert_eq!(panicked.unwrap_err().kind(), StoreErrorKind::Unavailable);
        store.write(|change| keep(change, 1)).await.unwrap();
        assert!(is_kept(&store, 1));
    }

    #[tokio::test]
    async fn what_was_asked_for_is_done_although_the_asker_has_gone() {
        let home = tempfile::tempdir().unwrap();
        let store = open(home.path());
        let (release, go) = std::sync::mpsc::channel();
        let gone = tokio::join!(
            tokio::time::timeout(std::time::Duration::ZERO, hold(&store, go)),
            tokio::time::timeout(std::time::Duration::ZERO, store.write(|change| keep(change, 1))),
        );
        assert!(gone.0.is_err() && gone.1.is_err());
        release.send(()).unwrap();
        store.write(|change| keep(change, 2)).await.unwrap();
        assert!(is_kept(&store, 1));
    }
}
