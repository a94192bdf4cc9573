//! The device authorization grant (RFC 8628): `POST /device_authorization`, the page, and the grant at `/token`.

use axum::http::{StatusCode, header};
use serde_json::{Value, json};

use crate::app::{Answer, CALLBACK, ISSUER, PASSWORD, TIME, TestApp, encoded, form_request};
use crate::browser::{Browser, claim, exchange, forms_of, refresh, text_of, verified};
use crate::logs::logs;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A public client that is registered for devices and for nothing else.
async fn device_client(app: &TestApp) -> String {
    let metadata = json!({
        "client_name": "Telly",
        "token_endpoint_auth_method": "none",
        "grant_types": [GRANT, "refresh_token"],
    });
    app.register(&metadata.to_string()).await.json()["client_id"].as_str().unwrap().to_owned()
}

async fn begin(app: &TestApp, client: &str) -> Answer {
    let form = [("client_id", client), ("resource", TIME), ("scope", "mcp:time")];
    app.post("/device_authorization", &form).await
}

/// A device that waits: its client, device code, and the address of the page with its user code.
struct Device {
    client: String,
    code: String,
    user_code: String,
    page: String,
}

async fn waiting(app: &TestApp) -> Device {
    let client = device_client(app).await;
    let answer = begin(app, &client).await.json();
    let member = |name: &str| answer[name].as_str().unwrap().to_owned();
    let page = member("verification_uri_complete").strip_prefix(ISSUER).unwrap().to_owned();
    Device { client, code: member("device_code"), user_code: member("user_code"), page }
}

impl Device {
    async fn poll(&self, app: &TestApp) -> Answer {
        app.token(&[("grant_type", GRANT), ("device_code", &self.code), ("client_id", &self.client)]).await
    }

    /// Waits as long as it takes to ask again.
    async fn poll_later(&self, app: &TestApp) -> Answer {
        app.clock.advance(5);
        self.poll(app).await
    }

    /// The user signs in and presses a button of the consent page.
    async fn answered(&self, app: &TestApp, username: &str, action: &str) -> Answer {
        let mut browser = Browser::new(app);
        let page = browser.sign_in(&self.page, username).await;
        browser.press(&self.page, &page, action, &[]).await
    }
}

#[tokio::test]
async fn rfc_8628_3_2_a_device_hears_what_to_show_and_how_long_it_lasts() {
    let app = TestApp::new();
    let answer = begin(&app, &device_client(&app).await).await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store"));
    let mut body = answer.json();
    let mut take = |name: &str| body[name].take().as_str().unwrap().to_owned();
    let (device_code, user_code) = (take("device_code"), take("user_code"));
    assert_eq!(device_code.len(), "mcp_device_".len() + 43);
    assert!(user_code.len() == 9 && user_code.as_bytes()[4] == b'-', "{user_code}");
    let expected = json!({
        "device_code": null,
        "user_code": null,
        "verification_uri": "https://gw.example/device",
        "verification_uri_complete": format!("https://gw.example/device?user_code={user_code}"),
        "expires_in": 600,
        "interval": 5,
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn rfc_8628_3_5_a_device_waits_until_its_user_approves_and_gets_tokens_once() {
    let app = TestApp::new();
    let device = waiting(&app).await;
    assert_eq!(device.poll(&app).await.error(), "400 authorization_pending");
    let done = device.answered(&app, "ada", "approve").await;
    assert!(text_of(&done).contains("Your device is connected"), "{}", done.body);
    let answer = device.poll(&app).await;
    assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store"));
    let tokens = answer.json();
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!((tokens["scope"].as_str(), claim(token, "sub").as_str()), (Some("mcp:time"), "local:a1"));
    assert_eq!((claim(token, "aud"), claim(token, "client_id")), (TIME.to_owned(), device.client.clone()));
    assert_eq!(verified(&app, token).await, StatusCode::OK);
    let refreshed = refresh(&app, &device.client, tokens["refresh_token"].as_str().unwrap()).await;
    assert_eq!(refreshed.status, StatusCode::OK);

    assert_eq!(device.poll(&app).await.error(), "400 invalid_grant", "c_02: once");
    assert_eq!(verified(&app, token).await, StatusCode::UNAUTHORIZED, "c_01: a replay ends what came of it");
    let refresh_token = refreshed.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_eq!(refresh(&app, &device.client, &refresh_token).await.error(), "400 invalid_grant");
}

#[tokio::test]
async fn rfc_8628_5_4_the_page_names_everything_and_warns_of_codes_that_others_sent() {
    let app = TestApp::new();
    let device = waiting(&app).await;
    let page = Browser::new(&app).sign_in(&device.page, "ada").await;
    for part in [
        "Telly wants to use time as you",
        TIME,
        "Use every tool of time",
        &device.user_code,
        "only if you started this yourself just now, on your own device",
        "If somebody sent you the code",
        "not verified",
        "Signed in as ada",
        "Stay connected",
    ] {
        assert!(text_of(&page).contains(part), "{part}: {}", text_of(&page));
    }
    let policy = page.header("content-security-policy");
    assert!(policy.contains("form-action 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("referrer-policy"), "same-origin");
}

#[tokio::test]
async fn rfc_8628_6_1_a_code_is_typed_in_any_case_and_with_or_without_its_dash() {
    let app = TestApp::new();
    let device = waiting(&app).await;
    let mut browser = Browser::new(&app);
    let page = browser.sign_in("/device", "ada").await;
    assert!(text_of(&page).contains("Type the code that your own device shows"), "{}", page.body);
    assert!(text_of(&page).contains("Do not type one that somebody sent you"), "{}", page.body);
    let plain = device.user_code.replace('-', "");
    for typed in [plain.clone(), plain.to_lowercase(), format!("%20{}+", device.user_code)] {
        let page = browser.open(&format!("/device?user_code={typed}")).await;
        assert!(text_of(&page).contains("Telly wants to use time"), "{typed}: {}", page.body);
    }
    for typed in ["BBBB-BBBB", "x", "%00", "%ff", "BBBBBBBB&user_code=BBBBBBBB", "%3Cb%3E"] {
        let page = browser.open(&format!("/device?user_code={typed}")).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{typed}");
        assert!(text_of(&page).contains("No device waits with this code"), "{typed}: {}", page.body);
        assert!(!page.body.contains("<b>"));
    }
}

#[tokio::test]
async fn rfc_8628_3_5_a_device_that_asks_too_soon_is_told_to_slow_down() {
    let app = TestApp::new();
    let device = waiting(&app).await;
    assert_eq!(device.poll(&app).await.error(), "400 authorization_pending");
    assert_eq!(device.poll(&app).await.error(), "400 slow_down");
    assert_eq!(device.poll_later(&app).await.error(), "400 slow_down", "5 seconds are not enough any more");
    app.clock.advance(15);
    assert_eq!(device.poll(&app).await.error(), "400 authorization_pending");
    device.answered(&app, "ada", "approve").await;
    assert_eq!(device.poll(&app).await.status, StatusCode::OK);
}

#[tokio::test]
async fn b_19_rfc_8628_3_5_a_device_whose_user_says_no_hears_it_and_the_code_is_spent() {
    let app = TestApp::new();
    let device = waiting(&app).await;
    let page = device.answered(&app, "ada", "deny").await;
    assert!(text_of(&page).contains("The device gets no access"), "{}", page.body);
    assert_eq!(device.poll(&app).await.error(), "400 access_denied");
    assert_eq!(device.poll(&app).await.error(), "400 access_denied");
    let page = Browser::new(&app).sign_in(&device.page, "ada").await;
    assert!(text_of(&page).contains("No device waits with this code"), "{}", page.body);
}

#[tokio::test]
async fn a_user_who_may_do_nothing_of_it_can_only_say_no_and_one_who_may_do_some_gives_that() {
    let app = TestApp::new();
    let device = waiting(&app).await;
    device.answered(&app, "bob", "approve").await;
    assert_eq!(device.poll(&app).await.json()["scope"], "mcp:time:now mcp:time:zones");
    app.users(&[("bob", "b2", &["fetch/*"])]);
    let device = waiting(&app).await;
    let mut browser = Browser::new(&app);
    let page = browser.sign_in(&device.page, "bob").await;
    assert!(text_of(&page).contains("your account may not use what it asks for"), "{}", page.body);
    let ticket = forms_of(&page)[0].fields[0].1.clone();
    let forced = browser.submit(&device.page, &[("action", "approve"), ("ticket", &ticket)]).await;
    assert!(text_of(&forced).contains("The device gets no access"), "{}", forced.body);
    assert_eq!(device.poll(&app).await.error(), "400 access_denied");
}

#[tokio::test]
async fn rfc_8628_3_5_after_ten_minutes_nothing_can_be_approved_and_the_device_hears_it() {
    let app = TestApp::new();
    let device = waiting(&app).await;
    let mut browser = Browser::new(&app);
    app.clock.advance(599);
    let page = browser.sign_in(&device.page, "ada").await;
    app.clock.advance(1);
    assert_eq!(browser.press(&device.page, &page, "approve", &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(device.poll(&app).await.error(), "400 expired_token");
    app.clock.advance(600);
    assert_eq!(device.poll(&app).await.error(), "400 invalid_grant");

    let device = waiting(&app).await;
    device.answered(&app, "ada", "approve").await;
    app.clock.advance(600);
    assert_eq!(device.poll(&app).await.error(), "400 expired_token", "approved, but not fetched in time");
}

#[tokio::test]
async fn b_10_an_answer_counts_once_and_only_in_the_browser_and_for_the_device_that_was_asked_about() {
    let app = TestApp::new();
    let (one, other) = (waiting(&app).await, waiting(&app).await);
    let mut browser = Browser::new(&app);
    let page = browser.sign_in(&one.page, "ada").await;
    let ticket = forms_of(&page)[0].fields[0].1.clone();
    let form = [("action", "approve"), ("ticket", ticket.as_str())];
    assert_eq!(browser.submit(&other.page, &form).await.status, StatusCode::FORBIDDEN, "another device");
    assert_eq!(browser.submit(&one.page, &form).await.status, StatusCode::FORBIDDEN, "spent by the try");

    let page = browser.open(&one.page).await;
    let ticket = forms_of(&page)[0].fields[0].1.clone();
    let form = [("action", "approve"), ("ticket", ticket.as_str())];
    let mut stranger = Browser::new(&app);
    stranger.sign_in(&one.page, "bob").await;
    assert_eq!(stranger.submit(&one.page, &form).await.status, StatusCode::FORBIDDEN, "another browser");

    let page = browser.open(&one.page).await;
    let ticket = forms_of(&page)[0].fields[0].1.clone();
    let form = [("action", "approve"), ("ticket", ticket.as_str())];
    let forged = form_request(&one.page, &form)
        .header(header::ORIGIN, "https://evil.example")
        .header(header::COOKIE, browser.cookie.clone().unwrap());
    let forged = app.send(forged.body(encoded(&form)).unwrap()).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN, "another site");
    assert_eq!(one.poll(&app).await.error(), "400 authorization_pending");
    assert_eq!(browser.submit(&one.page, &form).await.status, StatusCode::OK);
    assert_eq!(browser.submit(&one.page, &form).await.status, StatusCode::FORBIDDEN, "twice");
    assert_eq!(other.poll(&app).await.error(), "400 authorization_pending");
}

#[tokio::test]
async fn k_02_rfc_8628_5_1_codes_are_looked_at_only_for_the_signed_in_and_counted_by_address() {
    let rates = auth_service::limits::Rates {
        device: "3/m".parse().unwrap(),
        proxy_hops: 1,
        ..auth_service::limits::Rates::default()
    };
    let app = TestApp::limited(rates);
    let device = waiting(&app).await;
    let page = app.get(&device.page).await;
    assert!(!page.body.contains("Telly") && text_of(&page).contains("to connect a device"), "{}", page.body);
    let wrong = app.get("/device?user_code=BBBB-BBBB").await;
    assert_eq!(text_of(&wrong), text_of(&page), "who is not signed in learns nothing");
    let mut browser = Browser::new(&app);
    let form = [("action", "sign-in"), ("username", "ada"), ("password", PASSWORD)];
    browser.submit("/device", &form).await;
    assert_eq!(browser.open("/device?user_code=BBBB-BBBB").await.status, StatusCode::BAD_REQUEST);
    let page = browser.open(&device.page).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS, "the right one has to wait too");
    assert!(page.header("content-type").starts_with("text/html") && page.body.contains("Try again in"));
    assert_eq!(browser.open("/device").await.status, StatusCode::OK, "no code, nothing to guess");
    app.clock.advance(21);
    assert!(text_of(&browser.open(&device.page).await).contains("Telly wants to use time"));
}

#[tokio::test]
async fn c_03_a_device_code_is_for_its_client_and_for_this_grant_only() {
    let app = TestApp::new();
    let device = waiting(&app).await;
    device.answered(&app, "ada", "approve").await;
    let browser_client = app.public_client().await;
    assert_eq!(app.token(&exchange(&browser_client, &device.code)).await.error(), "400 invalid_grant");
    let as_code = device.code.replace("mcp_device_", "mcp_code_");
    assert_eq!(app.token(&exchange(&device.client, &as_code)).await.error(), "400 invalid_grant");
    for wrong in ["", "x", "mcp_device_x", as_code.as_str()] {
        let form = [("grant_type", GRANT), ("device_code", wrong), ("client_id", &device.client)];
        let expected = if wrong.is_empty() { "400 invalid_request" } else { "400 invalid_grant" };
        assert_eq!(app.token(&form).await.error(), expected, "{wrong}");
    }
    let form = [
        ("grant_type", GRANT),
        ("device_code", device.code.as_str()),
        ("client_id", &device.client),
        ("resource", "https://gw.example/fetch/mcp"),
    ];
    assert_eq!(app.token(&form).await.error(), "400 invalid_target");
    assert_eq!(device.poll(&app).await.status, StatusCode::OK, "none of that has spent it");

    let device = waiting(&app).await;
    let stranger = device_client(&app).await;
    let form = [("grant_type", GRANT), ("device_code", device.code.as_str()), ("client_id", &stranger)];
    assert_eq!(app.token(&form).await.error(), "400 invalid_grant");
    device.answered(&app, "ada", "approve").await;
    assert_eq!(app.token(&form).await.error(), "400 invalid_grant");
    assert_eq!(device.poll(&app).await.error(), "400 invalid_grant", "burned by another client");
}

#[tokio::test]
async fn rfc_8628_3_1_the_request_is_refused_as_at_authorize_and_the_client_proves_itself_as_at_token() {
    let app = TestApp::new();
    let client = device_client(&app).await;
    let ask = async |more: &[(&str, &str)]| {
        let form: Vec<_> = [("client_id", client.as_str())].into_iter().chain(more.iter().copied()).collect();
        app.post("/device_authorization", &form).await.error()
    };
    assert_eq!(ask(&[]).await, "400 invalid_target", "one of several servers must be named");
    assert_eq!(ask(&[("resource", "https://gw.example/nope/mcp")]).await, "400 invalid_target");
    assert_eq!(ask(&[("resource", TIME), ("scope", "mcp:fetch")]).await, "400 invalid_scope");
    assert_eq!(ask(&[("resource", TIME), ("client_secret", "x")]).await, "401 invalid_client");
    let unregistered = app.public_client().await;
    assert_eq!(begin(&app, &unregistered).await.error(), "400 unauthorized_client");
    let form = [("grant_type", GRANT), ("device_code", "x"), ("client_id", unregistered.as_str())];
    assert_eq!(app.token(&form).await.error(), "400 unauthorized_client");
    assert_eq!(begin(&app, "client_nobody").await.error(), "401 invalid_client");

    let metadata = json!({ "grant_types": [GRANT, "authorization_code"], "redirect_uris": [CALLBACK] });
    let registered = app.register(&metadata.to_string()).await.json();
    let (id, secret) =
        (registered["client_id"].as_str().unwrap(), registered["client_secret"].as_str().unwrap());
    assert_eq!(begin(&app, id).await.error(), "401 invalid_client", "without its secret");
    let basic = format!("{id}:{secret}");
    let answer = app.post_with_basic("/device_authorization", &basic, &[("resource", TIME)]).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

#[tokio::test]
async fn rfc_7591_a_client_for_devices_alone_needs_no_redirect_uri_and_gets_none() {
    let app = TestApp::new();
    let metadata = json!({ "grant_types": [GRANT], "redirect_uris": [CALLBACK], "response_types": [] });
    let answer = app.register(&metadata.to_string()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
    let body = answer.json();
    let told = (&body["grant_types"], &body["redirect_uris"], &body["response_types"]);
    assert_eq!(told, (&json!([GRANT]), &json!([]), &json!([])));
    let id = body["client_id"].as_str().unwrap();
    let page = app.get(&crate::browser::authorize(&crate::browser::request_of(id))).await;
    assert_eq!((page.status, page.header("location")), (StatusCode::BAD_REQUEST, ""));
}

#[tokio::test]
async fn what_is_switched_off_is_not_there_and_not_advertised() {
    let app = TestApp::without_devices();
    let metadata = app.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(metadata["grant_types_supported"], json!(["authorization_code", "refresh_token"]));
    assert_eq!(metadata.get("device_authorization_endpoint"), None::<&Value>);
    assert_eq!(app.get("/device").await.status, StatusCode::NOT_FOUND);
    let both = json!({
        "grant_types": ["authorization_code", GRANT],
        "redirect_uris": [CALLBACK],
        "token_endpoint_auth_method": "none",
    });
    let registered = app.register(&both.to_string()).await.json();
    assert_eq!(registered["grant_types"], json!(["authorization_code"]));
    let only = json!({ "grant_types": [GRANT] });
    assert_eq!(app.register(&only.to_string()).await.error(), "400 invalid_client_metadata");
    let id = registered["client_id"].as_str().unwrap();
    assert_eq!(begin(&app, id).await.status, StatusCode::NOT_FOUND);
    let form = [("grant_type", GRANT), ("device_code", "x"), ("client_id", id)];
    assert_eq!(app.token(&form).await.error(), "400 unsupported_grant_type");
}

#[tokio::test]
async fn c_24_who_is_removed_while_a_device_waits_for_its_token_gives_none() {
    let app = TestApp::new();
    let device = waiting(&app).await;
    device.answered(&app, "ada", "approve").await;
    app.users(&[("bob", "b2", &["*"])]);
    assert_eq!(device.poll(&app).await.error(), "400 invalid_grant");
    assert_eq!(device.poll(&app).await.error(), "400 expired_token", "and there is nothing left to ask for");
}

#[tokio::test]
async fn j_07_neither_code_is_in_the_logs_or_in_the_store() {
    let app = TestApp::new();
    let device = waiting(&app).await;
    device.answered(&app, "ada", "approve").await;
    let plain = device.user_code.replace('-', "");
    let logs = logs();
    let store = std::fs::read(app.home.path().join(auth_service::app::STORE_FILE)).unwrap();
    for secret in [device.code.as_str(), device.user_code.as_str(), plain.as_str()] {
        assert!(!logs.contains(secret), "{secret}");
        assert!(!store.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
}
