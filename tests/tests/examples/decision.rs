//! What `envoy/examples/decision.yaml` promises: the rest of Envoy uses what the filter decided.

use gateway_core::time::UnixTime;
use gateway_e2e::forge::Forge;
use gateway_e2e::raw;
use serde_json::{Value, json};

use super::running::{Running, call, key_of, tool_call};
use super::shown;

async fn start(forge: &Forge) -> Running {
    let places = key_of(forge);
    let places: Vec<(&str, &str)> = places.iter().map(|(from, to)| (*from, to.as_str())).collect();
    Running::start(&shown("envoy/examples", "decision.yaml"), &places, &[]).await
}

fn bearer(token: &str) -> String {
    format!("authorization: Bearer {token}")
}

/// Stops Envoy and gives what the access log says of the fields that are compared.
async fn log_of(edge: Running) -> Vec<Value> {
    let log = edge.envoy.log().to_owned();
    let folder = edge.stop().await;
    let text = std::fs::read_to_string(log).unwrap();
    drop(folder);
    let lines = text.lines().filter(|line| line.starts_with('{'));
    let lines = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    // Those of the probe by which the start was noticed are not ours.
    lines.filter(|line| line.get("server").is_some_and(|server| server != "none")).collect()
}

#[tokio::test]
async fn g_17_the_access_log_names_what_was_decided_and_nothing_that_a_client_only_claimed() {
    let forge = Forge::of_issuer("https://gateway.example", "time");
    let edge = start(&forge).await;
    let token = bearer(&forge.token());
    assert_eq!(raw::send_whole(edge.address, &tool_call(&forge.token())).await.status, 200);
    let narrow = forge.with(|claims| "mcp:time:convert_time".clone_into(&mut claims.scope));
    assert_eq!(raw::send_whole(edge.address, &tool_call(&narrow)).await.status, 403);
    let headers = "mcp-method: tools/call\r\nmcp-name: convert_time\r\n";
    let modern = format!("mcp-protocol-version: 2026-07-28\r\n{headers}");
    let modern = call("convert_time", &forge.token(), &modern);
    assert_eq!(raw::send_whole(edge.address, &modern).await.status, 200);
    // Nobody compares these headers with the body: one is called, another is claimed.
    let liar = call("get_current_time", &forge.token(), headers);
    assert_eq!(raw::send_whole(edge.address, &liar).await.status, 200);
    let expired = bearer(&forge.with(|claims| claims.exp = UnixTime::from_secs(1)));
    assert_eq!(edge.status(&[expired.as_bytes(), b"x-user-id: local:root"]).await, 401);
    assert_eq!(edge.status(&[token.as_bytes(), b"mcp-session-id: a", b"mcp-session-id: b"]).await, 400);

    let log = log_of(edge).await;
    let user = |mut line: Value, status: u16| {
        let known = json!({ "user": "local:forged", "client": "forge", "server": "time", "status": status });
        line.as_object_mut().unwrap().extend(known.as_object().unwrap().clone());
        line
    };
    let stranger = |outcome: &str, era: &str| {
        json!({
            "status": 401, "outcome": outcome, "user": null, "client": null, "server": "time", "era": era,
            "method": null, "tool": null,
        })
    };
    let expected = [
        user(
            json!({ "outcome": "allowed", "era": "unknown", "method": "tools/call", "tool": "get_current_time" }),
            200,
        ),
        json!({
            "status": 403, "outcome": "insufficient_scope", "user": null, "client": null, "server": "time",
            "era": "unknown", "method": "tools/call", "tool": "get_current_time",
        }),
        user(
            json!({ "outcome": "allowed", "era": "modern", "method": "tools/call", "tool": "convert_time" }),
            200,
        ),
        user(
            json!({ "outcome": "allowed", "era": "unknown", "method": "tools/call", "tool": "get_current_time" }),
            200,
        ),
        stranger("expired", "unknown"),
    ];
    let seen: Vec<Value> = log
        .into_iter()
        .map(|mut line| {
            line.as_object_mut().unwrap().remove("details");
            line
        })
        .collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn rbac_and_rate_limits_follow_the_decision() {
    let forge = Forge::of_issuer("https://gateway.example", "time");
    let edge = start(&forge).await;
    let suspended = bearer(&forge.with(|claims| "suspended".clone_into(&mut claims.client_id)));
    assert_eq!(edge.status(&[suspended.as_bytes()]).await, 403);
    let claimed: [&[u8]; 2] = [b"x-client-id: suspended", b"authorization: Bearer nonsense"];
    assert_eq!(edge.status(&claimed).await, 401);

    let eager = bearer(&forge.with(|claims| "local:eager".clone_into(&mut claims.sub)));
    let mut statuses = Vec::new();
    while statuses.last() != Some(&429) {
        assert!(statuses.len() < 1000, "never too many");
        statuses.push(edge.status(&[eager.as_bytes()]).await);
    }
    assert!(
        statuses.len() > 10 && statuses.iter().rev().skip(1).all(|status| *status == 200),
        "{statuses:?}"
    );
    assert_eq!(edge.status(&[bearer(&forge.token()).as_bytes()]).await, 200, "another user");
    edge.envoy.stop().await;
}
