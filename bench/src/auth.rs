//! Our auth service, for the listener that asks it about each request.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use gateway_core::jwt::sign::SigningKey;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::envoy::free_addresses;
use crate::load::Client;
use crate::tokens::{ISSUER, Key, PATH};
use crate::{Failure, pin};

/// A running auth service. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct AuthService {
    child: Child,
    address: SocketAddr,
    internal: SocketAddr,
    folder: TempDir,
}

impl AuthService {
    /// Starts it on `core`.
    pub(crate) fn start(root: &Path, core: usize) -> Result<Self, Failure> {
        let folder = tempfile::tempdir()?;
        let [address, internal] = free_addresses()?;
        let mcp_config = folder.path().join("mcp.json");
        fs::write(&mcp_config, json!({ "mcpServers": { "time": { "command": "true" } } }).to_string())?;
        let env = BTreeMap::from([
            ("PUBLIC_URL", ISSUER.to_owned()),
            ("AUTH_BIND", address.to_string()),
            ("AUTH_INTERNAL_BIND", internal.to_string()),
            ("DATA_DIR", folder.path().join("data").display().to_string()),
            ("MCP_CONFIG", mcp_config.display().to_string()),
            ("LOG_LEVEL", "warn".to_owned()),
        ]);
        let command = |task: &str| {
            let mut command = Command::new(root.join("target/release/auth-service"));
            command.arg(task).envs(&env).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            command
        };
        if !command("init").status()?.success() {
            return Err("auth-service init failed".into());
        }
        pin::to(core)?;
        let child = command("serve").spawn();
        pin::to(pin::REST)?;
        let service = Self { child: child?, address, internal, folder };
        let request = b"GET /jwks.json HTTP/1.1\r\nhost: localhost\r\n\r\n";
        for _ in 0..200 {
            if Client::connect(address).and_then(|mut client| client.ask(request)).ok() == Some(200) {
                return Ok(service);
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err("auth-service did not start".into())
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where edges ask it for revocations.
    pub(crate) const fn internal(&self) -> SocketAddr {
        self.internal
    }

    /// The key that it signs with.
    pub(crate) fn key(&self) -> Result<Key, Failure> {
        let file = fs::read_to_string(self.folder.path().join("data/signing-keys.json"))?;
        let set: Value = serde_json::from_str(&file)?;
        let jwk = set.pointer("/keys/0").ok_or("the auth service has no signing key")?;
        Ok(Key::Ours(SigningKey::from_private_jwk(&jwk.to_string())?))
    }

    /// Whether it answers the questions of proxies about `token`.
    pub(crate) fn verifies(&self, token: &str) -> Result<bool, Failure> {
        let host = ISSUER.split_once("://").map_or("", |(_, host)| host);
        let request = format!(
            "GET /verify HTTP/1.1\r\nhost: {host}\r\nx-forwarded-proto: http\r\nx-forwarded-host: {host}\r\n\
             x-forwarded-uri: {PATH}\r\nauthorization: Bearer {token}\r\n\r\n"
        );
        Ok(Client::connect(self.address)?.ask(request.as_bytes())? == 200)
    }
}

impl Drop for AuthService {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
