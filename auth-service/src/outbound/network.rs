//! The two things that the operating system does for a request: a name becomes addresses, an address a connection.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

use super::target::CheckedAddress;

/// The network. Tests have one of their own, with names and addresses that lie.
#[async_trait]
pub trait Network: Send + Sync + std::fmt::Debug {
    /// Every address of a name. It is asked once for each request.
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>>;

    /// A connection to exactly this address.
    async fn dial(&self, address: CheckedAddress) -> std::io::Result<TcpStream>;
}

/// Most names that are looked up at the same time. The system cannot be told to stop: a look-up whose name leads to a server that does not
/// answer keeps its thread for many seconds after nobody waits for it any more, and the store needs threads too.
const LOOK_UPS: usize = 16;

/// The network that this machine is in.
#[derive(Debug, Clone)]
pub struct SystemNetwork {
    look_ups: Arc<Semaphore>,
}

impl Default for SystemNetwork {
    fn default() -> Self {
        Self { look_ups: Arc::new(Semaphore::new(LOOK_UPS)) }
    }
}

impl SystemNetwork {
    /// Runs a look-up when it is its turn. Its turn lasts as long as it does, whoever waits.
    async fn look_up<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
    ) -> std::io::Result<T> {
        let turn = Arc::clone(&self.look_ups).acquire_owned().await.map_err(std::io::Error::other)?;
        let looking = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        looking.await.map_err(std::io::Error::other)?
    }
}

#[async_trait]
impl Network for SystemNetwork {
    async fn resolve(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        let host = host.to_owned();
        self.look_up(move || Ok((host.as_str(), 0).to_socket_addrs()?.map(|it| it.ip()).collect())).await
    }

    async fn dial(&self, address: CheckedAddress) -> std::io::Result<TcpStream> {
        TcpStream::connect(address.get()).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test]
    async fn d_34_look_ups_that_hang_are_bounded_although_nobody_waits_for_them_any_more() {
        let network = SystemNetwork::default();
        let mut ends = vec![];
        for _ in 0..LOOK_UPS {
            let (end, ended) = mpsc::channel::<()>();
            let hanging = network.look_up(move || Ok(ended.recv().ok()));
            assert!(timeout(Duration::from_millis(1), hanging).await.is_err(), "given up");
            ends.push(end);
        }
        assert_eq!(network.look_ups.available_permits(), 0);
        let next = network.look_up(|| Ok(()));
        tokio::pin!(next);
        assert!(timeout(Duration::from_millis(1), &mut next).await.is_err(), "waits for its turn");
        ends.pop();
        next.await.unwrap();
    }

    #[tokio::test]
    async fn a_name_that_every_machine_knows_is_found() {
        assert!(SystemNetwork::default().resolve("localhost").await.unwrap().iter().all(IpAddr::is_loopback));
    }
}
