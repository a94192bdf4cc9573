//! Readiness: a real HTTP request to the real port.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longest wait for one answer.
const PATIENCE: Duration = Duration::from_secs(6);

/// An HTTP GET of which only the status of the answer matters.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Where to connect.
    pub address: SocketAddr,
    /// What to ask for.
    pub path: String,
    /// A bearer token to send along.
    pub bearer: Option<&'static str>,
    /// The name to ask under, if not the address.
    pub host: Option<String>,
}

impl Probe {
    /// The status of the answer; `None` while nobody answers.
    pub async fn status(&self) -> Option<u16> {
        tokio::time::timeout(PATIENCE, self.ask()).await.ok()?.ok()?
    }

    async fn ask(&self) -> std::io::Result<Option<u16>> {
        let mut stream = TcpStream::connect(self.address).await?;
        let authorization =
            self.bearer.map(|token| format!("authorization: Bearer {token}\r\n")).unwrap_or_default();
        let host = self.host.clone().unwrap_or_else(|| self.address.to_string());
        let request =
            format!("GET {} HTTP/1.1\r\nhost: {host}\r\n{authorization}connection: close\r\n\r\n", self.path);
        stream.write_all(request.as_bytes()).await?;
        let mut head = [0; 12];
        stream.read_exact(&mut head).await?;
        let status = head.get(9..12).and_then(|digits| std::str::from_utf8(digits).ok());
        Ok(status.and_then(|digits| digits.parse().ok()))
    }
}
