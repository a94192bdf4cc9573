use super::*;

fn read(users: &str) -> Result<Accounts, UsersFileError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.json");
    std::fs::write(&path, users.replace("HASH", password::DECOY)).unwrap();
    Accounts::read(&path)
}

fn user_with(member: &str) -> String {
    format!(r#"{{"users":[{{"username":"ada","id":"a1","password":"HASH",{member}}}]}}"#)
}

#[test]
fn patterns_become_scopes() {
    let cases = [
        (r#"["*"]"#, "mcp"),
        (r#"["time/*", "fetch/get"]"#, "mcp:time mcp:fetch:get"),
        (r#"["time/*", "time/now"]"#, "mcp:time"),
        ("[]", ""),
    ];
    for (patterns, scopes) in cases {
        let accounts = read(&user_with(&format!(r#""allowed_tools":{patterns}"#))).unwrap();
        let account = accounts.named("ada").unwrap();
        assert_eq!(account.user.allowed.to_string(), scopes, "{patterns}");
        assert_eq!(account.user.subject.as_str(), "local:a1");
    }
}

#[test]
fn a_mistake_names_its_user_and_what_would_be_right() {
    for pattern in ["", "time", "time/", "/x", "**", "*/x", "time/a*", "Time/x", "time/a b"] {
        let error = read(&user_with(&format!(r#""allowed_tools":["{pattern}"]"#))).unwrap_err().to_string();
        assert!(error.contains("user \"ada\"") && error.contains("server/tool"), "{pattern}: {error}");
    }
    let plain = r#"{"users":[{"username":"ada","id":"a1","password":"hunter2","allowed_tools":[]}]}"#;
    let error = read(plain).unwrap_err().to_string();
    assert!(error.contains("argon2id") && !error.contains("hunter2"), "{error}");
}

#[test]
fn a_rule_that_is_not_enforced_yet_is_refused_and_not_ignored() {
    let error = read(&user_with(r#""allowed_tools":[],"roles":["admin"]"#)).unwrap_err().to_string();
    assert!(error.contains("unknown field `roles`"), "{error}");
}

#[test]
fn two_users_can_always_be_told_apart() {
    let twins = r#"{"users":[
        {"username":"ada","id":"a1","password":"HASH","allowed_tools":[]},
        {"username":"bob","id":"a1","password":"HASH","allowed_tools":[]}]}"#;
    assert!(read(twins).unwrap_err().to_string().contains("user \"bob\": username and id must be unique"));
}

#[test]
fn a_new_password_changes_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.json");
    create(&path, &NewUser { username: "ada", id: "a1", password: password::DECOY }).unwrap();
    let other = password::DECOY.replace("m=19456", "m=8192");
    assert!(set_password(&path, "ada", &other).unwrap());
    assert!(!set_password(&path, "bob", &other).unwrap());
    let accounts = Accounts::read(&path).unwrap();
    assert_eq!(accounts.named("ada").unwrap().password, other);
    assert_eq!(accounts.named("ada").unwrap().user.allowed.to_string(), "mcp");
    assert!(create(&path, &NewUser { username: "eve", id: "e", password: password::DECOY }).is_err());
}
