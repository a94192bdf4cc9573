//! The pages as browsers get them: status, headers and body, with everything that is drawn by lot taken out.

use serde_json::json;

use crate::app::{Answer, CALLBACK, ISSUER, LIFETIMES, TIME, TestApp};
use crate::browser::{Browser, authorize, connected, request_of};

/// Headers that say what a browser may do with the page.
const HEADERS: [&str; 6] = [
    "cache-control",
    "content-security-policy",
    "content-type",
    "referrer-policy",
    "x-content-type-options",
    "x-frame-options",
];

/// Compares a page with the one in `snapshots/`.
fn assert_page(name: &str, page: &Answer) {
    let headers: Vec<_> = HEADERS.iter().map(|header| format!("{header}: {}", page.header(header))).collect();
    let shown = format!("{}\n{}\n\n{}", page.status, headers.join("\n"), page.body);
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter("(?s)<style>.*</style>", "<style>[style]</style>");
    settings.add_filter("'sha256-[^']+'", "'sha256-[style]'");
    settings.add_filter("mcp_consent_[A-Za-z0-9_-]{43}", "[ticket]");
    settings.add_filter("name=\"token\" value=\"[A-Za-z0-9_-]{43}\"", "name=\"token\" value=\"[token]\"");
    settings.add_filter("client_[A-Za-z0-9_-]{22}", "[client]");
    settings.add_filter("[B-Z]{4}-[B-Z]{4}", "[user code]");
    settings.bind(|| insta::assert_snapshot!(name, shown));
}

#[tokio::test]
async fn the_sign_in_page() {
    let app = TestApp::new();
    let address = authorize(&request_of(&app.public_client().await));
    let mut browser = Browser::new(&app);
    let page = browser.open(&address).await;
    assert_page("sign_in", &page);
    let typed = [("username", "ada <b>"), ("password", "wrong")];
    assert_page("sign_in_failed", &browser.press(&address, &page, "sign-in", &typed).await);
    assert_page("sign_in_for_account", &browser.open("/account").await);
}

#[tokio::test]
async fn the_consent_page() {
    let (app, clients) = TestApp::remembering(LIFETIMES, &[json!({ "redirect_uris": [CALLBACK] })]).await;
    let client = clients[0]["client_id"].as_str().unwrap();
    let mut browser = Browser::new(&app);
    let address = authorize(&request_of(&app.public_client().await));
    assert_page("consent", &browser.sign_in(&address, "ada").await);
    assert_page("consent_to_remember", &browser.open(&authorize(&request_of(client))).await);
    let mut bob = Browser::new(&app);
    let mut request = request_of(client);
    request.retain(|(name, _)| !["resource", "scope"].contains(name));
    request.extend([("resource", "https://gw.example/fetch/mcp"), ("scope", "mcp:fetch")]);
    assert_page("consent_to_nothing", &bob.sign_in(&authorize(&request), "bob").await);
}

#[tokio::test]
async fn the_account_page() {
    let metadata = json!({ "client_name": "<i>Sheets</i>", "redirect_uris": [CALLBACK] });
    let (app, clients) = TestApp::remembering(LIFETIMES, &[metadata]).await;
    let mut browser = Browser::new(&app);
    assert_page("account_empty", &browser.sign_in("/account", "ada").await);
    connected(&app).await;
    let address = authorize(&request_of(clients[0]["client_id"].as_str().unwrap()));
    let page = browser.open(&address).await;
    let ticket = crate::browser::forms_of(&page)[0].fields[0].1.clone();
    browser.submit(&address, &[("action", "approve"), ("ticket", &ticket), ("remember", "yes")]).await;
    app.clock.advance(7_300);
    assert_page("account", &browser.open("/account").await);
    assert_page("account_forged", &browser.submit("/account", &[("action", "revoke-all")]).await);
}

#[tokio::test]
async fn the_pages_for_devices() {
    let app = TestApp::new();
    let metadata = json!({
        "client_name": "Telly", "token_endpoint_auth_method": "none",
        "grant_types": ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
    });
    let client = app.register(&metadata.to_string()).await.json()["client_id"].as_str().unwrap().to_owned();
    let mut browser = Browser::new(&app);
    assert_page("device_sign_in", &browser.open("/device").await);
    assert_page("device", &browser.sign_in("/device", "ada").await);
    assert_page("device_wrong", &browser.open("/device?user_code=BBBB-BBBB").await);
    for (action, name) in [("approve", "device_connected"), ("deny", "device_denied")] {
        let begun =
            app.post("/device_authorization", &[("client_id", &client), ("resource", TIME)]).await.json();
        let address =
            begun["verification_uri_complete"].as_str().unwrap().strip_prefix(ISSUER).unwrap().to_owned();
        let page = browser.open(&address).await;
        if action == "approve" {
            assert_page("device_consent", &page);
        }
        assert_page(name, &browser.press(&address, &page, action, &[]).await);
    }
}
