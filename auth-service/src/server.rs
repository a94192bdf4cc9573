//! From an assembled service to one that answers, and back to one that has ended in good order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use service_kit::lifecycle::{Shutdown, close_memory};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::config::Config;
use crate::flow::revoke::Watch;
use crate::flow::{Deps, Ending};
use crate::http;
use crate::metrics;

/// How long requests that are under way may take once the end was asked for.
const DRAIN: Duration = Duration::from_secs(5);

/// How often expired records are forgotten.
const PURGE: Duration = Duration::from_secs(60);

/// How often it is looked whether users have been removed or keys have changed. Without a change that is one `stat` each.
const WATCH: Duration = Duration::from_secs(2);

/// Why the service does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address is taken, or not ours.
    #[error("{setting}: cannot listen on {address}: {cause}")]
    Bind {
        /// The setting to change.
        setting: &'static str,
        /// Its value.
        address: SocketAddr,
        /// What the operating system says.
        cause: std::io::Error,
    },
    /// Signals cannot be handled, or a listener broke.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Serves until a signal asks for the end, then drains.
///
/// # Errors
/// [`ServeError`], before the first request is answered.
pub async fn serve(config: &Config, deps: Deps) -> Result<(), ServeError> {
    let mut shutdown = Shutdown::install()?;
    close_memory()?;
    let public = bind("AUTH_BIND", config.bind).await?;
    let internal = bind("AUTH_INTERNAL_BIND", config.internal_bind).await?;
    // Before the first request: who was removed meanwhile is gone.
    let mut users = UsersWatch::default();
    users.look(&deps).await;
    tracing::info!(
        issuer = config.catalogue.issuer().as_str(),
        address = %public.local_addr()?,
        internal_address = %internal.local_addr()?,
        "auth-service is ready"
    );
    let deps = Arc::new(deps);
    let ending = deps.ending.clone();
    let mut tasks = JoinSet::new();
    tasks.spawn(listen(public, http::public(&deps), ending.clone()));
    tasks.spawn(listen(internal, http::internal(&deps), ending.clone()));
    let purge = tokio::spawn(purge(Arc::clone(&deps)));
    let keys = tokio::spawn(watch_keys(Arc::clone(&deps)));
    let watch = tokio::spawn(users.go_on(deps));
    let signal = shutdown.requested().await;
    tracing::info!(signal, "ending: no new requests, those under way have 5 s");
    ending.begin();
    let drained = tokio::select! {
        drained = tokio::time::timeout(DRAIN, tasks.join_all()) => drained.is_ok(),
        _ = shutdown.requested() => false,
    };
    purge.abort();
    keys.abort();
    watch.abort();
    if drained {
        tracing::info!("ended");
    } else {
        tracing::warn!("ended with requests still under way");
    }
    Ok(())
}

async fn bind(setting: &'static str, address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|cause| ServeError::Bind { setting, address, cause })
}

async fn listen(listener: TcpListener, router: Router, ending: Ending) {
    let stop = async move { ending.begun().await };
    // An answer waits for nothing: neither for a fuller packet nor for the client to acknowledge the last one.
    let listener = listener.tap_io(|connection| {
        if let Err(error) = connection.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps its delays");
        }
    });
    if let Err(error) = axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(stop)
        .await
    {
        tracing::error!(%error, "a listener broke");
    }
}

/// The watch over the users, and whether its last look failed.
#[derive(Default)]
struct UsersWatch {
    watch: Watch,
    has_failed: bool,
}

impl UsersWatch {
    async fn look(&mut self, deps: &Deps) {
        let looked = self.watch.look(deps).await;
        // One line per change of state: a users file stays broken for minutes while somebody edits it.
        if let Err(error) = &looked
            && !self.has_failed
        {
            tracing::warn!(%error, "removed users cannot be noticed");
        }
        self.has_failed = looked.is_err();
    }

    async fn go_on(mut self, deps: Arc<Deps>) {
        let mut ticks = tokio::time::interval(WATCH);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.look(&deps).await;
        }
    }
}

/// Takes in what an operator, another replica or the time has done to the signing keys.
async fn watch_keys(deps: Arc<Deps>) {
    let mut ticks = tokio::time::interval(WATCH);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut has_failed = false;
    metrics::keys(&deps.keys.in_use());
    loop {
        ticks.tick().await;
        let at = Arc::clone(&deps);
        let looking = tokio::task::spawn_blocking(move || at.keys.look(at.now(), at.rng.as_ref()));
        let Ok(looked) = looking.await else { continue };
        match &looked {
            Ok(true) => {
                let in_use = deps.keys.in_use();
                metrics::keys(&in_use);
                tracing::info!(
                    signs = in_use.kid(),
                    published = in_use.count(),
                    "the signing keys have changed"
                );
            }
            Err(error) if !has_failed => tracing::error!(%error, "the signing keys stay as they were"),
            Ok(false) | Err(_) => {}
        }
        has_failed = looked.is_err();
    }
}

async fn purge(deps: Arc<Deps>) {
    let mut ticks = tokio::time::interval(PURGE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        deps.limits.forget();
        deps.metrics.upkeep();
        match deps.store.purge(deps.now()).await {
            Ok(0) => {}
            Ok(records) => tracing::debug!(records, "expired records forgotten"),
            Err(error) => tracing::error!(%error, "expired records could not be forgotten"),
        }
    }
}
