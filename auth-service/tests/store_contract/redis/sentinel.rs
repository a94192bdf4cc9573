//! Redis behind a Sentinel.

use std::sync::Arc;

use auth_service::store::{RefreshStore as _, RevocationStore as _, Rotated, StoreErrorKind};

use super::open;
use super::server::{Server, eventually, free_port};
use crate::fixtures::{T0, open_family, rotation};
use crate::keeps_the_contract;
use crate::revocations::{end_of, user_cut};

/// A primary, its replica, and a sentinel that has seen both.
struct Watched {
    primary: Server,
    replica: Server,
    sentinel: Server,
}

impl Watched {
    async fn start() -> Self {
        let primary = Server::with(free_port(), &[]);
        let port = primary.port().to_string();
        let replica = Server::with(free_port(), &["--replicaof", "127.0.0.1", &port]);
        eventually(|| replica.ask(&["INFO", "replication"]).contains("master_link_status:up")).await;
        let configuration = format!(
            "bind 127.0.0.1\nsentinel monitor main 127.0.0.1 {port} 1\n\
             sentinel down-after-milliseconds main 300\nsentinel failover-timeout main 2000\n"
        );
        let sentinel = Server::sentinel(free_port(), &configuration);
        let other = replica.port().to_string();
        eventually(|| sentinel.ask(&["SENTINEL", "REPLICAS", "main"]).contains(&other)).await;
        Self { primary, replica, sentinel }
    }

    fn address(&self) -> String {
        format!("redis-sentinel://127.0.0.1:{}?sentinelServiceName=main", self.sentinel.port())
    }

    /// Waits until the replica has everything.
    async fn replicated(&self) {
        let offset = |server: &Server, name: &str| {
            let told = server.ask(&["INFO", "replication"]);
            told.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned()
        };
        eventually(|| {
            offset(&self.primary, "master_repl_offset:") == offset(&self.replica, "slave_repl_offset:")
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_redis_store_behind_a_sentinel_keeps_the_contract() {
    let watched = Watched::start().await;
    keeps_the_contract(Arc::new(open(&watched.address()).await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn j_04_after_a_failover_the_store_goes_on_and_its_feed_begins_anew() {
    let mut watched = Watched::start().await;
    let store = open(&watched.address()).await;
    open_family(&store, 1).await;
    store.revoke(&[user_cut(T0)], T0).await.unwrap();
    let before = end_of(&store).await;
    watched.replicated().await;
    watched.primary.kill();
    let rotated = loop {
        match store.rotate_refresh(&rotation(1, "r1", "r2", T0)).await {
            Ok(rotated) => break rotated,
            Err(error) => assert_eq!(error.kind(), StoreErrorKind::Unavailable, "{error}"),
        }
    };
    assert_eq!(rotated, Rotated::Fresh, "what was replicated is there");
    assert!(watched.replica.ask(&["ROLE"]).starts_with("master"));
    let batch = store.revocations(Some(before), T0).await.unwrap();
    assert!(batch.is_snapshot, "its numbers may not be those that edges have seen");
    assert_eq!(batch.entries, [user_cut(T0)]);
}
