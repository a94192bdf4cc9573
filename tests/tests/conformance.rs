//! The official conformance suite against the authorization server, through Envoy.

#![expect(clippy::unwrap_used, reason = "helpers of a test fail it by panicking")]

use std::process::Stdio;

use gateway_e2e::browser::Browser;
use gateway_e2e::gateway::{Gateway, repository};
use gateway_e2e::ports::Reserved;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// A public client that is sent back to the suite.
async fn client(gateway: &Gateway, redirect_uri: &str) -> String {
    let metadata = json!({ "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none" });
    let answer = reqwest::Client::new().post(gateway.url("/register")).json(&metadata).send().await.unwrap();
    let registered: Value = answer.json().await.unwrap();
    registered.get("client_id").unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_authorization_server_passes_the_official_conformance_suite() {
    let gateway = Gateway::start().await;
    let reserved = Reserved::new();
    let port = reserved.address().port().to_string();
    let client = client(&gateway, &format!("http://127.0.0.1:{port}/callback")).await;
    let tools = repository().join(".tools/conformance/node_modules");
    let mut suite = Command::new(tools.join(".bin/node"));
    suite
        .arg(tools.join("@modelcontextprotocol/conformance/dist/index.js"))
        .args(["authorization", "--url", gateway.origin(), "--client-id", &client, "--port", &port])
        .args(["--resource", &gateway.url("/time/mcp")])
        .current_dir(gateway.data_dir())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut suite = suite.spawn().expect("`just setup tests` installs the suite");
    let mut lines = BufReader::new(suite.stdout.take().unwrap()).lines();
    let mut said = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        // It prints the address that a person is to open, and waits for what comes back.
        if let Some(address) = line.split_whitespace().find(|word| word.contains("/authorize?")) {
            let mut browser = Browser::default();
            let callback = browser.sign_in_and_approve(address, "admin", gateway.password()).await;
            reqwest::get(callback).await.unwrap();
        }
        said.push_str(&line);
        said.push('\n');
    }
    assert!(suite.wait().await.unwrap().success(), "{said}");
    let passed = |scenario: &str| said.lines().any(|line| line.contains(scenario) && line.contains('✓'));
    assert!(passed("authorization-server-metadata-endpoint") && passed("authorization-code-grant"), "{said}");
    gateway.stop().await;
}
