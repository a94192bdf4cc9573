//! Attacks on real Envoy with our filter: each is refused, and the filter is still there afterwards.

use gateway_e2e::forge::Forge;
use gateway_e2e::gateway::Gateway;
use gateway_e2e::oauth::OAuthClient;
use gateway_e2e::raw::{self, Answer};
use gateway_e2e::upstream::Recorder;

/// A gateway whose upstream answers everything with 200, so that every other status is the edge's own.
async fn gateway_with_recorder() -> (Gateway, Recorder) {
    let recorder = Recorder::start().await;
    let gateway = Gateway::builder().upstream(recorder.address()).start().await;
    (gateway, recorder)
}

async fn with_token(gateway: &Gateway, token: &str) -> Answer {
    let header = format!("authorization: Bearer {token}");
    raw::get(gateway.edge(), "/time/mcp", &[header.as_bytes()]).await
}

/// The edge still serves a good token, and its filter has never trapped.
async fn is_unharmed(gateway: &Gateway, forge: &Forge, after: &str) {
    assert_eq!(with_token(gateway, &forge.token()).await.status, 200, "after {after}");
    assert_eq!(gateway.envoy_stat("wasm.mcp_edge.vm_reload").await, 0, "the filter crashed after {after}");
}

#[tokio::test]
async fn g_01_no_byte_in_a_header_or_path_can_trap_the_filter() {
    let (gateway, _recorder) = gateway_with_recorder().await;
    let forge = Forge::of(&gateway, "time");
    for byte in 0x80..=0xFF_u8 {
        for name in ["authorization: Bearer ", "authorization: ", "cookie: ", "x-user-id: ", "mcp-name: "] {
            let header = [name.as_bytes(), &[byte, b'a', byte]].concat();
            let answer = raw::get(gateway.edge(), "/time/mcp", &[&header]).await;
            assert!(matches!(answer.status, 400 | 401), "{name}{byte:#x}: {}", answer.head);
        }
        let head = [&b"GET /time/"[..], &[byte], b" HTTP/1.1\r\nhost: a\r\n"].concat();
        let answer = raw::send(gateway.edge(), &head).await;
        assert!(matches!(answer.status, 400 | 404), "path {byte:#x}: {}", answer.head);
    }
    is_unharmed(&gateway, &forge, "all bytes from 0x80 to 0xFF").await;
    gateway.stop().await;
}

#[tokio::test]
async fn g_02_a_deciding_header_that_is_there_twice_is_refused() {
    let (gateway, recorder) = gateway_with_recorder().await;
    let forge = Forge::of(&gateway, "time");
    let good = format!("authorization: Bearer {}", forge.token());
    for name in [
        "authorization",
        "mcp-session-id",
        "mcp-protocol-version",
        "mcp-method",
        "mcp-name",
        "origin",
        "content-type",
    ] {
        let twice = [good.as_bytes(), format!("{name}: one").as_bytes(), format!("{name}: two").as_bytes()]
            .map(<[u8]>::to_vec);
        let headers: Vec<&[u8]> = twice.iter().map(Vec::as_slice).collect();
        let answer = raw::get(gateway.edge(), "/time/mcp", &headers).await;
        assert_eq!(answer.status, 400, "{name}: {}", answer.head);
    }
    let both = raw::get(gateway.edge(), "/time/mcp", &[good.as_bytes(), good.as_bytes()]).await;
    assert_eq!(both.status, 400, "the same good token twice");
    assert_eq!(recorder.heads(), [] as [&str; 0]);
    is_unharmed(&gateway, &forge, "repeated headers").await;
    gateway.stop().await;
}

#[tokio::test]
async fn g_03_and_h_14_the_upstream_learns_the_verified_identity_and_nothing_a_client_claims() {
    let (gateway, recorder) = gateway_with_recorder().await;
    let forge = Forge::of(&gateway, "time");
    let token = forge.token();
    let authorization = format!("authorization: Bearer {token}");
    let headers: [&[u8]; 10] = [
        authorization.as_bytes(),
        b"x-user-id: local:root",
        b"X-User-ID: local:root",
        b"x-user-email: root@evil.example",
        b"x-auth-token: canary-auth",
        b"x-client-id: canary-client",
        b"x-scopes: mcp",
        b"x-edge-assertion: canary-assertion",
        b"cookie: canary-cookie=1",
        b"proxy-authorization: canary-proxy",
    ];
    assert_eq!(raw::get(gateway.edge(), "/time/mcp", &headers).await.status, 200);
    let heads = recorder.heads();
    let [head] = heads.as_slice() else { panic!("one request: {heads:?}") };
    for line in
        ["x-user-id: local:forged", "x-client-id: forge", "x-token-id: forged-token", "x-scopes: mcp:time"]
    {
        assert_eq!(head.matches(&format!("{line}\r\n")).count(), 1, "{line} in {head}");
    }
    let lowercase_token = token.to_lowercase();
    for secret in ["root", "canary", "authorization", "cookie", "x-auth", lowercase_token.as_str()] {
        assert!(!head.contains(secret), "{secret} reached the upstream: {head}");
    }
    assert_eq!(head.matches("x-user-id").count(), 1);
    assert_eq!(head.matches("x-edge-assertion: v1.").count(), 1, "{head}");
    gateway.stop().await;
}

#[tokio::test]
async fn g_06_no_other_spelling_of_a_path_gets_past_the_filter() {
    let (gateway, recorder) = gateway_with_recorder().await;
    for path in [
        "/",
        "/mcp",
        "/time",
        "/TIME/mcp",
        "/time/MCP",
        "/time/mcp;x=y",
        "/time/mcp%00",
        "/x/..;/time/mcp",
        "/..;a=b/time/mcp",
        "/time/mcp/x",
        "/token/x",
        "/token;x",
        "/internal/revocations",
        "/metrics",
        "/health/ready",
        "/stats",
        "*",
    ] {
        let answer = raw::get(gateway.edge(), path, &[]).await;
        assert!(matches!(answer.status, 400 | 404), "{path}: {}", answer.head);
    }
    for path in ["/x%2f..%2ftime/mcp", "/time%5cmcp", "/time%2fmcp", "/time\\mcp"] {
        assert!(matches!(raw::get(gateway.edge(), path, &[]).await.status, 400 | 401 | 404), "{path}");
    }
    for path in [
        "//time//mcp",
        "/x/../time/mcp",
        "/./time/mcp",
        "/%74ime/mcp",
        "/time/mcp/",
        "/time/mcp?access_token=x",
    ] {
        let answer = raw::get(gateway.edge(), path, &[]).await;
        assert_eq!(answer.status, 401, "{path} is the protected path in another spelling: {}", answer.head);
    }
    assert_eq!(recorder.heads(), [] as [&str; 0], "nothing of this reached the upstream");
    gateway.stop().await;
}

#[tokio::test]
async fn g_03_underscores_in_header_names_and_g_08_smuggling_are_refused_by_envoy() {
    let (gateway, recorder) = gateway_with_recorder().await;
    let forge = Forge::of(&gateway, "time");
    let authorization = format!("authorization: Bearer {}", forge.token());
    let good = authorization.as_bytes();
    let bad: [&[u8]; 5] = [
        b"x_user_id: local:root",
        b"content-length: 1\r\ntransfer-encoding: chunked",
        b"content-length: 1\r\ncontent-length: 2",
        b"host: other.example",
        b"spaced : a",
    ];
    for header in bad {
        let answer = raw::get(gateway.edge(), "/time/mcp", &[good, header]).await;
        assert_eq!(answer.status, 400, "{}: {}", String::from_utf8_lossy(header), answer.head);
    }
    assert_eq!(recorder.heads(), [] as [&str; 0]);
    is_unharmed(&gateway, &forge, "smuggling").await;
    gateway.stop().await;
}

#[tokio::test]
async fn g_05_what_a_client_says_of_its_own_address_and_way_reaches_nobody() {
    let (gateway, recorder) = gateway_with_recorder().await;
    let authorization = format!("authorization: Bearer {}", Forge::of(&gateway, "time").token());
    let lies: Vec<String> = [
        "forwarded: for=",
        "x-envoy-attempt-count: ",
        "x-envoy-decorator-operation: ",
        "x-envoy-external-address: ",
        "x-envoy-internal: ",
        "x-envoy-original-path: ",
        "x-envoy-upstream-alt-stat-name: ",
        "x-forwarded-client-cert: ",
        "x-forwarded-for: ",
        "x-forwarded-host: ",
        "x-forwarded-port: ",
        "x-forwarded-proto: ",
        "x-real-ip: ",
    ]
    .map(|name| format!("{name}canary.example"))
    .into();
    let headers: Vec<&[u8]> = lies.iter().map(String::as_bytes).chain([authorization.as_bytes()]).collect();
    assert_eq!(raw::get(gateway.edge(), "/time/mcp", &headers).await.status, 200);
    let [head] = <[String; 1]>::try_from(recorder.heads()).expect("one request");
    assert!(!head.contains("canary"), "{head}");
    gateway.stop().await;
}

#[tokio::test]
async fn g_09_more_headers_than_anybody_needs_are_refused_before_the_filter_sees_them() {
    let (gateway, recorder) = gateway_with_recorder().await;
    let forge = Forge::of(&gateway, "time");
    let (many, long): (Vec<String>, _) = (
        (0..101).map(|number| format!("x-{number}: 1")).collect(),
        format!("x-long: {}", "x".repeat(97 * 1024)),
    );
    let many: Vec<&[u8]> = many.iter().map(String::as_bytes).collect();
    for headers in [many, vec![long.as_bytes()]] {
        let answer = raw::get(gateway.edge(), "/time/mcp", &headers).await;
        assert_eq!(answer.status, 431, "{}", answer.head);
    }
    assert_eq!(recorder.heads(), [] as [&str; 0]);
    is_unharmed(&gateway, &forge, "header floods").await;
    gateway.stop().await;
}

#[tokio::test]
async fn g_17_no_log_holds_a_token_a_query_or_a_claimed_identity() {
    let (gateway, _recorder) = gateway_with_recorder().await;
    let forge = Forge::of(&gateway, "time");
    let token = forge.token();
    assert_eq!(with_token(&gateway, &token).await.status, 200);
    let claimed = raw::get(
        gateway.edge(),
        "/time/mcp?code=canary-query",
        &[b"x-user-id: canary-user", b"cookie: canary-cookie"],
    );
    assert_eq!(claimed.await.status, 401);
    assert_ne!(raw::get(gateway.edge(), "/authorize?state=canary-state", &[]).await.status, 0);
    // Answered by Envoy, before the filter could take the claim away.
    let odd = raw::get(gateway.edge(), "/time%2Fmcp", &[b"x-user-id: canary-user", b"x-client-id: canary"]);
    assert_eq!(odd.await.status, 400);
    let logs = gateway.stop().await;
    for named in
        [r#""user":"local:forged""#, r#""path":"/time/mcp""#, r#""outcome":"allowed""#, r#""server":"time""#]
    {
        assert!(logs.contains(named), "no {named} in {logs}");
    }
    let (_, signature) = token.rsplit_once('.').expect("three parts");
    for secret in ["canary", signature] {
        assert!(!logs.contains(secret), "{secret} in {logs}");
    }
}

#[tokio::test]
async fn the_edge_takes_what_the_auth_service_signs_with_rsa() {
    let recorder = Recorder::start().await;
    let gateway =
        Gateway::builder().upstream(recorder.address()).with("SIGNING_ALGORITHM", "RS256").start().await;
    let tokens = OAuthClient::register(&gateway).await.tokens("time").await;
    let token = tokens["access_token"].as_str().unwrap();
    let jwks: serde_json::Value =
        reqwest::get(gateway.url("/jwks.json")).await.unwrap().json().await.unwrap();
    assert_eq!((&jwks["keys"][0]["alg"], &jwks["keys"][0]["kty"]), (&"RS256".into(), &"RSA".into()));
    assert_eq!(with_token(&gateway, token).await.status, 200);
    let (signing_input, signature) = token.rsplit_once('.').unwrap();
    let altered: String = signature.chars().rev().collect();
    assert_eq!(with_token(&gateway, &format!("{signing_input}.{altered}")).await.status, 401);
    gateway.stop().await;
}
