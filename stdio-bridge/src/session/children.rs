//! Starting children within the limits.

use std::sync::Arc;

use tokio::time::{Instant, timeout};

use super::OpenError;
use super::breaker::Breaker;
use super::seats::Seats;
use crate::config::{Launch, ServerName};
use crate::process::{Audience, Lifetime, Outcome, Process, Supervisor};
use crate::settings::Limits;

/// Starts children, and counts them until they are reaped.
#[derive(Debug)]
pub struct Children {
    seats: Arc<Seats>,
    breaker: Arc<Breaker>,
    limits: Limits,
    supervisor: Supervisor,
}

impl Children {
    /// No children yet; they are started under `supervisor`.
    #[must_use]
    pub fn new(limits: Limits, supervisor: Supervisor) -> Arc<Self> {
        let seats = Seats::new(limits.max_sessions, limits.max_sessions_per_user);
        Arc::new(Self { seats, breaker: Arc::default(), limits, supervisor })
    }

    /// Starts a child for `user`; `on_leaving` is called when it takes no more messages, for whatever reason. A server that has
    /// ended before it said anything is not started again at once.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn start(
        &self,
        user: Option<&Arc<str>>,
        launch: &Arc<Launch>,
        audience: Audience,
        on_leaving: impl FnOnce() + Send + 'static,
    ) -> Result<Process, OpenError> {
        let key = (launch.name.clone(), user.cloned());
        self.breaker.admits(&key, Instant::now())?;
        let breaker = Arc::clone(&self.breaker);
        self.spawn(user, launch, audience, move |lifetime| {
            match lifetime.outcome() {
                Some(Outcome::Worked) => breaker.worked(&key),
                Some(Outcome::Failed) => {
                    let server = key.0.clone();
                    let failures = breaker.failed(key, Instant::now());
                    tracing::warn!(%server, failures, "the server has ended before it said anything");
                }
                Some(Outcome::Dismissed) | None => {}
            }
            on_leaving();
        })
    }

    /// Starts a child to find out about the server: it may end as it likes.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn probe(
        &self,
        user: Option<&Arc<str>>,
        launch: &Arc<Launch>,
        audience: Audience,
    ) -> Result<Process, OpenError> {
        self.spawn(user, launch, audience, |_| {})
    }

    /// The entry of a server has changed.
    pub fn forget(&self, server: &ServerName) {
        self.breaker.forget(server);
    }

    fn spawn(
        &self,
        user: Option<&Arc<str>>,
        launch: &Arc<Launch>,
        audience: Audience,
        on_leaving: impl FnOnce(&Lifetime) + Send + 'static,
    ) -> Result<Process, OpenError> {
        if self.supervisor.stop.is_cancelled() {
            return Err(OpenError::Full);
        }
        let seat = self.seats.take(user)?;
        let process = Process::start(launch, audience, &self.limits, &self.supervisor)?;
        let lifetime = process.lifetime().clone();
        self.supervisor.tracker.spawn(async move {
            lifetime.leaving().await;
            on_leaving(&lifetime);
            lifetime.finished().await;
            drop(seat);
        });
        Ok(process)
    }

    /// Stops a child, and waits until the place of one is free; not longer than ending it may take.
    pub async fn make_room(&self, process: &Process) {
        let freed = self.seats.freed();
        process.stop();
        let Limits { exit_grace, terminate_grace, .. } = self.limits;
        if timeout(exit_grace.saturating_add(terminate_grace).saturating_mul(2), freed).await.is_err() {
            tracing::warn!("a child that makes room for another does not end in time");
        }
    }

    /// The limits of every child.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }
}
