//! A legacy client with a session.

use reqwest::{RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Events, Harness, PATIENCE, initialize, messages};

/// A legacy client with a session.
pub(crate) struct Client<'a> {
    harness: &'a Harness,
    server: String,
    pub(crate) session: String,
    headers: Vec<(String, String)>,
}

impl<'a> Client<'a> {
    /// Initializes a session; `headers` go with every request of it.
    pub(crate) async fn connect(harness: &'a Harness, server: &str, headers: &[(&str, &str)]) -> Self {
        Self::begin_with(harness, server, headers, initialize(0)).await
    }

    async fn begin_with(
        harness: &'a Harness,
        server: &str,
        headers: &[(&str, &str)],
        message: Value,
    ) -> Self {
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut client = Self { harness, server: server.to_owned(), session: String::new(), headers };
        let response = client.with_headers(harness.post(server, message)).send().await.unwrap();
        assert_eq!(response.status(), 200);
        client.session = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
        let response = client.tell(json!({"jsonrpc": "2.0", "method": "notifications/initialized"})).await;
        assert_eq!(response.status(), 202);
        client
    }

    /// The same for a client that can do what `capabilities` say.
    pub(crate) async fn able(harness: &'a Harness, server: &str, capabilities: Value) -> Self {
        let mut message = initialize(0);
        message["params"]["capabilities"] = capabilities;
        Self::begin_with(harness, server, &[], message).await
    }

    /// A POST in the session.
    pub(crate) fn post(&self, body: impl ToString) -> RequestBuilder {
        self.with_headers(self.harness.post(&self.server, body)).header("mcp-session-id", &self.session)
    }

    pub(crate) async fn tell(&self, message: Value) -> Response {
        let mut request = self.with_headers(self.harness.post(&self.server, message));
        request = request.header("mcp-session-id", &self.session);
        timeout(PATIENCE, request.send()).await.expect("no answer").unwrap()
    }

    /// The message that calls a tool.
    pub(crate) fn call_message(id: impl Into<Value>, tool: &str, arguments: Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        json!({"jsonrpc": "2.0", "id": id.into(), "method": "tools/call", "params": params})
    }

    /// Calls a tool; the answer's head has come.
    pub(crate) async fn begin(&self, id: impl Into<Value>, tool: &str, arguments: Value) -> Response {
        let response = self.post(Self::call_message(id, tool, arguments)).send();
        timeout(PATIENCE, response).await.expect("no answer").unwrap()
    }

    /// Calls a tool and waits for the answer, which comes last.
    pub(crate) async fn call(&self, id: impl Into<Value>, tool: &str, arguments: Value) -> Value {
        let response = self.begin(id, tool, arguments).await;
        assert_eq!(response.status(), 200);
        messages(response).await.pop().expect("an answer")
    }

    /// Opens the stream for messages that belong to no request.
    pub(crate) async fn listen(&self) -> Events {
        Events::of(self.get().send().await.unwrap())
    }

    pub(crate) fn get(&self) -> RequestBuilder {
        let request = self.with_headers(self.harness.http.get(self.harness.url(&self.server)));
        request.header("accept", "text/event-stream").header("mcp-session-id", &self.session)
    }

    pub(crate) async fn delete(&self) -> Response {
        let request = self.with_headers(self.harness.http.delete(self.harness.url(&self.server)));
        request.header("mcp-session-id", &self.session).send().await.unwrap()
    }

    /// The process id of the child.
    pub(crate) async fn pid(&self) -> u64 {
        self.call("pid", "pid", json!({})).await["result"]["pid"].as_u64().unwrap()
    }

    fn with_headers(&self, request: RequestBuilder) -> RequestBuilder {
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }
}
