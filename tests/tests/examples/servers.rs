//! `mcp.json`: what is shown is right, and its schema and the bridge agree about what is wrong.

use std::path::Path;
use std::process::Stdio;

use gateway_e2e::gateway::{bin_dir, repository};
use serde_json::{Value, json};
use tokio::process::Command;

use super::{allowed_by, json_blocks};

const SCHEMA: &str = "stdio-bridge/mcp.schema.json";

/// What the bridge says about a file with this content. It never starts: its address is wrong, too.
async fn mistakes_in(folder: &Path, document: &Value) -> String {
    let file = folder.join("mcp.json");
    std::fs::write(&file, document.to_string()).unwrap();
    let mut bridge = Command::new(bin_dir().join("stdio-bridge"));
    bridge.args(["serve", "--config"]).arg(&file).env("BRIDGE_BIND", "nowhere").stdin(Stdio::null());
    let output = bridge.output().await.unwrap();
    assert_eq!(output.status.code(), Some(64));
    let told = String::from_utf8(output.stderr).unwrap();
    told.lines().filter(|line| line.contains("MCP_CONFIG: ")).collect::<Vec<_>>().join("\n")
}

fn with(entry: &Value) -> Value {
    json!({ "mcpServers": { "one": entry } })
}

#[tokio::test]
async fn the_bridge_and_the_schema_refuse_the_same_mistakes() {
    let good = [
        json!({ "mcpServers": {} }),
        with(&json!({ "command": "sh" })),
        with(
            &json!({ "type": "stdio", "command": "${X:-sh}", "args": ["$${a}", ""], "env": { "A": "" }, "cwd": "/", "stateless": true }),
        ),
        with(
            &json!({ "command": "sh", "sandbox": { "read": ["${X:-/}"], "write": [], "network": false, "memory_mib": 512,
            "open_files": 64, "processes": 8, "cpu_seconds": 60, "user": 65534 } }),
        ),
    ];
    let bad = [
        json!([]),
        json!({}),
        json!({ "mcpServers": {}, "servers": {} }),
        json!({ "mcpServers": { "Big": { "command": "sh" } } }),
        json!({ "mcpServers": { "": { "command": "sh" } } }),
        with(&json!({})),
        with(&json!({ "command": "" })),
        with(&json!({ "command": "sh", "args": "x" })),
        with(&json!({ "command": "sh", "args": ["a\u{0}"] })),
        with(&json!({ "command": "sh", "env": { "A=B": "x" } })),
        with(&json!({ "command": "sh", "env": { "A": 1 } })),
        with(&json!({ "command": "sh", "cwd": 1 })),
        with(&json!({ "command": "sh", "stateless": "yes" })),
        with(&json!({ "command": "sh", "type": "sse" })),
        with(&json!({ "command": "sh", "shell": true })),
        with(&json!({ "command": "sh", "sandbox": { "files": ["/"] } })),
        with(&json!({ "command": "sh", "sandbox": { "open_files": 0 } })),
        with(&json!({ "command": "sh", "sandbox": { "read": "/" } })),
        with(&json!({ "command": "sh", "sandbox": true })),
    ];
    let folder = tempfile::tempdir().unwrap();
    let verdicts = allowed_by(SCHEMA, &[&good[..], &bad[..]].concat()).await;
    for (index, (document, allowed)) in good.iter().chain(&bad).zip(verdicts).enumerate() {
        let mistakes = mistakes_in(folder.path(), document).await;
        assert_eq!(allowed, index < good.len(), "the schema about {document}");
        assert_eq!(mistakes.is_empty(), allowed, "the bridge about {document}: {mistakes}");
    }
}

#[tokio::test]
async fn every_mcp_json_that_is_shown_is_described() {
    let read = |file: &str| std::fs::read_to_string(repository().join(file)).unwrap();
    let mut shown: Vec<Value> = json_blocks(&read("README.md"))
        .iter()
        .filter_map(|block| serde_json::from_str(block).ok())
        .filter(|block: &Value| block.pointer("/mcpServers/notes").is_some())
        .collect();
    assert_eq!(shown.len(), 1, "the README shows one");
    shown.extend(
        json_blocks(&read("docs/servers.md")).iter().map(|block| serde_json::from_str(block).unwrap()),
    );
    shown.push(serde_json::from_str(&read("mcp.json")).unwrap());
    assert_eq!(allowed_by(SCHEMA, &shown).await, [true, true, true]);
}
