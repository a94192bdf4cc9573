//! Whatever configuration is accepted, it opens and protects what it lists, and nothing else.
#![no_main]

#[path = "../../gateway-core/tests/invariants/configuration.rs"]
mod configuration;
mod graft;

use libfuzzer_sys::fuzz_target;

const GOOD: &str = r#"{"issuers":[{"issuer":"https://gw.example","jwks":{"cluster":"auth","path":"/jwks.json"},
"audience":{"resource":"exact"},"algorithms":["ES256"],"revocations":{"cluster":"auth","path":"/r"}}],
"resources":[{"uri":"https://gw.example/time/mcp","scope":"mcp:time"},{"uri":"https://gw.example/a/b/c","scope":"mcp"}],
"public_paths":["/token","/register/*","/a/*"],"cached_tokens":5}"#;

// The first byte is the length of a path to ask about, which follows it; the rest makes the configuration.
fuzz_target!(|data: &[u8]| {
    let [length, rest @ ..] = data else { return };
    let (probe, rest) = rest.split_at(rest.len().min(usize::from(*length)));
    configuration::check(&graft::graft(GOOD.as_bytes(), rest), probe);
});
