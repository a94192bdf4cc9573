//! A filter that breaks closes the gateway.

use gateway_e2e::bare_edge::BareEdge;
use gateway_e2e::gateway::TRAP;
use gateway_e2e::raw;
use gateway_e2e::upstream::Recorder;

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
    let edge = BareEdge::start(TRAPS_AT_EVERY_REQUEST, recorder.address()).await;
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
