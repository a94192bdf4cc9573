//! The official SDKs as clients, each in its own process, driven by JSON lines.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::browser::Browser;
use crate::gateway::{Gateway, repository};

/// Which SDK.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// `@modelcontextprotocol/sdk` 1.x: opens with `initialize`.
    TypeScript,
    /// `mcp` 2.x: opens with `server/discover`, falls back to `initialize`.
    Python,
}

/// A running client application.
#[derive(Debug)]
pub struct Sdk {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Sdk {
    /// Starts the application; it is connected to nothing yet.
    #[must_use]
    pub fn start(language: Language) -> Self {
        let root = repository();
        let mut command = match language {
            Language::TypeScript => {
                let mut node = Command::new("node");
                node.arg(root.join("tests/clients/typescript/client.mjs"));
                node
            }
            Language::Python => {
                let mut python = Command::new(root.join(".tools/python/bin/python"));
                python.arg(root.join("tests/clients/python/client.py"));
                python
            }
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the client starts; `just setup tests` installs it");
        let input = child.stdin.take().expect("a pipe");
        let output = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        Self { child, input, output }
    }

    /// Connects to `server` of `gateway`: the SDK discovers, registers and asks for a browser; the first user signs in
    /// and approves; the SDK redeems the code and connects. Gives what it learnt about the server.
    pub async fn connect(&mut self, gateway: &Gateway, server: &str) -> Value {
        let url = gateway.url(&format!("/{server}/mcp"));
        let redirect_uri = "http://127.0.0.1:33418/callback";
        self.say(&json!({ "do": "connect", "url": url, "redirect_uri": redirect_uri })).await;
        let asked = self.hear().await;
        let authorize = asked.get("authorize").and_then(Value::as_str);
        let authorize = authorize.unwrap_or_else(|| panic!("the SDK did not ask for a sign-in: {asked}"));
        let callback = Browser::default().sign_in_and_approve(authorize, "admin", gateway.password()).await;
        self.say(&json!({ "callback": callback.as_str() })).await;
        self.answer().await
    }

    /// Sends a command and gives its result.
    pub async fn run(&mut self, command: Value) -> Value {
        self.say(&command).await;
        self.answer().await
    }

    /// The names of the server's tools.
    pub async fn tools(&mut self) -> Vec<String> {
        let tools = self.run(json!({ "do": "list_tools" })).await;
        let names = tools.get("tools").and_then(Value::as_array).expect("a list of tools");
        names.iter().map(|name| name.as_str().expect("a name").to_owned()).collect()
    }

    /// The text that calling a tool gives.
    pub async fn call(&mut self, name: &str, arguments: Value) -> String {
        let result = self.run(json!({ "do": "call_tool", "name": name, "arguments": arguments })).await;
        let text = result.pointer("/content/0/text").and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("no text in {result}")).to_owned()
    }

    /// Ends the session and the application.
    pub async fn close(mut self) {
        self.run(json!({ "do": "close" })).await;
        drop(self.input);
        let status = self.child.wait().await.expect("the client ends");
        assert!(status.success(), "the client ended with {status}");
    }

    async fn answer(&mut self) -> Value {
        let answer = self.hear().await;
        answer.get("ok").unwrap_or_else(|| panic!("the SDK failed: {answer}")).clone()
    }

    async fn say(&mut self, message: &Value) {
        self.input.write_all(format!("{message}\n").as_bytes()).await.expect("the client reads");
    }

    async fn hear(&mut self) -> Value {
        let line = self.output.next_line().await.expect("the client's output");
        let line = line.expect("the client goes on");
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("not JSON: {line}"))
    }
}
