//! What is not served, and what is said about it.

use serde_json::{Value, json};

use crate::harness::{BOTH, Client, Harness, code};

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const INVALID: i64 = -32600;

#[tokio::test]
async fn h48_requests_need_a_session_that_lives() {
    let harness = Harness::start().await;
    let never = "x".repeat(43);
    for (session, expected) in
        [(None, 400), (Some(never.as_str()), 404), (Some("short"), 404), (Some("a b"), 404)]
    {
        let with = |request: reqwest::RequestBuilder| match session {
            Some(session) => request.header("mcp-session-id", session),
            None => request,
        };
        let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        let url = harness.url("plain");
        for request in [
            harness.post("plain", PING),
            harness.post("plain", notification),
            harness.post("plain", r#"{"jsonrpc":"2.0","id":0,"result":{}}"#),
            harness.http.get(&url).header("accept", "text/event-stream"),
            harness.http.delete(&url),
        ] {
            let response = with(request).send().await.unwrap();
            assert_eq!(response.status(), expected, "{session:?}");
            assert_eq!(code(response).await, INVALID);
        }
    }
    harness.stop().await;
}

#[tokio::test]
async fn h51_what_is_no_message_is_refused_with_the_right_code() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    for (body, expected) in [
        ("", -32700),
        ("{", -32700),
        ("nonsense", -32700),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, INVALID),
        ("[]", INVALID),
        ("null", INVALID),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, INVALID),
        (r#"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#, INVALID),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"name":"a","name":"b"}}"#, -32602),
    ] {
        let response = client.post(body).send().await.unwrap();
        assert_eq!(response.status(), 400, "{body}");
        assert_eq!(code(response).await, expected, "{body}");
    }
    harness.stop().await;
}

#[tokio::test]
async fn h12_the_kinds_of_body_and_answer_are_checked() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    let post = |accept: &str, content_type: &str| {
        let request = harness.http.post(harness.url("plain")).header("mcp-session-id", &client.session);
        request.header("accept", accept).header("content-type", content_type).body(PING).send()
    };
    assert_eq!(post(BOTH, "text/plain").await.unwrap().status(), 415);
    assert_eq!(post("text/html", "application/json").await.unwrap().status(), 406);
    assert_eq!(
        post("application/json", "application/json").await.unwrap().headers()["content-type"],
        "application/json"
    );
    assert_eq!(
        post("text/event-stream", "application/json").await.unwrap().headers()["content-type"],
        "text/event-stream"
    );
    let get = harness.http.get(harness.url("plain")).header("mcp-session-id", &client.session);
    assert_eq!(get.header("accept", "application/json").send().await.unwrap().status(), 406);
    harness.stop().await;
}

#[tokio::test]
async fn other_methods_and_paths_are_refused() {
    let harness = Harness::start().await;
    for method in
        [reqwest::Method::PUT, reqwest::Method::PATCH, reqwest::Method::OPTIONS, reqwest::Method::HEAD]
    {
        let response = harness.http.request(method, harness.url("plain")).send().await.unwrap();
        assert_eq!(response.status(), 405);
        assert_eq!(response.headers()["allow"], "GET, POST, DELETE");
    }
    for server in ["unknown", "PLAIN", "plain/x", "..%2fplain"] {
        let response = harness.post(server, PING).send().await.unwrap();
        assert_eq!(response.status(), 404, "{server}");
        assert_eq!(response.headers()["content-type"], "application/json");
    }
    harness.stop().await;
}

#[tokio::test]
async fn a_slash_at_the_end_of_the_path_changes_nothing() {
    let harness = Harness::start().await;
    let request = harness.http.post(harness.url("plain") + "/").header("accept", BOTH);
    let request =
        request.header("content-type", "application/json").body(crate::harness::initialize(1).to_string());
    assert_eq!(request.send().await.unwrap().status(), 200);
    harness.stop().await;
}

#[tokio::test]
async fn h01_foreign_hosts_and_origins_are_refused_on_every_method() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    for (name, value) in [("host", "evil.example"), ("origin", "http://evil.example"), ("origin", "null")] {
        for request in [client.post(PING), client.get(), harness.http.delete(harness.url("plain"))] {
            assert_eq!(request.header(name, value).send().await.unwrap().status(), 403, "{name}: {value}");
        }
    }
    assert_eq!(
        client.post(PING).header("origin", "https://gateway.example").send().await.unwrap().status(),
        200
    );
    harness.stop().await;
}

#[tokio::test]
async fn repeated_headers_that_decide_something_are_refused() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    for name in ["mcp-session-id", "content-type"] {
        assert_eq!(client.post(PING).header(name, "x").send().await.unwrap().status(), 400, "{name}");
    }
    let twice = client.post(PING).header("x-user-id", "a").header("x-user-id", "a");
    assert_eq!(twice.send().await.unwrap().status(), 400);
    harness.stop().await;
}

#[tokio::test]
async fn the_version_header_of_a_session_may_be_any_known_one_or_absent() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    for (version, expected) in
        [("2025-11-25", 200), ("2025-06-18", 200), ("2026-07-28", 200), ("2099-01-01", 400), ("x", 400)]
    {
        let response = client.post(PING).header("mcp-protocol-version", version).send().await.unwrap();
        assert_eq!(response.status(), expected, "{version}");
    }
    harness.stop().await;
}

#[tokio::test]
async fn i14_an_id_that_is_still_open_is_refused_and_its_owner_gets_the_answer() {
    let harness = Harness::start().await;
    let client = harness.client("plain").await;
    let first = client.post(Client::call_message(1, "slow", json!({"key": "a"}))).send();
    let second = async {
        let mut events = client.listen().await;
        // The child hears what is sent after the first call only after that call.
        client.tell(json!({"jsonrpc": "2.0", "id": "none", "result": {}})).await;
        events.next().await;
        let response = client.begin(1, "echo", json!("b")).await;
        assert_eq!(response.status(), 400);
        assert_eq!(client.call("1", "echo", json!("text")).await["result"], json!("text"), "\"1\" is not 1");
        client.tell(json!({"jsonrpc": "2.0", "method": "test/release", "params": {"key": "a"}})).await;
    };
    let (first, ()) = tokio::join!(first, second);
    assert_eq!(first.unwrap().json::<Value>().await.unwrap()["result"], json!({"released": {"key": "a"}}));
    harness.stop().await;
}

#[tokio::test]
async fn a_body_longer_than_a_message_may_be_is_refused() {
    let harness = Harness::with(|settings| settings.limits.max_message_bytes = 10_000).await;
    let client = harness.client("plain").await;
    let response = client.begin(1, "echo", json!("x".repeat(10_000))).await;
    assert_eq!(response.status(), 413);
    assert_eq!(client.call(2, "echo", json!("short")).await["result"], json!("short"));
    harness.stop().await;
}

#[tokio::test]
async fn i13_a_body_that_stands_still_is_given_up_and_takes_nothing_with_it() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let harness = Harness::with(|settings| {
        settings.limits.read_timeout = std::time::Duration::from_millis(200);
    })
    .await;
    let client = harness.client("plain").await;
    let mut slow = tokio::net::TcpStream::connect(harness.host()).await.unwrap();
    let head = format!(
        "POST /plain/mcp HTTP/1.1\r\nhost: localhost\r\naccept: {BOTH}\r\ncontent-type: application/json\r\nmcp-session-id: {}\r\ncontent-length: 100\r\n\r\n{{",
        client.session
    );
    slow.write_all(head.as_bytes()).await.unwrap();
    let mut status = [0; 12];
    slow.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 408");
    assert_eq!(client.call(1, "echo", json!(1)).await["result"], json!(1));
    harness.stop().await;
}
