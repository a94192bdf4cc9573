//! A filter that breaks, or has nothing to decide with, closes the gateway.

use gateway_e2e::bare_edge::BareEdge;
use gateway_e2e::forge::Forge;
use gateway_e2e::gateway::TRAP;
use gateway_e2e::raw;
use gateway_e2e::upstream::Recorder;
use serde_json::json;

/// A module that takes part in the protocol up to the first request, and then traps.
const TRAPS_AT_EVERY_REQUEST: &str = r#"
(module
  (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "_initialize"))
  (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
  (func (export "proxy_on_context_create") (param i32 i32))
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.const 1))
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) unreachable)
  (func (export "proxy_on_done") (param i32) (result i32) (i32.const 1))
  (func (export "proxy_on_log") (param i32))
  (func (export "proxy_on_delete") (param i32)))
"#;

#[tokio::test]
async fn g_10_a_filter_that_traps_lets_nothing_through_and_is_counted_and_logged() {
    let recorder = Recorder::start().await;
    let edge = BareEdge::with_module(TRAPS_AT_EVERY_REQUEST, recorder.address()).await;
    for path in ["/time/mcp", "/jwks.json", "/time/mcp", "/elsewhere"] {
        let answer = raw::get(edge.address(), path, &[]).await;
        assert!(matches!(answer.status, 500 | 503), "{path}: {}", answer.head);
    }
    assert_eq!(recorder.heads(), [] as [&str; 0]);
    let reloads = edge.envoy_stat("wasm.mcp_edge.vm_reload").await;
    let refused = edge.envoy_stat("wasm.mcp_edge.vm_reload_backoff").await;
    assert!(reloads + refused > 0, "a crash is counted");
    let logs = edge.stop().await;
    assert!(logs.contains(TRAP), "{logs}");
}

#[tokio::test]
async fn a_request_that_comes_before_the_keys_waits_for_them_and_passes() {
    let recorder = Recorder::start().await;
    let edge = BareEdge::with_filter(recorder.address()).await;
    let forge = Forge::of_issuer(edge.origin(), "time");
    let authorization = format!("authorization: Bearer {}", forge.token());
    let address = edge.address();
    let early =
        tokio::spawn(async move { raw::get(address, "/time/mcp", &[authorization.as_bytes()]).await });
    // It has arrived when Envoy counts it; only then does the auth service come up.
    while edge.envoy_stat("http.gateway.downstream_rq_active").await == 0 {}
    assert!(!early.is_finished());
    let jwks = json!({ "keys": [forge.public_jwk()] }).to_string();
    let _auth = Recorder::answering(edge.auth_address(), &jwks).await;
    let nothing = json!({ "cursor": "e-0", "snapshot": true, "entries": [] }).to_string();
    let _feed = Recorder::answering(edge.feed_address(), &nothing).await;
    assert_eq!(early.await.unwrap().status, 200);
    assert_eq!(recorder.heads().len(), 1);
    edge.stop().await;
}

#[tokio::test]
async fn without_any_keys_a_waiting_request_gets_503_and_what_needs_no_keys_is_answered() {
    let recorder = Recorder::start().await;
    let edge = BareEdge::with_filter(recorder.address()).await;
    let token = Forge::of_issuer(edge.origin(), "time").token();
    let authorization = format!("authorization: Bearer {token}");
    assert_eq!(raw::get(edge.address(), "/time/mcp", &[]).await.status, 401);
    assert_eq!(raw::get(edge.address(), "/elsewhere", &[]).await.status, 404);
    let answer = raw::get(edge.address(), "/time/mcp", &[authorization.as_bytes()]).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(recorder.heads(), [] as [&str; 0]);
    edge.stop().await;
}
