//! Our auth service as a process: prepared, started, watched, stopped.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use gateway_core::jwt::sign::SigningKey;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::envoy::free_addresses;
use crate::load::Client;
use crate::process::resident_kib;
use crate::tokens::{ISSUER, Key, PATH};
use crate::{Failure, pin};

/// How long it may take until it is ready.
const PATIENCE: Duration = Duration::from_secs(10);

/// An auth service with a data directory, not running yet.
#[derive(Debug)]
pub(crate) struct Prepared {
    program: PathBuf,
    env: BTreeMap<&'static str, String>,
    address: SocketAddr,
    internal: SocketAddr,
    folder: TempDir,
    /// Its name and password.
    first_user: (String, String),
}

/// A running auth service. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct AuthService {
    child: Child,
    prepared: Prepared,
}

impl Prepared {
    /// Makes the data directory, with keys and a first user. Nobody is asked to slow down.
    pub(crate) fn new(root: &Path) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let [address, internal] = free_addresses()?;
        let mcp_config = folder.path().join("mcp.json");
        fs::write(&mcp_config, json!({ "mcpServers": { "time": { "command": "true" } } }).to_string())?;
        let off = |name| (name, "off".to_owned());
        let env = BTreeMap::from([
            ("PUBLIC_URL", ISSUER.to_owned()),
            ("AUTH_BIND", address.to_string()),
            ("AUTH_INTERNAL_BIND", internal.to_string()),
            ("DATA_DIR", folder.path().join("data").display().to_string()),
            ("MCP_CONFIG", mcp_config.display().to_string()),
            ("LOG_LEVEL", "warn".to_owned()),
            off("LIMIT_REGISTER"),
            off("LIMIT_AUTHORIZE"),
            off("LIMIT_TOKEN"),
        ]);
        let program = root.join("target/release/auth-service");
        let output = Command::new(&program).arg("init").envs(&env).stderr(Stdio::null()).output()?;
        if !output.status.success() {
            return Err("auth-service init failed".into());
        }
        let said: Value = serde_json::from_slice(&output.stdout)?;
        let of_user =
            |name| said.pointer(&format!("/created/{name}")).and_then(Value::as_str).map(str::to_owned);
        let first_user = of_user("username").zip(of_user("password")).ok_or("init made no user")?;
        Ok(Self { program, env, address, internal, folder, first_user })
    }

    /// The same, with its records in Redis.
    pub(crate) fn on_redis(root: &Path, redis: SocketAddr) -> Result<Self, Failure> {
        let mut prepared = Self::new(root)?;
        prepared.env.insert("REDIS_URL", format!("redis://{redis}"));
        Ok(prepared)
    }

    /// Starts it, and waits until it is ready.
    pub(crate) fn start(self) -> Result<AuthService, Failure> {
        let mut command = Command::new(&self.program);
        command.arg("serve").envs(&self.env).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let service = AuthService { child: command.spawn()?, prepared: self };
        let request = b"GET /health/ready HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if Client::connect(service.internal()).and_then(|mut client| client.ask(request)).ok()
                == Some(200)
            {
                return Ok(service);
            }
            thread::sleep(Duration::from_millis(1));
        }
        Err("auth-service did not start".into())
    }
}

impl AuthService {
    /// Starts a new one on `core`.
    pub(crate) fn start(root: &Path, core: usize) -> Result<Self, Failure> {
        let prepared = Prepared::new(root)?;
        pin::to(core)?;
        let service = prepared.start();
        pin::to(pin::REST)?;
        service
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.prepared.address
    }

    /// Where edges ask it for revocations.
    pub(crate) const fn internal(&self) -> SocketAddr {
        self.prepared.internal
    }

    /// Name and password of its first user.
    pub(crate) fn first_user(&self) -> (&str, &str) {
        let (name, password) = &self.prepared.first_user;
        (name, password)
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in KiB.
    pub(crate) fn resident_kib(&self) -> Result<u32, Failure> {
        resident_kib(self.child.id())
    }

    /// The key that it signs with.
    pub(crate) fn key(&self) -> Result<Key, Failure> {
        let file = fs::read_to_string(self.prepared.folder.path().join("data/signing-keys.json"))?;
        let set: Value = serde_json::from_str(&file)?;
        let jwk = set.pointer("/keys/0").ok_or("the auth service has no signing key")?;
        Ok(Key::Ours(SigningKey::from_private_jwk(&jwk.to_string())?))
    }

    /// The question of a proxy about `token`.
    pub(crate) fn verification(token: &str) -> Vec<u8> {
        let host = ISSUER.split_once("://").map_or("", |(_, host)| host);
        format!(
            "GET /verify HTTP/1.1\r\nhost: {host}\r\nx-forwarded-proto: http\r\nx-forwarded-host: {host}\r\n\
             x-forwarded-uri: {PATH}\r\nauthorization: Bearer {token}\r\n\r\n"
        )
        .into_bytes()
    }

    /// Whether it answers such a question with yes.
    pub(crate) fn verifies(&self, token: &str) -> Result<bool, Failure> {
        Ok(Client::connect(self.address())?.ask(&Self::verification(token))? == 200)
    }
}

impl Drop for AuthService {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
