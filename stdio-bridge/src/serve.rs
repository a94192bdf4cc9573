//! `stdio-bridge serve`: bind, serve, and end without leaving anything behind.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::serve::ListenerExt;
use edge_assertion::EdgeKey;
use service_kit::clock::SystemClock;
use service_kit::lifecycle::{EXIT_UNAVAILABLE, Shutdown, close_memory};
use service_kit::random::SystemRng;
use service_kit::settings::Strings;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::app::Bridge;
use crate::config::ConfigFile;
use crate::settings::Settings;

/// Why the bridge cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is not to be had.
    #[error("cannot listen on {address}: {error}; set BRIDGE_BIND to another address or port")]
    Bind {
        /// The address of `BRIDGE_BIND`.
        address: SocketAddr,
        /// What the operating system says.
        error: io::Error,
    },
    /// The signals cannot be handled.
    #[error("cannot handle signals: {0}")]
    Signals(#[source] io::Error),
    /// The memory stays open to other processes.
    #[error("cannot close the memory to other processes: {0}")]
    Memory(#[source] io::Error),
    /// The port has failed.
    #[error("cannot serve: {0}")]
    Serve(#[source] io::Error),
}

impl ServeError {
    /// The exit code that says it.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        EXIT_UNAVAILABLE
    }
}

/// How often it is looked whether the file of the servers has changed.
const LOOK: Duration = Duration::from_secs(1);
/// How long connections get to end after every child has.
const LAST_ANSWERS: Duration = Duration::from_secs(2);
/// A peer that acknowledges nothing for this time is gone (pulled cable, killed machine).
const PEER_TIMEOUT: Duration = Duration::from_secs(60);

/// Serves until SIGTERM or SIGINT; a second signal kills the children at once. When `file` changes, what it says then is
/// served, with the variables of `strings`.
///
/// # Errors
/// [`ServeError`].
pub async fn serve<S: Strings + Sync>(
    settings: Settings,
    file: Option<(ConfigFile, &S)>,
) -> Result<(), ServeError> {
    let address = settings.bind;
    let mut shutdown = Shutdown::install().map_err(ServeError::Signals)?;
    close_memory().map_err(ServeError::Memory)?;
    let listener = TcpListener::bind(address).await.map_err(|error| ServeError::Bind { address, error })?;
    let address = listener.local_addr().unwrap_or(address);
    let bridge = Bridge::new(settings, Arc::new(SystemRng), Arc::new(SystemClock));
    tell_start(&bridge, address);

    let reaper = tokio::spawn({
        let bridge = Arc::clone(&bridge);
        async move {
            if let Err(error) = bridge.reap().await {
                tracing::warn!(%error, "what servers leave behind is not looked after");
            }
        }
    });
    let draining = CancellationToken::new();
    let server = axum::serve(listener.tap_io(prepare), bridge.router())
        .with_graceful_shutdown(draining.clone().cancelled_owned());
    let mut server = tokio::spawn(server.into_future());
    tokio::select! {
        signal = shutdown.requested() => tracing::info!(signal, "stopping"),
        () = follow(&bridge, file) => {}
        ended = &mut server => return ended.map_err(io::Error::other).flatten().map_err(ServeError::Serve),
    }
    draining.cancel();
    tokio::select! {
        () = bridge.stop() => {}
        signal = shutdown.requested() => {
            tracing::warn!(signal, "killing all servers");
            bridge.kill();
            bridge.stop().await;
        }
    }
    reaper.abort();
    bridge.end_orphans().await;
    if timeout(LAST_ANSWERS, server).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
    tracing::info!("stopped");
    Ok(())
}

fn tell_start(bridge: &Bridge, address: SocketAddr) {
    let servers = bridge.servers();
    let names: Vec<&str> = servers.names().collect();
    tracing::info!(%address, servers = names.join(" "), "serving");
    let keys: Vec<&str> = bridge.access.edge_keys.iter().map(EdgeKey::id).collect();
    if !keys.is_empty() {
        tracing::info!(keys = keys.join(" "), "requests have to prove that they passed the edge");
    }
}

/// Serves what the file says, whenever that changes; for ever. A file with a mistake changes nothing.
async fn follow<S: Strings + Sync>(bridge: &Bridge, file: Option<(ConfigFile, &S)>) {
    let Some((mut file, strings)) = file else { return std::future::pending().await };
    loop {
        sleep(LOOK).await;
        match file.look(strings) {
            None => {}
            Some(Ok(servers)) => {
                for (server, change) in bridge.replace_servers(servers) {
                    tracing::info!(%server, ?change, "the servers have changed");
                }
            }
            Some(Err(mistakes)) => {
                for mistake in mistakes {
                    tracing::error!("the servers stay as they were: {mistake}");
                }
            }
        }
    }
}

/// What a connection without these options only costs, is speed and memory; so failing to set them is no error.
fn prepare(connection: &mut TcpStream) {
    let socket = socket2::SockRef::from(&*connection);
    let done = socket.set_tcp_nodelay(true).and_then(|()| socket.set_tcp_user_timeout(Some(PEER_TIMEOUT)));
    if let Err(error) = done {
        tracing::debug!(%error, "cannot set options of a connection");
    }
}
