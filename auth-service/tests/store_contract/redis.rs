//! The suite over Redis in its three forms, and what only a store that replicas share can get wrong.

mod agreement;
mod cluster;
mod faults;
mod replicas;
mod sentinel;
mod server;

use std::sync::Arc;

use auth_service::store::redis::{RedisSettings, RedisStore};
use service_kit::random::SystemRng;

use crate::keeps_the_contract;
use server::Server;

/// One replica of the service.
async fn open(address: &str) -> RedisStore {
    let settings = RedisSettings::parse(address, None).unwrap();
    RedisStore::open(&settings, Arc::new(SystemRng)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_redis_store_keeps_the_contract() {
    let server = Server::start();
    keeps_the_contract(Arc::new(open(&server.address()).await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn j_07_the_user_that_the_documentation_names_is_allowed_enough() {
    let documentation = include_str!("../../../docs/redis.md");
    let user = documentation.lines().find_map(|line| line.strip_prefix("    user auth ")).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("user default off\nuser auth {user}\n")).unwrap();
    let server = Server::with(0, &["--aclfile", file.path().to_str().unwrap()]);
    let address = server.address().replace("//", "//auth:password@local");
    keeps_the_contract(Arc::new(open(&address).await)).await;
}
