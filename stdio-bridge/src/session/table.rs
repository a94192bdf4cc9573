//! The table of all sessions.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use mcp_protocol::era::Era;
use service_kit::random::Rng;

use super::children::Children;
use super::{Eras, OpenError, Owner, Session, SessionId, Translator};
use crate::config::{Launch, ServerName};
use crate::process::{Audience, Process};

/// All sessions of the bridge.
#[derive(Debug)]
pub struct Sessions {
    by_id: Mutex<HashMap<SessionId, Arc<Session>>>,
    children: Arc<Children>,
    eras: Arc<Eras>,
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
    pub fn new(children: Arc<Children>, eras: Arc<Eras>, rng: Arc<dyn Rng>) -> Arc<Self> {
        Arc::new(Self { by_id: Mutex::default(), children, eras, rng })
    }

    /// Starts a child of this era for `owner`. There is a session only when it is admitted.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn start(
        self: &Arc<Self>,
        owner: Owner,
        launch: &Arc<Launch>,
        era: Era,
    ) -> Result<Starting, OpenError> {
        let id = SessionId::generate(self.rng.as_ref())?;
        let (sessions, watched) = (Arc::downgrade(self), id.clone());
        let forget = move || {
            if let Some(sessions) = sessions.upgrade() {
                sessions.with(|by_id| by_id.remove(&watched));
            }
        };
        let process = self.children.start(owner.user.as_ref(), launch, Audience::Session(era), forget)?;
        Ok(Starting { sessions: Arc::clone(self), id, session: Session { owner, process, translator: None } })
    }

    /// Whether `initialize` has to be answered in the place of this server, as it is known to refuse it.
    #[must_use]
    pub fn needs_translator(&self, launch: &Launch) -> bool {
        self.eras.refuses_initialize(&launch.name)
    }

    /// The server has refused `initialize`: whether that is because it is modern, and would refuse any.
    pub async fn is_modern(&self, owner: &Owner, launch: &Arc<Launch>) -> bool {
        matches!(self.eras.is_modern_alone(&self.children, owner, launch).await, Ok(true))
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

    /// Ends all sessions with the server `name`.
    pub fn end_all_of(&self, name: &ServerName) {
        self.with(|by_id| {
            by_id.retain(|_, session| {
                let stays = session.owner.server != *name;
                if !stays {
                    session.process.stop();
                }
                stays
            });
        });
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

    /// The child is a modern one, and `translator` speaks for its client.
    #[must_use]
    pub fn translated(mut self, translator: Translator) -> Self {
        self.session.translator = Some(translator);
        self
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
