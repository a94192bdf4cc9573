//! An upstream in the place of the bridge: it answers everything with 200 and remembers every byte it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// Remembers the head of every request.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    server: JoinHandle<()>,
}

impl Recorder {
    /// Starts on a free port.
    pub async fn start() -> Self {
        Self::answering(SocketAddr::from(([127, 0, 0, 1], 0)), "ok").await
    }

    /// Starts at `address`; every answer is `body`.
    pub async fn answering(address: SocketAddr, body: &str) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let heads = Arc::default();
        let server = tokio::spawn(serve(listener, Arc::clone(&heads), Arc::from(body)));
        Self { address, heads, server }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Request lines and headers of all requests so far, in lower case.
    #[must_use]
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, heads: Arc<Mutex<Vec<String>>>, body: Arc<str>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(answer(stream, Arc::clone(&heads), Arc::clone(&body)));
    }
}

async fn answer(
    mut stream: TcpStream,
    heads: Arc<Mutex<Vec<String>>>,
    body: Arc<str>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).to_lowercase();
    heads.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    let length = body.len();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    stream.write_all(answer.as_bytes()).await
}
