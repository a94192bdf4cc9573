//! J-07: what somebody was given as a secret is nowhere but where it was given: not in the log at its most talkative, not in the
//! store, not in a backup, not on a page, not in an error.

use std::path::{Path, PathBuf};

use crate::client::{Client, Tokens, VERIFIER};
use crate::http::{form, request};
use crate::server::Server;
use crate::world::{PASSWORD, World};

const FORM: &str = "application/x-www-form-urlencoded";

/// All flows, mistakes included; gives every secret that came up.
fn everything(world: &mut World) -> Vec<String> {
    let mut secrets = vec![PASSWORD.to_owned(), VERIFIER.to_owned()];
    let mistyped = "mistyped-by-ada-8c1f";
    let (client, code) = world.with_code();
    secrets.extend([world.cookie.split_once('=').unwrap().1.to_owned(), mistyped.to_owned(), code.clone()]);
    let sign_in = [("action", "sign-in"), ("username", "ada"), ("password", mistyped)];
    let own = [("origin", "http://localhost:8080"), ("sec-fetch-site", "same-origin")];
    let sign_in = form(&sign_in);
    world.insist(&request(&format!("POST {}", client.page()), &own, (FORM, &sign_in)));
    let first = Tokens::of(&world.insist(&client.redeem(&code)));
    let second = Tokens::of(&world.insist(&client.refresh(&first.refresh)));
    let mut tokens = vec![first, second];
    tokens.push(by_device(world, &client, &mut secrets));
    secrets.push(confidential(world, &tokens));
    for token in tokens.iter().flat_map(|it| [&it.access, &it.refresh]) {
        misplaced(world, &client, token);
        secrets.push(token.clone());
    }
    misplaced(world, &client, &code);
    // A replay, and refresh tokens that are dead by then.
    world.insist(&client.redeem(&code));
    for token in &tokens {
        world.insist(&client.refresh(&token.refresh));
        world.insist(&client.revoke(&token.refresh));
        world.insist(&client.revoke(&token.access));
    }
    for method in ["GET", "PUT", "DELETE", "DELETE"] {
        world.insist(&client.manage(method));
    }
    secrets.push(client.registration);
    secrets
}

fn by_device(world: &mut World, client: &Client, secrets: &mut Vec<String>) -> Tokens {
    let device = world.insist(&client.begin_device());
    let (code, user_code) = (device.member("device_code"), device.member("user_code"));
    world.insist(&client.poll(&code));
    world.approve_device(&format!("/device?user_code={user_code}")).unwrap();
    world.insist(&request(
        &format!("GET /device?user_code={user_code}"),
        &[("cookie", &world.cookie)],
        ("", ""),
    ));
    let tokens = Tokens::of(&world.insist(&client.poll(&code)));
    misplaced(world, client, &code);
    secrets.push(code);
    tokens
}

/// A client with a secret, which it uses rightly and wrongly; gives the secret.
fn confidential(world: &mut World, tokens: &[Tokens]) -> String {
    let body =
        r#"{"redirect_uris":["https://app.example/cb"],"token_endpoint_auth_method":"client_secret_post"}"#;
    let answer = world.insist(&request("POST /register", &[], ("application/json", body)));
    let (id, secret) = (answer.member("client_id"), answer.member("client_secret"));
    for (path, secret) in
        [("/introspect", secret.clone()), ("/revoke", secret.clone()), ("/token", secret.clone() + "x")]
    {
        for token in tokens {
            let fields = [
                ("client_id", id.as_str()),
                ("client_secret", &secret),
                ("token", &token.access),
                ("grant_type", "x"),
            ];
            world.insist(&request(&format!("POST {path}"), &[], (FORM, &form(&fields))));
        }
    }
    secret
}

/// The secret in all the places where it does not belong.
fn misplaced(world: &mut World, client: &Client, secret: &str) {
    let bearer = format!("Bearer {secret}");
    let basic = format!("Basic {secret}");
    for path in ["/token", "/authorize", "/callback/github", "/device", "/jwks.json", "/verify", "/nowhere"] {
        let query = format!("{path}?access_token={secret}&code={secret}&state={secret}&user_code={secret}");
        for what in ["GET", "POST"] {
            world.insist(&request(&format!("{what} {query}"), &[("authorization", &bearer)], (FORM, "a=b")));
        }
    }
    let fields =
        [("grant_type", secret), ("client_id", secret), ("token", secret), ("client_secret", secret)];
    for path in ["/token", "/revoke", "/introspect", "/device_authorization"] {
        world.insist(&request(&format!("POST {path}"), &[("authorization", &basic)], (FORM, &form(&fields))));
    }
    for body in [format!("{{\"redirect_uris\":[\"{secret}\"]}}"), secret.to_owned()] {
        world.insist(&request("POST /register", &[], ("application/json", &body)));
    }
    world.insist(&request(&format!("GET /register/{secret}"), &[("authorization", &bearer)], ("", "")));
    let cookie = format!("mcp_session={secret}; mcp_upstream={secret}");
    world.insist(&request(&format!("GET {}", client.page()), &[("cookie", &cookie)], ("", "")));
}

/// Everything in a folder.
fn content(folder: &Path) -> Vec<u8> {
    let mut all = vec![];
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            all.extend(content(&entry.path()));
        } else if entry.file_type().unwrap().is_file() {
            all.extend(std::fs::read(entry.path()).unwrap());
        }
    }
    all
}

fn holds(bytes: &[u8], needle: &str) -> bool {
    bytes.windows(needle.len()).any(|window| window == needle.as_bytes())
}

fn searched(mut world: World, more: &[&str]) {
    world.heard = Some(String::new());
    let mut secrets = everything(&mut world);
    secrets.extend(more.iter().map(|&secret| secret.to_owned()));
    let backup = world.home().join("saved.backup");
    assert!(world.service.order(world.home(), &["backup", backup.to_str().unwrap()]).status.success());
    if let Some(redis) = &world.redis {
        assert!(redis.ask(&["SAVE"]).contains("OK"));
    }
    world.service.child.kill().unwrap();
    let heard = world.heard.take().unwrap();
    let folder = world.redis.as_ref().map(|redis| redis.ask(&["CONFIG", "GET", "dir"]));
    let folder = folder.and_then(|answer| answer.lines().last().map(PathBuf::from));
    let store = content(&folder.unwrap_or_else(|| world.home().join("data")));
    let backup = std::fs::read(&backup).unwrap();
    let log = world.log.join().unwrap();
    let places = [
        ("the log", log.as_bytes(), "event=\"code_replayed\""),
        ("the store", &store, "https://app.example/cb"),
        ("the backup", &backup, "https://app.example/cb"),
        ("a page or an error", heard.as_bytes(), "Signed in as"),
    ];
    for (place, bytes, known) in places {
        assert!(holds(bytes, known), "{place} can be searched: {}", String::from_utf8_lossy(bytes));
        for secret in &secrets {
            // The end of it, so that it is found without its readable prefix too.
            let needle = &secret[secret.len().saturating_sub(24)..];
            assert!(!holds(bytes, needle), "in {place}: {secret}");
        }
    }
}

const TALKATIVE: (&str, &str) = ("LOG_LEVEL", "trace");

#[test]
fn j_07_no_secret_is_in_the_log_the_file_a_backup_a_page_or_an_error() {
    let provider = [
        ("GITHUB_CLIENT_ID", "ours"),
        ("GITHUB_CLIENT_SECRET", "canary-of-github-5d0e7a"),
        ("ALLOWED_GITHUB_USERS", "*"),
    ];
    let world = World::new(None, 7, &[&[TALKATIVE][..], &provider].concat());
    searched(world, &["canary-of-github-5d0e7a"]);
}

#[test]
fn j_07_no_secret_is_in_redis_or_in_what_it_writes_to_disk() {
    let redis = Server::with(0, &["--appendonly", "yes", "--rdbcompression", "no"]);
    searched(World::new(Some(redis), 7, &[TALKATIVE]), &[]);
}
