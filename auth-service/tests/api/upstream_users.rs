//! Who may come in from a provider, what they may do, and for how long.

use auth_service::flow::revoke::Watch;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};
use crate::browser::{Browser, authorize, exchange, refresh, request_of, text_of};
use crate::fake_provider::FakeProvider;
use crate::upstream::{address, app, app_in, home, travel};

/// What becomes of a user of `provider` under these settings.
async fn comes_in(fake: &FakeProvider, provider: &str, settings: &[(&str, &str)]) -> Answer {
    let app = app_in(home(false), fake, settings);
    let address = address(&app).await;
    travel(&mut Browser::new(&app), fake, &address, provider).await
}

/// A client of the GitHub user: its id and its refresh token.
async fn connected(app: &TestApp, fake: &FakeProvider) -> (String, String) {
    let client = app.public_client().await;
    let address = authorize(&request_of(&client));
    let mut browser = Browser::new(app);
    travel(&mut browser, fake, &address, "github").await;
    let page = browser.open(&address).await;
    let code = browser.press(&address, &page, "approve", &[]).await.redirected("code");
    let tokens = app.token(&exchange(&client, &code)).await.json();
    (client, tokens["refresh_token"].as_str().unwrap().to_owned())
}

fn write(home: &std::path::Path, users: &Value) {
    std::fs::write(home.join("users.new"), users.to_string()).unwrap();
    std::fs::rename(home.join("users.new"), home.join("users.json")).unwrap();
}

#[tokio::test]
async fn b_09_nobody_comes_in_who_is_in_no_list_and_the_page_says_who_they_are() {
    let fake = FakeProvider::start().await;
    let answer = comes_in(&fake, "github", &[]).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (StatusCode::FORBIDDEN, ""));
    let text = text_of(&answer);
    assert!(text.contains("You are Octocat at GitHub, and that account may not"), "{text}");
    assert!(text.contains("to let in github:583231"), "{text}");
}

#[tokio::test]
async fn b_08_b_09_each_list_admits_by_what_the_provider_vouches_for() {
    for (provider, name, value, admits) in [
        ("github", "ALLOWED_GITHUB_USERS", "*", true),
        ("github", "ALLOWED_GITHUB_USERS", "somebody-else", false),
        ("github", "ALLOWED_GITHUB_EMAILS", "octocat@corp.example", true),
        ("github", "ALLOWED_GITHUB_EMAILS", "old@evil.example,spoofed@corp.example", false),
        ("github", "ALLOWED_GITHUB_DOMAINS", "CORP.example", true),
        ("github", "ALLOWED_GITHUB_DOMAINS", "evil.example", false),
        ("github", "ALLOWED_GITHUB_ORGS", "corp", true),
        ("github", "ALLOWED_GITHUB_ORGS", "other", false),
        ("corp", "ALLOWED_CORP_USERS", "u-1", true),
        ("corp", "ALLOWED_CORP_USERS", "ada", false),
        ("corp", "ALLOWED_CORP_EMAILS", "ada@corp.example", true),
        ("corp", "ALLOWED_CORP_DOMAINS", "corp.example", true),
    ] {
        let fake = FakeProvider::start().await;
        let answer = comes_in(&fake, provider, &[(name, value)]).await;
        assert_eq!(answer.status == StatusCode::SEE_OTHER, admits, "{name}={value}");
        let asked = fake.script().seen.iter().any(|(path, _)| path == "/api/v3/user/orgs");
        assert_eq!(asked, name == "ALLOWED_GITHUB_ORGS", "asked for only where it matters");
    }
}

#[tokio::test]
async fn b_08_an_address_that_nobody_has_verified_counts_for_nothing() {
    let lists = [("ALLOWED_CORP_DOMAINS", "corp.example"), ("ALLOWED_GITHUB_DOMAINS", "corp.example")];
    for claims in [
        json!({ "email_verified": false }),
        json!({ "email_verified": null }),
        json!({ "email_verified": "no" }),
        json!({ "email": "user@evil.example@corp.example" }),
    ] {
        let fake = FakeProvider::start().await;
        fake.script().claims = claims.clone();
        assert_eq!(comes_in(&fake, "corp", &lists).await.status, StatusCode::FORBIDDEN, "{claims}");
    }
    let fake = FakeProvider::start().await;
    fake.script().github.1 = json!([{ "email": "octocat@corp.example", "primary": true, "verified": false }]);
    assert_eq!(comes_in(&fake, "github", &lists).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn b_09_google_vouches_for_a_domain_by_hd_and_by_nothing_else() {
    for (claims, status) in [
        (json!({ "hd": "corp.example" }), StatusCode::SEE_OTHER),
        (json!({ "hd": "Corp.Example" }), StatusCode::SEE_OTHER),
        (json!({}), StatusCode::FORBIDDEN),
        (json!({ "hd": "evil.example" }), StatusCode::FORBIDDEN),
    ] {
        let fake = FakeProvider::start().await;
        fake.script().claims = claims.clone();
        let google = [
            ("GOOGLE_CLIENT_ID", "us"),
            ("GOOGLE_CLIENT_SECRET", "canary-client-secret"),
            ("GOOGLE_ISSUER", fake.url.as_str()),
            ("ALLOWED_GOOGLE_DOMAINS", "corp.example"),
            ("GOOGLE_DEFAULT_ROLES", "clerk"),
        ];
        assert_eq!(comes_in(&fake, "google", &google).await.status, status, "{claims}");
    }
}

#[tokio::test]
async fn what_the_id_token_does_not_say_is_asked_at_userinfo_and_must_be_about_the_same_user() {
    for (sub, status) in [("u-1", StatusCode::SEE_OTHER), ("u-2", StatusCode::BAD_GATEWAY)] {
        let fake = FakeProvider::start().await;
        fake.script().claims = json!({ "email": null, "email_verified": null });
        fake.script().userinfo = json!({ "sub": sub, "email": "ada@corp.example", "email_verified": true });
        let lists = [("ALLOWED_CORP_EMAILS", "ada@corp.example")];
        assert_eq!(comes_in(&fake, "corp", &lists).await.status, status, "{sub}");
    }
}

#[tokio::test]
async fn b_08_a_login_that_somebody_else_has_now_is_somebody_else() {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let (client, token) = connected(&app, &fake).await;
    let address = address(&app).await;
    fake.script().github.0 = json!({ "id": 999, "login": "octocat" });
    let mut browser = Browser::new(&app);
    assert_eq!(travel(&mut browser, &fake, &address, "github").await.status, StatusCode::SEE_OTHER);
    let entries = app.deps.store.users().await.unwrap();
    let subjects: Vec<&str> = entries.iter().map(auth_service::domain::user::Subject::as_str).collect();
    assert_eq!(subjects, ["github:583231", "github:999"]);
    assert_eq!(
        refresh(&app, &client, &token).await.status,
        StatusCode::OK,
        "the first one is still who they were"
    );
}

#[tokio::test]
async fn permissions_come_from_the_users_file_or_else_from_the_default_roles() {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let address = address(&app).await;
    let entry = |entry: Value| {
        let mut user = json!({ "subject": "github:583231" });
        user.as_object_mut().unwrap().extend(entry.as_object().unwrap().clone());
        json!({ "roles": { "clerk": ["time/*"], "guest": ["time/now"] }, "upstream_users": [user] })
    };
    for (users, offered) in [
        (json!({ "roles": { "clerk": ["time/*"] } }), Some("Use every tool of time")),
        (entry(json!({ "roles": ["guest"] })), Some("Use the tool now of time")),
        (entry(json!({ "allowed_tools": ["time/zones"] })), Some("Use the tool zones of time")),
        (entry(json!({})), None),
        (entry(json!({ "roles": ["clerk"], "disabled": true })), None),
        (json!({ "users": [] }), None),
    ] {
        write(app.home.path(), &users);
        let mut browser = Browser::new(&app);
        let answer = travel(&mut browser, &fake, &address, "github").await;
        let Some(offered) = offered else {
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{users}");
            continue;
        };
        let text = text_of(&browser.open(&address).await);
        assert!(text.contains(offered), "{users}: {text}");
    }
}

#[tokio::test]
async fn without_a_users_file_everybody_is_a_stranger_and_nothing_is_broken() {
    let fake = FakeProvider::start().await;
    let home = tempfile::tempdir().unwrap();
    let app = app_in(home, &fake, &[("ALLOWED_GITHUB_USERS", "*")]);
    let address = address(&app).await;
    let answer = travel(&mut Browser::new(&app), &fake, &address, "github").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "the default role is defined nowhere");
}

#[tokio::test]
async fn a_users_file_that_goes_away_is_an_outage_and_revokes_nothing() {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let (client, token) = connected(&app, &fake).await;
    let (file, aside) = (app.home.path().join("users.json"), app.home.path().join("aside"));
    std::fs::rename(&file, &aside).unwrap();
    assert_eq!(refresh(&app, &client, &token).await.error(), "503 temporarily_unavailable");
    assert!(Watch::default().look(&app.deps).await.is_err());
    std::fs::rename(&aside, &file).unwrap();
    assert_eq!(refresh(&app, &client, &token).await.status, StatusCode::OK);
}

#[tokio::test]
async fn b_09_who_is_taken_out_of_the_list_cannot_refresh_after_the_restart() {
    let fake = FakeProvider::start().await;
    let first = app(&fake);
    let (client, token) = connected(&first, &fake).await;
    let again =
        app_in(first.end(), &fake, &[("ALLOWED_GITHUB_ORGS", "corp"), ("ALLOWED_GITHUB_USERS", "octocat")]);
    let answer = refresh(&again, &client, &token).await;
    let token = answer.json()["refresh_token"].as_str().unwrap().to_owned();
    let gone = app_in(again.end(), &fake, &[("ALLOWED_GITHUB_USERS", "somebody")]);
    assert_eq!(refresh(&gone, &client, &token).await.error(), "400 invalid_grant");
    let back = app_in(gone.end(), &fake, &[("ALLOWED_GITHUB_USERS", "octocat")]);
    assert_eq!(refresh(&back, &client, &token).await.error(), "400 invalid_grant", "for good");
}

#[tokio::test]
async fn c_24_who_is_taken_out_of_the_list_loses_everything_at_the_restart_itself() {
    let fake = FakeProvider::start().await;
    let first = app(&fake);
    connected(&first, &fake).await;
    let gone = app_in(first.end(), &fake, &[("ALLOWED_GITHUB_USERS", "somebody")]);
    Watch::default().look(&gone.deps).await.unwrap();
    let revoked = gone.revoked().await;
    assert_eq!(revoked[0]["sub"], "github:583231", "{revoked:?}");
    assert!(gone.deps.store.users().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_entry_that_is_disabled_ends_everything_without_a_restart() {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let mut watch = Watch::default();
    watch.look(&app.deps).await.unwrap();
    let (client, token) = connected(&app, &fake).await;
    let user = json!({ "subject": "github:583231", "roles": [], "disabled": true });
    write(app.home.path(), &json!({ "upstream_users": [user], "users": [] }));
    watch.look(&app.deps).await.unwrap();
    assert_eq!(app.revoked().await[0]["sub"], "github:583231");
    assert_eq!(refresh(&app, &client, &token).await.error(), "400 invalid_grant");
}

#[tokio::test]
async fn b_09_what_a_provider_said_is_believed_for_a_bounded_time() {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let (client, mut token) = connected(&app, &fake).await;
    for _ in 0..59 {
        app.clock.advance(43_200);
        let answer = refresh(&app, &client, &token).await.json();
        token = answer["refresh_token"].as_str().unwrap().to_owned();
    }
    app.clock.advance(43_200);
    assert_eq!(
        refresh(&app, &client, &token).await.error(),
        "400 invalid_grant",
        "30 days after the sign-in"
    );
}

#[tokio::test]
async fn b_09_who_turns_out_to_have_left_the_organisation_loses_what_they_had() {
    let fake = FakeProvider::start().await;
    let app = app_in(home(false), &fake, &[("ALLOWED_GITHUB_ORGS", "corp")]);
    let (client, token) = connected(&app, &fake).await;
    let address = address(&app).await;
    fake.script().github.2 = json!([]);
    let answer = travel(&mut Browser::new(&app), &fake, &address, "github").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(app.revoked().await[0]["sub"], "github:583231");
    assert_eq!(refresh(&app, &client, &token).await.error(), "400 invalid_grant");
    travel(&mut Browser::new(&app), &fake, &address, "github").await;
    fake.script().github.0 = json!({ "id": 7, "login": "stranger" });
    travel(&mut Browser::new(&app), &fake, &address, "github").await;
    assert_eq!(app.revoked().await.len(), 1, "strangers cannot fill the feed");
}

#[tokio::test]
async fn b_08_another_issuer_under_the_same_name_speaks_of_other_people() {
    let (one, two) = (FakeProvider::start().await, FakeProvider::start().await);
    let first = app(&one);
    let (client, token) = connected(&first, &one).await;
    let moved = app_in(first.end(), &two, &[("ALLOWED_GITHUB_USERS", "octocat")]);
    assert_eq!(refresh(&moved, &client, &token).await.error(), "400 invalid_grant");
}

#[tokio::test]
async fn b_08_who_has_the_same_number_at_another_issuer_does_not_inherit() {
    let (one, two) = (FakeProvider::start().await, FakeProvider::start().await);
    let first = app(&one);
    let (client, token) = connected(&first, &one).await;
    // Nobody has noticed that the issuer is another one when the first of its users comes.
    let moved = app_in(first.end(), &two, &[("ALLOWED_GITHUB_USERS", "octocat")]);
    let address = address(&moved).await;
    let mut browser = Browser::new(&moved);
    assert_eq!(travel(&mut browser, &two, &address, "github").await.header("location"), address);
    assert_eq!(moved.revoked().await[0]["sub"], "github:583231");
    assert_eq!(refresh(&moved, &client, &token).await.error(), "400 invalid_grant");
    assert!(browser.open(&address).await.body.contains("Signed in as"), "they themselves are welcome");
}
