//! What a server in a sandbox can do, seen by a shell in its place.

use std::path::Path;
use std::process::Stdio;

use tokio::process::Command;
use tokio::time::timeout;

use crate::harness::PATIENCE;

/// The exit code and the output of a script in a sandbox.
async fn confined(sandbox: &str, script: &str) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stdio-bridge"));
    command
        .args(["confine", sandbox, "/bin/sh", "-c", script])
        .stdin(Stdio::null())
        .env("PATH", "/usr/bin:/bin");
    let output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

fn folder_with(file: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(file), "inside").unwrap();
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test]
async fn i19_what_is_not_listed_cannot_be_read_and_what_may_be_read_cannot_be_written() {
    let (open, writable, closed) = (folder_with("f"), folder_with("f"), folder_with("f"));
    let [open, writable, closed] = [&open, &writable, &closed].map(|folder| text(folder.path()));
    let sandbox = format!(r#"{{"read":["{open}"],"write":["{writable}"]}}"#);
    let script = format!(
        "cat {open}/f; cat {writable}/f; echo new > {writable}/g && cat {writable}/g; \
         cat {closed}/f; echo x > {open}/f; ls {closed}; ls /; echo x > /dev/null && echo null"
    );
    let (code, told) = confined(&sandbox, &script).await;
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(told.matches("inside").count(), 2, "{told}");
    assert!(told.contains("new\n") && told.contains("null\n"), "{told}");
    assert_eq!(told.matches("ermission denied").count(), 4, "{told}");
}

#[tokio::test]
async fn i19_without_network_there_is_not_even_this_machine() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let script =
        format!("exec 3<>/dev/tcp/127.0.0.1/{} && echo reached", listener.local_addr().unwrap().port());
    let script = format!("bash -c '{script}'");
    let (_, reached) = confined("{}", &script).await;
    assert!(reached.contains("reached"), "the script works: {reached}");
    assert!(listener.accept().is_ok());
    let (code, told) = confined(r#"{"network":false}"#, &script).await;
    assert!(code != Some(0) && !told.contains("reached"), "{told}");
    assert!(listener.accept().is_err(), "nobody has knocked");
    let (code, told) = confined(r#"{"network":false}"#, "id -u").await;
    assert_eq!(
        (code, told.trim()),
        (Some(0), nix::unistd::getuid().to_string().as_str()),
        "it stays who it is"
    );
}

#[tokio::test]
async fn i07_resources_are_limited() {
    let sandbox = r#"{"open_files":64,"cpu_seconds":7,"memory_mib":100,"processes":50}"#;
    let (code, told) =
        confined(sandbox, "bash -c 'ulimit -n; ulimit -t; ulimit -d; ulimit -u; ulimit -c'").await;
    assert_eq!((code, told.as_str()), (Some(0), "64\n7\n102400\n50\n0\n"));
    let greedy = "exec python3 -c 'b = bytearray(400 << 20); print(len(b))'";
    assert!(confined("{}", greedy).await.1.contains("419430400"), "the script works");
    let (code, told) = confined(sandbox, greedy).await;
    assert!(code != Some(0) && told.contains("MemoryError"), "{told}");
}

#[tokio::test]
async fn i01_the_arguments_of_a_confined_server_are_its_own() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stdio-bridge"));
    command.args(["confine", "--", "{}", "/bin/echo", "--", "-h", "--help"]).stdin(Stdio::null());
    let output = timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "-- -h --help\n");
}

#[tokio::test]
async fn i19_a_confined_server_gets_no_privileges_back_and_reaches_no_other_process() {
    let (_, told) = confined("{}", "grep NoNewPrivs /proc/self/status").await;
    assert!(told.contains('1'), "{told}");
    let mut other = Command::new("sleep").arg("1000").kill_on_drop(true).spawn().unwrap();
    let script = format!("kill -9 {}", other.id().unwrap());
    let (code, told) = confined(r#"{"read":[]}"#, &script).await;
    assert!(code != Some(0) && told.contains("ot permitted"), "{told}");
    assert!(other.try_wait().unwrap().is_none(), "it lives");
}

#[tokio::test]
async fn what_cannot_be_taken_away_stops_the_server() {
    for (sandbox, expected) in [
        (r#"{"read":["/no/such/place"]}"#, "/no/such/place"),
        (r#"{"colour":"red"}"#, "the sandbox is unreadable"),
        (r#"{"open_files":18446744073709551614}"#, "open_files"),
    ] {
        let (code, told) = confined(sandbox, "echo started").await;
        assert_eq!(code, Some(126), "{told}");
        assert!(told.contains(expected) && !told.contains("started"), "{told}");
    }
}
