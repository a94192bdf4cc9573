//! The program itself: its exit codes, its words, its signals.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use serde_json::json;

use crate::harness::{BOTH, PATIENCE, eventually, initialize, runs};

fn program(directory: &Path, mcp_json: &str) -> Command {
    program_at(Path::new(env!("CARGO_BIN_EXE_stdio-bridge")), directory, mcp_json)
}

fn program_at(bridge: &Path, directory: &Path, mcp_json: &str) -> Command {
    std::fs::write(directory.join("mcp.json"), mcp_json).unwrap();
    let mut command = Command::new(bridge);
    command
        .arg("serve")
        .current_dir(directory)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("BRIDGE_BIND", "127.0.0.1:0");
    command.stderr(Stdio::piped()).kill_on_drop(true);
    command
}

fn fixture(flags: &str) -> String {
    let command = env!("CARGO_BIN_EXE_fixture-server");
    format!(r#"{{"mcpServers":{{"fixture":{{"command":"{command}","args":[{flags}]}}}}}}"#)
}

/// Waits for the line that tells the address.
async fn address(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let line = timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap().unwrap();
    let address = line.split("address=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    address
}

async fn failure(command: &mut Command) -> (i32, String) {
    let output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test]
async fn i18_sigterm_ends_it_with_exit_code_0() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = program(directory.path(), &fixture("")).spawn().unwrap();
    let url = format!("http://{}/fixture/mcp", address(&mut child).await);
    let request =
        reqwest::Client::new().post(url).header("accept", BOTH).header("content-type", "application/json");
    assert_eq!(request.body(initialize(1).to_string()).send().await.unwrap().status(), 200);
    kill(Pid::from_raw(child.id().unwrap().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(timeout(PATIENCE, child.wait()).await.unwrap().unwrap().code(), Some(0));
}

#[tokio::test]
async fn i19_a_server_with_a_sandbox_is_served_and_sees_only_what_is_open() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("secret"), "canary").unwrap();
    let fixture = env!("CARGO_BIN_EXE_fixture-server");
    let script = format!("cat {}/secret >&2; exec {fixture}", directory.path().display());
    let sandbox = r#"{"read":["${FIXTURE}"],"network":false}"#;
    let entry = format!(r#"{{"command":"sh","args":["-c","{script}"],"sandbox":{sandbox}}}"#);
    let mut command = program(directory.path(), &format!(r#"{{"mcpServers":{{"fixture":{entry}}}}}"#));
    let mut child = command.env("FIXTURE", fixture).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("serving") {
        assert!(log.read_line(&mut text).await.unwrap() > 0, "{text}");
    }
    let address = text.split("address=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let request = reqwest::Client::new().post(format!("http://{address}/fixture/mcp"));
    let request = request.header("accept", BOTH).header("content-type", "application/json");
    assert_eq!(request.body(initialize(1).to_string()).send().await.unwrap().status(), 200);
    kill(Pid::from_raw(child.id().unwrap().cast_signed()), Signal::SIGTERM).unwrap();
    timeout(PATIENCE, log.read_to_string(&mut text)).await.unwrap().unwrap();
    assert!(text.contains("Permission denied") && !text.contains("canary"), "{text}");
}

#[tokio::test]
async fn h_81_a_changed_file_is_served_and_a_bad_one_changes_nothing_and_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("mcp.json");
    let mut child = program(directory.path(), &fixture("")).spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut line_with = async |part: &str| loop {
        let line = timeout(PATIENCE, log.next_line()).await.unwrap().unwrap().expect("the bridge runs");
        if line.contains(part) {
            return line;
        }
    };
    let serving = line_with("serving").await;
    let base = serving.split("address=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let ask = async |server: &str| {
        let request = reqwest::Client::new().post(format!("http://{base}/{server}/mcp"));
        let request = request.header("accept", BOTH).header("content-type", "application/json");
        request.body(initialize(1).to_string()).send().await.unwrap().status().as_u16()
    };
    assert_eq!((ask("fixture").await, ask("second").await), (200, 404));

    std::fs::write(&file, r#"{"mcpServers":{"fixture":{"command":"no-such-program"}}}"#).unwrap();
    let told = line_with("the servers stay as they were").await;
    assert!(told.contains("mcpServers.fixture.command: there is no program"), "{told}");
    assert_eq!((ask("fixture").await, ask("second").await), (200, 404));

    std::fs::write(&file, fixture("").replace("\"fixture\":{", "\"second\":{")).unwrap();
    line_with("the servers have changed").await;
    line_with("the servers have changed").await;
    assert_eq!((ask("fixture").await, ask("second").await), (404, 200));
    kill(Pid::from_raw(child.id().unwrap().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(timeout(PATIENCE, child.wait()).await.unwrap().unwrap().code(), Some(0));
}

#[tokio::test]
async fn i18_a_second_signal_ends_it_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = program(directory.path(), &fixture("\"--stubborn\"")).spawn().unwrap();
    let url = format!("http://{}/fixture/mcp", address(&mut child).await);
    let request =
        reqwest::Client::new().post(url).header("accept", BOTH).header("content-type", "application/json");
    assert_eq!(request.body(initialize(1).to_string()).send().await.unwrap().status(), 200);
    let pid = Pid::from_raw(child.id().unwrap().cast_signed());
    let begin = tokio::time::Instant::now();
    kill(pid, Signal::SIGINT).unwrap();
    // Signals of two kinds are never merged into one.
    kill(pid, Signal::SIGTERM).unwrap();
    assert_eq!(timeout(PATIENCE, child.wait()).await.unwrap().unwrap().code(), Some(0));
    assert!(begin.elapsed() < std::time::Duration::from_secs(4), "the child alone would have taken 5 s");
}

#[tokio::test]
async fn wrong_settings_are_all_told_at_once_with_exit_code_64() {
    let directory = tempfile::tempdir().unwrap();
    let mut command =
        program(directory.path(), r#"{"mcpServers":{"a":{"command":"no-such-program"},"b":{"url":"x"}}}"#);
    let (code, told) = failure(command.env("BRIDGE_BIND", "nowhere").env("LOG_FORMAT", "xml")).await;
    assert_eq!(code, 64);
    for part in ["BRIDGE_BIND", "LOG_FORMAT", "mcpServers.a.command", "mcpServers.b.url"] {
        assert!(told.contains(part), "{part} is missing in: {told}");
    }
}

#[tokio::test]
async fn a_port_in_use_is_one_sentence_with_exit_code_69() {
    let directory = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, told) = failure(program(directory.path(), &fixture("")).env("BRIDGE_BIND", &address)).await;
    assert_eq!(code, 69);
    assert!(told.contains(&address) && told.contains("BRIDGE_BIND"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[tokio::test]
async fn h47_bodies_are_never_logged() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = program(directory.path(), &fixture("")).env("LOG_LEVEL", "trace").spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("serving") {
        assert!(log.read_line(&mut text).await.unwrap() > 0, "{text}");
    }
    let address = text.split("address=").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    let secret = "canary-7f3a";
    let request = reqwest::Client::new().post(format!("http://{address}/fixture/mcp"));
    let request = request.header("accept", BOTH).header("content-type", "application/json");
    let body = initialize(1).to_string().replace("\"name\":\"t\"", &format!("\"name\":\"{secret}\""));
    assert!(body.contains(secret));
    let response = request.body(body).send().await.unwrap();
    let session = response.headers()["mcp-session-id"].to_str().unwrap().to_owned();
    kill(Pid::from_raw(child.id().unwrap().cast_signed()), Signal::SIGTERM).unwrap();
    timeout(PATIENCE, log.read_to_string(&mut text)).await.unwrap().unwrap();
    child.wait().await.unwrap();
    assert!(text.contains("started"), "{text}");
    assert!(!text.contains(secret) && !text.contains(&session), "{text}");
}

/// Servers that leave a daemon behind: it has left the process group and lost its parent, and so has its own child.
#[tokio::test]
async fn i04_a_daemon_ends_with_its_server_and_not_before() {
    let directory = tempfile::tempdir().unwrap();
    let pids = directory.path().join("pids");
    let (fixture, pids_path) = (env!("CARGO_BIN_EXE_fixture-server"), pids.display());
    let daemon = "sleep 1000 & echo $! >> $0; echo $$ >> $0; wait";
    let script = format!("setsid -f sh -c '{daemon}' {pids_path}; exec {fixture}");
    let entry = json!({ "command": "sh", "args": ["-c", script] });
    let config = json!({ "mcpServers": { "fixture": entry } }).to_string();
    let mut child = program(directory.path(), &config).spawn().unwrap();
    let url = format!("http://{}/fixture/mcp", address(&mut child).await);
    let client = reqwest::Client::new();
    let mut sessions = Vec::new();
    for _ in 0..2 {
        let request = client.post(&url).header("accept", BOTH).header("content-type", "application/json");
        let response = request.body(initialize(1).to_string()).send().await.unwrap();
        sessions.push(response.headers()["mcp-session-id"].clone());
    }
    let listed = || -> Vec<u64> {
        let text = std::fs::read_to_string(&pids).unwrap_or_default();
        text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    };
    eventually("both daemons run", || listed().len() == 4 && listed().iter().all(|pid| runs(*pid))).await;
    client.delete(&url).header("mcp-session-id", &sessions[0]).send().await.unwrap();
    eventually("one of them ends", || listed().iter().filter(|pid| runs(**pid)).count() == 2).await;
    kill(Pid::from_raw(child.id().unwrap().cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(timeout(PATIENCE, child.wait()).await.unwrap().unwrap().code(), Some(0));
    assert!(!listed().iter().any(|pid| runs(*pid)), "nothing is left");
}

#[tokio::test]
async fn i05_i04_what_threw_its_mark_away_ends_with_the_bridge_and_leaves_no_zombie() {
    let directory = tempfile::tempdir().unwrap();
    let pid_file = directory.path().join("pid");
    let (fixture, path) = (env!("CARGO_BIN_EXE_fixture-server"), pid_file.display());
    // One daemon that ends at once, and one that stays and hides.
    let script = format!(
        "setsid -f sh -c :; env -i /usr/bin/setsid -f /bin/sh -c 'echo $$ > {path}; exec sleep 1000'; exec {fixture}"
    );
    let entry = json!({ "command": "sh", "args": ["-c", script] });
    let config = json!({ "mcpServers": { "fixture": entry } }).to_string();
    let mut child = program(directory.path(), &config).spawn().unwrap();
    let url = format!("http://{}/fixture/mcp", address(&mut child).await);
    let client = reqwest::Client::new();
    let request = client.post(&url).header("accept", BOTH).header("content-type", "application/json");
    assert_eq!(request.body(initialize(1).to_string()).send().await.unwrap().status(), 200);
    let daemon = || std::fs::read_to_string(&pid_file).ok().and_then(|text| text.trim().parse::<u64>().ok());
    eventually("the daemon runs", || daemon().is_some_and(runs)).await;
    let bridge = child.id().unwrap();
    let children =
        || std::fs::read_to_string(format!("/proc/{bridge}/task/{bridge}/children")).unwrap_or_default();
    let zombie = |pid: &str| {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    };
    eventually("no zombie is left", || !children().split_whitespace().any(zombie)).await;
    kill(Pid::from_raw(bridge.cast_signed()), Signal::SIGTERM).unwrap();
    assert_eq!(timeout(PATIENCE, child.wait()).await.unwrap().unwrap().code(), Some(0));
    assert!(!runs(daemon().unwrap()));
}

#[tokio::test]
async fn i19_its_memory_is_closed_to_a_server_that_runs_as_the_same_user() {
    let directory = tempfile::tempdir().unwrap();
    // Root may read everything, so the programs run as somebody else, from where they can be reached.
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(directory.path(), open).unwrap();
    let copy = |program: &str, name: &str| {
        let copy = directory.path().join(name);
        // A link is better than a copy: no other test can be holding it open for writing when it is started.
        std::fs::hard_link(program, &copy).or_else(|_| std::fs::copy(program, &copy).map(drop)).unwrap();
        copy
    };
    let fixture = copy(env!("CARGO_BIN_EXE_fixture-server"), "fixture");
    let script = format!("grep -a -c CANARY /proc/$PPID/environ >&2; exec {}", fixture.display());
    let entry = json!({ "command": "sh", "args": ["-c", script] });
    let mcp_json = json!({ "mcpServers": { "fixture": entry } }).to_string();
    let mut command =
        program_at(&copy(env!("CARGO_BIN_EXE_stdio-bridge"), "bridge"), directory.path(), &mcp_json);
    if nix::unistd::getuid().is_root() {
        command.uid(65_534).gid(65_534);
    }
    let mut child = command.env("CANARY", "x").spawn().unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut text = String::new();
    while !text.contains("serving") {
        assert!(log.read_line(&mut text).await.unwrap() > 0, "{text}");
    }
    let url =
        format!("http://{}/fixture/mcp", text.split("address=").nth(1).unwrap().split(' ').next().unwrap());
    let request =
        reqwest::Client::new().post(url).header("accept", BOTH).header("content-type", "application/json");
    assert_eq!(request.body(initialize(1).to_string()).send().await.unwrap().status(), 200);
    kill(Pid::from_raw(child.id().unwrap().cast_signed()), Signal::SIGTERM).unwrap();
    timeout(PATIENCE, log.read_to_string(&mut text)).await.unwrap().unwrap();
    assert!(text.contains("/environ: Permission denied"), "{text}");
}
