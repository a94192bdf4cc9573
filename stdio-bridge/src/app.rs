//! The composition root: settings in, a router and a way to end out.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use axum::Router;
use service_kit::clock::Clock;
use service_kit::random::Rng;

use crate::config::{Change, ServerName, Servers};
use crate::http::{self, Journal};
use crate::process::Supervisor;
use crate::session::{Children, Eras, Hosts, Sessions};
use crate::settings::{AccessSettings, Limits, Settings};

/// The bridge, without a port.
#[derive(Debug)]
pub struct Bridge {
    pub(crate) access: AccessSettings,
    pub(crate) limits: Limits,
    servers: RwLock<Arc<Servers>>,
    pub(crate) sessions: Arc<Sessions>,
    pub(crate) hosts: Arc<Hosts>,
    children: Arc<Children>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) journal: Journal,
    supervisor: Supervisor,
}

impl Bridge {
    /// A bridge that has no sessions yet.
    #[must_use]
    pub fn new(settings: Settings, rng: Arc<dyn Rng>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let Settings { bind: _, access, limits, servers } = settings;
        let supervisor = Supervisor::default();
        let children = Children::new(limits, supervisor.clone());
        let eras = Arc::<Eras>::default();
        let sessions = Sessions::new(Arc::clone(&children), Arc::clone(&eras), Arc::clone(&rng));
        let hosts = Hosts::new(Arc::clone(&children), eras, rng);
        let journal = Journal::default();
        let servers = RwLock::new(Arc::new(servers));
        Arc::new(Self { access, limits, servers, sessions, hosts, children, clock, journal, supervisor })
    }

    /// The routes of the bridge.
    pub fn router(self: &Arc<Self>) -> Router {
        http::router(Arc::clone(self))
    }

    /// What is served now.
    #[must_use]
    pub fn servers(&self) -> Arc<Servers> {
        Arc::clone(&self.servers.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on `next` is served. Servers whose entry stays the same keep their sessions; those of the others end, and a client
    /// that comes back begins a new one, with the server as it is now.
    pub fn replace_servers(&self, next: Servers) -> BTreeMap<ServerName, Change> {
        let next = Arc::new(next);
        let mut servers = self.servers.write().unwrap_or_else(PoisonError::into_inner);
        let changes = servers.changes(&next);
        *servers = next;
        drop(servers);
        for (name, change) in &changes {
            if *change != Change::Added {
                self.sessions.end_all_of(name);
                self.hosts.end_all_of(name);
                self.children.forget(name);
            }
        }
        changes
    }

    /// Whether the bridge still takes new sessions.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.supervisor.stop.is_cancelled()
    }

    /// How many sessions there are.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.count()
    }

    /// How many children serve modern requests.
    #[must_use]
    pub fn host_count(&self) -> usize {
        self.hosts.count()
    }

    /// Ends all sessions and waits until every child is reaped. It takes as long as the slowest child, at most
    /// [`Limits::exit_grace`] and [`Limits::terminate_grace`]; [`Bridge::kill`] makes it short.
    pub async fn stop(&self) {
        self.supervisor.stop.cancel();
        self.supervisor.tracker.close();
        self.supervisor.tracker.wait().await;
    }

    /// Adopts and reaps what servers leave behind, for ever. It concerns the whole process, so the program calls it.
    ///
    /// # Errors
    /// When the operating system does not let this process adopt.
    pub async fn reap(&self) -> std::io::Result<()> {
        self.supervisor.reap().await
    }

    /// Kills what servers have left behind. To be called after [`Bridge::stop`], by a program that has no other children.
    pub async fn end_orphans(&self) {
        self.supervisor.end_orphans().await;
    }

    /// Kills all children now.
    pub fn kill(&self) {
        self.supervisor.stop.cancel();
        self.supervisor.kill.cancel();
    }
}
