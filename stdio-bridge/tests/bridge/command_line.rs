//! `stdio-bridge run` and `stdio-bridge check`: one server from a command line, and whether an endpoint works.

use std::process::{Output, Stdio};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::harness::{Harness, PATIENCE};

const FIXTURE: &str = env!("CARGO_BIN_EXE_fixture-server");

fn bridge(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stdio-bridge"));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A running bridge, and its address.
async fn running(command: &mut Command) -> (Child, String) {
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().expect("the address");
    let address = line.split("address=").nth(1).expect(&line).split(' ').next().unwrap().to_owned();
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, address)
}

async fn check(url: &str) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        timeout(PATIENCE, bridge(&["check", url]).output()).await.unwrap().unwrap();
    (status.code(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

#[tokio::test]
async fn one_server_is_served_at_mcp_and_its_flags_are_its_own() {
    let flags = ["run", "--host", "127.0.0.1", "--port", "0", "--timeout", "60", "--log-level", "info"];
    let (_bridge, address) =
        running(&mut bridge(&[&flags[..], &[FIXTURE, "--port", "7", "--verbose"]].concat())).await;
    for path in ["mcp", "mcp/", "server/mcp"] {
        let (code, told) = check(&format!("http://{address}/{path}")).await;
        assert_eq!(code, Some(0), "{told}");
        assert!(told.starts_with("ok: fixture 1, protocol 2025-11-25, "), "{told}");
    }
}

#[tokio::test]
async fn a_check_that_fails_says_why_with_exit_code_69() {
    let run = ["run", "--port", "0", FIXTURE, "--refuse-initialize"];
    let (_bridge, address) = running(&mut bridge(&run)).await;
    let nobody = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
    for (url, expected) in [
        (format!("http://{address}/mcp"), "it answered the handshake with an error"),
        (format!("http://{address}/nobody/mcp"), "HTTP 404"),
        (format!("http://{address}/health/live"), "HTTP 405"),
        (format!("http://{nobody}/mcp"), "Connection refused"),
    ] {
        let (code, told) = check(&url).await;
        assert_eq!(code, Some(69), "{told}");
        assert!(told.contains(expected) && told.lines().count() == 1, "{told}");
    }
}

#[tokio::test]
async fn a_check_leaves_no_session_behind() {
    let harness = Harness::start().await;
    let (code, told) = check(&harness.url("plain")).await;
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(harness.bridge.session_count(), 0);
}

#[tokio::test]
async fn a_server_that_cannot_be_started_is_one_sentence_with_exit_code_64() {
    for (arguments, expected) in [
        (vec!["run", "no-such-program"], "run: command: there is no program \"no-such-program\""),
        (vec!["run", "--name", "Big", "sh"], "run: --name: expected a name of a-z"),
        (vec!["run", "-e", "ABSENT", "sh"], "run: --env: ABSENT is not set"),
    ] {
        let output = timeout(PATIENCE, bridge(&arguments).output()).await.unwrap().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{told}");
        assert!(told.contains(expected), "{told}");
    }
}
