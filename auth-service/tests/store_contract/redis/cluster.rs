//! Redis as a Cluster of three.

use std::sync::Arc;

use auth_service::domain::revocation::Revocation;
use auth_service::store::{RefreshStore as _, RevocationStore as _, Rotated};

use super::faults::recovers;
use super::open;
use super::replicas::until_it_kills;
use super::server::{Server, eventually, free_port};
use crate::fixtures::{T0, issued, open_family, rotation};
use crate::keeps_the_contract;

struct Cluster(Vec<Server>);

impl Cluster {
    async fn start() -> Self {
        let servers: Vec<_> = (0..3)
            .map(|_| {
                let bus = free_port().to_string();
                Server::with(free_port(), &["--cluster-enabled", "yes", "--cluster-port", &bus])
            })
            .collect();
        let places: Vec<_> = servers.iter().map(|server| format!("127.0.0.1:{}", server.port())).collect();
        let places: Vec<_> = places.iter().map(String::as_str).collect();
        let made = servers[0].ask(&[&["--cluster", "create"], &places[..], &["--cluster-yes"]].concat());
        assert!(made.contains("All 16384 slots covered"), "{made}");
        for server in &servers {
            eventually(|| server.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok")).await;
        }
        Self(servers)
    }

    fn address(&self) -> String {
        format!("redis-cluster://127.0.0.1:{}", self.0[0].port())
    }

    /// Hands our slot to another server, with all that is in it.
    fn move_slot(&self) {
        let slot = self.0[0].ask(&["CLUSTER", "KEYSLOT", "{oauth}"]).trim().to_owned();
        let count = |server: &&Server| server.ask(&["CLUSTER", "COUNTKEYSINSLOT", &slot]).trim() != "0";
        let from = self.0.iter().find(count).unwrap();
        let to = self.0.iter().find(|server| server.port() != from.port()).unwrap();
        let id = |server: &Server| server.ask(&["CLUSTER", "MYID"]).trim().to_owned();
        to.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id(from)]);
        from.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &id(to)]);
        let port = to.port().to_string();
        for key in from.ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "1000"]).lines() {
            from.ask(&["MIGRATE", "127.0.0.1", &port, key, "0", "5000"]);
        }
        for server in [to, from] {
            assert_eq!(server.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &id(to)]).trim(), "OK");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_redis_store_in_a_cluster_keeps_the_contract() {
    let cluster = Cluster::start().await;
    keeps_the_contract(Arc::new(open(&cluster.address()).await)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn j_03_a_store_whose_slot_moves_to_another_server_goes_with_it() {
    let cluster = Cluster::start().await;
    let (here, there) = (open(&cluster.address()).await, open(&cluster.address()).await);
    open_family(&here, 1).await;
    cluster.move_slot();
    let rotated = here.rotate_refresh(&rotation(1, "r1", "r2", T0)).await.unwrap();
    assert_eq!(rotated, Rotated::Fresh, "a redirection is followed");
    let token = issued("after", T0);
    here.revoke(&[Revocation::of_token(token)], T0).await.unwrap();
    until_it_kills(&there, token.id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn j_02_a_cluster_that_was_started_wrongly_and_set_right_again_is_found_again() {
    let bus = free_port().to_string();
    let options = ["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-announce-ip", "127.0.0.1"];
    let mut server = Server::with(free_port(), &options);
    server.ask(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    eventually(|| server.ask(&["CLUSTER", "INFO"]).contains("cluster_state:ok")).await;
    let store = open(&format!("redis-cluster://127.0.0.1:{}", server.port())).await;
    server.kill();
    server.set_options(&[]);
    server.launch();
    eventually(|| server.ask(&["INFO", "errorstats"]).contains("errorstat_ERR")).await;
    server.kill();
    server.set_options(&options);
    server.launch();
    recovers(&store).await;
}
