//! An upstream in the place of the bridge: it answers everything with 200 and remembers what it was sent.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// One request, as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// Request line and headers, in lower case.
    pub head: String,
    /// How many bytes its body had.
    pub size: usize,
    /// The SHA-256 of the body.
    pub hash: [u8; 32],
    /// The lines behind a body in chunks, in lower case.
    pub trailers: String,
}

/// Remembers every request.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    received: Shared,
    server: JoinHandle<()>,
}

type Shared = Arc<Mutex<Vec<Received>>>;

impl Recorder {
    /// Starts on a free port.
    pub async fn start() -> Self {
        Self::answering(SocketAddr::from(([127, 0, 0, 1], 0)), "ok").await
    }

    /// Starts at `address`; every answer is `body`.
    pub async fn answering(address: SocketAddr, body: &str) -> Self {
        Self::saying(address, "", body).await
    }

    /// Starts on a free port; every answer has these header lines, each with its CRLF.
    pub async fn with_headers(headers: &str) -> Self {
        Self::saying(SocketAddr::from(([127, 0, 0, 1], 0)), headers, "ok").await
    }

    async fn saying(address: SocketAddr, headers: &str, body: &str) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let received = Shared::default();
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
        );
        let server = tokio::spawn(serve(listener, Arc::clone(&received), Arc::from(answer)));
        Self { address, received, server }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Request lines and headers of all requests so far, in lower case.
    #[must_use]
    pub fn heads(&self) -> Vec<String> {
        self.received().into_iter().map(|received| received.head).collect()
    }

    /// All requests so far.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn serve(listener: TcpListener, received: Shared, answer: Arc<str>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (received, answer) = (Arc::clone(&received), Arc::clone(&answer));
        tokio::spawn(async move {
            let mut stream = BufReader::new(stream);
            let request = read(&mut stream).await?;
            received.lock().unwrap_or_else(PoisonError::into_inner).push(request);
            stream.write_all(answer.as_bytes()).await
        });
    }
}

/// One whole request, its body by length or in chunks.
async fn read(stream: &mut BufReader<TcpStream>) -> std::io::Result<Received> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        let mut line = Vec::new();
        stream.read_until(b'\n', &mut line).await?;
        if line.is_empty() {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        head.push_str(&String::from_utf8_lossy(&line).to_lowercase());
    }
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    let (mut size, mut hash, mut trailers) = (0_usize, Sha256::new(), String::new());
    let mut next = match (field("transfer-encoding:"), field("content-length:")) {
        (Some(_), _) => chunk(stream, &mut trailers).await?,
        (None, length) => length.and_then(|length| length.parse().ok()).unwrap_or(0),
    };
    let is_chunked = field("transfer-encoding:").is_some();
    while next > 0 {
        let mut part = vec![0; next];
        stream.read_exact(&mut part).await?;
        size = size.saturating_add(next);
        hash.update(&part);
        next = if is_chunked { chunk(stream, &mut trailers).await? } else { 0 };
    }
    Ok(Received { head, size, hash: hash.finalize().into(), trailers })
}

/// The size of the next chunk; behind the last one it is 0, and the `trailers` have been read.
async fn chunk(stream: &mut BufReader<TcpStream>, trailers: &mut String) -> std::io::Result<usize> {
    let mut line = String::new();
    while line.trim().is_empty() {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let size = usize::from_str_radix(line.trim(), 16).map_err(|_| std::io::ErrorKind::InvalidData)?;
    while size == 0 && !line.trim().is_empty() {
        line.clear();
        stream.read_line(&mut line).await?;
        trailers.push_str(&line.to_lowercase());
    }
    Ok(size)
}
