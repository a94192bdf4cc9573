//! Clients whose address leads somewhere it should not, or whose website means harm.

use std::net::SocketAddr;

use auth_service::documents::DocumentRules;
use auth_service::outbound::{Origins, OutboundError, SystemNetwork, Target};
use auth_service::outbound::{Outbound, Roots};
use axum::http::StatusCode;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::app::TestApp;
use crate::browser::{authorize, exchange, request_of};
use crate::document_host::{CLIENT, DocumentHost, Manners, PUBLIC, document, ok};

async fn started() -> (DocumentHost, TestApp) {
    let host = DocumentHost::start().await;
    let app = TestApp::with_documents(host.documents(DocumentRules::default()));
    (host, app)
}

/// Neither of the two endpoints lets `client` in, and neither says why.
async fn is_refused(app: &TestApp, client: &str, at_token: &str) {
    let page = app.get(&authorize(&request_of(client))).await;
    assert_eq!((page.status, page.header("location")), (StatusCode::BAD_REQUEST, ""), "{client}");
    assert!(!page.body.contains("canary"), "{client}: {}", page.body);
    let answer = app.token(&exchange(client, "x")).await;
    assert_eq!(answer.error(), at_token, "{client}");
    assert!(!answer.body.contains("canary"), "{client}: {}", answer.body);
}

fn head(status: &str, lines: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: 6\r\n{lines}\r\ncanary").into_bytes()
}

#[tokio::test]
async fn d_20_an_address_in_the_wrong_form_is_nobody_and_is_not_fetched() {
    let (host, app) = started().await;
    for client in [
        "http://app.example/client.json",
        "https://app.example",
        "https://app.example/",
        "https://app.example/client.json#x",
        "https://u:p@app.example/client.json",
        "https://app.example/a/../client.json",
        "https://app.example/%2e%2e/client.json",
        "https://app.example/a b",
        "https://app.example\\client.json",
        "https:///app.example/client.json",
        "https://app.example./client.json",
        "https://127.0.0.1/client.json",
        "https://2130706433/client.json",
        "https://[::1]/client.json",
        "https://\u{ff11}27.0.0.1/client.json",
    ] {
        is_refused(&app, client, "401 invalid_client").await;
    }
    assert!(host.resolved().is_empty() && host.dialed().is_empty());
}

#[tokio::test]
async fn d_30_a_name_that_leads_inside_is_never_connected_to() {
    let (host, app) = started().await;
    for (number, address) in [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "::1",
        "::",
        "fc00::1",
        "fe80::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "224.0.0.1",
        "255.255.255.255",
    ]
    .iter()
    .enumerate()
    {
        let name = format!("inside{number}.example");
        host.resolves(&name, &[&[address]]);
        is_refused(&app, &format!("https://{name}/c"), "503 temporarily_unavailable").await;
    }
    is_refused(&app, "https://nowhere.example/c", "503 temporarily_unavailable").await;
    is_refused(&app, "https://app.example:6379/c", "503 temporarily_unavailable").await;
    assert!(host.dialed().is_empty());
}

#[tokio::test]
async fn d_30_we_never_ask_ourselves() {
    let (host, app) = started().await;
    host.resolves("gw.example", &[&[PUBLIC]]);
    for client in ["https://gw.example/authorize?client_id=x", "HTTPS://GW.example:443/jwks.json"] {
        is_refused(&app, client, "401 invalid_client").await;
    }
    assert!(host.resolved().is_empty());
}

#[tokio::test]
async fn d_32_one_private_address_among_public_ones_is_enough_to_refuse() {
    let (host, app) = started().await;
    host.resolves("app.example", &[&[PUBLIC, "10.0.0.1"]]);
    is_refused(&app, CLIENT, "503 temporarily_unavailable").await;
    let many: Vec<String> = (0..200).map(|it| format!("93.184.216.{it}")).chain(["::1".to_owned()]).collect();
    host.resolves("many.example", &[&many.iter().map(String::as_str).collect::<Vec<_>>()]);
    is_refused(&app, "https://many.example/c", "503 temporarily_unavailable").await;
    assert!(host.dialed().is_empty());
}

#[tokio::test]
async fn d_32_a_name_that_changes_its_mind_is_connected_to_where_it_was_checked() {
    let (host, app) = started().await;
    host.resolves("app.example", &[&[PUBLIC], &["127.0.0.1"]]);
    assert_eq!(app.get(&authorize(&request_of(CLIENT))).await.status, StatusCode::OK);
    assert_eq!(host.resolved(), ["app.example"], "one look at the DNS");
    assert_eq!(host.dialed(), [format!("{PUBLIC}:443")]);
    is_refused(&app, "https://app.example/again", "503 temporarily_unavailable").await;
    assert_eq!(host.dialed().len(), 1);
}

#[tokio::test]
async fn d_32_the_server_must_prove_the_name_that_was_asked_for() {
    let (host, app) = started().await;
    host.resolves("other.example", &[&[PUBLIC]]);
    host.publishes(&document("https://other.example/client.json"), "");
    is_refused(&app, "https://other.example/client.json", "503 temporarily_unavailable").await;
    assert!(host.requests().is_empty(), "not a word before the handshake");
}

#[tokio::test]
async fn d_21_d_33_an_answer_that_is_not_a_plain_document_is_no_document() {
    let (host, app) = started().await;
    let document = document(CLIENT).to_string();
    let json = "content-type: application/json\r\n";
    let large = ok(&format!("{document}{}", " ".repeat(5 * 1024)), "");
    let flood = [b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n".to_vec(), vec![b' '; 10 << 20]]
        .concat();
    let gzip = ok("\u{1f}canary", "content-encoding: gzip\r\n");
    let redirect = |to: &str| head("302 Found", &format!("location: {to}\r\n{json}"));
    let many_lines = format!("{json}{}", "x: y\r\n".repeat(1000));
    for (number, manners) in [
        Manners::Answer(redirect("https://app.example/client.json")),
        Manners::Answer(redirect("http://127.0.0.1/")),
        Manners::Answer(head("301 Moved Permanently", json)),
        Manners::Answer(head("204 No Content", json)),
        Manners::Answer(head("304 Not Modified", json)),
        Manners::Answer(head("500 Internal Server Error", json)),
        Manners::Answer(head("200 OK", "content-type: text/html\r\n")),
        Manners::Answer(head("200 OK", "")),
        Manners::Answer(head("200 OK", &many_lines)),
        Manners::Answer(large),
        Manners::Answer(flood),
        Manners::Answer(gzip),
        Manners::Answer(b"SSH-2.0-canary\r\n".to_vec()),
        Manners::Answer(vec![0xff; 100_000]),
        Manners::Answer(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\ncanary".to_vec(),
        ),
        Manners::Hangup,
        Manners::NoTls,
    ]
    .into_iter()
    .enumerate()
    {
        host.behaves(manners);
        let before = host.dialed().len();
        is_refused(&app, &format!("https://app.example/{number}"), "503 temporarily_unavailable").await;
        assert_eq!(host.dialed().len(), before + 1, "{number}: asked once, and nobody else");
    }
}

#[tokio::test]
async fn d_21_a_document_that_describes_nobody_is_refused_for_good() {
    let (host, app) = started().await;
    let url = |number: usize| format!("https://app.example/{number}");
    let with = |number: usize, member: &str, value: &str| {
        let mut document = document(&url(number));
        document[member] = serde_json::from_str(value).unwrap();
        document.to_string()
    };
    for (number, body) in [
        "canary".to_owned(),
        "null".to_owned(),
        "[]".to_owned(),
        "[".repeat(5000),
        document("https://app.example:443/4").to_string(),
        with(5, "client_secret", r#""canary""#),
        with(6, "token_endpoint_auth_method", r#""client_secret_basic""#),
        with(7, "redirect_uris", "[]"),
        with(8, "redirect_uris", r#"["javascript:canary"]"#),
        with(9, "client_name", "null"),
        with(10, "redirect_uris", r#"["http://canary.example/cb"]"#),
        with(11, "logo_uri", r#""http://canary.example/logo""#),
    ]
    .into_iter()
    .enumerate()
    {
        host.behaves(Manners::Answer(ok(&body, "")));
        is_refused(&app, &url(number), "401 invalid_client").await;
    }
    host.behaves(Manners::Answer(head("404 Not Found", "")));
    is_refused(&app, &url(99), "401 invalid_client").await;
}

#[tokio::test(start_paused = true)]
async fn d_34_nobody_waits_longer_than_five_seconds() {
    let host = DocumentHost::start().await;
    let target = Target::new(&CLIENT.parse().unwrap(), &Origins::default()).unwrap();
    for manners in [Manners::Silence, Manners::Drip] {
        host.behaves(manners);
        let begun = tokio::time::Instant::now();
        let fetched = host.outbound().get(&target, 5000).await;
        assert_eq!(fetched.unwrap_err(), OutboundError::TimedOut);
        assert!(begun.elapsed().as_secs() <= 5);
    }
}

#[tokio::test]
async fn what_an_operator_lists_may_be_on_this_machine() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let SocketAddr::V4(address) = listener.local_addr().unwrap() else { panic!("not IPv4") };
    let answering = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 1024];
        let length = stream.read(&mut head).await.unwrap();
        stream.write_all(&ok(r#"{"a":1}"#, "")).await.unwrap();
        String::from_utf8(head[..length].to_vec()).unwrap()
    });
    let outbound = Outbound::new(std::sync::Arc::new(SystemNetwork::default()), Roots::default()).unwrap();
    let origin = format!("http://{address}");
    let url = format!("{origin}/x?y=1").parse().unwrap();
    assert!(Target::new(&url, &Origins::default()).is_err());
    let target = Target::new(&url, &origin.parse().unwrap()).unwrap();
    assert_eq!(outbound.get(&target, 5000).await.unwrap().body, br#"{"a":1}"#);
    assert!(answering.await.unwrap().starts_with("GET /x?y=1 HTTP/1.1\r\n"));
}
