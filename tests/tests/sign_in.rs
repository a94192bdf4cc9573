//! People sign in at GitHub, Google or an issuer of their company, each of them a program that others wrote, in a real Chromium.

#![expect(clippy::expect_used, reason = "helpers of a test fail it by panicking")]

use gateway_e2e::chromium::Chromium;
use gateway_e2e::gateway::{Builder, Gateway};
use gateway_e2e::oauth::OAuthClient;
use gateway_e2e::provider::{Provider, SECRET, Service};
use gateway_e2e::raw;
use gateway_e2e::sdk::{Language, Sdk};
use gateway_e2e::upstream::Recorder;
use serde_json::{Value, json};

/// Starts a gateway whose role `clerk` may use the server `time`.
async fn start(builder: Builder) -> Gateway {
    builder.role("clerk", &["time/*"]).start().await
}

/// Users of GitHub: one in the organisation `corp`, one in none.
fn people() -> Value {
    json!([
        { "login": "ada", "name": "Ada", "email": "ada@corp.example", "member": true },
        { "login": "mallory", "name": "Mallory", "email": "mallory@evil.example" },
    ])
}

/// What the edge answers to a request with this token.
async fn status(gateway: &Gateway, token: &str) -> u16 {
    let header = format!("authorization: Bearer {token}");
    raw::get(gateway.edge(), "/time/mcp", &[header.as_bytes()]).await.status
}

fn text<'a>(answer: &'a Value, member: &str) -> &'a str {
    answer[member].as_str().expect("a text")
}

/// What the client got back.
fn query(callback: &url::Url, name: &str) -> Option<String> {
    callback.query_pairs().find(|(other, _)| other == name).map(|(_, value)| value.into_owned())
}

/// Approves on the consent page, and redeems the code.
async fn tokens(ada: &mut Chromium, client: &OAuthClient<'_>) -> Value {
    ada.press("Allow").await;
    client.redeem(&ada.is_sent_to_the_client().await).await.0
}

#[tokio::test]
async fn b_01_every_way_to_sign_in_is_offered_and_nobody_goes_to_a_provider_by_themselves() {
    // Nobody answers there yet: the page needs no provider.
    let places = [Service::GitHub, Service::Google, Service::Oidc].map(Provider::new);
    let builder = places.iter().fold(Gateway::builder(), Builder::signs_in_at);
    let gateway = start(builder.with("ALLOWED_GITHUB_USERS", "*")).await;
    let client = OAuthClient::register(&gateway).await;
    let url = client.authorization_url("time");

    let mut ada = Chromium::start();
    ada.open(&url).await;
    let page = ada.sees("Sign in").await;
    assert_eq!(page.status, 200);
    for offered in
        ["Test by hand", "time", "Continue with GitHub", "Continue with Google", "Continue with Corp & Co"]
    {
        assert!(page.text.contains(offered), "{offered}: {}", page.text);
    }
    assert_eq!(page.url.as_str(), url, "the browser is still here");
    ada.press("Continue with Google").await;
    let down = ada.sees("You are not signed in").await;
    assert_eq!(down.status, 502, "B-17: nobody is there");
    assert!(down.text.contains("Google could not be asked who you are"), "{}", down.text);
    // The password is a way like the others.
    ada.sign_in_with_password(&gateway, &url).await;
    ada.sees("Allow access?").await;
    // Whoever wants none of them says so, and the client is told (RFC 6749 §4.1.2.1).
    ada.press("Use another account").await;
    ada.sees("Sign in").await;
    ada.press("Back to the app").await;
    let callback = ada.is_sent_to_the_client().await;
    assert_eq!(query(&callback, "error").as_deref(), Some("access_denied"));
    assert_eq!(query(&callback, "state").as_deref(), Some("opaque"));
    assert_eq!(query(&callback, "iss").as_deref(), Some(gateway.origin()), "A-14");
    ada.close().await;
    gateway.stop().await;
}

#[tokio::test]
async fn b_18_a_member_of_the_organisation_signs_in_with_github_and_uses_the_official_client() {
    let mut github = Provider::new(Service::GitHub);
    let builder = Gateway::builder().signs_in_at(&github).with("ALLOWED_GITHUB_ORGS", "corp");
    let gateway = start(builder).await;
    github.start(&gateway, &people()).await;

    let mut ada = Chromium::start();
    let mut sdk = Sdk::start(Language::TypeScript);
    sdk.connect_by(&gateway, "time", async |url| {
        ada.sign_in_with_github(url, "ada").await;
        let question = ada.sees("Allow access?").await;
        assert!(question.text.contains("Signed in as ada"), "{}", question.text);
        assert!(question.text.contains("TypeScript test client"), "{}", question.text);
        ada.press("Allow").await;
        ada.is_sent_to_the_client().await
    })
    .await;
    let now = sdk.call("get_current_time", json!({ "timezone": "Europe/Vienna" })).await;
    assert!(now.contains("Europe/Vienna"), "{now}");

    let tokens = sdk.run(json!({ "do": "tokens" })).await;
    assert!(!tokens.to_string().contains("gho_"), "GitHub's token is GitHub's and ours");
    sdk.close().await;
    ada.close().await;
    let logs = gateway.stop().await;
    assert!(logs.contains("event=\"sign_in\" outcome=\"ok\" user=\"github:"), "{logs}");
    for secret in ["gho_", SECRET, "mcp_state_", "mcp_upstream_"] {
        assert!(!logs.contains(secret), "in the logs: {secret}");
    }
}

#[tokio::test]
async fn b_09_google_vouches_for_its_domain_and_others_are_told_who_they_are_and_what_to_do() {
    let mut google = Provider::new(Service::Google);
    let builder = Gateway::builder()
        .signs_in_at(&google)
        .with("ALLOWED_GOOGLE_DOMAINS", "corp.example")
        .with("ALLOWED_GOOGLE_EMAILS", "eve@gmail.com");
    let recorder = Recorder::start().await;
    let gateway = start(builder.upstream(recorder.address())).await;
    google
        .start(
            &gateway,
            &json!([
                { "email": "ada@corp.example", "name": "Ada", "hd": "corp.example" },
                { "email": "mallory@corp.example", "name": "Mallory", "hd": "evil.example" },
                { "email": "eve@gmail.com", "name": "Eve", "email_verified": false },
            ]),
        )
        .await;
    let client = OAuthClient::register(&gateway).await;
    let url = client.authorization_url("time");
    let mut browser = Chromium::start();
    // Another domain answers for one; the other's address is in the list, but was never verified (B-08).
    for refused in ["mallory@corp.example", "eve@gmail.com"] {
        browser.open(&url).await;
        browser.press("Continue with Google").await;
        browser.press(refused).await;
        let page = browser.sees("No access").await;
        assert_eq!(page.status, 403);
        assert!(page.text.contains("at Google, and that account may not use this gateway"), "{}", page.text);
        assert!(page.text.contains("ask whoever runs it to let in google:"), "{}", page.text);
        assert!(!page.html.contains("corp.example") && !page.html.contains("gmail"), "{}", page.html);
        browser.press("Try again").await;
        browser.sees("Sign in").await;
    }
    browser.press("Continue with Google").await;
    browser.press("ada@corp.example").await;
    browser.sees("Allow access?").await;
    let tokens = tokens(&mut browser, &client).await;
    assert_eq!(status(&gateway, text(&tokens, "access_token")).await, 200);
    browser.close().await;
    gateway.stop().await;
}

#[tokio::test]
async fn b_19_b_20_a_certified_issuer_is_discovered_and_whoever_says_no_there_has_said_no_to_the_client() {
    let mut corp = Provider::new(Service::Oidc);
    let builder = Gateway::builder().signs_in_at(&corp).with("ALLOWED_CORP_DOMAINS", "corp.example");
    let recorder = Recorder::start().await;
    let gateway = start(builder.upstream(recorder.address())).await;
    // It wants PKCE, names itself in its answers (RFC 9207), and tells addresses at userinfo only.
    let ada = json!({ "email": "ada@corp.example", "email_verified": true, "preferred_username": "ada" });
    corp.start(&gateway, &json!({ "u-1": ada })).await;
    let client = OAuthClient::register(&gateway).await;
    let url = client.authorization_url("time");

    let mut ada = Chromium::start();
    ada.open(&url).await;
    ada.press("Continue with Corp & Co").await;
    ada.press("[ Cancel ]").await;
    let callback = ada.is_sent_to_the_client().await;
    assert_eq!(query(&callback, "error").as_deref(), Some("access_denied"));
    assert_eq!(query(&callback, "state").as_deref(), Some("opaque"));
    assert_eq!(query(&callback, "iss").as_deref(), Some(gateway.origin()), "A-14");

    ada.open(&url).await;
    ada.press("Continue with Corp & Co").await;
    ada.type_into("Enter any login", "u-1").await;
    ada.type_into("and password", "anything").await;
    ada.press("Sign-in").await;
    ada.press("Continue").await;
    let question = ada.sees("Allow access?").await;
    assert!(question.text.contains("Signed in as ada"), "{}", question.text);
    let tokens = tokens(&mut ada, &client).await;
    assert_eq!(status(&gateway, text(&tokens, "access_token")).await, 200);
    ada.close().await;
    gateway.stop().await;
}

#[tokio::test]
async fn b_02_b_05_b_06_what_a_provider_answers_is_good_once_in_its_browser_and_at_its_address() {
    let [mut github, google] = [Service::GitHub, Service::Google].map(Provider::new);
    let builder = Gateway::builder().signs_in_at(&github).signs_in_at(&google);
    let gateway = start(builder.with("ALLOWED_GITHUB_USERS", "ada").with("ALLOWED_GOOGLE_USERS", "*")).await;
    github.start(&gateway, &people()).await;
    let url = OAuthClient::register(&gateway).await.authorization_url("time");
    let callback = gateway.url("/callback/github");

    let (mut ada, mut victim) = (Chromium::start(), Chromium::start());
    ada.sign_in_with_github(&url, "ada").await;
    let answer = ada.is_sent_to(&callback).await;
    ada.sees("Allow access?").await;
    ada.open(answer.as_str()).await;
    let again = ada.sees("You are not signed in").await;
    assert_eq!(again.status, 400, "B-05: replayed");

    // Whoever signs in as themselves in another browser's stead is caught there.
    let fresh = "code=0123456789abcdef&state=";
    for (address, why) in [(&callback, "never begun"), (&gateway.url("/callback/nobody"), "no provider")] {
        victim.open(&format!("{address}?{fresh}mcp_state_invented")).await;
        assert_eq!(victim.sees("You are not signed in").await.status, 400, "{why}");
    }
    victim.open(&url).await;
    victim.press("Continue with GitHub").await;
    let away = victim.is_sent_to(&format!("{}/login/oauth/authorize", github.url())).await;
    let state = query(&away, "state").expect("a state");
    ada.open(&format!("{callback}?{fresh}{state}")).await;
    let stolen = ada.sees("Nothing was approved").await;
    assert_eq!(stolen.status, 403, "B-02: the state of another browser");

    victim.open(&url).await;
    victim.press("Continue with GitHub").await;
    let away = victim.is_sent_to(&format!("{}/login/oauth/authorize", github.url())).await;
    let state = query(&away, "state").expect("a state");
    victim.open(&format!("{}?{fresh}{state}", gateway.url("/callback/google"))).await;
    assert_eq!(victim.sees("You are not signed in").await.status, 400, "B-06: another provider's answer");
    victim.open(&format!("{callback}?{fresh}{state}")).await;
    assert_eq!(victim.sees("You are not signed in").await.status, 400, "B-05: spent at first sight");
    for browser in [ada, victim] {
        browser.close().await;
    }
    gateway.stop().await;
}

#[tokio::test]
async fn b_09_c_24_who_is_in_no_list_or_in_none_any_more_is_out_everywhere() {
    let [mut github, mut google] = [Service::GitHub, Service::Google].map(Provider::new);
    let recorder = Recorder::start().await;
    let builder = Gateway::builder().signs_in_at(&github).with("ALLOWED_GITHUB_ORGS", "corp");
    // Google has no list at all: it admits nobody.
    let gateway = start(builder.signs_in_at(&google).upstream(recorder.address())).await;
    github.start(&gateway, &people()).await;
    google.start(&gateway, &json!([{ "email": "mallory@corp.example" }])).await;
    let client = OAuthClient::register(&gateway).await;
    let url = client.authorization_url("time");

    let mut mallory = Chromium::start();
    mallory.open(&url).await;
    mallory.press("Continue with Google").await;
    mallory.press("mallory@corp.example").await;
    assert_eq!(mallory.sees("No access").await.status, 403);
    mallory.sign_in_with_github(&url, "mallory").await;
    let page = mallory.sees("No access").await;
    assert_eq!(page.status, 403);
    assert!(page.text.contains("let in github:"), "{}", page.text);
    assert!(!page.html.contains("evil.example") && !page.html.contains("corp"), "{}", page.html);
    mallory.open(&url).await;
    mallory.sees("Sign in").await;
    mallory.close().await;

    let mut ada = Chromium::start();
    ada.sign_in_with_github(&url, "ada").await;
    let tokens = tokens(&mut ada, &client).await;
    assert_eq!(status(&gateway, text(&tokens, "access_token")).await, 200);
    // What GitHub said is believed until she is seen there again.
    github.expel("ada", "corp").await;
    let (refreshed, tokens) = client.refresh(text(&tokens, "refresh_token")).await;
    assert_eq!(refreshed, 200, "{tokens}");
    ada.open(&url).await;
    ada.press("Use another account").await;
    ada.press("Continue with GitHub").await;
    ada.press("ada").await;
    ada.sees("No access").await;
    while status(&gateway, text(&tokens, "access_token")).await != 401 {}
    let (refused, error) = client.refresh(text(&tokens, "refresh_token")).await;
    assert_eq!((refused, text(&error, "error")), (400, "invalid_grant"));
    ada.close().await;
    gateway.stop().await;
}

#[tokio::test]
async fn c_24_a_user_of_github_who_is_disabled_is_refused_at_the_edge_at_once() {
    let mut github = Provider::new(Service::GitHub);
    let recorder = Recorder::start().await;
    let builder = Gateway::builder().signs_in_at(&github).with("ALLOWED_GITHUB_EMAILS", "ada@corp.example");
    let gateway = start(builder.upstream(recorder.address())).await;
    github.start(&gateway, &people()).await;
    let client = OAuthClient::register(&gateway).await;
    let mut ada = Chromium::start();
    ada.sign_in_with_github(&client.authorization_url("time"), "ada").await;
    let tokens = tokens(&mut ada, &client).await;
    let access_token = text(&tokens, "access_token");
    assert_eq!(status(&gateway, access_token).await, 200);
    let subject = Gateway::subject_of(access_token);
    assert!(subject.starts_with("github:"), "{subject}");
    gateway.edit_users(|users| {
        users["upstream_users"] = json!([{ "subject": subject, "roles": [], "disabled": true }]);
    });
    while status(&gateway, access_token).await != 401 {}
    let (refused, error) = client.refresh(text(&tokens, "refresh_token")).await;
    assert_eq!((refused, text(&error, "error")), (400, "invalid_grant"));
    ada.close().await;
    gateway.stop().await;
}

#[tokio::test]
async fn a_device_is_connected_by_a_user_who_signs_in_with_github_in_their_own_browser() {
    let mut github = Provider::new(Service::GitHub);
    let recorder = Recorder::start().await;
    let builder = Gateway::builder().signs_in_at(&github).with("ALLOWED_GITHUB_USERS", "ada");
    let gateway = start(builder.upstream(recorder.address())).await;
    github.start(&gateway, &people()).await;
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let metadata = json!({ "client_name": "A television", "grant_types": [grant], "token_endpoint_auth_method": "none" });
    let http = reqwest::Client::new();
    let client = http.post(gateway.url("/register")).json(&metadata).send().await.expect("an answer");
    let client: Value = client.json().await.expect("a registration");
    let asked = [("client_id", text(&client, "client_id")), ("resource", &gateway.url("/time/mcp"))];
    let waiting =
        http.post(gateway.url("/device_authorization")).form(&asked).send().await.expect("an answer");
    let waiting: Value = waiting.json().await.expect("a code");

    let mut ada = Chromium::start();
    ada.sign_in_with_github(text(&waiting, "verification_uri_complete"), "ada").await;
    // Back from there the browser still knows the code; the user has to compare it, not to type it again.
    let question = ada.sees("Allow access?").await;
    let code = text(&waiting, "user_code");
    assert!(question.text.contains("A television") && question.text.contains(code), "{}", question.text);
    ada.press("Allow").await;
    ada.sees("Your device is connected").await;

    let exchange = [
        ("grant_type", grant),
        ("client_id", text(&client, "client_id")),
        ("device_code", text(&waiting, "device_code")),
    ];
    let tokens = http.post(gateway.url("/token")).form(&exchange).send().await.expect("an answer");
    let tokens: Value = tokens.json().await.expect("tokens");
    assert_eq!(status(&gateway, text(&tokens, "access_token")).await, 200);
    ada.close().await;
    gateway.stop().await;
}
