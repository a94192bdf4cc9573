//! HTTP/1.1 by hand: bytes that no client library would send.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An answer, or as much of it as came before the connection was closed.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status; 0 when the connection was closed without one.
    pub status: u16,
    /// Status line and headers, as they came.
    pub head: String,
    /// What followed.
    pub body: String,
}

impl Answer {
    /// The value of a header, if it came once.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        values.next().filter(|_| values.next().is_none())
    }
}

/// Sends `head` (request line and headers, each line ending in CRLF; `connection: close` and the blank line are added)
/// to `address` and reads the answer as far as its `content-length` says, or to the end.
pub async fn send(address: SocketAddr, head: &[u8]) -> Answer {
    send_whole(address, &[head, b"connection: close\r\n\r\n"].concat()).await
}

/// Sends exactly these bytes.
pub async fn send_whole(address: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.expect("the edge listens");
    // Envoy may answer and close before it has read a request that is too large: what counts is the answer.
    let sent = stream.write_all(request).await;
    let mut received = Vec::new();
    while !is_whole(&received) {
        match stream.read_buf(&mut received).await {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                assert!(!received.is_empty(), "no answer at all: {error}, {sent:?}");
                break;
            }
        }
    }
    parse(&received)
}

fn parse(received: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(received).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

fn is_whole(received: &[u8]) -> bool {
    let answer = parse(received);
    let length = answer.header("content-length").and_then(|length| length.parse::<usize>().ok());
    length.is_some_and(|length| answer.body.len() >= length)
}

/// Sends a GET for `path` with these header lines (without their line ends).
pub async fn get(address: SocketAddr, path: &str, headers: &[&[u8]]) -> Answer {
    let mut head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n").into_bytes();
    for header in headers {
        head.extend_from_slice(header);
        head.extend_from_slice(b"\r\n");
    }
    send(address, &head).await
}
