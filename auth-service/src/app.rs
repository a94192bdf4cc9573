//! Where everything is put together, and nowhere else.

use std::path::Path;
use std::sync::Arc;

use gateway_core::time::UnixTime;
use service_kit::clock::{Clock, SystemClock};
use service_kit::random::{Rng, SystemRng};

use crate::config::Config;
use crate::data_dir::{self, DataDirError};
use crate::documents::Documents;
use crate::flow::verify::Verifier;
use crate::flow::{Deps, Ending};
use crate::identity::local::LocalUsers;
use crate::identity::people::People;
use crate::identity::upstream::Providers;
use crate::identity::upstream::fetch::FetchError;
use crate::keys::{self, KeysError, SigningKeys};
use crate::limits::Limits;
use crate::metrics::Metrics;
use crate::outbound::{Outbound, SystemNetwork, TlsError};
use crate::store::embedded::EmbeddedStore;
use crate::store::redis::{RedisError, RedisStore};
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
    /// The certificates.
    #[error("OUTBOUND_CA_FILE: {0}")]
    Tls(#[from] TlsError),
    /// Another process holds the store.
    #[error("DATA_DIR: {0} is in use by another process; one auth-service at a time can use it")]
    StoreInUse(std::path::PathBuf),
    /// The store does not open.
    #[error("DATA_DIR: {0}: {1}")]
    Store(std::path::PathBuf, StoreError),
    /// The Redis at this place cannot be used.
    #[error("REDIS_URL: {0}: {1}")]
    Redis(String, RedisError),
    /// Providers are configured that cannot be reached.
    #[error("identity providers: {0}")]
    Providers(#[from] FetchError),
}

/// Opens store and keys, and gives what the flows need.
///
/// # Errors
/// [`StartError`].
pub async fn assemble(config: &Config) -> Result<Deps, StartError> {
    let providers = Arc::new(Providers::new(config.providers.clone())?);
    let places = &config.places;
    let rng = Arc::new(SystemRng);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = open_store(config).await?;
    let now = UnixTime::from_secs(clock.now());
    let keys = SigningKeys::open(&places.data_dir, places.rotation, now, rng.as_ref())?;
    let outbound = Outbound::new(Arc::new(SystemNetwork::default()), config.roots.clone())?;
    let local = LocalUsers::new(&places.users_file);
    let people = People::new(local, Arc::clone(&providers), Arc::clone(&store), Arc::clone(&clock));
    Ok(Deps {
        catalogue: config.catalogue.clone(),
        store,
        documents: config.documents.clone().map(|rules| Documents::new(outbound, rules)),
        devices: config.devices,
        client_credentials: config.client_credentials,
        remembered_clients: config.remembered_clients.clone(),
        identities: Arc::new(people),
        providers,
        verifier: Verifier::new(&config.catalogue),
        keys,
        refresh_key: keys::refresh_key(&places.data_dir, rng.as_ref())?,
        limits: Limits::new(&config.rates, &clock),
        clock,
        rng,
        lifetimes: config.lifetimes,
        metrics: Metrics::of_process(),
        ending: Ending::default(),
    })
}

/// Opens the store, and makes the data directory if it is not there.
///
/// # Errors
/// [`StartError`].
pub async fn open_store(config: &Config) -> Result<Arc<dyn Store>, StartError> {
    let data_dir = &config.places.data_dir;
    data_dir::prepare(data_dir)?;
    Ok(match &config.redis {
        Some(settings) => {
            let opened = RedisStore::open(settings, Arc::new(SystemRng)).await;
            Arc::new(opened.map_err(|error| StartError::Redis(settings.to_string(), error))?)
        }
        None => Arc::new(open_embedded(&data_dir.join(STORE_FILE), &SystemRng)?),
    })
}

fn open_embedded(file: &Path, rng: &dyn Rng) -> Result<EmbeddedStore, StartError> {
    EmbeddedStore::open(file, rng).map_err(|error| match error.kind() {
        StoreErrorKind::InUse => StartError::StoreInUse(file.to_owned()),
        StoreErrorKind::Unavailable | StoreErrorKind::Corrupt => StartError::Store(file.to_owned(), error),
    })
}
