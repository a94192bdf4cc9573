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
