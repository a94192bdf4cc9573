//! The program, as an operator runs it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A home with an `mcp.json` of one server.
pub(crate) fn home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("mcp.json"), r#"{"mcpServers":{"time":{"command":"x"}}}"#).unwrap();
    home
}

pub(crate) fn command(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auth-service"));
    command
        .args(arguments)
        .env_clear()
        .env("DATA_DIR", home.join("data"))
        .env("MCP_CONFIG", home.join("mcp.json"))
        .env("AUTH_BIND", "127.0.0.1:0")
        .env("AUTH_INTERNAL_BIND", "127.0.0.1:0");
    command
}

pub(crate) fn run(home: &Path, arguments: &[&str]) -> Output {
    command(home, arguments).output().unwrap()
}

pub(crate) fn line(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(crate) fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The running service; killed when a test fails.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) public: SocketAddr,
    pub(crate) internal: SocketAddr,
    pub(crate) log: BufReader<std::process::ChildStderr>,
}

impl Running {
    pub(crate) fn start(home: &Path) -> Self {
        Self::spawn(&mut command(home, &["serve"]))
    }

    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        let nowhere = ([0; 4], 0).into();
        let mut running = Self { child, public: nowhere, internal: nowhere, log };
        (running.public, running.internal) = running.announced();
        running
    }

    /// Reads the log up to the line that says where the service listens.
    pub(crate) fn announced(&mut self) -> (SocketAddr, SocketAddr) {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "ended before it was ready: {seen}");
            let field = |name: &str| {
                let (_, after) = line.split_once(&format!(" {name}="))?;
                after.split_whitespace().next().unwrap().parse().ok()
            };
            if let (Some(public), Some(internal)) = (field("address"), field("internal_address")) {
                return (public, internal);
            }
            seen.push_str(&line);
        }
    }

    /// What the feed says after `cursor`.
    pub(crate) fn feed(&self, cursor: &str, wait: u64) -> Value {
        let request = format!(
            "GET /internal/revocations?after={cursor}&wait={wait} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        );
        let answer = send(self.internal, &request);
        serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
    }

    /// The command `revoke` with these arguments, against this service.
    pub(crate) fn revoke(&self, home: &Path, arguments: &[&str]) -> Output {
        self.order(home, &[&["revoke"], arguments].concat())
    }

    /// Any command, against this service.
    pub(crate) fn order(&self, home: &Path, arguments: &[&str]) -> Output {
        let address = self.internal.to_string();
        command(home, arguments).env("AUTH_INTERNAL_BIND", address).output().unwrap()
    }

    pub(crate) fn send(&self, request: &str) -> String {
        send(self.public, request)
    }

    pub(crate) fn register(&self) -> String {
        let body = r#"{"redirect_uris":["https://app.example/cb"],"token_endpoint_auth_method":"none"}"#;
        let answer = self.send(&format!(
            "POST /register HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        ));
        let json: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        json["client_id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }
}

/// One request on a connection of its own; gives the whole answer.
pub(crate) fn send(to: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

impl Drop for Running {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}
