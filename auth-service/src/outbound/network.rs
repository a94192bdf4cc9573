//! The two things that the operating system does for a request: a name becomes addresses, an address a connection.

use std::net::IpAddr;

use async_trait::async_trait;
use tokio::net::TcpStream;

use super::target::CheckedAddress;

/// The network. Tests have one of their own, with names and addresses that lie.
#[async_trait]
pub trait Network: Send + Sync + std::fmt::Debug {
    /// Every address of a name. It is asked once for each request.
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>>;

    /// A connection to exactly this address.
    async fn dial(&self, address: CheckedAddress) -> std::io::Result<TcpStream>;
}

/// The network that this machine is in.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemNetwork;

#[async_trait]
impl Network for SystemNetwork {
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        let found = tokio::net::lookup_host((host, 0)).await?;
        Ok(found.map(|address| address.ip()).collect())
    }

    async fn dial(&self, address: CheckedAddress) -> std::io::Result<TcpStream> {
        TcpStream::connect(address.get()).await
    }
}
