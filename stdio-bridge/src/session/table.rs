//! The table of all sessions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use service_kit::random::Rng;

use super::children::Children;
use super::{OpenError, Owner, Session, SessionId};
use crate::config::Launch;
use crate::process::{Audience, Process};

/// All sessions of the bridge.
#[derive(Debug)]
pub struct Sessions {
    by_id: Mutex<HashMap<SessionId, Arc<Session>>>,
    children: Arc<Children>,
    rng: Arc<dyn Rng>,
}

/// A child whose `initialize` has not succeeded yet. Dropping it ends the child; there never was a session.
#[derive(Debug)]
pub struct Starting {
    sessions: Arc<Sessions>,
    id: SessionId,
    session: Session,
}

impl Sessions {
    /// An empty table.
    #[must_use]
    pub fn new(children: Arc<Children>, rng: Arc<dyn Rng>) -> Arc<Self> {
        Arc::new(Self { by_id: Mutex::default(), children, rng })
    }

    /// Starts a child for `owner`. There is a session only when it is admitted.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn start(self: &Arc<Self>, owner: Owner, launch: &Arc<Launch>) -> Result<Starting, OpenError> {
        let id = SessionId::generate(self.rng.as_ref())?;
        let (sessions, watched) = (Arc::downgrade(self), id.clone());
        let forget = move || {
            if let Some(sessions) = sessions.upgrade() {
                sessions.with(|by_id| by_id.remove(&watched));
            }
        };
        let process = self.children.start(owner.user.as_ref(), launch, Audience::Session, forget)?;
        Ok(Starting { sessions: Arc::clone(self), id, session: Session { owner, process } })
    }

    /// The session `id`, if it lives and belongs to `owner`; nobody else can tell it from one that never was.
    #[must_use]
    pub fn find(&self, id: &SessionId, owner: &Owner) -> Option<Arc<Session>> {
        self.with(|by_id| by_id.get(id).filter(|session| session.owner == *owner).cloned())
    }

    /// Ends the session `id` if it belongs to `owner`; `false` when there is no such session.
    #[must_use]
    pub fn end(&self, id: &SessionId, owner: &Owner) -> bool {
        let session = self.find(id, owner).and_then(|_| self.with(|by_id| by_id.remove(id)));
        if let Some(session) = &session {
            session.process.stop();
        }
        session.is_some()
    }

    /// How many sessions there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.with(|by_id| by_id.len())
    }

    fn with<T>(&self, change: impl FnOnce(&mut HashMap<SessionId, Arc<Session>>) -> T) -> T {
        change(&mut self.by_id.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Starting {
    /// The child, for its `initialize`.
    #[must_use]
    pub const fn process(&self) -> &Process {
        &self.session.process
    }

    /// Makes it a session; gives its id. A child that ended meanwhile is gone from the table at once, or never gets in.
    #[must_use]
    pub fn admit(self) -> SessionId {
        let Self { sessions, id, session } = self;
        let lifetime = session.process.lifetime().clone();
        sessions.with(|by_id| {
            // Under the lock: the watcher removes the session only after `leaving`, so it is either seen here or
            // removed there.
            if !lifetime.is_leaving() {
                by_id.insert(id.clone(), Arc::new(session));
            }
        });
        id
    }
}
