use super::edit::{Change, NewUser};
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
fn a_rule_that_is_misspelt_is_refused_and_not_ignored() {
    for member in [r#""allowed_tools":[],"role":["admin"]"#, r#""roles":["admin"],"allowed_tool":[]"#] {
        let error = read(&user_with(member)).unwrap_err().to_string();
        assert!(error.contains("unknown field"), "{error}");
    }
    let error = read(&user_with(r#""roles":["admin"]"#)).unwrap_err().to_string();
    assert!(error.contains("user \"ada\": roles: there is no role \"admin\""), "{error}");
    let bad_role = r#"{"roles":{"admin":["time"]},"users":[]}"#;
    let error = read(bad_role).unwrap_err().to_string();
    assert!(error.contains("role \"admin\"") && error.contains("server/tool"), "{error}");
}

#[test]
fn roles_and_own_patterns_add_up_and_a_disabled_user_is_nobody() {
    let users = r#"{"roles":{"clerk":["time/*","fetch/get"],"none":[]},"users":[
        {"username":"ada","id":"a1","password":"HASH","roles":["clerk","none"],"allowed_tools":["git/log"]},
        {"username":"bob","id":"b1","password":"HASH","roles":["clerk"],"disabled":true}]}"#;
    let accounts = read(users).unwrap();
    let ada = accounts.named("ada").unwrap();
    assert_eq!(ada.user.allowed.to_string(), "mcp:time mcp:fetch:get mcp:git:log");
    assert!(accounts.named("bob").is_none());
    assert!(accounts.with_subject(&Subject::new(PROVIDER, "b1")).is_none());
    assert_eq!(accounts.subjects().len(), 1);
    assert_eq!(accounts.names().collect::<Vec<_>>(), ["ada", "bob"], "whoever lists users sees both");
}

#[test]
fn two_users_can_always_be_told_apart() {
    let twins = r#"{"users":[
        {"username":"ada","id":"a1","password":"HASH","allowed_tools":[]},
        {"username":"bob","id":"a1","password":"HASH","allowed_tools":[]}]}"#;
    assert!(read(twins).unwrap_err().to_string().contains("user \"bob\": username and id must be unique"));
}

#[test]
fn an_upstream_user_has_an_entry_or_the_default_roles_that_are_defined() {
    let file = r#"{"roles":{"clerk":["time/*"],"guest":["time/now"]},"upstream_users":[
        {"subject":"github:1","roles":["guest"],"allowed_tools":["git/log"]},
        {"subject":"github:2","disabled":true},{"subject":"corp:a:b"}]}"#;
    let accounts = read(file).unwrap();
    let allowed = |id: &str, roles: &[&str]| {
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        accounts.allowed_upstream(&Subject::parse(id).unwrap(), &roles).map(|scopes| scopes.to_string())
    };
    assert_eq!(
        allowed("github:1", &["clerk"]).unwrap(),
        "mcp:git:log mcp:time:now",
        "instead of, not besides"
    );
    assert_eq!(allowed("github:2", &["clerk"]), None);
    assert_eq!(allowed("corp:a:b", &["clerk"]).unwrap(), "");
    assert_eq!(allowed("github:3", &["clerk", "gone"]).unwrap(), "mcp:time");
    assert_eq!(allowed("github:3", &[]).unwrap(), "");
    assert!(!accounts.has_local() && accounts.subjects().is_empty());
}

#[test]
fn an_upstream_entry_that_could_mean_nobody_or_two_is_refused() {
    let with = |entries: &str| read(&format!(r#"{{"upstream_users":[{entries}]}}"#)).map(drop);
    for entries in [
        r#"{"subject":"local:a1"}"#,
        r#"{"subject":"octocat"}"#,
        r#"{"subject":"github:"}"#,
        r#"{"subject":"github:1"},{"subject":"github:1"}"#,
    ] {
        let error = with(entries).unwrap_err().to_string();
        assert!(error.contains("subject must be like github:583231"), "{error}");
    }
    assert!(with(r#"{"subject":"github:1","roles":["none"]}"#).unwrap_err().to_string().contains("no role"));
    assert!(with(r#"{"subject":"github:1","role":[]}"#).unwrap_err().to_string().contains("unknown field"));
}

fn new_user(name: &str, id: &str) -> NewUser {
    let text = |text: &str| text.to_owned();
    NewUser { username: text(name), id: text(id), password: text(password::DECOY), ..NewUser::default() }
}

#[test]
fn a_change_touches_one_user_and_an_unacceptable_one_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.json");
    edit::create(&path, NewUser { allowed_tools: vec!["*".to_owned()], ..new_user("ada", "a1") }).unwrap();
    edit::add(&path, new_user("bob", "b1")).unwrap();
    let other = password::DECOY.replace("m=19456", "m=8192");
    assert!(edit::change(&path, "ada", &Change::Password(other.clone())).unwrap());
    assert!(!edit::change(&path, "eve", &Change::Password(other.clone())).unwrap());
    let before = std::fs::read(&path).unwrap();
    let unacceptable = [
        new_user("bob", "b2"),
        NewUser { roles: vec!["none".to_owned()], ..new_user("eve", "e1") },
        NewUser { allowed_tools: vec!["time".to_owned()], ..new_user("eve", "e1") },
    ];
    for user in unacceptable {
        assert!(edit::add(&path, user).is_err());
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
    let accounts = Accounts::read(&path).unwrap();
    assert_eq!(accounts.named("ada").unwrap().password, other);
    assert_eq!(accounts.named("ada").unwrap().user.allowed.to_string(), "mcp");
    assert!(edit::create(&path, new_user("eve", "e")).is_err(), "never overwritten");

    assert!(edit::change(&path, "bob", &Change::Disabled(true)).unwrap());
    assert!(Accounts::read(&path).unwrap().named("bob").is_none());
    assert!(edit::change(&path, "bob", &Change::Disabled(false)).unwrap());
    assert!(edit::change(&path, "bob", &Change::Removed).unwrap());
    assert_eq!(Accounts::read(&path).unwrap().names().collect::<Vec<_>>(), ["ada"]);
}

#[test]
fn a_client_that_acts_on_its_own_behalf_is_its_own_user_and_nobody_elses() {
    let file = |clients: &str| format!(r#"{{"roles":{{"clerk":["time/*"]}},"clients":[{clients}]}}"#);
    let accounts = read(&file(
        r#"{"client_id":"c1","roles":["clerk"],"allowed_tools":["fetch/get"]},{"client_id":"c2","disabled":true},
           {"client_id":"https://app.example/c","allowed_tools":["*"]}"#,
    ))
    .unwrap();
    let client = |text: &str| accounts.client(&Subject::parse(text).unwrap());
    assert_eq!(client("client:c1").unwrap().allowed.to_string(), "mcp:time mcp:fetch:get");
    assert_eq!(client("client:https://app.example/c").unwrap().allowed.to_string(), "mcp");
    assert_eq!((client("client:c2"), client("client:c3"), client("local:c1")), (None, None, None));
    let roster: Vec<&str> = accounts.subjects().iter().map(Subject::as_str).collect();
    assert_eq!(roster, ["client:c1", "client:https://app.example/c"]);
    assert!(accounts.with_subject(&Subject::parse("client:c1").unwrap()).is_none());
    for wrong in [
        r#"{"client_id":""}"#,
        r#"{"client_id":"http://app.example/c"}"#,
        r#"{"client_id":"c1"},{"client_id":"c1"}"#,
        r#"{"client_id":"c1","allowed_tools":["time"]}"#,
        r#"{"client_id":"c1","roles":["admin"]}"#,
    ] {
        let error = read(&file(wrong)).unwrap_err().to_string();
        assert!(error.contains(": client \""), "{wrong}: {error}");
    }
    let upstream = r#"{"upstream_users":[{"subject":"client:c1"}]}"#;
    assert!(read(upstream).is_err(), "no provider has users of this name");
}

#[test]
fn a_client_that_is_disabled_stays_so_when_it_is_permitted_something_else() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users.json");
    std::fs::write(&path, r#"{"users":[],"clients":[{"client_id":"c","disabled":true}]}"#).unwrap();
    for (id, is_disabled) in [("c", true), ("d", false)] {
        edit::permit_client(&path, id, vec![], vec!["time/*".to_owned()]).unwrap();
        let accounts = Accounts::read(&path).unwrap();
        let account = accounts.clients().find(|account| account.id.as_str() == id).unwrap();
        assert_eq!((account.is_disabled, account.allowed.to_string().as_str()), (is_disabled, "mcp:time"));
    }
}
