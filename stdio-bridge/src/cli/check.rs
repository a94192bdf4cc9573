//! `stdio-bridge check URL`: whether an MCP endpoint works, found out as a client would.

use std::fmt;
use std::time::Duration;

use http::StatusCode;
use http::header::{ACCEPT, CONTENT_TYPE};
use mcp_protocol::headers::{METHOD, PROTOCOL_VERSION, SESSION_ID};
use mcp_protocol::version::{LEGACY, MODERN, Version};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};
use url::Url;

/// What a working endpoint said about itself.
#[derive(Debug)]
pub(super) struct Health {
    server: String,
    version: String,
    after: Duration,
}

impl fmt::Display for Health {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, version, after } = self;
        write!(formatter, "ok: {server}, protocol {version}, {} ms", after.as_millis())
    }
}

/// Why an endpoint does not work.
#[derive(Debug, thiserror::Error)]
pub(super) enum CheckError {
    #[error("no connection: {0}")]
    Connection(String),
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    #[error("it asks for a token (HTTP 401); put one for it into MCP_CLIENT_ACCESS_TOKEN")]
    NoToken,
    #[error("HTTP {0}: {1}")]
    Status(StatusCode, String),
    #[error("it did not answer as an MCP server: {0}")]
    Answer(&'static str),
}

impl From<reqwest::Error> for CheckError {
    /// The innermost cause says what to do; what is around it repeats the address.
    fn from(error: reqwest::Error) -> Self {
        let mut cause: &dyn std::error::Error = &error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        Self::Connection(cause.to_string())
    }
}

/// Longest answer that is read: a handshake needs a few kilobytes.
const LONGEST_ANSWER: usize = 1024 * 1024;

/// Shakes hands with the endpoint, in the legacy way and, where that is not known, in the modern one, and ends the session again.
///
/// # Errors
/// [`CheckError`].
pub(super) async fn check(url: &Url, token: Option<&str>, limit: Duration) -> Result<Health, CheckError> {
    let begin = Instant::now();
    let client = Client::builder().redirect(Policy::none()).no_proxy().build()?;
    let endpoint = Endpoint { client, url, token };
    let (server, version) =
        timeout(limit, endpoint.greet()).await.map_err(|_| CheckError::Timeout(limit))??;
    Ok(Health { server, version, after: begin.elapsed() })
}

struct Endpoint<'a> {
    client: Client,
    url: &'a Url,
    token: Option<&'a str>,
}

impl Endpoint<'_> {
    /// The server's name, and the revision that was agreed on.
    async fn greet(&self) -> Result<(String, String), CheckError> {
        let response = self.post(&initialize()).send().await?;
        let session = response.headers().get(SESSION_ID).cloned();
        let result = match self::result(response).await {
            Err(CheckError::Status(status, _)) if status.is_client_error() => return self.discover().await,
            result => result?,
        };
        if let Some(session) = session {
            let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
            for request in [self.post(&initialized), self.with_token(self.client.delete(self.url.clone()))] {
                // A server may decline to end sessions (405); any answer shows that it lives.
                request.header(SESSION_ID, session.clone()).send().await?;
            }
        }
        let version = result.get("protocolVersion").and_then(Value::as_str).and_then(Version::parse);
        let version = version.ok_or(CheckError::Answer("it names no known revision"))?;
        Ok((name(&result), version.as_str().to_owned()))
    }

    /// For servers that know only the modern era.
    async fn discover(&self) -> Result<(String, String), CheckError> {
        let version = MODERN[0].as_str();
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": version,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta}});
        let request = self.post(&body).header(PROTOCOL_VERSION, version).header(METHOD, "server/discover");
        let result = self::result(request.send().await?).await?;
        let supported = result.get("supportedVersions").and_then(Value::as_array);
        if !supported.is_some_and(|all| all.iter().any(|one| one == version)) {
            return Err(CheckError::Answer("it supports no known revision"));
        }
        Ok((name(&result), version.to_owned()))
    }

    fn post(&self, body: &Value) -> RequestBuilder {
        let request = self.client.post(self.url.clone()).header(CONTENT_TYPE, "application/json");
        self.with_token(request.header(ACCEPT, "application/json, text/event-stream").body(body.to_string()))
    }

    fn with_token(&self, request: RequestBuilder) -> RequestBuilder {
        match self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }
}

fn initialize() -> Value {
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": LEGACY[0].as_str(), "capabilities": {},
        "clientInfo": {"name": "stdio-bridge check", "version": env!("CARGO_PKG_VERSION")},
    }})
}

/// The result of request 1, from a JSON body or an event stream.
async fn result(mut response: Response) -> Result<Value, CheckError> {
    let status = response.status();
    if status == StatusCode::UNAUTHORIZED {
        return Err(CheckError::NoToken);
    }
    let content_type = response.headers().get(CONTENT_TYPE);
    let is_stream = content_type.is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
    let mut text = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        text.extend_from_slice(&chunk);
        if let Some(answer) = answer_in(&text, is_stream) {
            return outcome(status, &answer);
        }
        if text.len() > LONGEST_ANSWER {
            return Err(CheckError::Answer("its answer is too long"));
        }
    }
    if status.is_success() {
        return Err(CheckError::Answer("its body holds no answer"));
    }
    Err(CheckError::Status(status, "no JSON-RPC answer".to_owned()))
}

fn outcome(status: StatusCode, answer: &Value) -> Result<Value, CheckError> {
    if !status.is_success() {
        let told = answer.pointer("/error/message").and_then(Value::as_str).unwrap_or_default();
        return Err(CheckError::Status(status, told.escape_debug().to_string()));
    }
    let result = answer.get("result").filter(|result| result.is_object()).cloned();
    result.ok_or(CheckError::Answer("it answered the handshake with an error"))
}

/// The answer, as soon as all of it is there. Events before it are passed over.
fn answer_in(text: &[u8], is_stream: bool) -> Option<Value> {
    if !is_stream {
        return serde_json::from_slice(text).ok();
    }
    let text = std::str::from_utf8(text).ok()?.replace("\r\n", "\n");
    // What follows the last empty line is not a whole event yet.
    let (whole, _) = text.rsplit_once("\n\n")?;
    whole.split("\n\n").find_map(|event| {
        let data: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
        let message: Value = serde_json::from_str(&data.join("\n")).ok()?;
        (message.get("id") == Some(&json!(1)) && message.get("method").is_none()).then_some(message)
    })
}

fn name(result: &Value) -> String {
    let in_meta = || result.get("_meta")?.get("io.modelcontextprotocol/serverInfo");
    let info = result.get("serverInfo").or_else(in_meta);
    let member = |member| info.and_then(|info| info.get(member)).and_then(Value::as_str).unwrap_or("?");
    format!("{} {}", member("name"), member("version")).escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_behind_other_events_and_only_when_it_is_whole() {
        let stream = "id: 1\nretry: 5\ndata:\n\nevent: message\ndata: {\"method\":\"notifications/message\"}\n\n\
                      :\r\n\r\ndata: {\"id\":1,\ndata: \"result\":{}}\n\n";
        let whole = answer_in(stream.as_bytes(), true);
        assert_eq!(whole, Some(json!({"id": 1, "result": {}})));
        assert_eq!(answer_in(stream.trim_end().as_bytes(), true), None);
        assert_eq!(answer_in(b"{\"id\":1,\"resu", false), None);
        assert_eq!(
            answer_in(b"data: {\"id\":1,\"method\":\"ping\"}\n\n", true),
            None,
            "a request of the server"
        );
    }
}
