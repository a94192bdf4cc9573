//! What an operator's command asks of the running service: one HTTP request to its internal port.
//!
//! The store belongs to the running service, so the command cannot open it.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Longest wait for the service, for each step.
const PATIENCE: Duration = Duration::from_secs(5);

/// Longest answer that is read, in bytes.
const MAX_ANSWER: u64 = 8 * 1024 * 1024;

/// Why the order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// Nobody listens there.
    #[error("AUTH_INTERNAL_BIND: auth-service does not run at {0} ({1}); start it, nothing was done")]
    NotRunning(SocketAddr, std::io::Error),
    /// The answer did not come, or is not one of ours.
    #[error(
        "AUTH_INTERNAL_BIND: no answer of an auth-service came from {0}; it may or may not have been done"
    )]
    NoAnswer(SocketAddr),
    /// The service refused.
    #[error("{0}")]
    Refused(String),
    /// The service could not decide.
    #[error("auth-service answered {0}; nothing was done, try again")]
    Failed(u16),
}

/// Posts `order` to the service whose internal port is bound to `bound`; gives its answer.
///
/// # Errors
/// [`OperatorError`].
pub fn post(bound: SocketAddr, path: &str, order: &Value) -> Result<Value, OperatorError> {
    decided(ask(bound, &format!("POST {path}"), &order.to_string())?)
}

/// Asks the service whose internal port is bound to `bound` for what is at `path`; gives its answer.
///
/// # Errors
/// [`OperatorError`].
pub fn fetch(bound: SocketAddr, path: &str) -> Result<Value, OperatorError> {
    decided(get(bound, path)?)
}

/// Has the service whose internal port is bound to `bound` delete what is at `path`; gives its answer.
///
/// # Errors
/// [`OperatorError`].
pub fn delete(bound: SocketAddr, path: &str) -> Result<Value, OperatorError> {
    decided(ask(bound, &format!("DELETE {path}"), "")?)
}

fn decided((status, body): (u16, Value)) -> Result<Value, OperatorError> {
    match status {
        200 => Ok(body),
        400..=499 => {
            let reason = body.get("error_description").and_then(Value::as_str);
            Err(OperatorError::Refused(reason.unwrap_or("auth-service refused").to_owned()))
        }
        other => Err(OperatorError::Failed(other)),
    }
}

/// Asks the service that is bound to `bound`; gives status and body, `null` if it is not JSON.
///
/// # Errors
/// [`OperatorError`].
pub fn get(bound: SocketAddr, path: &str) -> Result<(u16, Value), OperatorError> {
    ask(bound, &format!("GET {path}"), "")
}

fn ask(bound: SocketAddr, what: &str, body: &str) -> Result<(u16, Value), OperatorError> {
    let address = reachable(bound);
    let stream = TcpStream::connect_timeout(&address, PATIENCE)
        .map_err(|error| OperatorError::NotRunning(address, error))?;
    exchange(stream, address, what, body).ok_or(OperatorError::NoAnswer(address))
}

/// Where a service that listens on `bound` is reached from the same machine.
const fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, bound.port())
}

fn exchange(mut stream: TcpStream, host: SocketAddr, what: &str, body: &str) -> Option<(u16, Value)> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    let length = body.len();
    let request = format!(
        "{what} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    let length = stream.take(MAX_ANSWER).read_to_string(&mut answer).ok()?;
    if u64::try_from(length).ok()? == MAX_ANSWER {
        // Whatever was cut off, half an answer would pass for a whole one.
        return None;
    }
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.split(' ').next()?.parse().ok()?;
    Some((status, serde_json::from_str(body).unwrap_or_default()))
}
