//! The bridge alone, without Envoy and auth service, in front of servers of the test's choice.

use std::net::SocketAddr;

use launcher::probe::Probe;
use launcher::process::Program;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::Command;

use crate::gateway::{bin_dir, path_with_tools};
use crate::ports::Reserved;

/// A running bridge.
#[derive(Debug)]
pub struct BareBridge {
    program: Program,
    port: Reserved,
    folder: TempDir,
}

impl BareBridge {
    /// Starts the bridge with the entries `servers` of `mcp.json`.
    pub async fn start(servers: Value) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("mcp.json");
        std::fs::write(&config, json!({ "mcpServers": servers }).to_string()).expect("mcp.json is written");
        let port = Reserved::new();
        let mut command = Command::new(bin_dir().join("stdio-bridge"));
        command.arg("serve").env("PATH", path_with_tools());
        command.env("MCP_CONFIG", &config).env("BRIDGE_BIND", port.address().to_string());
        let mut program = Program::start("stdio-bridge", command, folder.path()).expect("the bridge starts");
        let ready =
            Probe { address: port.address(), path: "/health/ready".to_owned(), host: None, bearer: None };
        while ready.status().await != Some(200) {
            assert!(program.ended().is_none(), "{}", program.last_words());
        }
        Self { program, port, folder }
    }

    /// The entry of `mcp.json` for the fixture of the conformance suite.
    #[must_use]
    pub fn conformance_server(arguments: &[&str]) -> Value {
        json!({ "command": bin_dir().join("conformance-server"), "args": arguments })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// The address of one server.
    #[must_use]
    pub fn url(&self, server: &str) -> String {
        format!("http://{}/{server}/mcp", self.address())
    }

    /// A folder for files of the test, gone with the bridge.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Stops it.
    pub async fn stop(self) {
        self.program.stop().await;
    }
}
