//! Signing in at a provider outside: the way there, the way back, and who may take it.

use axum::http::StatusCode;
use serde_json::json;

use crate::app::{Answer, HASH, TestApp};
use crate::browser::{Browser, authorize, claim, exchange, forms_of, request_of, text_of};
use crate::fake_provider::{ACCESS_TOKEN, FakeProvider, SECRET};
use crate::logs::logs;

/// A users file with the role `clerk` and, if wanted, the local user ada.
pub(crate) fn home(has_ada: bool) -> tempfile::TempDir {
    let home = tempfile::tempdir().unwrap();
    let ada = json!({ "username": "ada", "id": "a1", "password": HASH, "allowed_tools": ["*"] });
    let users =
        json!({ "roles": { "clerk": ["time/*"] }, "users": if has_ada { vec![ada] } else { vec![] } });
    std::fs::write(home.path().join("users.json"), users.to_string()).unwrap();
    home
}

/// A service with `github` and `corp`, both of them `fake`, and more settings.
pub(crate) fn app_in(home: tempfile::TempDir, fake: &FakeProvider, more: &[(&str, &str)]) -> TestApp {
    let mut settings = vec![
        ("GITHUB_CLIENT_ID", "us"),
        ("GITHUB_CLIENT_SECRET", SECRET),
        ("GITHUB_URL", &fake.url),
        ("GITHUB_DEFAULT_ROLES", "clerk"),
        ("OIDC_PROVIDERS", "corp"),
        ("CORP_CLIENT_ID", "us"),
        ("CORP_CLIENT_SECRET", SECRET),
        ("CORP_ISSUER", &fake.url),
        ("CORP_LABEL", "Corp & Co"),
        ("CORP_DEFAULT_ROLES", "clerk"),
    ];
    settings.extend_from_slice(more);
    TestApp::with_providers(home, &settings)
}

pub(crate) fn app(fake: &FakeProvider) -> TestApp {
    let lists = [("ALLOWED_GITHUB_USERS", "octocat"), ("ALLOWED_CORP_DOMAINS", "corp.example")];
    app_in(home(false), fake, &lists)
}

/// The address of an authorization request of a new client.
pub(crate) async fn address(app: &TestApp) -> String {
    let client = app.public_client().await;
    authorize(&request_of(&client))
}

/// Presses the button of `provider`; gives where the browser is taken.
pub(crate) async fn leave(browser: &mut Browser<'_>, address: &str, provider: &str) -> String {
    let page = browser.submit(address, &[("action", "upstream"), ("provider", provider)]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    link(&page)
}

/// The only link on a page.
pub(crate) fn link(page: &Answer) -> String {
    let html = scraper::Html::parse_document(&page.body);
    let links = scraper::Selector::parse("a[href]").unwrap();
    let only = html.select(&links).next().unwrap_or_else(|| panic!("no link: {}", page.body));
    only.value().attr("href").unwrap().to_owned()
}

/// All the way to `provider` and back; gives the answer to the browser.
pub(crate) async fn travel(
    browser: &mut Browser<'_>,
    fake: &FakeProvider,
    address: &str,
    provider: &str,
) -> Answer {
    let away = leave(browser, address, provider).await;
    browser.open(&fake.signed_in(&away)).await
}

#[tokio::test]
async fn b_01_nothing_goes_to_a_provider_before_the_user_says_so_on_a_page_that_names_the_client() {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let address = address(&app).await;
    let page = Browser::new(&app).open(&address).await;
    let text = text_of(&page);
    assert!(text.contains("Test App (app.example) to time"), "{text}");
    assert!(text.contains("Continue with GitHub") && text.contains("Continue with Corp & Co"), "{text}");
    assert!(!page.body.contains("password"), "there are no local users");
    assert_eq!(page.header("set-cookie"), "", "B-04");
    assert!(fake.script().seen.is_empty());
    assert!(!page.body.contains("<a "), "a link could be followed without anybody's will");
}

#[tokio::test]
async fn a_form_for_local_users_stands_beside_the_providers_when_there_are_any() {
    let fake = FakeProvider::start().await;
    let app = app_in(home(true), &fake, &[]);
    let address = address(&app).await;
    let mut browser = Browser::new(&app);
    let page = browser.open(&address).await;
    let buttons: Vec<String> = forms_of(&page).into_iter().flat_map(|form| form.buttons).collect();
    assert_eq!(buttons, ["sign-in", "upstream", "upstream", "cancel"]);
    assert!(text_of(&browser.sign_in(&address, "ada").await).contains("Signed in as ada"));
}

#[tokio::test]
async fn b_20_the_way_to_a_provider_has_state_pkce_and_nonce_and_asks_for_no_more_than_it_needs() {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let address = address(&app).await;
    let mut browser = Browser::new(&app);
    let parameters = |away: &str| -> Vec<(String, String)> {
        url::Url::parse(away).unwrap().query_pairs().into_owned().collect()
    };
    let names = |all: &[(String, String)]| -> Vec<String> {
        let mut names: Vec<String> = all.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        names
    };
    let github = parameters(&leave(&mut browser, &address, "github").await);
    let common = ["client_id", "code_challenge", "code_challenge_method"];
    let expected = [&common[..], &["prompt", "redirect_uri", "response_type", "scope", "state"]].concat();
    assert_eq!(names(&github), expected);
    assert!(github.contains(&("scope".to_owned(), "user:email".to_owned())), "{github:?}");
    let corp = parameters(&leave(&mut browser, &address, "corp").await);
    let expected = [&common[..], &["nonce", "redirect_uri", "response_type", "scope", "state"]].concat();
    assert_eq!(names(&corp), expected);
    assert!(corp.contains(&("redirect_uri".to_owned(), "https://gw.example/callback/corp".to_owned())));
    let differ = |name: &str| {
        let of = |all: &[(String, String)]| all.iter().find(|(key, _)| key == name).unwrap().1.clone();
        of(&github) != of(&corp)
    };
    assert!(differ("state") && differ("code_challenge"));
}

#[tokio::test]
async fn b_15_the_cookie_of_the_way_is_bound_to_this_host_and_one_for_all_tabs() {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let address = address(&app).await;
    let mut browser = Browser::new(&app);
    let page = browser.submit(&address, &[("action", "upstream"), ("provider", "github")]).await;
    let cookie = page.header("set-cookie").to_owned();
    assert!(cookie.starts_with("__Host-mcp_upstream=mcp_upstream_"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; Secure"), "{cookie}");
    assert!(page.header("content-security-policy").contains("form-action 'none'"));
    assert_eq!(page.header("referrer-policy"), "no-referrer");
    let second = browser.submit(&address, &[("action", "upstream"), ("provider", "corp")]).await;
    assert_eq!(second.header("set-cookie"), cookie, "A-18");
    let (one, two) = (fake.signed_in(&link(&second)), fake.signed_in(&link(&page)));
    assert_eq!(browser.open(&one).await.status, StatusCode::SEE_OTHER);
    assert_eq!(
        browser.open(&two).await.status,
        StatusCode::SEE_OTHER,
        "A-18: one tab does not break the other"
    );
}

#[tokio::test]
async fn a_user_of_each_provider_comes_back_to_consent_and_their_client_gets_tokens() {
    for (provider, subject, name) in [("github", "github:583231", "Octocat"), ("corp", "corp:u-1", "ada")] {
        let fake = FakeProvider::start().await;
        let app = app(&fake);
        let client = app.public_client().await;
        let address = authorize(&request_of(&client));
        let mut browser = Browser::new(&app);
        let back = travel(&mut browser, &fake, &address, provider).await;
        assert_eq!((back.status, back.header("location")), (StatusCode::SEE_OTHER, address.as_str()));
        let page = browser.open(&address).await;
        assert!(text_of(&page).contains(&format!("Signed in as {name}")), "B-16: {}", text_of(&page));
        let code = browser.press(&address, &page, "approve", &[]).await.redirected("code");
        let tokens = app.token(&exchange(&client, &code)).await.json();
        let token = tokens["access_token"].as_str().unwrap();
        assert_eq!(claim(token, "sub"), subject);
        assert_eq!(claim(token, "preferred_username"), name);
        assert_eq!(claim(token, "scope"), "mcp:time");
        assert!(!tokens.to_string().contains(ACCESS_TOKEN), "B-18");
    }
}

#[tokio::test]
async fn c_11_no_address_of_a_user_stands_in_a_token() {
    let fake = FakeProvider::start().await;
    for (names, expected) in [
        (json!({ "preferred_username": null, "name": "Ada Lovelace" }), "Ada Lovelace"),
        (json!({ "preferred_username": "ada@corp.example", "name": null }), "u-1"),
    ] {
        fake.script().claims = names;
        let app = app(&fake);
        let client = app.public_client().await;
        let address = authorize(&request_of(&client));
        let mut browser = Browser::new(&app);
        travel(&mut browser, &fake, &address, "corp").await;
        let page = browser.open(&address).await;
        let code = browser.press(&address, &page, "approve", &[]).await.redirected("code");
        let tokens = app.token(&exchange(&client, &code)).await.json();
        let token = tokens["access_token"].as_str().unwrap();
        assert_eq!(claim(token, "preferred_username"), expected);
    }
}

#[tokio::test]
async fn b_05_a_state_is_good_once_in_time_and_at_its_own_provider() {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let address = address(&app).await;
    let mut browser = Browser::new(&app);
    let away = leave(&mut browser, &address, "github").await;
    let callback = fake.signed_in(&away);
    let refused = async |browser: &mut Browser<'_>, callback: &str, why: &str| {
        let answer = browser.open(callback).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{why}");
        assert_eq!(answer.header("set-cookie"), "", "{why}");
    };
    for without in [
        "/callback/github",
        "/callback/github?code=x",
        "/callback/github?code=x&state=guessed",
        "/callback/nobody",
    ] {
        refused(&mut browser, without, without).await;
    }
    let repeated = format!("{callback}&code=another");
    refused(&mut browser, &repeated, "repeated parameter").await;
    refused(&mut browser, &callback, "deleted on first sight").await;

    let callback = fake.signed_in(&leave(&mut browser, &address, "github").await);
    refused(&mut browser, &callback.replace("/github?", "/corp?"), "B-06: another provider").await;
    refused(&mut browser, &callback, "deleted on first sight").await;

    let callback = fake.signed_in(&leave(&mut browser, &address, "github").await);
    assert_eq!(browser.open(&callback).await.status, StatusCode::SEE_OTHER);
    refused(&mut browser, &callback, "replayed").await;

    let callback = fake.signed_in(&leave(&mut browser, &address, "github").await);
    app.clock.advance(600);
    refused(&mut browser, &callback, "expired").await;
}

#[tokio::test]
async fn a_19_looking_at_the_callback_without_wanting_it_spends_nothing() {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let address = address(&app).await;
    let mut browser = Browser::new(&app);
    let callback = fake.signed_in(&leave(&mut browser, &address, "github").await);
    for method in ["HEAD", "POST", "PUT"] {
        let request = axum::http::Request::builder().method(method).uri(&callback);
        let answer = app.send(request.body(axum::body::Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert!(answer.header("allow").contains("GET"), "{method}");
    }
    assert_eq!(browser.open(&callback).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn b_02_the_answer_to_another_browser_signs_nobody_in() {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let address = address(&app).await;
    for has_cookie in [false, true] {
        let mut attacker = Browser::new(&app);
        let callback = fake.signed_in(&leave(&mut attacker, &address, "github").await);
        let mut victim = Browser::new(&app);
        if has_cookie {
            leave(&mut victim, &address, "github").await;
        }
        let redeemed = fake.script().seen.len();
        let answer = victim.open(&callback).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(answer.header("set-cookie"), "");
        assert_eq!(fake.script().seen.len(), redeemed, "the code was not redeemed");
        assert_eq!(attacker.open(&callback).await.status, StatusCode::BAD_REQUEST, "and is lost for both");
    }
    assert!(logs().contains("sign_in_forged"));
}

#[tokio::test]
async fn b_10_only_our_own_pages_send_a_browser_away() {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let address = address(&app).await;
    let form = [("action", "upstream"), ("provider", "github")];
    let request = crate::app::form_request(&address, &form).header("origin", "https://evil.example");
    let answer = app.send(request.body(crate::app::encoded(&form)).unwrap()).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (StatusCode::FORBIDDEN, ""));
    for provider in ["", "nobody", "local"] {
        let form = [("action", "upstream"), ("provider", provider)];
        let answer = Browser::new(&app).submit(&address, &form).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{provider}");
    }
}

#[tokio::test]
async fn b_06_an_answer_that_names_another_issuer_is_not_taken() {
    let fake = FakeProvider::start().await;
    let app = app(&fake);
    let address = address(&app).await;
    let mut browser = Browser::new(&app);
    let github = format!("{}/login/oauth", fake.url);
    for (provider, named, status) in [
        ("github", "https://evil.example", StatusCode::BAD_REQUEST),
        ("github", github.as_str(), StatusCode::SEE_OTHER),
        ("corp", "https://evil.example", StatusCode::BAD_REQUEST),
        ("corp", fake.url.as_str(), StatusCode::SEE_OTHER),
    ] {
        let callback = fake.signed_in(&leave(&mut browser, &address, provider).await);
        let answer = browser.open(&format!("{callback}&iss={named}")).await;
        assert_eq!(answer.status, status, "{provider} {named}");
    }
    fake.script().metadata = json!({ "authorization_response_iss_parameter_supported": true });
    app.clock.advance(3600);
    fake.script().claims = json!({ "iat": crate::app::NOW + 3600, "exp": crate::app::NOW + 7200 });
    let callback = fake.signed_in(&leave(&mut browser, &address, "corp").await);
    assert_eq!(
        browser.open(&callback).await.status,
        StatusCode::BAD_REQUEST,
        "RFC 9207: it always names itself"
    );
}

#[tokio::test]
async fn the_secret_is_shown_where_the_provider_wants_it_first() {
    for (methods, in_body) in [
        (json!(["client_secret_post", "client_secret_basic"]), true),
        (json!(["private_key_jwt", "client_secret_basic", "client_secret_post"]), false),
        (json!(null), false),
    ] {
        let fake = FakeProvider::start().await;
        fake.script().metadata = json!({ "token_endpoint_auth_methods_supported": methods });
        let app = app(&fake);
        let address = address(&app).await;
        travel(&mut Browser::new(&app), &fake, &address, "corp").await;
        let script = fake.script();
        let is_basic = script.seen.iter().any(|(path, who)| path == "/token" && who.starts_with("Basic "));
        assert_eq!((script.secret_in_body, is_basic), (in_body, !in_body), "{methods}");
    }
}
