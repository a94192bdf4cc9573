//! Clients that describe themselves (draft-ietf-oauth-client-id-metadata-document), from the first page to the last token.

use auth_service::documents::{DocumentRules, RETRY_AFTER, STALE};
use auth_service::limits::Rates;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;

use crate::app::{Answer, CALLBACK, TIME, TestApp, encoded, form_request};
use crate::browser::{Browser, authorize, claim, code_for, exchange, refreshed, request_of, text_of};
use crate::document_host::{CLIENT, DocumentHost, Manners, PUBLIC, document};

async fn started() -> (DocumentHost, TestApp) {
    started_with(DocumentRules::default()).await
}

async fn started_with(rules: DocumentRules) -> (DocumentHost, TestApp) {
    let host = DocumentHost::start().await;
    let app = TestApp::with_documents(host.documents(rules));
    (host, app)
}

/// The tokens of [`CLIENT`].
async fn tokens(app: &TestApp) -> (String, String) {
    let code = code_for(app, CLIENT).await;
    let answer = app.token(&exchange(CLIENT, &code)).await.json();
    let member = |name: &str| answer[name].as_str().unwrap().to_owned();
    (member("access_token"), member("refresh_token"))
}

async fn refresh(app: &TestApp, token: &str) -> Answer {
    app.token(&[("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", CLIENT)]).await
}

#[tokio::test]
async fn a_client_is_known_by_its_document_from_the_first_page_to_the_last_token() {
    let (host, app) = started().await;
    let (access, token) = tokens(&app).await;
    assert_eq!(claim(&access, "client_id"), CLIENT);
    let (access, _) = refreshed(&app, CLIENT, &token).await;
    assert_eq!(claim(&access, "client_id"), CLIENT);
    assert_eq!(host.requests().len(), 1, "one document for the whole flow");
    assert_eq!(host.resolved(), ["app.example"]);
    assert_eq!(host.dialed(), [format!("{PUBLIC}:443")]);
}

#[tokio::test]
async fn a_website_with_several_addresses_is_reached_at_one_that_answers() {
    let (host, app) = started().await;
    host.resolves("app.example", &[&["2606:2800::1", PUBLIC, "93.184.216.35", "93.184.216.36"]]);
    host.is_not_at("2606:2800::1");
    assert_eq!(app.get(&authorize(&request_of(CLIENT))).await.status, StatusCode::OK);
    assert_eq!(host.dialed(), ["[2606:2800::1]:443".to_owned(), format!("{PUBLIC}:443")]);
}

#[tokio::test]
async fn a_request_for_a_document_says_nothing_about_us_or_the_user() {
    let (host, app) = started().await;
    app.get(&authorize(&request_of(CLIENT))).await;
    let [request] = host.requests().try_into().unwrap();
    let lines = "GET /client.json HTTP/1.1\r\nhost: app.example\r\naccept: application/json\r\n\
                 user-agent: mcp-edge-gateway\r\n\r\n";
    assert_eq!(request, lines);
}

#[tokio::test]
async fn b_01_the_pages_name_the_host_that_describes_the_client() {
    let (_host, app) = started().await;
    let address = authorize(&request_of(CLIENT));
    let mut browser = Browser::new(&app);
    assert!(
        text_of(&browser.open(&address).await)
            .contains("to connect Published App of app.example (app.example)")
    );
    let page = text_of(&browser.sign_in(&address, "ada").await);
    for part in [
        "Published App of app.example wants to use time as you",
        "The app is described at app.example ; that was verified. Its name was chosen there.",
        "the website app.example",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("not verified") && !page.contains("Any program on this computer"));
}

#[tokio::test]
async fn d_23_whoever_answers_on_this_computer_may_be_somebody_else() {
    let (_host, app) = started().await;
    let mut request = request_of(CLIENT);
    request.iter_mut().filter(|it| it.0 == "redirect_uri").for_each(|it| it.1 = "http://localhost:5151/cb");
    let page = text_of(&Browser::new(&app).sign_in(&authorize(&request), "ada").await);
    assert!(page.contains("a program on this computer, at localhost"), "{page}");
    assert!(page.contains("Any program on this computer can pose as this app"));
}

#[tokio::test]
async fn d_23_an_operator_can_say_whose_clients_are_taken() {
    let domains = |text: &str| DocumentRules { domains: text.parse().unwrap(), ..DocumentRules::default() };
    let (host, app) = started_with(domains("other.example,*.app.example")).await;
    assert_eq!(app.get(&authorize(&request_of(CLIENT))).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(app.token(&exchange(CLIENT, "x")).await.error(), "401 invalid_client");
    assert!(host.resolved().is_empty());
    let (_host, app) = started_with(domains("app.example")).await;
    assert_eq!(app.get(&authorize(&request_of(CLIENT))).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_metadata_says_whether_documents_are_read() {
    let server = "/.well-known/oauth-authorization-server";
    let member = "client_id_metadata_document_supported";
    let (_host, app) = started().await;
    assert_eq!(app.get(server).await.json()[member], true);
    let off = TestApp::new();
    assert_eq!(off.get(server).await.json()[member], false);
    assert_eq!(off.get(&authorize(&request_of(CLIENT))).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(off.token(&exchange(CLIENT, "x")).await.error(), "401 invalid_client");
}

#[tokio::test]
async fn c_06_a_client_that_describes_itself_has_no_secret() {
    let (_host, app) = started().await;
    let code = code_for(&app, CLIENT).await;
    let form = [exchange(CLIENT, &code), vec![("client_secret", "x")]].concat();
    assert_eq!(app.token(&form).await.error(), "401 invalid_client");
}

#[tokio::test]
async fn c_03_the_code_of_one_address_is_not_for_another() {
    let (host, app) = started().await;
    let code = code_for(&app, CLIENT).await;
    let other = "https://app.example/other.json";
    host.publishes(&document(other), "");
    assert_eq!(app.token(&exchange(other, &code)).await.error(), "400 invalid_grant");
    assert_eq!(app.token(&exchange(CLIENT, &code)).await.error(), "400 invalid_grant", "burned");
}

#[tokio::test]
async fn c_31_everything_of_such_a_client_can_be_revoked() {
    let (_host, app) = started().await;
    let (_, token) = tokens(&app).await;
    let order = json!({ "client_id": CLIENT }).to_string();
    assert_eq!(app.post_internal("/internal/revocations", &order).await.status, StatusCode::OK);
    let entries = app.revoked().await;
    assert_eq!(entries.last().unwrap()["client_id"], CLIENT, "{entries:?}");
    assert_eq!(refresh(&app, &token).await.error(), "400 invalid_grant");
}

#[tokio::test]
async fn d_22_a_document_is_fetched_once_for_all_who_ask_and_again_when_it_is_stale() {
    let (host, app) = started().await;
    host.publishes(&document(CLIENT), "cache-control: max-age=600\r\n");
    let address = authorize(&request_of(CLIENT));
    let (one, two, three) = tokio::join!(app.get(&address), app.get(&address), app.get(&address));
    assert!([one, two, three].iter().all(|answer| answer.status == StatusCode::OK));
    assert_eq!(host.requests().len(), 1);
    app.clock.advance(599);
    app.get(&address).await;
    assert_eq!(host.requests().len(), 1);
    app.clock.advance(1);
    app.get(&address).await;
    assert_eq!(host.requests().len(), 2);
}

#[tokio::test]
async fn d_22_a_failure_is_not_repeated_by_everybody_who_asks() {
    let (host, app) = started().await;
    host.behaves(crate::document_host::Manners::Hangup);
    let address = authorize(&request_of(CLIENT));
    for _ in 0..5 {
        assert_eq!(app.get(&address).await.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(host.requests().len(), 1);
    host.publishes(&document(CLIENT), "");
    app.clock.advance(RETRY_AFTER);
    assert_eq!(app.get(&address).await.status, StatusCode::OK);
}

#[tokio::test]
async fn d_22_a_website_that_is_down_ends_no_session_for_a_day() {
    let (host, app) = started().await;
    host.publishes(&document(CLIENT), "cache-control: max-age=600\r\n");
    let (_, token) = tokens(&app).await;
    host.behaves(crate::document_host::Manners::NoTls);
    app.clock.advance(80_000);
    let (_, token) = refreshed(&app, CLIENT, &token).await;
    app.clock.advance(600 + STALE - 80_001);
    let (_, token) = refreshed(&app, CLIENT, &token).await;
    app.clock.advance(RETRY_AFTER);
    let answer = refresh(&app, &token).await;
    assert_eq!(answer.error(), "503 temporarily_unavailable");
    host.publishes(&document(CLIENT), "");
    app.clock.advance(RETRY_AFTER);
    assert_eq!(refresh(&app, &token).await.status, StatusCode::OK, "nothing was lost");
}

#[tokio::test]
async fn d_22_a_client_that_withdraws_its_document_is_gone() {
    let (host, app) = started().await;
    let (_, token) = tokens(&app).await;
    host.behaves(crate::document_host::Manners::Answer(
        b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n".to_vec(),
    ));
    app.clock.advance(3600);
    assert_eq!(refresh(&app, &token).await.error(), "401 invalid_client");
}

#[tokio::test]
async fn d_22_b_14_a_document_that_changes_on_the_way_is_another_request() {
    let address = authorize(&request_of(CLIENT));
    let changes = [
        ("client_name", json!("Somebody else"), StatusCode::FORBIDDEN),
        ("redirect_uris", json!(["https://app.example/other"]), StatusCode::BAD_REQUEST),
    ];
    for (member, value, expected) in changes {
        let (host, app) = started().await;
        host.publishes(&document(CLIENT), "cache-control: no-store\r\n");
        let mut browser = Browser::new(&app);
        let page = browser.sign_in(&address, "ada").await;
        let mut other = document(CLIENT);
        other[member] = value;
        host.publishes(&other, "");
        app.clock.advance(60);
        let answer = browser.press(&address, &page, "approve", &[]).await;
        assert_eq!((answer.status, answer.header("location")), (expected, ""), "{member}");
    }
}

#[tokio::test]
async fn a_02_only_redirect_uris_of_the_document_are_redirected_to() {
    let (_host, app) = started().await;
    for uri in [
        "https://app.example/cb/",
        "https://app.example/cb?x=1",
        "https://evil.example/cb",
        "https://localhost/cb",
    ] {
        let mut request = request_of(CLIENT);
        request.iter_mut().filter(|it| it.0 == "redirect_uri").for_each(|it| it.1 = uri);
        let answer = app.get(&authorize(&request)).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::BAD_REQUEST, ""), "{uri}");
    }
    assert!(CALLBACK.starts_with("https://app.example/cb"));
}

#[tokio::test]
async fn a_device_is_asked_about_under_the_host_that_describes_its_client() {
    let (host, app) = started().await;
    let form = [("client_id", CLIENT), ("resource", TIME)];
    assert_eq!(app.post("/device_authorization", &form).await.error(), "400 unauthorized_client");
    let mut published = document(CLIENT);
    published["grant_types"] = json!(["urn:ietf:params:oauth:grant-type:device_code"]);
    published["redirect_uris"].take();
    host.publishes(&published, "");
    app.clock.advance(86_400);
    let begun = app.post("/device_authorization", &form).await.json();
    let address = format!("/device?user_code={}", begun["user_code"].as_str().unwrap());
    let page = text_of(&Browser::new(&app).sign_in(&address, "ada").await);
    assert!(page.contains("Published App of app.example wants to use time as you"), "{page}");
    assert!(page.contains("described at app.example ; that was verified"), "{page}");
}

#[tokio::test]
async fn d_34_documents_that_are_new_here_count_as_registrations_of_whoever_brings_them() {
    let host = DocumentHost::start().await;
    let rates = Rates { register: "3/m".parse().unwrap(), proxy_hops: 1, ..Rates::default() };
    let app = TestApp::with_limited_documents(host.documents(DocumentRules::default()), rates);
    let open = async |address: &str, client: &str| {
        let page = Request::get(authorize(&request_of(client))).header("x-forwarded-for", address);
        app.send(page.body(Body::empty()).unwrap()).await.status
    };
    assert_eq!(open("198.51.100.1", CLIENT).await, StatusCode::OK);
    for number in 0..9 {
        // Nobody is described there; half of them are brought to the token endpoint.
        let client = format!("https://app.example/{number}");
        if number % 2 == 0 {
            let expected = if number < 2 { StatusCode::BAD_REQUEST } else { StatusCode::TOO_MANY_REQUESTS };
            assert_eq!(open("198.51.100.1", &client).await, expected);
            continue;
        }
        let form = [("grant_type", "refresh_token"), ("refresh_token", "x"), ("client_id", client.as_str())];
        let request = form_request("/token", &form).header("x-forwarded-for", "198.51.100.1");
        let refused = app.send(request.body(encoded(&form)).unwrap()).await;
        let expected = if number < 2 { "401 invalid_client" } else { "429 temporarily_unavailable" };
        assert_eq!(refused.error(), expected, "{number}");
        assert_eq!(refused.header("retry-after"), if number < 2 { "" } else { "21" });
    }
    assert_eq!(host.requests().len(), 3, "and no more");
    assert_eq!(open("198.51.100.1", CLIENT).await, StatusCode::OK, "who is known does not count");
    assert_eq!(open("198.51.100.2", "https://app.example/100").await, StatusCode::BAD_REQUEST);
    assert_eq!(host.requests().len(), 4, "nor do others");
}

#[tokio::test]
async fn c_03_a_client_with_a_secret_is_told_to_come_again_while_its_document_cannot_be_had() {
    let (host, app) = started().await;
    host.behaves(Manners::Hangup);
    let form = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    let answer = app.token_with_basic("https%3A%2F%2Fapp.example%2Fclient.json:x", &form).await;
    assert_eq!(answer.error(), "503 temporarily_unavailable");
    assert_eq!(answer.header("www-authenticate"), "", "its secret is not what is wrong");
}

#[tokio::test]
async fn d_34_a_device_whose_client_may_not_be_fetched_yet_has_no_wrong_code() {
    let host = DocumentHost::start().await;
    let mut telly = document(CLIENT);
    telly["grant_types"] = json!(["urn:ietf:params:oauth:grant-type:device_code"]);
    host.publishes(&telly, "cache-control: no-store\r\n");
    let rates = Rates { register: "1/h".parse().unwrap(), ..Rates::default() };
    let app = TestApp::with_limited_documents(host.documents(DocumentRules::default()), rates);
    let begun = app.post("/device_authorization", &[("client_id", CLIENT), ("resource", TIME)]).await.json();
    let page = format!("/device?user_code={}", begun["user_code"].as_str().unwrap());
    let mut browser = Browser::new(&app);
    assert!(text_of(&browser.sign_in(&page, "ada").await).contains("Published App"));
    host.behaves(Manners::Answer(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_vec()));
    app.clock.advance(60);
    assert!(
        text_of(&browser.open(&page).await).contains("No device waits with this code"),
        "its app is gone"
    );
    host.publishes(&telly, "");
    app.clock.advance(RETRY_AFTER);
    let told = browser.open(&page).await;
    assert_eq!(told.status, StatusCode::TOO_MANY_REQUESTS, "{}", told.body);
    assert_ne!(told.header("retry-after"), "");
}
