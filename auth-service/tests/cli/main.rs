//! The program itself: its commands, exit codes and files, and its end.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper that fails fails its test")]

mod backup;
mod inventory;
mod redis;
mod service;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use service::{Running, command, home, line, mode, run};

#[test]
fn users_are_added_listed_shut_out_let_in_and_removed() {
    let home = home();
    line(&run(home.path(), &["init"]));
    let added =
        line(&run(home.path(), &["users", "add", "ada", "--allow", "time/*", "--allow", "git/git_log"]));
    assert!(added["added"]["password"].as_str().unwrap().len() >= 20);
    let listed = || line(&run(home.path(), &["users", "list"]))["users"].clone();
    assert_eq!(listed()[1]["scopes"], "mcp:time mcp:git:git_log");
    assert!(!listed().to_string().contains("argon2"), "no hash is shown");
    line(&run(home.path(), &["users", "disable", "ada"]));
    assert_eq!(listed()[1]["disabled"], true);
    line(&run(home.path(), &["users", "enable", "ada"]));
    assert_eq!(listed()[1]["disabled"], false);
    let twice = run(home.path(), &["users", "add", "ada"]);
    assert_eq!(twice.status.code(), Some(64));
    let role = run(home.path(), &["users", "add", "bob", "--role", "clerk"]);
    assert!(String::from_utf8_lossy(&role.stderr).contains("there is no role \"clerk\""));
    line(&run(home.path(), &["users", "remove", "ada"]));
    assert_eq!(listed().as_array().unwrap().len(), 1);
    assert_eq!(run(home.path(), &["users", "disable", "ada"]).status.code(), Some(64));
    assert_eq!(mode(&home.path().join("data/users.json")), 0o600);
}

#[test]
fn the_doctor_says_what_is_right_what_is_doubtful_and_what_is_wrong() {
    let home = home();
    let examined = |service: Option<&Running>| {
        let mut command = command(home.path(), &["doctor"]);
        if let Some(service) = service {
            command.env("AUTH_INTERNAL_BIND", service.internal.to_string());
            command.env("AUTH_BIND", service.public.to_string());
        }
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = examined(None);
    assert!(
        said.contains("look DATA_DIR: ") && !home.path().join("data").exists(),
        "it changes nothing: {said}"
    );
    assert!(
        code == Some(0) && said.contains("look signing keys: none yet") && said.contains("look users: "),
        "{said}"
    );

    line(&run(home.path(), &["init"]));
    line(&run(home.path(), &["users", "add", "ada"]));
    let service = Running::start(home.path());
    let (code, said) = examined(Some(&service));
    for expected in [
        "ok   settings: issuer http://localhost:8080, servers time",
        "ok   DATA_DIR",
        "(ES256) signs, 1 published",
        "look users: may do nothing (roles, allowed_tools): ada",
        "ok   service",
        "ok   auth service",
    ] {
        assert!(said.contains(expected), "no {expected}: {said}");
    }
    // There is no Envoy in this test, but there may be one on this machine.
    assert!(said.contains(" edge: ") && code == Some(i32::from(said.contains("BAD"))), "{said}");

    let provider = [
        ("OIDC_PROVIDERS", "corp"),
        ("CORP_ISSUER", "https://127.0.0.1:1"),
        ("CORP_CLIENT_ID", "c"),
        ("CORP_CLIENT_SECRET", "canary"),
    ];
    let output = command(home.path(), &["doctor"]).envs(provider).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("BAD  provider: corp: no connection"), "{said}");

    std::fs::write(home.path().join("data/signing-keys.json"), "{}").unwrap();
    let (code, said) = examined(None);
    assert!(code == Some(1) && said.contains("BAD  signing keys: "), "{said}");
    service.signal("TERM");
}

#[test]
fn e_10_keys_are_listed_rotated_and_withdrawn_while_the_service_runs() {
    let home = home();
    line(&run(home.path(), &["init"]));
    let service = Running::start(home.path());
    let published = || {
        let answer = service.send("GET /jwks.json HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let set: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].clone()).collect::<Vec<_>>()
    };
    let first = published();
    assert_eq!(line(&run(home.path(), &["keys", "list"]))["keys"][0]["kid"], first[0]);

    let listed = line(&run(home.path(), &["keys", "rotate"]));
    assert_eq!((&listed["keys"][0]["signs"], &listed["keys"][1]["signs"]), (&json!(true), &json!(false)));
    while published().len() != 2 {}

    let withdrawn = first[0].as_str().unwrap();
    let listed = line(&run(home.path(), &["keys", "withdraw", withdrawn]));
    assert!(!listed.to_string().contains(withdrawn) && !listed.to_string().contains("\"d\""), "{listed}");
    while published().contains(&first[0]) {}

    let unknown = run(home.path(), &["keys", "withdraw", withdrawn]);
    assert_eq!(unknown.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("`keys list` shows"));
    assert_eq!(mode(&home.path().join("data/signing-keys.json")), 0o600);
    service.signal("TERM");
}

#[test]
fn init_prepares_everything_once_and_prints_the_password_once() {
    let home = home();
    let first = line(&run(home.path(), &["init"]));
    let password = first["created"]["password"].as_str().unwrap().to_owned();
    assert_eq!(first["created"]["username"], "admin");
    assert_eq!(password.len(), 29);
    let data = home.path().join("data");
    assert_eq!(mode(&data), 0o700);
    for file in ["signing-keys.json", "refresh-key", "users.json"] {
        assert_eq!(mode(&data.join(file)), 0o600, "{file}");
        assert!(!std::fs::read_to_string(data.join(file)).unwrap().contains(&password), "{file}");
    }
    let keys = std::fs::read(data.join("signing-keys.json")).unwrap();
    assert_eq!(line(&run(home.path(), &["init"])), json!({ "users": ["admin"] }));
    assert_eq!(std::fs::read(data.join("signing-keys.json")).unwrap(), keys, "nothing changed");
}

#[test]
fn an_upstream_user_is_known_by_their_sub() {
    let home = home();
    line(&run(home.path(), &["init"]));
    let users = |arguments: &[&str]| run(home.path(), &[&["users"], arguments].concat());
    let sub = "github:583231";
    let added = line(&users(&["add", "--upstream", sub, "--allow", "time/*"]));
    assert_eq!(added, json!({ "added": { "sub": sub } }));
    for wrong in [sub, "local:a1", "ada"] {
        let refused = users(&["add", "--upstream", wrong]);
        assert_eq!(refused.status.code(), Some(64), "{wrong}");
        assert!(String::from_utf8_lossy(&refused.stderr).contains("subject must be like github:583231"));
    }
    line(&users(&["disable", sub]));
    let listed = line(&users(&["list"]))["upstream_users"].clone();
    assert_eq!(listed, json!([{ "sub": sub, "roles": [], "scopes": "mcp:time", "disabled": true }]));
    assert_eq!(users(&["passwd", sub]).status.code(), Some(64), "they have none here");
    // Without an entry the provider's default roles would let them in again.
    line(&users(&["remove", sub]));
    line(&users(&["disable", "corp:u-1"]));
    let shut_out = |sub| json!({ "sub": sub, "roles": [], "scopes": "", "disabled": true });
    assert_eq!(line(&users(&["list"]))["upstream_users"], json!([shut_out(sub), shut_out("corp:u-1")]));
    assert_eq!(users(&["disable", "local:a1"]).status.code(), Some(64));
}

#[test]
fn the_mistakes_of_providers_are_reported_with_all_others() {
    let home = home();
    let output = command(home.path(), &["serve"])
        .env("GITHUB_CLIENT_ID", "us")
        .env("GITHUB_CLIENT_SECRET", "canary")
        .env("GITHUB_DEFAULT_ROLES", "clerk")
        .env("ALLOWED_GITHUB_EMAILS", "everybody")
        .env("OIDC_CLIENT_ID", "us")
        .env("AUTH_BIND", "nowhere")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{text}");
    for mistake in [
        "GITHUB_DEFAULT_ROLES: USERS_FILE defines no role \"clerk\"",
        "ALLOWED_GITHUB_EMAILS: \"everybody\" is no e-mail address",
        "OIDC_CLIENT_SECRET: expected a secret",
        "AUTH_BIND: ",
    ] {
        assert!(text.contains(mistake), "{mistake}: {text}");
    }
    assert!(!text.contains("canary"));
}

#[test]
fn a_lost_password_is_replaced_and_an_unknown_user_is_named() {
    let home = home();
    let first = line(&run(home.path(), &["init"]));
    let second = line(&run(home.path(), &["users", "passwd", "admin"]));
    assert_eq!(second["changed"]["username"], "admin");
    assert_ne!(first["created"]["password"], second["changed"]["password"]);
    let unknown = run(home.path(), &["users", "passwd", "eve"]);
    assert_eq!(unknown.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("there is no user \"eve\"; there are: admin"));
}

#[test]
fn all_mistakes_are_reported_at_once_and_nothing_is_touched() {
    let home = home();
    std::fs::write(home.path().join("users.json"), r#"{"users":[{"username":"ada"}]}"#).unwrap();
    let output = command(home.path(), &["serve"])
        .env("PUBLIC_URL", "http://gateway.example")
        .env("AUTH_BIND", "nowhere")
        .env("ACCESS_TOKEN_LIFETIME", "7200")
        .env("SIGNING_ALGORITHM", "HS256")
        .env("MCP_CONFIG", home.path().join("absent.json"))
        .env("USERS_FILE", home.path().join("users.json"))
        .env("LOG_FORMAT", "xml")
        .output()
        .unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{text}");
    for name in [
        "PUBLIC_URL",
        "AUTH_BIND",
        "ACCESS_TOKEN_LIFETIME",
        "SIGNING_ALGORITHM",
        "MCP_CONFIG",
        "USERS_FILE",
        "LOG_FORMAT",
    ] {
        assert!(text.contains(&format!("{name}: ")), "{name}: {text}");
    }
    assert!(!home.path().join("data").exists());
}

#[test]
fn a_server_that_cannot_be_a_resource_is_a_mistake_with_its_name() {
    let home = home();
    for (config, part) in [
        (r#"{"mcpServers":{"My Server":{}}}"#, "the name \"My Server\""),
        (r#"{"mcpServers":{}}"#, "names no server"),
        ("{}", "mcpServers"),
    ] {
        std::fs::write(home.path().join("mcp.json"), config).unwrap();
        let output = run(home.path(), &["serve"]);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(64) && text.contains("MCP_CONFIG: ") && text.contains(part),
            "{text}"
        );
    }
}

#[test]
fn what_is_not_to_be_had_is_said_in_one_sentence_with_its_setting() {
    let home = home();
    let running = Running::start(home.path());
    let text = |output: Output| (output.status.code(), String::from_utf8(output.stderr).unwrap());
    let (code, second) = text(run(home.path(), &["serve"]));
    assert_eq!(code, Some(69));
    assert!(second.contains("DATA_DIR: ") && second.contains("in use by another process"), "{second}");
    let taken = command(home.path(), &["serve"])
        .env("DATA_DIR", home.path().join("other"))
        .env("AUTH_BIND", running.public.to_string())
        .output()
        .unwrap();
    let (code, taken) = text(taken);
    assert_eq!(code, Some(69));
    assert!(taken.contains("AUTH_BIND: cannot listen on"), "{taken}");
    std::fs::write(home.path().join("file"), "").unwrap();
    let blocked =
        command(home.path(), &["serve"]).env("DATA_DIR", home.path().join("file/data")).output().unwrap();
    let (code, blocked) = text(blocked);
    assert_eq!(code, Some(69));
    assert!(blocked.contains("DATA_DIR: ") && blocked.contains("cannot be written"), "{blocked}");
}

#[test]
fn sigterm_ends_it_in_good_order() {
    let home = home();
    for signal in ["TERM", "INT"] {
        let mut running = Running::start(home.path());
        running.signal(signal);
        assert_eq!(running.child.wait().unwrap().code(), Some(0), "{signal}");
        let mut rest = String::new();
        running.log.read_to_string(&mut rest).unwrap();
        assert!(rest.contains("ended"), "{rest}");
    }
}

#[test]
fn j_09_kill_9_loses_nothing_that_a_client_was_told() {
    let home = home();
    let mut clients = Vec::new();
    for _ in 0..5 {
        let running = Running::start(home.path());
        clients.push(running.register());
        running.signal("KILL");
    }
    let running = Running::start(home.path());
    for client in clients {
        let answer = running.send(&format!(
            "GET /authorize?client_id={client}&redirect_uri=https://app.example/cb HTTP/1.1\r\nhost: x\r\n\
             connection: close\r\n\r\n"
        ));
        assert!(answer.starts_with("HTTP/1.1 303"), "the client is known: {answer}");
    }
}

#[test]
fn j_09_kill_9_forgets_no_revocation_that_somebody_was_told() {
    let home = home();
    run(home.path(), &["init"]);
    let mut told = Vec::new();
    let mut cursor = String::new();
    for number in 0..5 {
        let running = Running::start(home.path());
        let client = format!("client_{number}");
        told.push(line(&running.revoke(home.path(), &["--client", &client])));
        let news = running.feed(&cursor, 0);
        assert_eq!(news["snapshot"], number == 0, "a cursor outlives the process");
        cursor = news["cursor"].as_str().unwrap().to_owned();
        running.signal("KILL");
    }
    let running = Running::start(home.path());
    assert_eq!(running.feed("", 0)["entries"], Value::Array(told));
}

#[test]
fn revoke_tells_the_running_service_and_the_feed_brings_it_at_once() {
    let home = home();
    run(home.path(), &["init"]);
    let running = Running::start(home.path());
    let cursor = running.feed("", 0)["cursor"].as_str().unwrap().to_owned();
    let news = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| running.feed(&cursor, 60));
        let entry = line(&running.revoke(home.path(), &["--user", "admin"]));
        assert!(entry["sub"].as_str().unwrap().starts_with("local:"), "{entry}");
        let news = waiting.join().unwrap();
        assert_eq!(news["entries"], json!([entry]));
        news
    });
    let token = line(&running.revoke(home.path(), &["--token", "AAAAAAAAAAAAAAAAAAAAAA"]));
    assert_eq!(token["jti"], "AAAAAAAAAAAAAAAAAAAAAA");
    let same = ["tokens", "revoke", "-BBBBBBBBBBBBBBBBBBBBA"];
    let bind = running.internal.to_string();
    let other = command(home.path(), &same).env("AUTH_INTERNAL_BIND", bind).output().unwrap();
    let other = line(&other);
    assert_eq!(other["jti"], same[2]);
    assert_eq!(running.feed(news["cursor"].as_str().unwrap(), 0)["entries"], json!([token, other]));
    running.signal("TERM");
}

#[test]
fn revoke_says_what_is_wrong_in_one_sentence() {
    let home = home();
    run(home.path(), &["init"]);
    let running = Running::start(home.path());
    let text = |output: Output| (output.status.code(), String::from_utf8(output.stderr).unwrap());
    let (code, unknown) = text(running.revoke(home.path(), &["--user", "eve"]));
    assert_eq!(code, Some(64));
    assert!(unknown.contains("there is no user with this name"), "{unknown}");
    for arguments in [&[][..], &["--user", "admin", "--client", "c"]] {
        assert_eq!(running.revoke(home.path(), arguments).status.code(), Some(2), "{arguments:?}");
    }
    let internal = running.internal.to_string();
    drop(running);
    let stopped = command(home.path(), &["revoke", "--user", "admin"])
        .env("AUTH_INTERNAL_BIND", &internal)
        .output()
        .unwrap();
    let (code, stopped) = text(stopped);
    assert_eq!(code, Some(69));
    assert!(stopped.contains(&format!("auth-service does not run at {internal}")), "{stopped}");
}

#[test]
fn a_user_who_is_taken_out_of_the_file_is_revoked_within_seconds() {
    let home = home();
    run(home.path(), &["init"]);
    let running = Running::start(home.path());
    let cursor = running.feed("", 0)["cursor"].as_str().unwrap().to_owned();
    let users = home.path().join("data/users.json");
    let known: Value = serde_json::from_slice(&std::fs::read(&users).unwrap()).unwrap();
    let id = known["users"][0]["id"].as_str().unwrap();
    std::fs::write(home.path().join("data/users.new"), r#"{"users":[]}"#).unwrap();
    std::fs::rename(home.path().join("data/users.new"), &users).unwrap();
    let news = running.feed(&cursor, 60);
    assert_eq!(news["entries"][0]["sub"], format!("local:{id}"), "{news}");
}

#[test]
fn without_users_it_serves_and_says_what_to_do() {
    let home = home();
    let mut child = command(home.path(), &["serve"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut first).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(first.contains("run `auth-service init` to create a first user"), "{first}");
}
