//! `clients`, `stats` and `purge`: commands that ask the running service.

use serde_json::json;

use crate::service::{Running, command, home, line, run};

#[test]
fn clients_are_listed_shown_and_deleted_while_the_service_runs() {
    let home = home();
    line(&run(home.path(), &["init"]));
    let service = Running::spawn(command(home.path(), &["serve"]).env("LIMIT_REGISTER", "off"));
    let ordered = |arguments: &[&str]| service.order(home.path(), arguments);
    assert_eq!(line(&ordered(&["clients", "list"])), json!({ "clients": [] }));
    let clients: Vec<_> = (0..3).map(|_| service.register()).collect();
    let listed = line(&ordered(&["clients", "list"]));
    let mut listed: Vec<_> =
        listed["clients"].as_array().unwrap().iter().map(|it| it["client_id"].as_str().unwrap()).collect();
    listed.sort_unstable();
    let mut expected: Vec<_> = clients.iter().map(String::as_str).collect();
    expected.sort_unstable();
    assert_eq!(listed, expected);
    let shown = line(&ordered(&["clients", "show", &clients[0]]));
    assert_eq!(
        (&shown["redirect_uris"], &shown["used"]),
        (&json!(["https://app.example/cb"]), &json!(false))
    );
    assert_eq!(line(&ordered(&["stats"]))["clients"], 3);
    assert_eq!(line(&ordered(&["clients", "delete", &clients[0]])), json!({ "deleted": clients[0] }));
    assert_eq!(line(&ordered(&["stats"]))["clients"], 2);
    let address = "https://app.example:8443/a/client.json?x=%2F";
    assert_eq!(line(&ordered(&["clients", "delete", address])), json!({ "revoked": address }));
    assert_eq!(line(&ordered(&["tokens", "list", "--user", "admin"])), json!({ "grants": [] }));
    assert_eq!(line(&ordered(&["tokens", "list", "--client", address])), json!({ "grants": [] }));
    assert_eq!(line(&ordered(&["purge"])), json!({ "purged": 0 }));
    for command in ["show", "delete"] {
        let refused = ordered(&["clients", command, "-nobody/../stats"]);
        assert_eq!(refused.status.code(), Some(64));
        assert!(String::from_utf8_lossy(&refused.stderr).contains("there is no client with this id"));
    }
    service.signal("TERM");
}

#[test]
fn a_list_of_many_parts_comes_out_whole() {
    let home = home();
    line(&run(home.path(), &["init"]));
    let service = Running::spawn(command(home.path(), &["serve"]).env("LIMIT_REGISTER", "off"));
    // Few enough for their log lines to fit into the pipe that nobody reads.
    for _ in 0..101 {
        service.register();
    }
    let listed = line(&service.order(home.path(), &["clients", "list"]));
    assert_eq!(listed["clients"].as_array().unwrap().len(), 101);
    service.signal("TERM");
}

#[test]
fn without_a_running_service_a_command_says_which_setting_to_look_at() {
    let home = home();
    for arguments in [&["clients", "list"][..], &["stats"], &["purge"]] {
        let mut command = command(home.path(), arguments);
        let output = command.env("AUTH_INTERNAL_BIND", "127.0.0.1:1").output().unwrap();
        assert_eq!(output.status.code(), Some(69));
        assert!(
            String::from_utf8_lossy(&output.stderr).contains("AUTH_INTERNAL_BIND: auth-service does not run")
        );
    }
}

#[test]
fn an_operator_adds_a_client_without_a_user_and_takes_it_away_again() {
    let home = home();
    line(&run(home.path(), &["init"]));
    let service = Running::spawn(command(home.path(), &["serve"]).env("CLIENT_CREDENTIALS", "true"));
    let ordered = |arguments: &[&str]| service.order(home.path(), arguments);
    let users = || std::fs::read_to_string(home.path().join("data/users.json")).unwrap();
    let refused = ordered(&["clients", "add", "nightly", "--role", "clerk"]);
    assert_eq!(refused.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("there is no role \"clerk\""));
    assert_eq!(line(&ordered(&["clients", "list"])), json!({ "clients": [] }), "half a client is none");
    let added = line(&ordered(&["clients", "add", "nightly", "--allow", "time/*"]))["added"].clone();
    let (id, secret) = (added["client_id"].as_str().unwrap(), added["client_secret"].as_str().unwrap());
    let body = format!(
        "grant_type=client_credentials&resource=http%3A%2F%2Flocalhost%3A8080%2Ftime%2Fmcp&client_id={id}&client_secret={secret}"
    );
    let length = body.len();
    let ask = || {
        service.send(&format!(
            "POST /token HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/x-www-form-urlencoded\r\n\
             content-length: {length}\r\n\r\n{body}"
        ))
    };
    assert!(ask().contains(r#""scope":"mcp:time""#), "{}", ask());
    let permitted = json!([{ "client_id": id, "roles": [], "scopes": "mcp:time", "disabled": false }]);
    assert_eq!(line(&run(home.path(), &["users", "list"]))["clients"], permitted);
    let listed = line(&ordered(&["tokens", "list", "--client", id]));
    assert_eq!(listed["grants"][0]["sub"], format!("client:{id}"));
    assert_eq!(line(&ordered(&["clients", "permit", id])), json!({ "permitted": id }));
    assert!(ask().contains("invalid_scope"), "nothing is left that it may do");
    assert_eq!(line(&ordered(&["clients", "delete", id])), json!({ "deleted": id }));
    assert!(!users().contains(id) && ask().contains("invalid_client"));
    std::fs::write(home.path().join("keys.json"), "{}").unwrap();
    let keys = home.path().join("keys.json").display().to_string();
    let refused = ordered(&["clients", "add", "signs", "--jwks", &keys]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("RFC 7591"), "{refused:?}");
    service.signal("TERM");
}
