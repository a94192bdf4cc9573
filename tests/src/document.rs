//! Somebody else's server of one document, which behaves as it is told: in the place of an issuer's keys or of a feed of
//! revocations that is down, slow, broken or hostile.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How such a server answers.
#[derive(Debug, Clone)]
pub enum Conduct {
    /// With this document.
    Document(String),
    /// As a feed does whose cursor this is: at once to whoever has another one; else when something changes.
    Feed(String, String),
    /// With this status and no document.
    Status(u16),
    /// With this many bytes of something.
    Flood(usize),
    /// It closes the connection.
    HangUp,
    /// It accepts, and says nothing.
    Silent,
}

/// A running server.
#[derive(Debug)]
pub struct DocumentServer {
    conduct: watch::Sender<Conduct>,
    asked: watch::Receiver<usize>,
    server: JoinHandle<()>,
}

impl DocumentServer {
    /// Starts it at `address`.
    pub async fn start(address: SocketAddr, conduct: Conduct) -> Self {
        let listener = TcpListener::bind(address).await.expect("the address is free");
        let (conduct, told) = watch::channel(conduct);
        let (count, asked) = watch::channel(0);
        let server = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, told.clone(), count.clone()));
            }
        });
        Self { conduct, asked, server }
    }

    /// From now on it behaves like this.
    pub fn behave(&self, conduct: Conduct) {
        self.conduct.send(conduct).expect("the server runs");
    }

    /// How often it was asked.
    #[must_use]
    pub fn asked(&self) -> usize {
        *self.asked.borrow()
    }

    /// Waits until it was asked so many times more.
    pub async fn asked_again(&self, times: usize) {
        let enough = self.asked().saturating_add(times);
        self.asked.clone().wait_for(|asked| *asked >= enough).await.expect("the server runs");
    }
}

impl Drop for DocumentServer {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(
    mut stream: TcpStream,
    mut told: watch::Receiver<Conduct>,
    count: watch::Sender<usize>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let conduct = told.borrow_and_update().clone();
    count.send_modify(|count| *count = count.saturating_add(1));
    let head = String::from_utf8_lossy(&head).into_owned();
    let (status, document) = match conduct {
        Conduct::Document(document) => (200, document),
        Conduct::Feed(cursor, document) => {
            if head.contains(&format!("after={cursor}")) {
                // A long poll: over when there is something new, or after a second. Its end is the answer either way.
                drop(tokio::time::timeout(Duration::from_secs(1), told.changed()).await);
            }
            let changed =
                if let Conduct::Feed(_, document) = &*told.borrow() { Some(document.clone()) } else { None };
            (200, changed.unwrap_or(document))
        }
        Conduct::Status(status) => (status, String::new()),
        Conduct::Flood(size) => (200, "9".repeat(size)),
        Conduct::HangUp => return Ok(()),
        Conduct::Silent => {
            drop(stream.read_u8().await);
            return Ok(());
        }
    };
    let length = document.len();
    let head = format!("HTTP/1.1 {status} Told\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(document.as_bytes()).await
}
