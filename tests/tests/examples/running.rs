//! An example that runs.

use gateway_e2e::forge::Forge;
use gateway_e2e::gateway::repository;
use gateway_e2e::ports::Reserved;
use gateway_e2e::raw;
use gateway_e2e::upstream::Recorder;
use launcher::probe::Probe;
use launcher::process::Program;
use tempfile::TempDir;
use tokio::process::Command;

use super::Shown;

/// An example that runs, in front of an upstream that remembers.
pub(crate) struct Running {
    pub(crate) envoy: Program,
    pub(crate) address: std::net::SocketAddr,
    pub(crate) upstream: Recorder,
    folder: TempDir,
    _port: Reserved,
}

impl Running {
    /// Starts `example` with `places` filled in; `files` are put into a folder that stands for `/etc/envoy`.
    pub(crate) async fn start(example: &Shown, places: &[(&str, &str)], files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        let upstream = Recorder::start().await;
        let port = Reserved::new();
        let (own, theirs) = (port.address().port().to_string(), upstream.address().port().to_string());
        let listens = if example.text.contains("15006") { "15006" } else { "8080" };
        let text = example.filled_in(places).replace("mcp-server.internal", "127.0.0.1");
        let text = text.replace("/etc/envoy", folder.path().to_str().unwrap());
        let text = text
            .replace("0.0.0.0", "127.0.0.1")
            .replace(&format!("port_value: {listens}"), &format!("port_value: {own}"));
        let text = text.replace("port_value: 3000", &format!("port_value: {theirs}"));
        let bootstrap = folder.path().join("bootstrap.yaml");
        std::fs::write(&bootstrap, text).unwrap();
        let mut command = Command::new(repository().join(".tools/bin/envoy"));
        command.arg("--config-path").arg(bootstrap).args(["--concurrency", "1", "--disable-hot-restart"]);
        command.args(["--log-level", "warning"]);
        let mut envoy = Program::start("envoy", command, folder.path()).unwrap();
        let probe = Probe { address: port.address(), path: "/".to_owned(), bearer: None, host: None };
        while probe.status().await.is_none() {
            assert!(envoy.ended().is_none(), "{}", envoy.last_words());
        }
        Self { envoy, address: port.address(), upstream, folder, _port: port }
    }

    pub(crate) async fn status(&self, headers: &[&[u8]]) -> u16 {
        raw::get(self.address, "/time/mcp", headers).await.status
    }

    /// Stops Envoy, and gives the folder that its log is in.
    pub(crate) async fn stop(self) -> TempDir {
        self.envoy.stop().await;
        self.folder
    }

    /// Replaces a file as Envoy wants it: by moving another one into its place.
    pub(crate) fn put(&self, name: &str, text: &str) {
        let new = self.folder.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, self.folder.path().join(name)).unwrap();
    }

    pub(crate) fn times_logged(&self, text: &str) -> usize {
        std::fs::read_to_string(self.envoy.log()).unwrap().matches(text).count()
    }
}

/// The example's key, and this one in its place.
pub(crate) fn key_of(forge: &Forge) -> Vec<(&'static str, String)> {
    let jwk = forge.public_jwk();
    let text = |name: &str| jwk.get(name).unwrap().as_str().unwrap().to_owned();
    vec![
        ("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", text("x")),
        ("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0", text("y")),
        ("of-rfc-7515", forge.kid().to_owned()),
    ]
}

/// A call of one tool, by a client of the older era: what is called stands in the body only.
pub(crate) fn tool_call(token: &str) -> Vec<u8> {
    call("get_current_time", token, "")
}

/// A call of `tool` with these header lines besides, each with its CRLF.
pub(crate) fn call(tool: &str, token: &str, headers: &str) -> Vec<u8> {
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}}}}"#
    );
    let length = body.len();
    format!(
        "POST /time/mcp HTTP/1.1\r\nhost: gateway.example\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\naccept: application/json, text/event-stream\r\n{headers}\
         content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}
