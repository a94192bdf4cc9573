//! Envoy alone, without auth service and bridge, with our filter or any other module in its place: what happens when
//! the filter is not what it should be, or has nobody to ask.

use std::net::SocketAddr;
use std::path::PathBuf;

use launcher::edge::bootstrap;
use launcher::probe::Probe;
use launcher::process::Program;
use launcher::settings::Settings;
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Command;

use crate::gateway::{bin_dir, environment, envoy_stat, filter_wasm, logs_in};
use crate::ports::Reserved;

/// A running Envoy with the gateway's bootstrap.
#[derive(Debug)]
pub struct BareEdge {
    envoy: Program,
    settings: Settings,
    folder: TempDir,
    _ports: Vec<Reserved>,
}

impl BareEdge {
    /// Starts Envoy with the module that `wat` (WebAssembly text) describes; MCP routes lead to `upstream`.
    pub async fn with_module(wat: &str, upstream: SocketAddr) -> Self {
        let module = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(&module, wat::parse_str(wat).expect("WebAssembly text"))
            .expect("the module is written");
        Self::start(module.path().to_owned(), upstream, &[], 1).await
    }

    /// Starts Envoy with our filter; nobody is at the address of the auth service yet.
    pub async fn with_filter(upstream: SocketAddr) -> Self {
        Self::start(filter_wasm(), upstream, &[], 1).await
    }

    /// The same with so many workers, and with members of the filter's configuration put in behind others: pairs of JSON
    /// texts.
    pub async fn configured(upstream: SocketAddr, behind: &[(&str, &str)], workers: u8) -> Self {
        Self::start(filter_wasm(), upstream, behind, workers).await
    }

    async fn start(module: PathBuf, upstream: SocketAddr, behind: &[(&str, &str)], workers: u8) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (env, ports) = environment(folder.path(), &json!({}));
        let mut settings = Settings::read(&env, bin_dir()).expect("the harness sets what is right");
        settings.filter_wasm = module;
        settings.bridge_bind = upstream;

        let template = std::fs::read_to_string(&settings.envoy_template).expect("the bootstrap");
        let servers = ["time".parse().expect("a server name")];
        let bootstrap = bootstrap(&template, &settings, &servers).expect("a filled-in bootstrap");
        let bootstrap = behind.iter().fold(bootstrap, |text, (member, more)| {
            // The filter's configuration is a JSON text within a JSON text.
            let member = member.replace('"', "\\\"");
            assert!(text.contains(&member), "the configuration has no {member}");
            text.replace(&member, &format!("{member},{}", more.replace('"', "\\\"")))
        });
        let file = folder.path().join("envoy.yaml");
        std::fs::write(&file, bootstrap).expect("the bootstrap is written");
        let logs = folder.path().join("logs");
        std::fs::create_dir(&logs).expect("a folder for logs");
        let mut command = Command::new(settings.tools_dir.join("bin/envoy"));
        command.arg("--config-path").arg(file).args(["--log-level", "warning", "--disable-hot-restart"]);
        command.args(["--concurrency", &workers.to_string()]);
        let mut envoy = Program::start("envoy", command, &logs).expect("Envoy starts");

        let ready =
            Probe { address: settings.admin_bind, path: "/ready".to_owned(), bearer: None, host: None };
        while ready.status().await != Some(200) {
            assert!(envoy.ended().is_none(), "{}", envoy.last_words());
        }
        Self { envoy, settings, folder, _ports: ports }
    }

    /// Where Envoy listens for clients.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.settings.gateway_bind
    }

    /// Where Envoy looks for the auth service.
    #[must_use]
    pub const fn auth_address(&self) -> SocketAddr {
        self.settings.auth_bind
    }

    /// Where Envoy looks for the feed of revocations.
    #[must_use]
    pub const fn feed_address(&self) -> SocketAddr {
        self.settings.auth_internal_bind
    }

    /// The public origin, which is the issuer.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.settings.layout.issuer().as_str()
    }

    /// The value of one of Envoy's statistics.
    pub async fn envoy_stat(&self, name: &str) -> u64 {
        envoy_stat(self.settings.admin_bind, name).await
    }

    /// Stops it; gives what it logged.
    pub async fn stop(self) -> String {
        self.envoy.stop().await;
        logs_in(&self.folder.path().join("logs"))
    }
}
