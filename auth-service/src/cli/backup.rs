//! `backup` and `restore`.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use service_kit::random::{Rng as _, SystemRng};
use service_kit::settings::ProcessEnv;

use super::{CommandError, inventory, now};
use crate::app;
use crate::backup::{Backup, BackupError};
use crate::config::Config;
use crate::data_dir::{self, DataDirError};
use crate::domain::client::Client;
use crate::operator::OperatorError;
use crate::store::{Restoration, Restored, SavedClient, StoreError};

/// What is to be restored.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// What `backup` wrote.
    file: PathBuf,
    /// Everything that the store holds goes.
    #[arg(long)]
    replace: bool,
}

/// Why nothing was saved or restored.
#[derive(Debug, thiserror::Error)]
pub(super) enum BackupCommandError {
    #[error(transparent)]
    Operator(#[from] OperatorError),
    #[error("{0}: {1}; nothing was done")]
    Unusable(PathBuf, BackupError),
    #[error("{0}: {1}; nothing was done")]
    Unreadable(PathBuf, std::io::Error),
    #[error("the backup was not written: {0}")]
    Unwritten(#[from] DataDirError),
    #[error("auth-service answered with a client that cannot be written; nothing was done")]
    Malformed,
    #[error("the store is not empty, nothing was done; with --replace, everything that it holds goes")]
    Occupied,
    #[error(
        "it is not certain whether the backup was restored: {0}; when the store answers again, restore it once more, with --replace"
    )]
    Uncertain(#[from] StoreError),
}

impl BackupCommandError {
    /// Whether another order, or another file, would help.
    pub(super) const fn is_mistake(&self) -> bool {
        match self {
            Self::Unusable(..) | Self::Occupied | Self::Operator(OperatorError::Refused(_)) => true,
            Self::Operator(_)
            | Self::Unreadable(..)
            | Self::Unwritten(_)
            | Self::Malformed
            | Self::Uncertain(_) => false,
        }
    }
}

/// Writes the clients of the service whose internal port is bound to `bound` into `file`, which must not be there.
pub(super) fn backup(bound: SocketAddr, file: &Path) -> Result<Value, BackupCommandError> {
    let made_at = now();
    let saved = inventory::saved_clients(bound)?;
    let client = |saved: Value| {
        let saved: SavedClient = serde_json::from_value(saved).map_err(|_| BackupCommandError::Malformed)?;
        Client::try_from(saved).map_err(|_| BackupCommandError::Malformed)
    };
    let clients = saved.into_iter().map(client).collect::<Result<Vec<_>, _>>()?;
    let backup = Backup { made_at, clients };
    let bytes = backup.to_bytes().map_err(|_| BackupCommandError::Malformed)?;
    data_dir::create_own(file, &bytes)?;
    Ok(json!({ "file": file.display().to_string(), "clients": backup.clients.len() }))
}

/// Starts the store over with what is in a backup. No service may have an embedded store open; those that share a Redis go on with what it
/// holds then.
pub(super) fn restore(order: &Restore) -> Result<Value, CommandError> {
    let (config, logs) = Config::read(&ProcessEnv)?;
    logs.start();
    let unreadable = |error| BackupCommandError::Unreadable(order.file.clone(), error);
    let bytes = std::fs::read(&order.file).map_err(unreadable)?;
    let unusable = |error| BackupCommandError::Unusable(order.file.clone(), error);
    let Backup { made_at, clients } = Backup::parse(&bytes).map_err(unusable)?;
    let mut epoch = [0; 8];
    SystemRng.fill(&mut epoch)?;
    let epoch = u64::from_be_bytes(epoch);
    let runtime = tokio::runtime::Runtime::new().map_err(CommandError::Runtime)?;
    let (restored, restoration) = runtime.block_on(async {
        let store = app::open_store(&config).await?;
        // Not before: to find a store may take a while, in which others issue tokens.
        let now = now();
        let is_live = |client: &Client| client.expires_at.is_none_or(|end| now < end);
        let clients = clients.into_iter().filter(is_live).collect();
        let restoration = Restoration { clients, replaces: order.replace, epoch, now };
        let restored = store.restore(&restoration).await.map_err(BackupCommandError::from)?;
        Ok::<_, CommandError>((restored, restoration))
    })?;
    match restored {
        Restored::Occupied => Err(BackupCommandError::Occupied.into()),
        Restored::Done => Ok(json!({
            "made_at": made_at.as_secs(),
            "clients": restoration.clients.len(),
            "issued_before": restoration.now.as_secs(),
        })),
    }
}
