//! Official clients of both eras, straight to the bridge, in front of official servers of both eras: `server-everything` (npm)
//! knows only `initialize`, `mcp-server-time` (from the Python index) both.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "helpers of a test fail it by panicking"
)]

use gateway_e2e::bare_bridge::BareBridge;
use gateway_e2e::gateway::repository;
use serde_json::{Value, json};
use tokio::process::Command;

/// What the client sees that `program` runs, in its way to negotiate `mode`.
async fn seen(mut program: Command, url: &str, mode: &str) -> Value {
    let (tool, arguments) = if url.contains("everything") {
        ("echo", json!({"message": "ciao"}))
    } else {
        ("get_current_time", json!({"timezone": "Europe/Vienna"}))
    };
    program.args([url, mode, tool, &arguments.to_string()]).kill_on_drop(true);
    let output = program.output().await.expect("`just setup tests` installs the clients");
    let errors = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{url} {mode}: {errors}"))
}

/// Drives both servers with the client that `program` makes, in each `mode`; it must agree on the revision beside it.
async fn uses_both_servers(program: impl Fn() -> Command, modes: &[(&str, &str)]) {
    let bridge = BareBridge::start(json!({
        "everything": { "command": "mcp-server-everything", "args": ["stdio"] },
        "time": { "command": "mcp-server-time" },
    }))
    .await;
    for (mode, version) in modes {
        let everything = seen(program(), &bridge.url("everything"), mode).await;
        assert_eq!(
            (&everything["version"], &everything["text"]),
            (&json!(version), &json!("Echo: ciao")),
            "{mode}"
        );
        assert!(
            everything["tools"].as_array().is_some_and(|tools| tools.contains(&json!("get-sum"))),
            "{mode}"
        );
        let time = seen(program(), &bridge.url("time"), mode).await;
        assert_eq!(time["version"], json!(version), "{mode}");
        assert!(time["text"].as_str().is_some_and(|text| text.contains("Europe/Vienna")), "{mode}");
    }
    bridge.stop().await;
}

#[tokio::test]
async fn the_typescript_sdk_v2_is_served_in_every_way_to_negotiate() {
    let program = || {
        let mut node = Command::new("node");
        node.arg(repository().join("tests/clients/typescript-v2/client.mjs"));
        node
    };
    uses_both_servers(program, &[("legacy", "2025-11-25"), ("auto", "2026-07-28"), ("pin", "2026-07-28")])
        .await;
}

#[tokio::test]
async fn the_python_sdk_is_served_in_every_way_to_negotiate() {
    let program = || {
        let mut python = Command::new(repository().join(".tools/python/bin/python"));
        python.arg(repository().join("tests/clients/python/modern.py"));
        python
    };
    let modes = [("legacy", "2025-11-25"), ("auto", "2026-07-28"), ("2026-07-28", "2026-07-28")];
    uses_both_servers(program, &modes).await;
}
