//! `mcp.json` changes while the bridge runs.

use serde_json::{Value, json};
use stdio_bridge::config::{Change, Servers};

use crate::harness::{Harness, eventually, initialize, runs};

/// The fixture server under these names, each with its own arguments.
fn servers(entries: &[(&str, &[&str])]) -> Servers {
    let command = env!("CARGO_BIN_EXE_fixture-server");
    let entry = |arguments: &[&str]| json!({ "command": command, "args": arguments });
    let all: serde_json::Map<String, Value> =
        entries.iter().map(|(name, arguments)| ((*name).to_owned(), entry(arguments))).collect();
    let environment = std::collections::BTreeMap::<String, String>::new();
    Servers::parse(&json!({ "mcpServers": all }).to_string(), &environment).unwrap()
}

#[tokio::test]
async fn h_81_servers_that_stay_as_they_are_keep_their_sessions_and_the_others_begin_anew() {
    let harness =
        Harness::with(|settings| settings.servers = servers(&[("same", &[]), ("other", &[]), ("gone", &[])]))
            .await;
    let (same, other, gone) =
        (harness.client("same").await, harness.client("other").await, harness.client("gone").await);
    let pids = (same.pid().await, other.pid().await, gone.pid().await);

    let changes =
        harness.bridge.replace_servers(servers(&[("same", &[]), ("other", &["--x"]), ("new", &[])]));
    let expected = [("gone", Change::Removed), ("new", Change::Added), ("other", Change::Changed)];
    let changes: Vec<_> = changes.iter().map(|(name, change)| (name.as_str(), *change)).collect();
    assert_eq!(changes, expected);

    assert_eq!(same.pid().await, pids.0, "the session goes on");
    eventually("the others end", || !runs(pids.1) && !runs(pids.2)).await;
    assert_eq!(other.begin(1, "echo", json!(1)).await.status(), 404);
    assert_ne!(harness.client("other").await.pid().await, pids.1, "and begins anew");
    assert_eq!(gone.begin(1, "echo", json!(1)).await.status(), 404);
    assert_eq!(harness.post("gone", initialize(1)).send().await.unwrap().status(), 404);
    assert_eq!(harness.client("new").await.call(1, "echo", json!(7)).await["result"], json!(7));
    harness.stop().await;
}

#[tokio::test]
async fn h_81_nothing_changes_when_nothing_has_changed() {
    let harness = Harness::with(|settings| settings.servers = servers(&[("same", &[])])).await;
    let client = harness.client("same").await;
    assert!(harness.bridge.replace_servers(servers(&[("same", &[])])).is_empty());
    assert_eq!(client.call(1, "echo", json!(1)).await["result"], json!(1));
    harness.stop().await;
}
