//! What an `mcp.json` may say, and what is said about one that is wrong.

use std::path::Path;

use super::*;

fn environment() -> BTreeMap<String, String> {
    [("PATH", "/usr/bin:/bin"), ("HOME", "/home/u"), ("SECRET", "s"), ("LD_PRELOAD", "x.so")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn mistakes(text: &str) -> Vec<String> {
    Servers::parse(text, &environment()).unwrap_err()
}

#[test]
fn a_server_is_found_and_starts_with_nothing_but_its_own_environment() {
    let text = r#"{"mcpServers":{"files":{"type":"stdio","command":"sh","args":["-c","a b"],"env":{"TOKEN":"t"},"cwd":"/"}}}"#;
    let servers = Servers::parse(text, &environment()).unwrap();
    let launch = servers.get("files").unwrap();
    assert!(launch.program.is_absolute());
    assert_eq!(launch.arguments, ["-c", "a b"]);
    assert_eq!(launch.directory.as_deref(), Some(Path::new("/")));
    assert!(!launch.is_stateless, "I-15: not shared unless the operator says so");
    let names: Vec<&str> = launch.environment.keys().map(String::as_str).collect();
    assert_eq!(names, ["HOME", "PATH", "TOKEN"], "I-02: neither SECRET nor LD_PRELOAD");
}

#[test]
fn every_mistake_has_its_place_and_all_are_told() {
    let text = r#"{"mcpServers":{
        "a":{"command":"sh","comand":"x"},
        "b":{"command":"no-such-program-here"},
        "c":{"url":"https://mcp.example/mcp"},
        "d":{"args":"x"},
        "e":{"command":"sh","env":{"N":1}},
        "f":{"command":"sh","cwd":"/no/such/place"},
        "G":{"command":"sh"},
        "h":{"command":"sh"},"h":{"command":"sh"},
        "i":{"type":"http","command":"sh"},
        "j":{"command":"sh","command":"sh"},
        "k":7,
        "l":{"command":"sh","stateless":"yes"}
    },"other":1}"#;
    let told = mistakes(text).join("\n");
    for part in [
        "mcpServers.a.comand: unknown member; expected command, args, env, cwd, sandbox, stateless, type",
        "mcpServers.b.command: there is no program \"no-such-program-here\" on the PATH",
        "mcpServers.c.url: remote servers are not served yet",
        "mcpServers.d.args: expected a list of strings",
        "mcpServers.d.command: expected the program to start",
        "mcpServers.e.env: expected an object whose values are strings",
        "mcpServers.f.cwd: /no/such/place is not a directory",
        "mcpServers.G: expected a name of a-z, 0-9, _ and -",
        "mcpServers.h: there are two servers with this name",
        "mcpServers.i.type: expected \"stdio\"",
        "mcpServers.j.command: this member is there twice",
        "mcpServers.k: expected an object such as",
        "mcpServers.l.stateless: expected true or false",
        "other: unknown member; expected mcpServers",
    ] {
        assert!(told.contains(part), "\"{part}\" is missing in:\n{told}");
    }
}

#[test]
fn h_82_variables_are_filled_in_wherever_a_server_sees_them_and_all_that_are_missing_are_told() {
    let text = r#"{"mcpServers":{"a":{"command":"${SHELL_NAME:-sh}","args":["--key=${SECRET}"],"env":{"T":"${SECRET}"},"cwd":"${HOME_OF:-/}"}}}"#;
    let servers = Servers::parse(text, &environment()).unwrap();
    let launch = servers.get("a").unwrap();
    assert_eq!(launch.arguments, ["--key=s"]);
    assert_eq!(launch.environment.get("T").map(String::as_str), Some("s"));
    assert_eq!(launch.directory.as_deref(), Some(Path::new("/")));

    let text = r#"{"mcpServers":{"a":{"command":"sh","args":["x","${ONE}"],"env":{"T":"${TWO}","U":"${"}}}}"#;
    let told = mistakes(text).join("\n");
    for part in [
        "mcpServers.a.args[1]: the variable ONE is not set; set it, or give a default with ${ONE:-…}",
        "mcpServers.a.env.T: the variable TWO is not set",
        "mcpServers.a.env.U: expected ${NAME} or ${NAME:-default}",
    ] {
        assert!(told.contains(part), "\"{part}\" is missing in:\n{told}");
    }
}

#[test]
fn a_file_without_servers_says_what_is_expected() {
    assert!(mistakes("{}").join("").contains("mcpServers: expected an object"));
    assert!(mistakes("[]").join("").contains("expected {\"mcpServers\""));
    assert!(mistakes("").join("").contains("expected {\"mcpServers\""));
}

#[test]
fn a_command_line_starts_one_server_whose_flags_are_its_own() {
    let words = ["sh", "-c", "echo ${HOME}", "--port", "1"].map(str::to_owned);
    let name = ServerName::parse("only").unwrap();
    let extra = BTreeMap::from([("KEY".to_owned(), "k".to_owned())]);
    let servers = Servers::alone(name.clone(), &words, extra, &environment()).unwrap();
    let launch = servers.at_root().unwrap();
    assert_eq!(launch.arguments, words[1..], "a shell has replaced what it wanted to replace");
    assert_eq!(launch.environment.get("KEY").map(String::as_str), Some("k"));
    assert!(servers.get("only").is_some());
    let error = Servers::alone(name, &["no-such".to_owned()], BTreeMap::new(), &environment()).unwrap_err();
    assert!(error.starts_with("command: there is no program \"no-such\""), "{error}");
}

#[test]
fn names_are_safe_in_urls() {
    for name in ["a", "0", "time", "my-server_2", "x".repeat(64).as_str()] {
        assert!(ServerName::parse(name).is_some(), "{name}");
    }
    for name in ["", "-a", "_a", "A", "a.b", "a/b", "..", "a b", "é", "x".repeat(65).as_str()] {
        assert!(ServerName::parse(name).is_none(), "{name}");
    }
}
