//! Issuers that are slow, broken or hostile, at the real service: its users see a clear page in bounded time, nobody else
//! notices, and nothing that the issuer said or was told is repeated.

use std::collections::HashMap;
use std::time::Duration;

use gateway_e2e::browser::{Browser, Page};
use gateway_e2e::chromium::Chromium;
use gateway_e2e::document::{self, DocumentServer};
use gateway_e2e::gateway::{Builder, Gateway};
use gateway_e2e::issuer::{CANARY, Conduct, Issuers, Proof, Vice};
use gateway_e2e::oauth::OAuthClient;
use gateway_e2e::ports::Reserved;
use gateway_e2e::upstream::Recorder;
use serde_json::{Value, json};

/// The edge gives an answer up after so long.
const EDGE: Duration = Duration::from_secs(15);

/// A gateway that offers all of `issuers`; `behind` takes the place of the bridge, which is not needed.
fn at(issuers: &Issuers, behind: &Recorder) -> Builder {
    let builder = Gateway::builder().upstream(behind.address()).with_all(issuers.settings());
    builder.role("clerk", &["time/*"]).with("LIMIT_SIGN_IN", "off")
}

/// One issuer for each bad answer, which it gives in the place of a good one.
fn bad_answers(internal: &str) -> Vec<(String, Conduct)> {
    let vices = [
        ("html", Vice::Html),
        ("garbage", Vice::Garbage),
        ("flood", Vice::Flood),
        ("error", Vice::Status(503)),
        ("redirect", Vice::Redirect(internal.to_owned())),
    ];
    let answers =
        [("discovery", "openid-configuration"), ("token", "token"), ("keys", "jwks"), ("user", "userinfo")];
    let bad = |(short, answer)| {
        vices.clone().map(|(what, vice)| (format!("{short}_{what}"), Conduct::with(answer, vice)))
    };
    answers.into_iter().flat_map(bad).collect()
}

/// One issuer for each thing that can be wrong with what it vouches for.
fn bad_words() -> Vec<(String, Conduct)> {
    let words = |answer, members| Conduct::with(answer, Vice::Members(members));
    let claims = |claims| Conduct { claims, ..Conduct::default() };
    let proof = |proof| Conduct { proof, ..Conduct::default() };
    let elsewhere = json!({ "issuer": "http://127.0.0.1:9/another" });
    let long_ago = json!({ "exp": 1_000_000_000, "iat": 999_999_000 });
    [
        ("names_another_issuer", words("openid-configuration", elsewhere)),
        ("speaks_of_another_user", words("userinfo", json!({ "sub": "u-2", "email": CANARY }))),
        ("gives_no_id_token", words("token", json!({ "id_token": null }))),
        ("signs_with_nothing", proof(Proof::Nothing)),
        ("signs_with_a_secret", proof(Proof::Secret)),
        ("signs_for_another_issuer", claims(json!({ "iss": "http://127.0.0.1:9/another" }))),
        ("signs_for_another_client", claims(json!({ "aud": "another" }))),
        ("lends_out_its_word", claims(json!({ "azp": "another" }))),
        ("repeats_an_old_nonce", claims(json!({ "nonce": "an-old-one" }))),
        ("spoke_long_ago", claims(long_ago)),
        ("signs_with_an_unknown_key", Conduct { key: 7, ..Conduct::default() }),
    ]
    .map(|(name, conduct)| (name.to_owned(), conduct))
    .into()
}

#[tokio::test]
async fn b_07_b_17_what_no_issuer_may_say_signs_nobody_in_and_is_not_repeated() {
    let reserved = Reserved::new();
    let internal =
        DocumentServer::start(reserved.address(), document::Conduct::Document("{}".to_owned())).await;
    let bad = [bad_answers(&format!("http://{}/", reserved.address())), bad_words()].concat();
    let names: Vec<String> = bad.iter().map(|(name, _)| name.clone()).collect();
    let issuers = Issuers::start(bad).await;
    let behind = Recorder::start().await;
    let gateway = at(&issuers, &behind).start().await;
    let url = OAuthClient::register(&gateway).await.authorization_url("time");

    let mut ada = Chromium::start();
    for name in &names {
        ada.open(&url).await;
        ada.press(&format!("Continue with {name}")).await;
        let page = ada.sees("You are not signed in").await;
        assert_eq!(page.status, 502, "{name}");
        assert!(
            page.text.contains(&format!("{name} could not be asked who you are")),
            "{name}: {}",
            page.text
        );
        assert!(!page.html.contains(CANARY), "{name}: {}", page.html);
    }
    ada.press("Try again").await;
    ada.sees("Sign in").await;
    ada.close().await;
    assert_eq!(internal.asked(), 0, "nobody is led to where the issuer wants");
    let logs = gateway.stop().await;
    assert!(!logs.contains(CANARY), "{logs}");
}

/// An issuer that is honest, and some that keep people waiting.
fn slow() -> HashMap<&'static str, Conduct> {
    HashMap::from([
        ("honest", Conduct::default()),
        ("hangs_at_discovery", Conduct::with("openid-configuration", Vice::Hangs)),
        ("hangs_at_token", Conduct::with("token", Vice::Hangs)),
        ("hangs_at_keys", Conduct::with("jwks", Vice::Hangs)),
        ("hangs_at_user", Conduct::with("userinfo", Vice::Hangs)),
        ("drips_at_discovery", Conduct::with("openid-configuration", Vice::Drips)),
        ("drips_at_token", Conduct::with("token", Vice::Drips)),
    ])
}

/// Opens the door of the issuer `name` in a new browser.
async fn visit(url: &str, name: &str) -> Page {
    Browser::default().sign_in_at(url, name).await
}

#[tokio::test]
async fn b_17_whoever_waits_for_a_slow_issuer_waits_alone_and_not_for_long() {
    let issuers = Issuers::start(slow().into_iter().map(|(name, conduct)| (name.to_owned(), conduct))).await;
    let behind = Recorder::start().await;
    let gateway = at(&issuers, &behind).start().await;
    let url = OAuthClient::register(&gateway).await.authorization_url("time");

    let waits = slow().into_keys().filter(|name| *name != "honest").map(|name| {
        let url = url.clone();
        // Several of each, so that what they wait for is shared.
        [0; 4].map(|_| {
            let url = url.clone();
            (name, tokio::spawn(async move { tokio::time::timeout(EDGE, visit(&url, name)).await }))
        })
    });
    let waits: Vec<_> = waits.flatten().collect();
    while issuers.asked("hangs_at_token", "token") < 4
        || issuers.asked("drips_at_discovery", "openid-configuration") == 0
    {
        tokio::task::yield_now().await;
    }
    assert!(waits.iter().all(|(_, wait)| !wait.is_finished()), "all of them wait");
    let others = async {
        let page = visit(&url, "honest").await;
        assert!(page.text().starts_with("Allow access?"), "{}", page.text());
        reqwest::get(gateway.url("/jwks.json")).await.expect("an answer").status()
    };
    let answered = tokio::time::timeout(Duration::from_secs(3), others).await;
    assert_eq!(answered.expect("others do not wait"), 200);
    assert!(waits.iter().any(|(_, wait)| !wait.is_finished()), "while others still do");

    for (name, wait) in waits {
        let page = wait.await.expect("a visit").unwrap_or_else(|_| panic!("{name} keeps people waiting"));
        assert_eq!(page.status, 502, "{name}: {}", page.text());
        assert!(page.text().contains("could not be asked who you are"), "{name}: {}", page.text());
    }
    gateway.stop().await;
}

#[tokio::test]
async fn b_17_floods_of_many_issuers_at_once_do_not_fill_the_memory() {
    let answers =
        [("discovery", "openid-configuration"), ("token", "token"), ("keys", "jwks"), ("user", "userinfo")];
    let floods = answers.map(|(name, answer)| (name.to_owned(), Conduct::with(answer, Vice::Flood)));
    let issuers = Issuers::start(floods).await;
    let behind = Recorder::start().await;
    let mut gateway = at(&issuers, &behind).start().await;
    let url = OAuthClient::register(&gateway).await.authorization_url("time");
    let before = gateway.most_memory("auth-service");
    let visits: Vec<_> = (0..10)
        .flat_map(|_| answers)
        .map(|(name, _)| {
            let url = url.clone();
            tokio::spawn(async move { visit(&url, name).await })
        })
        .collect();
    for visit in visits {
        assert_eq!(visit.await.expect("a visit").status, 502);
    }
    // Each answer is dropped when more than 512 KiB of it have come: 20 MiB for forty, were they all read at one moment.
    let grown = gateway.most_memory("auth-service").saturating_sub(before);
    assert!(grown < 32 << 20, "{} KiB more", grown >> 10);
    gateway.stop().await;
}

#[tokio::test]
async fn b_07_keys_may_rotate_and_what_comes_in_their_place_must_be_keys() {
    let issuers = Issuers::start([("corp".to_owned(), Conduct::default())]).await;
    let behind = Recorder::start().await;
    let gateway = at(&issuers, &behind).start().await;
    let url = OAuthClient::register(&gateway).await.authorization_url("time");
    let is_in = |page: &Page| page.text().starts_with("Allow access?");

    assert!(is_in(&visit(&url, "corp").await));
    issuers.conduct("corp", |corp| (corp.key, corp.published) = (1, 1));
    assert!(is_in(&visit(&url, "corp").await), "a new key is fetched when it is met");
    assert_eq!(issuers.asked("corp", "jwks"), 2, "once");

    issuers.conduct("corp", |corp| {
        corp.key = 2;
        corp.vices.insert("jwks", Vice::Garbage);
    });
    assert!(!is_in(&visit(&url, "corp").await), "nobody knows this key");
    issuers.conduct("corp", |corp| corp.key = 1);
    assert!(is_in(&visit(&url, "corp").await), "a good key stays good");
    let keys: Value =
        reqwest::get(gateway.url("/jwks.json")).await.expect("an answer").json().await.expect("keys");
    assert!(keys.pointer("/keys/0").is_some());
    gateway.stop().await;
}
