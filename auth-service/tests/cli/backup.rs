//! `backup` and `restore`, over both stores.

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::redis::server::Server;
use crate::service::{Running, command, home, line, mode, send};

/// Where a service keeps what it is given.
#[derive(Clone, Copy)]
enum At<'a> {
    File,
    Redis(&'a Server),
}

impl At<'_> {
    fn command(self, home: &Path, arguments: &[&str]) -> std::process::Command {
        let mut command = command(home, arguments);
        if let At::Redis(server) = self {
            command.env("REDIS_URL", server.address());
        }
        command
    }

    fn serve(self, home: &Path) -> Running {
        Running::spawn(self.command(home, &["serve"]).env("LIMIT_REGISTER", "off"))
    }

    fn restore(self, home: &Path, arguments: &[&str]) -> Output {
        self.command(home, &[&["restore"], arguments].concat()).output().unwrap()
    }
}

/// A confidential client: its id, secret and registration token.
fn confidential(service: &Running) -> [String; 3] {
    let body = r#"{"redirect_uris":["https://app.example/cb"]}"#;
    let answer = service.send(&format!(
        "POST /register HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    ));
    let json: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    ["client_id", "client_secret", "registration_access_token"]
        .map(|name| json[name].as_str().unwrap().to_owned())
}

/// What a client is told about itself by its registration token.
fn managed(service: &Running, id: &str, token: &str) -> String {
    service.send(&format!(
        "GET /register/{id} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"
    ))
}

/// A service with clients at `from` is saved while it runs, and one at `to` goes on with them.
fn moves(from: At<'_>, to: At<'_>) {
    let (one, other) = (home(), home());
    let file = one.path().join("saved.backup");
    let name = file.to_str().unwrap();
    let service = from.serve(one.path());
    let [id, secret, token] = confidential(&service);
    // More than one part of the list.
    let public: Vec<_> = (0..101).map(|_| service.register()).collect();
    assert_eq!(line(&service.order(one.path(), &["backup", name])), json!({ "file": name, "clients": 102 }));
    assert_eq!(mode(&file), 0o600);
    let saved = std::fs::read_to_string(&file).unwrap();
    for canary in [&secret, &token] {
        // Without the readable prefix; the random part may hold underscores itself.
        let random = canary.get(canary.len().saturating_sub(40)..).unwrap();
        assert!(
            saved.contains("https://app.example/cb") && !saved.contains(random),
            "J-07: a usable secret is in the backup"
        );
    }
    let again = service.order(one.path(), &["backup", name]);
    assert!(
        again.status.code() == Some(69) && std::fs::read_to_string(&file).unwrap() == saved,
        "never over a file"
    );
    drop(service);

    let restored = line(&to.restore(other.path(), &[name]));
    assert_eq!(restored["clients"], 102);
    let service = to.serve(other.path());
    let cut = &service.feed("", 0)["entries"];
    assert_eq!(
        cut,
        &json!([{ "issued_before": restored["issued_before"], "expires_at": cut[0]["expires_at"] }])
    );
    assert_eq!(line(&service.order(other.path(), &["stats"]))["clients"], 102);
    line(&service.order(other.path(), &["clients", "show", &public[100]]));
    assert!(managed(&service, &id, &token).starts_with("HTTP/1.1 200"));
    assert!(managed(&service, &id, &format!("{token}x")).starts_with("HTTP/1.1 401"));
}

#[test]
fn clients_move_from_a_file_to_redis_and_back() {
    let redis = Server::start();
    moves(At::File, At::Redis(&redis));
    redis.ask(&["FLUSHALL"]);
    moves(At::Redis(&redis), At::File);
}

#[test]
fn j_06_a_store_that_holds_something_is_replaced_only_when_asked_and_never_under_a_running_service() {
    let home = home();
    let file = home.path().join("saved.backup");
    let name = file.to_str().unwrap();
    let service = At::File.serve(home.path());
    let kept = service.register();
    line(&service.order(home.path(), &["backup", name]));
    let later = service.register();
    let begin = service.feed("", 0)["cursor"].as_str().unwrap().to_owned();

    let refused = At::File.restore(home.path(), &[name, "--replace"]);
    assert_eq!(refused.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("in use by another process"));
    drop(service);
    let refused = At::File.restore(home.path(), &[name]);
    assert_eq!(refused.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--replace"));

    line(&At::File.restore(home.path(), &[name, "--replace"]));
    let service = At::File.serve(home.path());
    line(&service.order(home.path(), &["clients", "show", &kept]));
    assert_eq!(service.order(home.path(), &["clients", "show", &later]).status.code(), Some(64));
    assert_eq!(service.feed(&begin, 0)["snapshot"], true, "edges read from the beginning");
}

#[test]
fn j_06_replicas_that_run_while_their_redis_is_restored_go_on_with_what_it_holds_then() {
    let redis = Server::start();
    let (home, at) = (home(), At::Redis(&redis));
    let file = home.path().join("saved.backup");
    let name = file.to_str().unwrap();
    let service = at.serve(home.path());
    let kept = service.register();
    line(&service.order(home.path(), &["backup", name]));
    let later = service.register();
    let begin = service.feed("", 0)["cursor"].as_str().unwrap().to_owned();
    assert_eq!(at.restore(home.path(), &[name]).status.code(), Some(64));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| service.feed(&begin, 30));
        let restored = line(&at.restore(home.path(), &[name, "--replace"]));
        let heard = waiting.join().unwrap();
        assert_eq!(heard["entries"][0]["issued_before"], restored["issued_before"], "{heard}");
    });
    line(&service.order(home.path(), &["clients", "show", &kept]));
    assert_eq!(service.order(home.path(), &["clients", "show", &later]).status.code(), Some(64));
}

#[test]
fn what_cannot_be_saved_or_restored_is_said_and_nothing_is_done() {
    let home = home();
    let file = home.path().join("saved.backup");
    let name = file.to_str().unwrap();
    let service = At::File.serve(home.path());
    service.register();
    line(&service.order(home.path(), &["backup", name]));
    let nowhere = service.order(home.path(), &["backup", "/nowhere/saved.backup"]);
    assert!(nowhere.status.code() == Some(69) && !nowhere.stderr.is_empty());
    // A page in the operator's browser does not get the digests.
    let page = "POST /internal/backup HTTP/1.1\r\nhost: x\r\norigin: https://evil.example\r\ncontent-length: 0\r\n\
                connection: close\r\n\r\n";
    let page = send(service.internal, page);
    assert!(page.starts_with("HTTP/1.1 400") && !page.contains("client_"), "{page}");
    drop(service);
    let mut command = command(home.path(), &["backup", "other.backup"]);
    let stopped = command.env("AUTH_INTERNAL_BIND", "127.0.0.1:1").output().unwrap();
    assert!(String::from_utf8_lossy(&stopped.stderr).contains("auth-service does not run"));

    let whole = std::fs::read(&file).unwrap();
    let half = whole.get(..whole.len() / 2).unwrap();
    for (content, reason) in [
        (half, "is damaged"),
        (&b"PK\x03\x04"[..], "is no backup of an auth-service"),
        (&b""[..], "is no backup of an auth-service"),
    ] {
        std::fs::write(&file, content).unwrap();
        let refused = At::File.restore(home.path(), &[name, "--replace"]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert!(refused.status.code() == Some(64) && said.contains(reason) && said.contains(name), "{said}");
    }
    std::fs::remove_file(&file).unwrap();
    assert_eq!(At::File.restore(home.path(), &[name]).status.code(), Some(69));
    let service = At::File.serve(home.path());
    assert_eq!(line(&service.order(home.path(), &["stats"]))["clients"], 1, "what was there is there");
}
