//! Bodies at real Envoy: nothing is lost, whatever the filter waits for, and who goes away while it waits leaves nothing
//! behind (G-13); what a server may not tell a client is taken out of its answers (G-16).

use gateway_e2e::forge::Forge;
use gateway_e2e::gateway::Gateway;
use gateway_e2e::raw;
use gateway_e2e::upstream::Recorder;
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The head of a POST, but for the lines that say how long it is, and the blank line.
fn post(gateway: &Gateway, token: &str) -> String {
    let address = gateway.edge();
    format!(
        "POST /time/mcp HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\naccept: application/json, text/event-stream\r\nconnection: close\r\n"
    )
}

/// A call of one tool, filled up to `size` bytes.
fn call(size: usize) -> Vec<u8> {
    let call = |filling: &str| {
        json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": "get_current_time", "arguments": { "filling": filling } },
        })
        .to_string()
    };
    let bare = call("").len();
    call(&"x".repeat(size.saturating_sub(bare))).into_bytes()
}

/// The same bytes in chunks of uneven sizes, with a trailer behind them.
fn chunked(body: &[u8]) -> Vec<u8> {
    let mut sizes = [1_usize, 7, 4096, 60_000].into_iter().cycle();
    let mut rest = body;
    let mut chunks = Vec::new();
    while !rest.is_empty() {
        let (chunk, behind) = rest.split_at(sizes.next().unwrap_or(1).min(rest.len()));
        chunks.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        chunks.extend_from_slice(chunk);
        chunks.extend_from_slice(b"\r\n");
        rest = behind;
    }
    chunks.extend_from_slice(b"0\r\nx-user-id: trailer\r\n\r\n");
    chunks
}

#[tokio::test]
async fn g_13_bodies_of_every_size_and_framing_arrive_whole_whether_or_not_they_are_read() {
    let recorder = Recorder::start().await;
    let gateway = Gateway::builder().upstream(recorder.address()).start().await;
    let forge = Forge::of(&gateway, "time");
    let narrow = forge.with(|claims| "mcp:time:get_current_time".clone_into(&mut claims.scope));
    let mut expected = Vec::new();
    for (token, sizes) in [(&narrow, &[200, 70_000, 1_000_000][..]), (&forge.token(), &[0, 200, 50_000_000])]
    {
        for size in sizes {
            let body = if *size == 0 { Vec::new() } else { call(*size) };
            let head = post(&gateway, token);
            let by_length = format!("{head}content-length: {}\r\n\r\n", body.len());
            let in_chunks = format!("{head}transfer-encoding: chunked\r\ntrailer: x-user-id\r\n\r\n");
            for whole in
                [[by_length.as_bytes(), &body].concat(), [in_chunks.as_bytes(), &chunked(&body)].concat()]
            {
                let answer = raw::send_whole(gateway.edge(), &whole).await;
                assert_eq!(answer.status, 200, "{size}: {}", answer.head);
                expected.push((body.len(), <[u8; 32]>::from(Sha256::digest(&body))));
            }
        }
    }
    let received = recorder.received();
    let arrived: Vec<_> = received.iter().map(|received| (received.size, received.hash)).collect();
    assert!(arrived == expected, "{:?}", arrived.iter().map(|(size, _)| size).collect::<Vec<_>>());
    assert!(
        received.iter().all(|received| !received.head.contains("trailer\r\n")),
        "an identity in a trailer"
    );
    gateway.stop().await;
}

#[tokio::test]
async fn g_13_a_body_beyond_what_is_read_is_refused_and_one_that_waits_to_be_asked_for_is_asked_for() {
    let recorder = Recorder::start().await;
    let gateway = Gateway::builder().upstream(recorder.address()).start().await;
    let forge = Forge::of(&gateway, "time");
    let narrow = forge.with(|claims| "mcp:time:get_current_time".clone_into(&mut claims.scope));
    let body = call(1_200_000);
    let head = format!("{}content-length: {}\r\n\r\n", post(&gateway, &narrow), body.len());
    let answer = raw::send_whole(gateway.edge(), &[head.as_bytes(), &body].concat()).await;
    assert_eq!(answer.status, 413, "{}", answer.head);
    assert_eq!(recorder.received(), []);

    let body = call(300);
    let head =
        format!("{}content-length: {}\r\nexpect: 100-continue\r\n\r\n", post(&gateway, &narrow), body.len());
    let mut stream = TcpStream::connect(gateway.edge()).await.expect("the edge listens");
    stream.write_all(head.as_bytes()).await.expect("sent");
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.expect("an interim answer");
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(&body).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    gateway.stop().await;
}

#[tokio::test]
async fn g_13_who_goes_away_while_the_filter_reads_leaves_nothing_behind() {
    let recorder = Recorder::start().await;
    let gateway = Gateway::builder().upstream(recorder.address()).start().await;
    let forge = Forge::of(&gateway, "time");
    let narrow = forge.with(|claims| "mcp:time:get_current_time".clone_into(&mut claims.scope));
    let body = call(100_000);
    let head = format!("{}content-length: {}\r\n\r\n", post(&gateway, &narrow), body.len());
    let half = body.get(..50_000).expect("half of it");
    for _ in 0..200 {
        let mut stream = TcpStream::connect(gateway.edge()).await.expect("the edge listens");
        stream.write_all(&[head.as_bytes(), half].concat()).await.expect("sent");
        // Gone, without the rest.
    }
    while gateway.envoy_stat("http.gateway.downstream_rq_active").await != 0 {}
    let whole = [head.as_bytes(), &body].concat();
    assert_eq!(raw::send_whole(gateway.edge(), &whole).await.status, 200);
    assert_eq!(recorder.received().len(), 1);
    assert_eq!(gateway.envoy_stat("wasm.mcp_edge.vm_reload").await, 0);
    gateway.stop().await;
}

#[tokio::test]
async fn g_16_no_mcp_server_can_set_a_cookie_at_the_gateway_s_origin() {
    let recorder =
        Recorder::with_headers("set-cookie: __Host-session=stolen\r\nset-cookie: a=b\r\nx-other: 1\r\n")
            .await;
    let gateway = Gateway::builder().upstream(recorder.address()).start().await;
    let header = format!("authorization: Bearer {}", Forge::of(&gateway, "time").token());
    let answer = raw::get(gateway.edge(), "/time/mcp", &[header.as_bytes()]).await;
    assert_eq!((answer.status, answer.header("x-other")), (200, Some("1")));
    assert!(!answer.head.to_lowercase().contains("set-cookie"), "{}", answer.head);
    gateway.stop().await;
}
