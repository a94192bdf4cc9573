//! A `tools/call` of 1 KiB with a token for that tool only: decided by the body, and by the headers.

use std::time::Duration;

use serde_json::json;

use super::Bench;
use super::rounds::in_turn;
use crate::Failure;
use crate::bootstrap::{self, Listener, Native, mcp, native, ours, rbac, whole_body};
use crate::envoy::{Envoy, free_address};
use crate::load::Client;
use crate::report::{figure, say, skipped};
use crate::tokens::{PATH, SCOPE, claims};

const ROUNDS: usize = 9;
const ROUND: Duration = Duration::from_millis(300);
const TOOL: &str = "convert_time";
/// Size of a request's body.
const BODY: usize = 1024;

/// How a client says what it calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// In the body only, as until 2025-11-25.
    Legacy,
    /// In headers too, as from 2026-07-28.
    Modern,
}

pub(super) fn measure(bench: &Bench) -> Result<(), Failure> {
    let mut ratios = Vec::new();
    for style in [Style::Legacy, Style::Modern] {
        let name = match style {
            Style::Legacy => "edge.tool_vs_native_mcp_rbac_legacy",
            Style::Modern => "edge.tool_vs_native_mcp_rbac_modern",
        };
        say(&format!("tools: a call of {BODY} bytes, {style:?}"));
        match ratio(bench, style)? {
            Some(ratio) => {
                figure(name, ratio);
                ratios.push(ratio);
            }
            None => skipped(name, "our filter does not let a token for one tool pass"),
        }
    }
    match ratios.as_slice() {
        [legacy, modern] => figure("edge.tool_vs_native_mcp_rbac", legacy.min(*modern)),
        _ => skipped("edge.tool_vs_native_mcp_rbac", "see above"),
    }
    Ok(())
}

fn ratio(bench: &Bench, style: Style) -> Result<Option<f64>, Failure> {
    let jwks = bench.issuer.jwks();
    let source = if style == Style::Legacy { "BODY" } else { "HEADERS" };
    let natives = vec![native(Native::CachedWithMetadata, &jwks), mcp(source), rbac(TOOL), whole_body()];
    let chains = [
        ("no auth", vec![whole_body()]),
        ("our filter", vec![ours("tools", &bench.wasm, &jwks), whole_body()]),
        ("jwt_authn + mcp + rbac", natives),
    ];
    let listeners = chains
        .map(|(name, filters)| Ok(Listener { name: name.to_owned(), address: free_address()?, filters }));
    let listeners = listeners.into_iter().collect::<Result<Vec<_>, Failure>>()?;
    let admin = free_address()?;
    let envoy = Envoy::start(&bench.root, &bootstrap::of(admin, &listeners, &[]), admin)?;

    let token = bench.issuer.es256.token(&claims(&format!("{SCOPE}:{TOOL}"), "tool"))?;
    let (good, bad) = (call(style, &token, TOOL), call(style, &token, "get_current_time"));
    let [_, ours, theirs] = listeners.as_slice() else { return Ok(None) };
    for listener in &listeners {
        let status = Client::connect(listener.address)
            .and_then(|mut client| client.ask(&good))
            .map_err(|failure| format!("{}: {failure}; Envoy: {}", listener.name, envoy.log()))?;
        match status {
            200 => {}
            403 if listener.address == ours.address => return Ok(None),
            _ => return Err(format!("{}: a good call got {status}", listener.name).into()),
        }
    }
    for listener in [ours, theirs] {
        let status = Client::connect(listener.address)?.ask(&bad)?;
        if status == 200 {
            return Err(format!("{}: a tool passed that the token does not cover", listener.name).into());
        }
    }
    let variants = in_turn(&envoy, &listeners, &good, (ROUNDS, ROUND))?;
    let [_, ours, theirs] = variants.as_slice() else { return Ok(None) };
    Ok(Some(ours.against(theirs)))
}

/// The bytes of a call of `tool`.
fn call(style: Style, token: &str, tool: &str) -> Vec<u8> {
    let body = |padding: usize| {
        let mut params = json!({
            "name": tool,
            "arguments": {
                "source_timezone": "Europe/Paris", "time": "12:00", "target_timezone": "x".repeat(padding),
            },
        });
        if style == Style::Modern
            && let Some(members) = params.as_object_mut()
        {
            let meta = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientInfo": { "name": "bench", "version": "1.0" },
                "io.modelcontextprotocol/clientCapabilities": {},
            });
            members.insert("_meta".to_owned(), meta);
        }
        json!({ "jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params }).to_string()
    };
    let body = body(BODY.saturating_sub(body(0).len()));
    let told = match style {
        Style::Legacy => {
            "mcp-protocol-version: 2025-11-25\r\nmcp-session-id: 0197a2c4-5c1e-7d3a\r\n".to_owned()
        }
        Style::Modern => {
            format!("mcp-protocol-version: 2026-07-28\r\nmcp-method: tools/call\r\nmcp-name: {tool}\r\n")
        }
    };
    format!(
        "POST {PATH} HTTP/1.1\r\nhost: localhost:8080\r\nuser-agent: bench/1.0\r\n\
         accept: application/json, text/event-stream\r\ncontent-type: application/json\r\n{told}\
         authorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
