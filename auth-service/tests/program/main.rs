//! The program with a whole client: killed at any moment, in several processes at once, and searched for secrets.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::string_slice,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a helper that fails fails its test, and tests count with small numbers"
)]

mod canary;
mod client;
mod crash;
mod http;
mod life;
mod replicas;
mod world;

#[path = "../store_contract/redis/server.rs"]
#[expect(dead_code, reason = "the contract suite uses more of it")]
mod server;
#[path = "../cli/service.rs"]
#[expect(dead_code, reason = "the tests of the command line use more of it")]
mod service;
