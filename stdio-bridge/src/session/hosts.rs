//! The children that serve modern requests, by whom they serve; and the requests that wait for their clients.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mcp_protocol::capabilities::RequestMeta;
use mcp_protocol::era::Era;
use service_kit::random::{NoEntropy, Rng};
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::children::Children;
use super::host::{Client, Host};
use super::probe::Eras;
use super::{OpenError, Owner, SessionId};
use crate::config::{Launch, ServerName};
use crate::process::{Ask, Audience, Deliveries};

/// The children that serve modern requests.
#[derive(Debug)]
pub struct Hosts {
    by_caller: Mutex<HashMap<Key, Arc<Cell>>>,
    parked: Mutex<HashMap<SessionId, Parked>>,
    uses: AtomicU64,
    eras: Arc<Eras>,
    children: Arc<Children>,
    rng: Arc<dyn Rng>,
}

/// A child, once it is started.
type Cell = OnceCell<Arc<Host>>;

/// Who shares a child: one user with one client, or everybody where the server is stateless. A legacy child was told once what its client can do, so another set of
/// capabilities needs another child.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    owner: Owner,
    capabilities: Option<Arc<str>>,
}

/// A request whose child waits for something from its client. Whoever comes back for it must name it, be its owner, and ask
/// for the same again.
#[derive(Debug)]
pub struct Parked {
    /// Who may come back.
    pub owner: Owner,
    /// What was asked for: method, and name or URI.
    pub operation: (String, Option<String>),
    /// The child.
    pub host: Arc<Host>,
    /// Where the answer arrives. Dropping it cancels the request.
    pub deliveries: Deliveries,
    /// What the child asks for.
    pub asks: Vec<Ask>,
    /// Until when the client may come back.
    pub until: Instant,
}

impl Hosts {
    /// No children yet.
    #[must_use]
    pub fn new(children: Arc<Children>, eras: Arc<Eras>, rng: Arc<dyn Rng>) -> Arc<Self> {
        let (by_caller, parked) = (Mutex::default(), Mutex::default());
        Arc::new(Self { by_caller, parked, uses: AtomicU64::new(0), eras, children, rng })
    }

    /// The child that serves the modern requests of `owner`; it is started for the first of them.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(
        self: &Arc<Self>,
        owner: &Owner,
        launch: &Arc<Launch>,
        meta: &RequestMeta<'_>,
    ) -> Result<Arc<Host>, OpenError> {
        let era = self.eras.of(&self.children, owner, launch).await?;
        // Of those who share a child nobody can be asked, so it is told of nobody.
        let (owner, client) = if launch.is_stateless {
            (owner.anybody(), Client { capabilities: "{}".into(), info: None })
        } else {
            let capabilities = meta.capabilities.text().into();
            (owner.clone(), Client { capabilities, info: meta.client_info.map(Arc::from) })
        };
        let key = Key { owner, capabilities: (era == Era::Legacy).then(|| Arc::clone(&client.capabilities)) };
        loop {
            let cell = Arc::clone(lock(&self.by_caller).entry(key.clone()).or_default());
            let started = match cell.get() {
                Some(host) => Ok(Arc::clone(host)),
                None => self.start(&key, &cell, era, (launch, &client)).await,
            };
            match started {
                // It has ended, and was not forgotten yet: the next one is another.
                Ok(host) if host.process().lifetime().is_leaving() => self.forget(&key, &cell),
                Ok(host) => {
                    host.used(self.uses.fetch_add(1, Ordering::Relaxed));
                    return Ok(host);
                }
                Err(error) => {
                    self.forget(&key, &cell);
                    let user = key.owner.user.as_ref().filter(|_| matches!(error, OpenError::FullForUser));
                    if matches!(error, OpenError::Full | OpenError::FullForUser)
                        && let Some(idle) = self.take_idle(user)
                    {
                        self.children.make_room(idle.process()).await;
                        continue;
                    }
                    if matches!(error, OpenError::Handshake) {
                        self.eras.forget(&launch.name);
                    }
                    return Err(error);
                }
            }
        }
    }

    /// Starts the child of `cell`, or waits until somebody else has. A client that goes away meanwhile does not end it: it
    /// comes back, and a server that starts slowly would never be ready for it.
    async fn start(
        self: &Arc<Self>,
        key: &Key,
        cell: &Arc<Cell>,
        era: Era,
        (launch, client): (&Arc<Launch>, &Client),
    ) -> Result<Arc<Host>, OpenError> {
        let (hosts, watched, known) = (Arc::downgrade(self), key.clone(), Arc::downgrade(cell));
        let forget = move || {
            if let Some((hosts, cell)) = hosts.upgrade().zip(known.upgrade()) {
                hosts.forget(&watched, &cell);
            }
        };
        let audience = Audience::Callers(era);
        let (children, user) = (Arc::clone(&self.children), key.owner.user.clone());
        let (cell, launch, client) = (Arc::clone(cell), Arc::clone(launch), client.clone());
        let start = async move || {
            let process = children.start(user.as_ref(), &launch, audience, forget)?;
            let host = match era {
                Era::Modern => Host::modern(process),
                Era::Legacy => Host::legacy(process, &client).await?,
            };
            Ok(Arc::new(host))
        };
        let started = tokio::spawn(async move { cell.get_or_try_init(start).await.cloned() });
        started.await.unwrap_or(Err(OpenError::Full))
    }

    /// Takes the child that has not been used for the longest time out of those that nobody uses now, of this user or of all:
    /// a modern client expects nothing of it that another could not do.
    fn take_idle(&self, user: Option<&Arc<str>>) -> Option<Arc<Host>> {
        let mut by_caller = lock(&self.by_caller);
        let idle = by_caller.iter().filter_map(|(key, cell)| {
            let is_owners = user.is_none() || key.owner.user.as_ref() == user;
            // Whatever uses a host holds it, too.
            let host = cell.get().filter(|host| is_owners && Arc::strong_count(host) == 1)?;
            Some((host.last_use(), key))
        });
        let key = idle.min_by_key(|(last_use, _)| *last_use).map(|(_, key)| key.clone())?;
        by_caller.remove(&key)?.get().cloned()
    }

    /// The server does not behave as its era says: it may have been replaced, and is asked again.
    pub(super) fn contradicted(&self, server: &ServerName) {
        self.eras.forget(server);
    }

    /// How many children serve modern requests.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.by_caller).len()
    }

    /// Keeps a request until its client comes back; gives the `requestState` to come back with: 256 random bits, good for
    /// one time.
    ///
    /// # Errors
    /// [`NoEntropy`].
    pub fn park(&self, parked: Parked, now: Instant) -> Result<String, NoEntropy> {
        let handle = SessionId::generate(self.rng.as_ref())?;
        let state = handle.as_str().to_owned();
        let mut all = lock(&self.parked);
        all.retain(|_, parked| parked.until > now);
        all.insert(handle, parked);
        Ok(state)
    }

    /// The request that waits under `state`, if it is this one; nobody else can tell it from one that never was.
    #[must_use]
    pub fn unpark(
        &self,
        state: &str,
        owner: &Owner,
        operation: &(String, Option<String>),
        now: Instant,
    ) -> Option<Parked> {
        let handle = SessionId::parse(state.as_bytes())?;
        let mut all = lock(&self.parked);
        let parked = all.get(&handle)?;
        let is_it = parked.owner == *owner && parked.operation == *operation && parked.until > now;
        if is_it { all.remove(&handle) } else { None }
    }

    /// Ends all children of the server `name`; what is known of it is not known any more.
    pub fn end_all_of(&self, name: &ServerName) {
        self.eras.forget(name);
        lock(&self.by_caller).retain(|key, cell| {
            let stays = key.owner.server != *name;
            if let Some(host) = cell.get().filter(|_| !stays) {
                host.process().stop();
            }
            stays
        });
    }

    fn forget(&self, key: &Key, cell: &Arc<Cell>) {
        let mut by_caller = lock(&self.by_caller);
        if by_caller.get(key).is_some_and(|known| Arc::ptr_eq(known, cell)) {
            by_caller.remove(key);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
