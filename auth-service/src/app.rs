//! Where everything is put together, and nowhere else.

use std::sync::Arc;

use gateway_core::time::UnixTime;
use service_kit::clock::{Clock as _, SystemClock};
use service_kit::random::SystemRng;

use crate::config::Config;
use crate::data_dir::{self, DataDirError};
use crate::flow::verify::Verifier;
use crate::flow::{Deps, Ending};
use crate::identity::local::LocalUsers;
use crate::identity::people::People;
use crate::identity::upstream::Providers;
use crate::identity::upstream::fetch::FetchError;
use crate::keys::{self, KeysError, SigningKeys};
use crate::store::embedded::EmbeddedStore;
use crate::store::{Store, StoreError, StoreErrorKind};

/// The file of the embedded store, in the data directory.
pub const STORE_FILE: &str = "auth.redb";

/// Why the service cannot start although its settings are right.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The keys in it.
    #[error("DATA_DIR: {0}")]
    Keys(#[from] KeysError),
    /// Another process holds the store.
    #[error("DATA_DIR: {0} is in use by another process; one auth-service at a time can use it")]
    StoreInUse(std::path::PathBuf),
    /// The store does not open.
    #[error("DATA_DIR: {0}: {1}")]
    Store(std::path::PathBuf, StoreError),
    /// Providers are configured that cannot be reached.
    #[error("identity providers: {0}")]
    Providers(#[from] FetchError),
}

/// Opens store and keys, and gives what the flows need.
///
/// # Errors
/// [`StartError`].
pub fn assemble(config: &Config) -> Result<Deps, StartError> {
    let providers = Arc::new(Providers::new(config.providers.clone())?);
    let places = &config.places;
    let rng = Arc::new(SystemRng);
    data_dir::prepare(&places.data_dir)?;
    let file = places.data_dir.join(STORE_FILE);
    let store = EmbeddedStore::open(&file, rng.as_ref()).map_err(|error| match error.kind() {
        StoreErrorKind::InUse => StartError::StoreInUse(file),
        StoreErrorKind::Unavailable | StoreErrorKind::Corrupt => StartError::Store(file, error),
    })?;
    let now = UnixTime::from_secs(SystemClock.now());
    let keys = SigningKeys::open(&places.data_dir, places.rotation, now, rng.as_ref())?;
    let store: Arc<dyn Store> = Arc::new(store);
    let local = LocalUsers::new(&places.users_file);
    let people = People::new(local, Arc::clone(&providers), Arc::clone(&store), Arc::new(SystemClock));
    Ok(Deps {
        catalogue: config.catalogue.clone(),
        store,
        identities: Arc::new(people),
        providers,
        verifier: Verifier::new(&config.catalogue),
        keys,
        refresh_key: keys::refresh_key(&places.data_dir, rng.as_ref())?,
        clock: Arc::new(SystemClock),
        rng,
        lifetimes: config.lifetimes,
        ending: Ending::default(),
    })
}
