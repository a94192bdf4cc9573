//! Requests to the outside: to addresses that strangers name, so that nothing inside can be reached through us.
//!
//! - What may be asked is a [`Target`]: `https`, and a public address unless the operator listed the origin.
//! - A name is resolved once, every address in the answer is checked, and the connection goes to a checked address: the
//!   types leave no other way, and a second look at the DNS does not exist.
//! - One request, one answer: no redirects, no proxies, no cookies, no compression, and limits on time, size and number.
//! - An error never holds anything that the other side sent.

mod limits;
mod network;
mod target;
mod tls;

use std::sync::Arc;
use std::time::Duration;

use axum::http::header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, HOST, USER_AGENT};
use axum::http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use limits::Limits;
use target::Place;

pub use network::{Network, SystemNetwork};
pub use target::{CheckedAddress, Origins, OriginsError, Target, TargetError};
pub use tls::{Roots, TlsError};

/// Longest time until a connection is there, its TLS handshake included.
const CONNECT: Duration = Duration::from_secs(3);

/// Longest time for everything: waiting for a turn, resolving, connecting, and reading to the end.
const TOTAL: Duration = Duration::from_secs(5);

/// Largest body that anybody may want, in bytes.
pub const MAX_BODY: usize = 64 * 1024;

/// Most bytes of an answer's head.
const MAX_HEAD: usize = 16 * 1024;

/// Most lines of an answer's head.
const MAX_HEADERS: usize = 64;

/// Most addresses of one name that are tried.
const MAX_TRIES: usize = 3;

/// What makes requests.
#[derive(Debug)]
pub struct Outbound {
    network: Arc<dyn Network>,
    tls: TlsClient,
    limits: Limits,
}

/// A [`TlsConnector`], which does not say what it is.
struct TlsClient(TlsConnector);

impl std::fmt::Debug for TlsClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("TlsClient")
    }
}

/// An answer: 200, JSON, and not larger than was wanted.
#[derive(Debug)]
pub struct Fetched {
    /// All headers. Nobody has looked at them.
    pub headers: HeaderMap,
    /// The body. It may be anything that calls itself JSON.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The address must not be asked.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The name has no address.
    #[error("the name of the host cannot be resolved")]
    Unresolved,
    /// One of the addresses of the name is not public.
    #[error("the host is not at a public address")]
    NotPublic,
    /// No connection.
    #[error("the host cannot be reached")]
    Unreachable,
    /// Nobody there can prove to be the host.
    #[error("no TLS connection to the host")]
    Tls,
    /// More than 3 s until there was a connection, or 5 s in all.
    #[error("the host took too long")]
    TimedOut,
    /// What came back is not HTTP, or ended too early.
    #[error("the host broke off its answer")]
    Broken,
    /// A status other than 200. Redirects are not followed.
    #[error("the host answered {0}")]
    Status(StatusCode),
    /// Compressed, although we did not offer to read that.
    #[error("the answer is encoded")]
    Encoded,
    /// Not `application/json` or `application/…+json`.
    #[error("the answer is not JSON")]
    NotJson,
    /// More bytes than were wanted.
    #[error("the answer is too large")]
    TooLarge,
}

impl Outbound {
    /// A client that trusts `roots`.
    ///
    /// # Errors
    /// [`TlsError`], when the roots cannot be used.
    pub fn new(network: Arc<dyn Network>, roots: Roots) -> Result<Self, TlsError> {
        Ok(Self { network, tls: TlsClient(roots.connector()?), limits: Limits::default() })
    }

    /// Fetches a JSON document of at most `max_body` bytes ([`MAX_BODY`] at the most).
    ///
    /// # Errors
    /// [`OutboundError`].
    pub async fn get(&self, target: &Target, max_body: usize) -> Result<Fetched, OutboundError> {
        let fetching = async {
            let _at_host = self.limits.at(target.host()).await;
            let addresses = self.addresses(target).await?;
            let _at_address = self.limits.at_first(&addresses).await;
            let _turn = self.limits.turn().await;
            self.ask(target, &addresses, max_body.min(MAX_BODY)).await
        };
        timeout(TOTAL, fetching).await.map_err(|_| OutboundError::TimedOut)?
    }

    /// Where the target is. One address that is not allowed spoils all: a name that leads inside and outside has been
    /// made to do so (D-32).
    async fn addresses(&self, target: &Target) -> Result<Vec<CheckedAddress>, OutboundError> {
        let found = match target.place() {
            Place::Address(address) => vec![address],
            Place::Name(name) => self.network.resolve(name).await.map_err(|_| OutboundError::Unresolved)?,
        };
        if found.is_empty() {
            return Err(OutboundError::Unresolved);
        }
        let checked = found.into_iter().map(|address| target.admit(address)).collect::<Option<Vec<_>>>();
        checked.ok_or(OutboundError::NotPublic)
    }

    async fn ask(
        &self,
        target: &Target,
        addresses: &[CheckedAddress],
        max_body: usize,
    ) -> Result<Fetched, OutboundError> {
        let connecting = self.connect(target, addresses);
        match timeout(CONNECT, connecting).await.map_err(|_| OutboundError::TimedOut)?? {
            Connection::Plain(stream) => exchange(stream, target, max_body).await,
            Connection::Secured(stream) => exchange(stream, target, max_body).await,
        }
    }

    async fn connect(
        &self,
        target: &Target,
        addresses: &[CheckedAddress],
    ) -> Result<Connection, OutboundError> {
        let plain = self.dial(addresses).await?;
        let Some(name) = target.tls_name() else { return Ok(Connection::Plain(plain)) };
        let secured = self.tls.0.connect(name.clone(), plain).await.map_err(|_| OutboundError::Tls)?;
        Ok(Connection::Secured(Box::new(secured)))
    }

    /// The first address that answers. Each of those that are tried gets its part of the time.
    async fn dial(&self, addresses: &[CheckedAddress]) -> Result<TcpStream, OutboundError> {
        let tried = addresses.get(..MAX_TRIES).unwrap_or(addresses);
        let patience = u32::try_from(tried.len()).ok().and_then(|tries| CONNECT.checked_div(tries));
        let patience = patience.unwrap_or(CONNECT);
        for address in tried {
            if let Ok(Ok(stream)) = timeout(patience, self.network.dial(*address)).await {
                return Ok(stream);
            }
        }
        Err(OutboundError::Unreachable)
    }
}

enum Connection {
    Plain(TcpStream),
    Secured(Box<tokio_rustls::client::TlsStream<TcpStream>>),
}

/// One request and its answer over one connection, which is closed afterwards.
async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    target: &Target,
    max_body: usize,
) -> Result<Fetched, OutboundError> {
    let mut http = http1::Builder::new();
    http.max_buf_size(MAX_HEAD).max_headers(MAX_HEADERS);
    let handshake = http.handshake::<_, Empty<Bytes>>(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|_| OutboundError::Broken)?;
    let asking = async {
        let answer = sender.send_request(request(target)?).await.map_err(|_| OutboundError::Broken)?;
        acceptable(&answer)?;
        let (head, body) = answer.into_parts();
        Ok(Fetched { headers: head.headers, body: read(body, max_body).await? })
    };
    // The connection may end while its last bytes are still to be read: only the answer decides when it is over.
    let driving = async {
        connection.await.ok();
        std::future::pending().await
    };
    tokio::select! {
        answer = asking => answer,
        never = driving => never,
    }
}

fn request(target: &Target) -> Result<Request<Empty<Bytes>>, OutboundError> {
    let request = Request::get(target.path_and_query())
        .header(HOST, target.authority())
        .header(ACCEPT, HeaderValue::from_static("application/json"))
        .header(USER_AGENT, HeaderValue::from_static("mcp-edge-gateway"));
    request.body(Empty::new()).map_err(|_| TargetError::Malformed.into())
}

/// Whether the head of an answer is worth reading on.
fn acceptable(answer: &Response<Incoming>) -> Result<(), OutboundError> {
    let headers = answer.headers();
    if answer.status() != StatusCode::OK {
        Err(OutboundError::Status(answer.status()))
    } else if headers.contains_key(CONTENT_ENCODING) {
        Err(OutboundError::Encoded)
    } else if !is_json(headers) {
        Err(OutboundError::NotJson)
    } else {
        Ok(())
    }
}

/// `application/json`, or a format that is built on it (RFC 6839 §3.1); said once.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(CONTENT_TYPE).iter();
    let (Some(Ok(only)), None) = (types.next().map(HeaderValue::to_str), types.next()) else { return false };
    let essence = only.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.strip_prefix("application/").is_some_and(|format| format == "json" || format.ends_with("+json"))
}

async fn read(mut body: Incoming, max: usize) -> Result<Vec<u8>, OutboundError> {
    // A body that says that it is too large is not even begun.
    if body.size_hint().lower() > u64::try_from(max).unwrap_or(u64::MAX) {
        return Err(OutboundError::TooLarge);
    }
    let mut read = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| OutboundError::Broken)?.into_data() else { continue };
        if data.len() > max.saturating_sub(read.len()) {
            return Err(OutboundError::TooLarge);
        }
        read.extend_from_slice(&data);
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d_21_only_what_calls_itself_json_once_is_json() {
        let headers = |values: &[&str]| -> HeaderMap {
            values.iter().map(|value| (CONTENT_TYPE, HeaderValue::from_str(value).unwrap())).collect()
        };
        for good in ["application/json", "Application/JSON; charset=utf-8", "application/cimd+json"] {
            assert!(is_json(&headers(&[good])), "{good}");
        }
        for bad in
            ["text/html", "text/json", "application/jsonp", "application/", "json", "", "application/xml"]
        {
            assert!(!is_json(&headers(&[bad])), "{bad}");
        }
        assert!(!is_json(&headers(&[])));
        assert!(!is_json(&headers(&["application/json", "text/html"])));
    }
}
