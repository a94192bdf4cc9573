//! The way to what the operator configured: bounded in time and size, and nowhere but where it was sent.

use std::time::Duration;

use http::{Request, Response};
use reqwest::redirect::Policy;

/// Longest time to a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// Longest time for one request, from the first byte out to the last byte in.
const TOTAL: Duration = Duration::from_secs(5);

/// Largest answer that is read, in bytes.
const MAX_BODY: usize = 512 * 1024;

/// Why there is no answer. Says nothing that the other side wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// There can be no client: the machine has no certificates to trust.
    #[error("no HTTP client can be made; are there root certificates on this machine?")]
    NoClient,
    /// Nobody there, or nobody who proves to be the right one.
    #[error("no connection")]
    NoConnection,
    /// 3 s to connect, or 5 s in all, are over.
    #[error("no answer in time")]
    TooSlow,
    /// More than 512 KiB.
    #[error("the answer is too large")]
    TooLarge,
    /// The connection broke, or no HTTP came over it.
    #[error("the answer broke off")]
    Broken,
}

/// An HTTP client that follows no redirect, knows no proxy and keeps no cookie.
#[derive(Debug, Clone)]
pub struct HttpClient(reqwest::Client);

impl HttpClient {
    /// A client.
    ///
    /// # Errors
    /// [`FetchError::NoClient`].
    pub fn new() -> Result<Self, FetchError> {
        let builder = reqwest::Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .referer(false)
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            // GitHub refuses requests without a name.
            .user_agent(concat!("mcp-edge-gateway/", env!("CARGO_PKG_VERSION")));
        builder.build().map(Self).map_err(|_| FetchError::NoClient)
    }

    /// Sends a request; gives the answer, whatever its status.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn send(&self, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, FetchError> {
        let request = reqwest::Request::try_from(request).map_err(|_| FetchError::NoConnection)?;
        let mut answer = self.0.execute(request).await.map_err(|error| reason(&error))?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| reason(&error))? {
            if body.len().saturating_add(chunk.len()) > MAX_BODY {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::new(body);
        *response.status_mut() = answer.status();
        *response.headers_mut() = std::mem::take(answer.headers_mut());
        Ok(response)
    }
}

fn reason(error: &reqwest::Error) -> FetchError {
    if error.is_timeout() {
        FetchError::TooSlow
    } else if error.is_connect() {
        FetchError::NoConnection
    } else {
        FetchError::Broken
    }
}
