//! The official conformance suite against the bridge, in both eras, in front of a server that has everything the suite asks
//! for.

#![expect(clippy::expect_used, reason = "helpers of a test fail it by panicking")]

use std::process::Stdio;

use gateway_e2e::bare_bridge::BareBridge;
use gateway_e2e::gateway::repository;
use serde_json::json;
use tokio::process::Command;

/// Runs all scenarios that `revision` requires of a server (and those it reports without scoring them) against a bridge
/// in front of the fixture, which gets `arguments`. Gives what the suite said.
async fn conforms(revision: &str, arguments: &[&str]) -> String {
    let bridge = BareBridge::start(json!({ "fixture": BareBridge::conformance_server(arguments) })).await;
    let tools = repository().join(".tools/conformance/node_modules");
    let mut suite = Command::new(tools.join(".bin/node"));
    suite
        .arg(tools.join("@modelcontextprotocol/conformance/dist/index.js"))
        .args(["server", "--url", &bridge.url("fixture"), "--requirements", revision])
        .current_dir(bridge.folder())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = suite.output().await.expect("`just setup tests` installs the suite");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}");
    bridge.stop().await;
    said
}

fn passed(said: &str) -> usize {
    said.lines().filter(|line| line.starts_with('✓')).count()
}

#[tokio::test]
async fn legacy_clients_of_a_legacy_server_get_all_that_2025_11_25_requires() {
    assert!(passed(&conforms("2025-11-25", &[]).await) >= 30);
}

#[tokio::test]
async fn h07_modern_clients_of_a_legacy_server_get_all_that_2026_07_28_requires() {
    assert!(passed(&conforms("2026-07-28", &[]).await) >= 37);
}

#[tokio::test]
async fn modern_clients_of_a_modern_server_get_all_that_2026_07_28_requires() {
    assert!(passed(&conforms("2026-07-28", &["--modern"]).await) >= 37);
}

#[tokio::test]
async fn i16_legacy_clients_of_a_modern_server_get_all_that_2025_11_25_requires() {
    assert!(passed(&conforms("2025-11-25", &["--modern"]).await) >= 30);
}
