//! A bridge on a free port, a client for it, and a way to read its answers.

mod client;
mod events;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use service_kit::clock::SystemClock;
use service_kit::layout::Layout;
use service_kit::random::SystemRng;
use stdio_bridge::app::Bridge;
use stdio_bridge::config::Servers;
use stdio_bridge::settings::{AccessSettings, Limits, Settings};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;

pub(crate) use client::Client;
pub(crate) use events::Events;

/// Longest time anything in a test may take. Nothing waits this long unless it fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const BOTH: &str = "application/json, text/event-stream";

/// A bridge in front of the fixture server, under one name for each way to misbehave.
pub(crate) struct Harness {
    pub(crate) bridge: Arc<Bridge>,
    pub(crate) http: reqwest::Client,
    base: String,
    server: JoinHandle<()>,
}

impl Harness {
    pub(crate) async fn start() -> Self {
        Self::with(|_| {}).await
    }

    /// A bridge with other limits.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings {
            bind: ([127, 0, 0, 1], 0).into(),
            access: AccessSettings {
                layout: Layout::Paths("https://gateway.example".parse().unwrap()),
                origins: Vec::new(),
                require_identity: false,
                edge_keys: Vec::new(),
            },
            limits: Limits {
                exit_grace: Duration::from_millis(300),
                terminate_grace: Duration::from_millis(300),
                request_timeout: Duration::from_secs(15),
                ..Limits::default()
            },
            servers: servers(),
        };
        change(&mut settings);
        let listener = TcpListener::bind(settings.bind).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let bridge = Bridge::new(settings, Arc::new(SystemRng), Arc::new(SystemClock));
        let router = bridge.router();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { bridge, http: reqwest::Client::new(), base, server }
    }

    /// Where the bridge listens.
    pub(crate) fn host(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    pub(crate) fn url(&self, server: &str) -> String {
        format!("{}/{server}/mcp", self.base)
    }

    /// A POST with the headers that a good client sends.
    pub(crate) fn post(&self, server: &str, body: impl ToString) -> RequestBuilder {
        let request = self.http.post(self.url(server)).header("accept", BOTH);
        request.header("content-type", "application/json").body(body.to_string())
    }

    /// A client with a session.
    pub(crate) async fn client(&self, server: &str) -> Client<'_> {
        Client::connect(self, server, &[]).await
    }

    /// Ends the bridge; every child must be reaped in time.
    pub(crate) async fn stop(self) {
        timeout(PATIENCE, self.bridge.stop()).await.expect("a child is left");
        assert_eq!(self.bridge.session_count(), 0);
        self.server.abort();
    }
}

pub(crate) fn initialize(id: u64) -> Value {
    let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}});
    json!({"jsonrpc": "2.0", "id": id, "method": "initialize", "params": params})
}

/// The messages of an answer, whether it is JSON or an event stream.
pub(crate) async fn messages(response: Response) -> Vec<Value> {
    if response.headers()["content-type"] == "application/json" {
        return vec![response.json().await.unwrap()];
    }
    let mut events = Events::of(response);
    let mut all = Vec::new();
    while let Some(message) = events.next().await {
        all.push(message);
    }
    all
}

/// The error code of a refusal.
pub(crate) async fn code(response: Response) -> i64 {
    response.json::<Value>().await.unwrap()["error"]["code"].as_i64().unwrap()
}

/// Waits until `condition` holds. For what the system itself tells nobody about, such as the end of a process.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let poll = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while !condition() {
            ticks.tick().await;
        }
    };
    assert!(timeout(PATIENCE, poll).await.is_ok(), "never came true: {what}");
}

/// Whether a process runs (a zombie does not).
pub(crate) fn runs(pid: u64) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit(')').next().unwrap_or_default().trim().chars().next();
    state.is_some_and(|state| state != 'Z' && state != 'X')
}

fn servers() -> Servers {
    let modes = [
        "crash-at-start",
        "crash-at-initialize",
        "refuse-initialize",
        "silent-initialize",
        "stubborn",
        "ask-roots",
        "silent-discover",
        "deaf",
        "closed",
    ];
    let command = env!("CARGO_BIN_EXE_fixture-server");
    let entry =
        |arguments: &[String]| json!({"command": command, "args": arguments, "env": {"ENTRY": "own"}});
    let mut all = BTreeMap::from([("plain".to_owned(), entry(&[])), ("other".to_owned(), entry(&[]))]);
    all.extend(modes.map(|mode| (mode.to_owned(), entry(&[format!("--{mode}")]))));
    // A server that knows no `initialize`.
    let modern = json!({"command": env!("CARGO_BIN_EXE_conformance-server"), "args": ["--modern"]});
    all.insert("modern".to_owned(), modern);
    all.insert("stateless".to_owned(), json!({"command": command, "stateless": true}));
    let environment: BTreeMap<String, String> =
        [("PATH", "/usr/local/bin:/usr/bin:/bin"), ("BRIDGE_SECRET", "s")]
            .map(|(k, v)| (k.to_owned(), v.to_owned()))
            .into();
    Servers::parse(&json!({"mcpServers": all}).to_string(), &environment).unwrap()
}
