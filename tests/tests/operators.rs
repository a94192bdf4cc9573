//! What operators see of a running gateway.

use gateway_e2e::forge::Forge;
use gateway_e2e::gateway::Gateway;
use gateway_e2e::raw;
use gateway_e2e::upstream::Recorder;

#[tokio::test]
async fn operators_see_requests_by_server_era_and_outcome_and_the_age_of_keys_and_revocations() {
    let recorder = Recorder::start().await;
    let gateway =
        Gateway::builder().upstream(recorder.address()).with("ENVOY_CONCURRENCY", "1").start().await;
    let forge = Forge::of(&gateway, "time");
    let header = |token: String| format!("authorization: Bearer {token}");
    let old = header(forge.with(|claims| claims.exp = claims.iat));
    let legacy = b"mcp-protocol-version: 2025-11-25";
    assert_eq!(
        raw::get(gateway.edge(), "/time/mcp", &[header(forge.token()).as_bytes(), legacy]).await.status,
        200
    );
    assert_eq!(raw::get(gateway.edge(), "/time/mcp", &[old.as_bytes(), legacy]).await.status, 401);
    let expected = [
        r#"mcp_edge_requests{mcp_server="time",mcp_era="legacy",mcp_outcome="allowed"} 1"#,
        r#"mcp_edge_requests{mcp_server="time",mcp_era="legacy",mcp_outcome="expired"} 1"#,
        "mcp_edge_keys_age_seconds{} ",
        "mcp_edge_revocations_age_seconds{} ",
        "mcp_edge_token_cache_size{} 1",
    ];
    // Published once a second.
    let mut seen = String::new();
    while !expected.iter().all(|line| seen.contains(line)) {
        let scraped = gateway.prometheus().await;
        seen = scraped.lines().filter(|line| line.contains("mcp_edge")).collect::<Vec<_>>().join("\n");
    }
    gateway.stop().await;
}
