//! The embedded store: one redb file, one process, nothing to install.
//!
//! Every verb that changes something is done within one transaction (see `writer`), and is on disk before it returns, so
//! `kill -9` loses nothing that a client was told.

mod assertions;
mod authorizations;
mod backup;
mod clients;
mod consents;
mod devices;
mod index;
mod inventory;
mod refresh;
mod revocations;
mod sequence;
mod sessions;
mod table;
mod upstream;
mod writer;

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use gateway_core::time::UnixTime;
use redb::{Builder, Database, DatabaseError, ReadTransaction, ReadableDatabase as _};
use service_kit::random::Rng;

use super::{Live, Store, StoreError, StoreErrorKind};
use table::{Change, Kind};
use writer::Writer;

/// Bytes of the file that are kept in memory.
const CACHE: usize = 16 * 1024 * 1024;

/// Most records that one transaction forgets, so that neither a purge nor a withdrawal holds up a sign-in for long.
const BITE: usize = 1000;

/// A store in one file.
#[derive(Debug, Clone)]
pub struct EmbeddedStore {
    database: Arc<Database>,
    live: Arc<Live>,
    writer: Writer,
}

impl EmbeddedStore {
    /// Opens the file, or makes it, readable by its owner only. The file is locked for as long as the store lives. A new
    /// file gets a random epoch, which tells its revocations from those of every other.
    ///
    /// # Errors
    /// [`StoreErrorKind::InUse`] when another process has it open; otherwise what the file system says.
    pub fn open(path: &Path, rng: &dyn Rng) -> Result<Self, StoreError> {
        let mut epoch = [0; 8];
        rng.fill(&mut epoch).map_err(unavailable)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(unavailable)?;
        let database = Builder::new().set_cache_size(CACHE).create_file(file).map_err(|error| {
            let is_locked = matches!(error, DatabaseError::DatabaseAlreadyOpen);
            let kind = if is_locked { StoreErrorKind::InUse } else { StoreErrorKind::Unavailable };
            StoreError::new(kind, error)
        })?;
        prepare(&database, u64::from_be_bytes(epoch))?;
        let known = revocations::everything(&database.begin_read().map_err(unavailable)?)?;
        let (database, live) = (Arc::new(database), Arc::new(Live::new(&known)));
        let writer = Writer::new(Arc::clone(&database), Arc::clone(&live));
        Ok(Self { database, live, writer })
    }

    /// Looks up records by their keys, here and now: they are in memory, ours or the system's, and the way to another thread
    /// and back would take longer than the look.
    fn look<T>(&self, work: impl FnOnce(&ReadTransaction) -> Result<T, StoreError>) -> Result<T, StoreError> {
        work(&self.database.begin_read().map_err(unavailable)?)
    }

    /// One read of many records, on a blocking thread.
    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&ReadTransaction) -> Result<T, StoreError> + Send + 'static,
    {
        let database = Arc::clone(&self.database);
        blocking(move || work(&database.begin_read().map_err(unavailable)?)).await
    }

    /// One verb that changes something; see [`Writer::write`].
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&Change) -> Result<T, StoreError> + Send + 'static,
    {
        self.writer.write(work).await
    }
}

/// Makes sure that everything is there that verbs take for granted.
fn prepare(database: &Database, epoch: u64) -> Result<(), StoreError> {
    let change = Change::begin(database)?;
    create(&change)?;
    sequence::create(&change, epoch)?;
    change.finish().map(drop)
}

/// Makes sure that all tables are there.
fn create(change: &Change) -> Result<(), StoreError> {
    Kind::ALL.iter().try_for_each(|kind| table::create(change, *kind))?;
    index::create(change)
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    tokio::task::spawn_blocking(work).await.map_err(unavailable)?
}

#[async_trait]
impl Store for EmbeddedStore {
    async fn ping(&self) -> Result<(), StoreError> {
        self.read(|transaction| {
            table::read::<crate::domain::client::Client>(transaction, Kind::Client, b"").map(drop)
        })
        .await
    }

    async fn purge(&self, now: UnixTime) -> Result<usize, StoreError> {
        self.live.forget(now);
        let mut gone: usize = 0;
        loop {
            let bite = self.write(move |change| table::purge(change, now, BITE)).await?;
            gone = gone.saturating_add(bite);
            if bite < BITE {
                return Ok(gone);
            }
        }
    }
}

fn unavailable(cause: impl std::fmt::Display) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, cause)
}
