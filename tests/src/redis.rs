//! A real Redis for one test, and a second auth service beside a gateway's own.

use std::net::SocketAddr;
use std::process::Stdio;

use launcher::probe::Probe;
use launcher::process::Program;
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use crate::gateway::{Gateway, bin_dir, path_with_tools};
use crate::ports::Reserved;

/// A Redis that keeps nothing, on a socket of its own. Dropping it kills it.
#[derive(Debug)]
pub struct Redis {
    _child: Child,
    folder: TempDir,
}

impl Redis {
    /// Starts it and waits until it listens.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = Command::new("redis-server");
        command
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket", "redis.sock"])
            .env("PATH", path_with_tools())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("redis-server starts; `just setup tests` installs it");
        while UnixStream::connect(folder.path().join("redis.sock")).await.is_err() {
            assert!(child.try_wait().expect("a child").is_none(), "redis-server ended");
        }
        Self { _child: child, folder }
    }

    /// The value of `REDIS_URL`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.path().join("redis.sock").display())
    }
}

/// Another auth service of the same installation.
#[derive(Debug)]
pub struct Replica {
    program: Program,
    internal: SocketAddr,
    _ports: [Reserved; 2],
}

impl Replica {
    /// Starts a second auth service beside that of `gateway`, which keeps its store in `redis`.
    pub async fn start(gateway: &Gateway, redis: &Redis) -> Self {
        let ports = [Reserved::new(), Reserved::new()];
        let [public, internal] = ports.each_ref().map(Reserved::address);
        let data_dir = gateway.data_dir();
        let folder = data_dir.parent().expect("a folder of the gateway's").to_owned();
        let mut command = Command::new(bin_dir().join("auth-service"));
        command
            .arg("serve")
            .env("DATA_DIR", data_dir)
            .env("MCP_CONFIG", folder.join("mcp.json"))
            .env("PUBLIC_URL", gateway.origin())
            .env("AUTH_BIND", public.to_string())
            .env("AUTH_INTERNAL_BIND", internal.to_string())
            .env("REDIS_URL", redis.url());
        let mut program = Program::start("replica", command, &folder).expect("auth-service starts");
        let ready = Probe { address: internal, path: "/health/ready".to_owned(), bearer: None, host: None };
        while ready.status().await != Some(200) {
            assert!(program.ended().is_none(), "{}", program.last_words());
        }
        Self { program, internal, _ports: ports }
    }

    /// Where operators reach it.
    #[must_use]
    pub const fn internal(&self) -> SocketAddr {
        self.internal
    }

    /// Stops it.
    pub async fn stop(self) {
        self.program.stop().await;
    }
}
