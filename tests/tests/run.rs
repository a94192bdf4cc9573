//! `just run` as a person meets it: what it prints, how it stops, and what it says when it cannot start.

#![expect(clippy::expect_used, reason = "helpers of a test fail it by panicking")]

use std::net::TcpListener;
use std::path::Path;

use gateway_e2e::launch::{Launch, is_alive};

/// What identifies a gateway for ever: its signing keys.
fn keys_in(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("data/signing-keys.json")).expect("the signing keys")
}

#[tokio::test]
async fn it_prints_all_that_a_newcomer_needs_and_ctrl_c_leaves_no_process() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::in_folder(folder.path());
    let url = &launch.env["PUBLIC_URL"];
    let launched = launch.start().await;
    let expected = [
        format!("The gateway is up at {url}"),
        format!("time  {url}/time/mcp"),
        "user      admin".to_owned(),
        "password  ".to_owned(),
        format!("claude mcp add --transport http time {url}/time/mcp"),
        format!("{{\"mcpServers\":{{\"time\":{{\"type\":\"http\",\"url\":\"{url}/time/mcp\"}}}}}}"),
    ];
    for part in expected {
        assert!(launched.printed.contains(&part), "{part} in {}", launched.printed);
    }
    let parts = launched.descendants();
    assert!(parts.len() >= 3, "auth service, bridge and Envoy: {parts:?}");

    launched.ctrl_c().await;
    let left: Vec<_> = parts.iter().filter(|part| is_alive(part)).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_second_start_reuses_keys_and_users_and_does_not_show_a_password_again() {
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch::in_folder(folder.path());
    launch.start().await.ctrl_c().await;
    let keys = keys_in(folder.path());

    let second = launch.start().await;
    assert!(second.printed.contains("as admin with the password you have"), "{}", second.printed);
    second.ctrl_c().await;
    assert_eq!(keys_in(folder.path()), keys);
}

/// Starts what cannot start; gives its exit code and what it said.
async fn refusal(launch: &Launch) -> (Option<i32>, String) {
    let output = launch.run_to_end().await;
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test]
async fn a_port_in_use_is_one_sentence_that_names_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    for setting in ["GATEWAY_BIND", "ENVOY_ADMIN_BIND", "AUTH_BIND", "AUTH_INTERNAL_BIND", "BRIDGE_BIND"] {
        let mut launch = Launch::in_folder(folder.path());
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap().to_string();
        launch.env.insert(setting.to_owned(), address.clone());
        let sentence = format!(
            "mcp-edge-gateway: {address} is in use by another program; stop it, or set {setting} to another address\n"
        );
        assert_eq!(refusal(&launch).await, (Some(69), sentence));
    }
}

#[tokio::test]
async fn all_wrong_settings_are_told_at_once_before_anything_starts() {
    let folder = tempfile::tempdir().unwrap();
    let mut launch = Launch::in_folder(folder.path());
    launch.env.insert("PUBLIC_URL".to_owned(), "http://gateway.example".to_owned());
    launch.env.insert("TOKEN_LEEWAY_SECONDS".to_owned(), "soon".to_owned());
    let (code, words) = refusal(&launch).await;
    assert_eq!(code, Some(64));
    assert!(words.contains("PUBLIC_URL: plain http is allowed for localhost only; use https"), "{words}");
    assert!(words.contains("TOKEN_LEEWAY_SECONDS: expected"), "{words}");
    assert!(!folder.path().join("data").exists(), "nothing was started");
}

#[tokio::test]
async fn a_wrong_setting_of_a_part_is_told_in_the_parts_own_words() {
    let folder = tempfile::tempdir().unwrap();
    for (setting, value) in [("ACCESS_TOKEN_LIFETIME", "a while"), ("MCP_SESSION_IDLE_SECONDS", "a while")] {
        let mut launch = Launch::in_folder(folder.path());
        launch.env.insert(setting.to_owned(), value.to_owned());
        let (code, words) = refusal(&launch).await;
        assert_eq!(code, Some(69), "{words}");
        assert!(words.contains(&format!("{setting}: expected")), "{words}");
    }
}

#[tokio::test]
async fn a_missing_tool_is_named_with_the_way_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut launch = Launch::in_folder(folder.path());
    launch.env.insert("TOOLS_DIR".to_owned(), "/nonexistent".to_owned());
    let (code, words) = refusal(&launch).await;
    assert_eq!(code, Some(69));
    assert!(words.contains("/nonexistent/bin/envoy is missing: run `just setup`"), "{words}");

    let mut launch = Launch::in_folder(folder.path());
    std::fs::write(folder.path().join("mcp.json"), r#"{"mcpServers":{"time":{"command":"no-such-server"}}}"#)
        .unwrap();
    launch.env.insert("MCP_CONFIG".to_owned(), folder.path().join("mcp.json").display().to_string());
    let (code, words) = refusal(&launch).await;
    assert_eq!(code, Some(69));
    assert!(words.contains("no-such-server"), "{words}");
}
