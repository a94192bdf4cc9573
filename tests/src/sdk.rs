//! The official SDKs as clients, each in its own process, driven by JSON lines.

use serde_json::{Value, json};
use tokio::process::Command;
use url::Url;

use crate::browser::Browser;
use crate::driven::Driven;
use crate::gateway::{Gateway, repository};
use crate::oauth::REDIRECT_URI;

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
    application: Driven,
}

impl Sdk {
    /// Starts the application; it is connected to nothing yet.
    #[must_use]
    pub fn start(language: Language) -> Self {
        let root = repository();
        let command = match language {
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
        Self { application: Driven::start(command) }
    }

    /// Connects to `server` of `gateway`: the SDK discovers, registers and asks for a browser; the first user signs in
    /// and approves; the SDK redeems the code and connects. Gives what it learnt about the server.
    pub async fn connect(&mut self, gateway: &Gateway, server: &str) -> Value {
        let sign_in = async |authorize: &str| {
            Browser::default().sign_in_and_approve(authorize, "admin", gateway.password()).await
        };
        self.connect_by(gateway, server, sign_in).await
    }

    /// The same, with a user who signs in and approves in a way of their own: `sign_in` gets the address that the browser is
    /// to open and gives the one that it came back to.
    pub async fn connect_by(
        &mut self,
        gateway: &Gateway,
        server: &str,
        sign_in: impl AsyncFnOnce(&str) -> Url,
    ) -> Value {
        let url = gateway.url(&format!("/{server}/mcp"));
        let connect = json!({ "do": "connect", "url": url, "redirect_uri": REDIRECT_URI });
        self.application.say(&connect).await;
        let asked = self.application.hear().await;
        let authorize = asked.get("authorize").and_then(Value::as_str);
        let authorize = authorize.unwrap_or_else(|| panic!("the SDK did not ask for a sign-in: {asked}"));
        let callback = sign_in(authorize).await;
        self.run(json!({ "callback": callback.as_str() })).await
    }

    /// Sends a command and gives its result.
    pub async fn run(&mut self, command: Value) -> Value {
        self.application.run(&command).await
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
        self.application.end().await;
    }
}
