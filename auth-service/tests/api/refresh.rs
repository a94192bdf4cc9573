//! `POST /token` with a refresh token.

use axum::http::StatusCode;

use crate::app::{Answer, CALLBACK, TIME, TestApp, VERIFIER};
use crate::browser::code_for;

struct Connected {
    app: TestApp,
    client: String,
    first: String,
}

/// A client with its first refresh token.
async fn connected() -> Connected {
    let app = TestApp::new();
    let client = app.public_client().await;
    let code = code_for(&app, &client).await;
    let form = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", CALLBACK),
        ("client_id", &client),
        ("code_verifier", VERIFIER),
    ];
    let first = refresh_token(&app.token(&form).await);
    Connected { app, client, first }
}

fn refresh_token(answer: &Answer) -> String {
    answer.json()["refresh_token"].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned()
}

impl Connected {
    async fn refresh(&self, token: &str) -> Answer {
        self.refresh_with(token, &[]).await
    }

    async fn refresh_with(&self, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut form =
            vec![("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", &self.client)];
        form.extend(more);
        self.app.token(&form).await
    }
}

const DEAD: &str = "400 invalid_grant";

#[tokio::test]
async fn c_20_every_refresh_brings_a_new_token_and_the_old_one_dies() {
    let it = connected().await;
    let second = refresh_token(&it.refresh(&it.first).await);
    let third = refresh_token(&it.refresh(&second).await);
    assert!(it.first != second && second != third);
    it.app.clock.advance(60);
    assert_eq!(it.refresh(&it.first).await.error(), DEAD);
}

#[tokio::test]
async fn c_20_a_narrower_scope_is_for_one_token_and_a_wider_one_for_none() {
    let it = connected().await;
    let answer = it.refresh_with(&it.first, &[("scope", "mcp:time:now")]).await;
    assert_eq!(answer.json()["scope"], "mcp:time:now");
    let answer = it.refresh_with(&refresh_token(&answer), &[("scope", "mcp mcp:fetch offline_access")]).await;
    assert_eq!(answer.json()["scope"], "mcp:time", "the original grant, no more");
    let third = refresh_token(&answer);
    let answer = it.refresh_with(&third, &[("scope", "mcp:fetch")]).await;
    assert_eq!(answer.error(), "400 invalid_scope");
    it.app.clock.advance(3600);
    assert_eq!(it.refresh(&third).await.status, StatusCode::OK, "a refused request spends nothing");
}

#[tokio::test]
async fn c_21_reuse_after_the_grace_revokes_the_whole_family() {
    let it = connected().await;
    let second = refresh_token(&it.refresh(&it.first).await);
    it.app.clock.advance(60);
    assert_eq!(it.refresh(&it.first).await.error(), DEAD);
    assert_eq!(it.refresh(&second).await.error(), DEAD, "the live token is dead too");
}

#[tokio::test]
async fn c_22_who_comes_late_within_the_grace_ends_up_with_the_live_token() {
    let it = connected().await;
    let second = refresh_token(&it.refresh(&it.first).await);
    it.app.clock.advance(30);
    let third = refresh_token(&it.refresh(&second).await);
    it.app.clock.advance(29);
    assert_eq!(refresh_token(&it.refresh(&it.first).await), third, "another process of the same client");
    it.app.clock.advance(1);
    assert_eq!(refresh_token(&it.refresh(&second).await), third, "each trade has its own grace");
    assert_eq!(it.refresh(&it.first).await.error(), DEAD, "60 s after its trade it is a copy in wrong hands");
    assert_eq!(it.refresh(&third).await.error(), DEAD);
}

#[tokio::test]
async fn c_22_a_lost_answer_is_given_again_within_the_grace() {
    let it = connected().await;
    let second = refresh_token(&it.refresh(&it.first).await);
    it.app.clock.advance(59);
    let again = it.refresh(&it.first).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(refresh_token(&again), second, "the same successor");
    assert_eq!(it.refresh(&second).await.status, StatusCode::OK, "one live branch");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c_23_parallel_refreshes_end_in_one_live_branch() {
    let it = std::sync::Arc::new(connected().await);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let it = std::sync::Arc::clone(&it);
        tasks.spawn(async move { refresh_token(&it.refresh(&it.first).await) });
    }
    let mut successors = tasks.join_all().await;
    successors.sort_unstable();
    successors.dedup();
    assert_eq!(successors.len(), 1, "everybody has the same successor");
    assert_eq!(it.refresh(&successors[0]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn c_24_a_refresh_token_is_bound_to_its_client() {
    let it = connected().await;
    let other = it.app.public_client().await;
    let form = [("grant_type", "refresh_token"), ("refresh_token", it.first.as_str()), ("client_id", &other)];
    assert_eq!(it.app.token(&form).await.error(), DEAD);
    assert_eq!(it.refresh(&it.first).await.status, StatusCode::OK, "the theft attempt spent nothing");
}

#[tokio::test]
async fn c_24_a_removed_user_and_a_user_without_permissions_get_nothing() {
    for users in
        [&[("bob", "b2", &["*"][..])][..], &[("ada", "a1", &["fetch/*"][..])], &[("ada", "a9", &["*"][..])]]
    {
        let it = connected().await;
        it.app.users(users);
        assert_eq!(it.refresh(&it.first).await.error(), DEAD);
        it.app.users(&[("ada", "a1", &["*"])]);
        assert_eq!(it.refresh(&it.first).await.error(), DEAD, "the family is revoked");
    }
}

#[tokio::test]
async fn a_change_of_permissions_applies_at_the_next_refresh() {
    let it = connected().await;
    it.app.users(&[("ada", "a1", &["time/now", "fetch/*"])]);
    let answer = it.refresh(&it.first).await;
    assert_eq!(answer.json()["scope"], "mcp:time:now");
    it.app.users(&[("ada", "a1", &["*"])]);
    assert_eq!(
        it.refresh(&refresh_token(&answer)).await.json()["scope"],
        "mcp:time",
        "and back, up to the grant"
    );
}

#[tokio::test]
async fn an_unreadable_users_file_is_an_outage_and_revokes_nothing() {
    let it = connected().await;
    std::fs::write(it.app.home.path().join("users.json"), "{").unwrap();
    assert_eq!(it.refresh(&it.first).await.error(), "503 temporarily_unavailable");
    it.app.users(&[("ada", "a1", &["*"])]);
    it.app.clock.advance(3600);
    assert_eq!(it.refresh(&it.first).await.status, StatusCode::OK);
}

#[tokio::test]
async fn c_25_a_token_that_is_not_used_expires_and_use_keeps_it_alive() {
    let it = connected().await;
    it.app.clock.advance(86_399);
    let second = refresh_token(&it.refresh(&it.first).await);
    it.app.clock.advance(86_399);
    let third = refresh_token(&it.refresh(&second).await);
    it.app.clock.advance(86_400);
    assert_eq!(it.refresh(&third).await.error(), DEAD);
}

#[tokio::test]
async fn the_resource_must_be_that_of_the_grant_and_asking_for_another_spends_nothing() {
    let it = connected().await;
    for resource in ["https://gw.example/fetch/mcp", "https://other.example/time/mcp"] {
        let answer = it.refresh_with(&it.first, &[("resource", resource)]).await;
        assert_eq!(answer.error(), "400 invalid_target", "{resource}");
    }
    it.app.clock.advance(3600);
    assert_eq!(it.refresh_with(&it.first, &[("resource", TIME)]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn garbage_is_an_invalid_grant() {
    let it = connected().await;
    for token in ["x", "mcp_refresh_", &it.first[..50], &it.first.to_lowercase(), &format!("{}A", it.first)] {
        assert_eq!(it.refresh(token).await.error(), DEAD, "{token}");
    }
    assert_eq!(it.refresh(&it.first).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_client_that_is_in_use_is_not_forgotten() {
    let it = connected().await;
    let mut token = it.first.clone();
    for _ in 0..100 {
        it.app.clock.advance(86_000);
        token = refresh_token(&it.refresh(&token).await);
    }
    assert_eq!(it.refresh(&token).await.status, StatusCode::OK, "99 days later");
}
