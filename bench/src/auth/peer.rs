//! npm `oidc-provider` as a process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::Failure;
use crate::envoy::free_address;
use crate::tokens::{ISSUER, PATH, SCOPE};

/// A running `oidc-provider`. Dropping it kills it.
#[derive(Debug)]
pub(super) struct OidcProvider {
    child: Child,
    address: SocketAddr,
}

impl OidcProvider {
    /// Starts `bench/peer/server.mjs` and waits until it listens.
    pub(super) fn start(root: &Path) -> Result<Self, Failure> {
        let address = free_address()?;
        let mut command = Command::new("node");
        command.arg(root.join("bench/peer/server.mjs")).arg(address.port().to_string());
        command.args([&format!("{ISSUER}{PATH}"), SCOPE]).env("NODE_ENV", "production");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let child = command.spawn().map_err(|error| format!("node: {error}"))?;
        let mut provider = Self { child, address };
        let said = provider.child.stdout.take().ok_or("node has no output")?;
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        if line.is_empty() {
            return Err("oidc-provider did not start; `tools/setup.sh bench` installs it".into());
        }
        Ok(provider)
    }

    /// Its process.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
