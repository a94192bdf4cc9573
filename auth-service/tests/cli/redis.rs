//! The program with its store in Redis.

use serde_json::json;

use crate::service::{Running, command, home, send};
use server::Server;

#[path = "../store_contract/redis/server.rs"]
#[expect(dead_code, reason = "the contract suite uses more of it")]
pub(crate) mod server;

fn with_redis(address: &str) -> (tempfile::TempDir, Running) {
    let home = home();
    let running = Running::spawn(command(home.path(), &["serve"]).env("REDIS_URL", address));
    (home, running)
}

/// Registers a client; gives the whole answer.
fn register(running: &Running) -> String {
    let body = r#"{"redirect_uris":["https://app.example/cb"],"token_endpoint_auth_method":"none"}"#;
    running.send(&format!(
        "POST /register HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

fn ready(running: &Running) -> String {
    send(running.internal, "GET /health/ready HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

#[test]
fn j_01_j_02_while_redis_is_gone_clients_are_told_to_come_back() {
    let mut redis = Server::start();
    let (home, running) = with_redis(&redis.address());
    assert!(register(&running).starts_with("HTTP/1.1 201"));
    assert!(!home.path().join("data/auth.redb").exists(), "there is no other store");
    redis.kill();
    let refused = register(&running);
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("temporarily_unavailable"), "{refused}");
    assert!(ready(&running).starts_with("HTTP/1.1 503"));
    redis.launch();
    // Seen from the other side: what is asked of the service meanwhile ends in its log, which nobody reads here.
    while redis.ask(&["CLIENT", "LIST"]).lines().count() < 3 {}
    while !ready(&running).starts_with("HTTP/1.1 200") {}
    assert!(register(&running).starts_with("HTTP/1.1 201"), "nobody started it again");
}

#[test]
fn two_replicas_know_each_others_clients_and_revocations() {
    let redis = Server::start();
    let ((_one_home, one), (other_home, other)) =
        (with_redis(&redis.address()), with_redis(&redis.address()));
    let client = one.register();
    let asked = other.send(&format!(
        "GET /authorize?client_id={client}&redirect_uri=https://app.example/cb HTTP/1.1\r\nhost: x\r\n\
         connection: close\r\n\r\n"
    ));
    assert!(asked.starts_with("HTTP/1.1 303"), "the client is known: {asked}");
    let begin = one.feed("", 0);
    let cursor = begin["cursor"].as_str().unwrap().to_owned();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| one.feed(&cursor, 30));
        assert!(other.revoke(other_home.path(), &["--client", &client]).status.success());
        let heard = waiting.join().unwrap();
        assert_eq!(heard["entries"][0]["client_id"], json!(client));
        assert_eq!(heard["snapshot"], json!(false));
    });
}

#[test]
fn a_redis_that_cannot_be_used_is_said_with_its_setting_and_without_its_password() {
    let redis = Server::start();
    let evicting = Server::with(0, &["--maxmemory-policy", "allkeys-lru"]);
    let nowhere = format!("redis://auth:canary@127.0.0.1:{}", server::free_port());
    let wrong = redis.address().replace("//", "//auth:canary@x");
    for (address, reason) in [
        (nowhere.as_str(), "Connection refused"),
        (wrong.as_str(), "WRONGPASS"),
        (evicting.address().as_str(), "set it to noeviction"),
    ] {
        let home = home();
        let output = command(home.path(), &["serve"]).env("REDIS_URL", address).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(69), "{said}");
        assert!(said.contains("REDIS_URL: ") && said.contains(reason) && !said.contains("canary"), "{said}");
        let examined = command(home.path(), &["doctor"]).env("REDIS_URL", address).output().unwrap();
        let said = String::from_utf8(examined.stdout).unwrap();
        assert_eq!(examined.status.code(), Some(1), "{said}");
        assert!(
            said.contains("BAD  REDIS_URL: ") && said.contains(reason) && !said.contains("canary"),
            "{said}"
        );
    }
}

#[test]
fn over_tls_only_a_server_whose_certificate_is_trusted_gets_the_password() {
    let files = tempfile::tempdir().unwrap();
    let path = |name: &str| files.path().join(name).display().to_string();
    for name in ["ours", "other"] {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(path(&format!("{name}.crt")), made.cert.pem()).unwrap();
        std::fs::write(path(&format!("{name}.key")), made.signing_key.serialize_pem()).unwrap();
    }
    let port = server::free_port();
    let (certificate, key) = (path("ours.crt"), path("ours.key"));
    let tls = ["--tls-port", &port.to_string(), "--tls-cert-file", &certificate, "--tls-key-file", &key];
    let more = ["--tls-ca-cert-file", &certificate, "--tls-auth-clients", "no", "--requirepass", "canary"];
    let _redis = Server::with(0, &[&tls[..], &more].concat());
    let home = home();
    let mut serve = command(home.path(), &["serve"]);
    serve.env("REDIS_URL", format!("rediss://localhost:{port}")).env("REDIS_PASSWORD", "canary");
    let refused = serve.env("SSL_CERT_FILE", path("other.crt")).output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(said.contains("REDIS_URL: ") && said.contains("InvalidCertificate"), "{said}");
    let running = Running::spawn(serve.env("SSL_CERT_FILE", certificate));
    assert!(register(&running).starts_with("HTTP/1.1 201"));
}
