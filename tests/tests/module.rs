//! The compiled filter in a strict, scripted host: exactly these calls and no others.

#![expect(clippy::unwrap_used, reason = "helpers of a test fail it by panicking")]

use std::path::PathBuf;

use gateway_core::jwt::sign::SigningKey;
use gateway_core::jwt::{Algorithm, Claims};
use gateway_core::time::UnixTime;
use gateway_e2e::wasm_host::{Action, Call, Filter, ROOT};
use serde_json::json;

const NOW: u64 = 1_800_000_000;
const METADATA: &str = "/.well-known/oauth-protected-resource/time/mcp";

fn module() -> PathBuf {
    gateway_e2e::gateway::filter_wasm()
}

fn configuration() -> String {
    json!({
        "issuers": [{ "issuer": "https://gw.example", "jwks": { "cluster": "auth", "path": "/jwks.json" } }],
        "resources": [{ "uri": "https://gw.example/time/mcp", "scope": "mcp:time" }],
        "public_paths": [METADATA],
    })
    .to_string()
}

fn key() -> SigningKey {
    SigningKey::from_seed(Algorithm::Es256, &[1; 32]).unwrap()
}

fn jwks() -> String {
    json!({ "keys": [key().public_jwk()] }).to_string()
}

fn bearer() -> String {
    let claims = Claims {
        iss: "https://gw.example".to_owned(),
        sub: "local:ada".to_owned(),
        aud: "https://gw.example/time/mcp".to_owned(),
        client_id: "c1".to_owned(),
        scope: "mcp:time".to_owned(),
        iat: UnixTime::from_secs(NOW),
        nbf: UnixTime::from_secs(NOW),
        exp: UnixTime::from_secs(NOW + 600),
        jti: "t1".to_owned(),
        preferred_username: None,
    };
    format!("Bearer {}", key().access_token(&claims).unwrap())
}

/// A filter that has accepted its configuration and, if asked to, its keys.
fn filter(with_keys: bool) -> Filter {
    let (mut filter, accepted) = Filter::load(&module(), &configuration(), NOW);
    assert!(accepted);
    let expected = [
        Call::ReadConfiguration,
        Call::Foreign("verify_signature".to_owned()),
        log("signatures are checked in pure Rust: this host has no verify_signature"),
        log(
            "issuer https://gw.example: keys fetched, revocations unknown: its tokens are good until they expire",
        ),
        Call::Random,
        Call::Now,
        Call::Tick(100),
    ];
    assert_eq!(filter.calls(), expected);
    if with_keys {
        filter.tick();
        assert_eq!(filter.calls(), [Call::Now, fetch()]);
        filter.fetched(Some(("200", &jwks())));
        assert_eq!(filter.calls(), keys_arrive());
    }
    filter
}

fn log(line: &str) -> Call {
    Call::Log(line.to_owned())
}

fn fetch() -> Call {
    Call::Fetch("auth".to_owned(), "/jwks.json".to_owned())
}

fn keys_arrive() -> Vec<Call> {
    let log = log("keys of https://gw.example are here");
    vec![Call::Enter(ROOT), Call::Now, Call::ReadFetchedHeaders, Call::ReadFetchedBody, log]
}

fn set(context: u32, name: &str, value: &str) -> Call {
    Call::Add(context, name.to_owned(), value.to_owned())
}

fn passes(context: u32) -> Vec<Call> {
    vec![
        Call::Remove(context, "authorization".to_owned()),
        set(context, "x-user-id", "local:ada"),
        set(context, "x-scopes", "mcp:time"),
        set(context, "x-client-id", "c1"),
        set(context, "x-token-id", "t1"),
    ]
}

#[test]
fn a_request_with_a_good_token_costs_one_look_at_its_headers_and_its_changes() {
    let mut filter = filter(true);
    let action = filter.request(2, &[(":path", b"/time/mcp"), ("authorization", bearer().as_bytes())]);
    assert_eq!(action, Action::Continue);
    assert_eq!(filter.calls(), [vec![Call::ReadHeaders(2)], passes(2)].concat());
}

#[test]
fn a_public_path_costs_no_change_at_all() {
    let mut filter = filter(true);
    assert_eq!(filter.request(2, &[(":path", METADATA.as_bytes())]), Action::Continue);
    assert_eq!(filter.calls(), [Call::ReadHeaders(2)]);
}

#[test]
fn a_refused_request_is_answered_and_goes_no_further() {
    let mut filter = filter(true);
    for (context, path, status) in [(2, "/time/mcp", 401), (3, "/elsewhere", 404)] {
        assert_eq!(filter.request(context, &[(":path", path.as_bytes())]), Action::Pause);
        assert_eq!(filter.calls(), [Call::ReadHeaders(context), Call::Reply(context, status)]);
    }
}

#[test]
fn a_claimed_identity_is_removed_before_the_answer_so_that_no_log_repeats_it() {
    let mut filter = filter(true);
    filter.request(2, &[(":path", b"/time/mcp"), ("x-user-id", b"root")]);
    let removed = Call::Remove(2, "x-user-id".to_owned());
    assert_eq!(filter.calls(), [Call::ReadHeaders(2), removed, Call::Reply(2, 401)]);
}

#[test]
fn requests_wait_for_the_first_keys_and_then_pass_or_are_answered() {
    let mut filter = filter(false);
    let bearer = bearer();
    let good: [(&str, &[u8]); 2] = [(":path", b"/time/mcp"), ("authorization", bearer.as_bytes())];
    let forged = bearer.replace("Bearer e", "Bearer  e").replace('.', "X.");
    assert_eq!(filter.request(2, &good), Action::Pause);
    assert_eq!(filter.request(3, &good), Action::Pause);
    assert_eq!(filter.calls(), [Call::ReadHeaders(2), Call::ReadHeaders(3)]);
    filter.tick();
    assert_eq!(filter.calls(), [Call::Now, fetch()], "one fetch for both, made by the root context");
    assert_eq!(
        filter.request(4, &[(":path", b"/time/mcp"), ("authorization", forged.as_bytes())]),
        Action::Pause
    );
    assert_eq!(filter.calls(), [Call::ReadHeaders(4), Call::Reply(4, 401)], "nonsense needs no keys");
    filter.gone(3);

    filter.fetched(Some(("200", &jwks())));
    let decided = vec![Call::Enter(2), Call::ReadHeaders(2)];
    assert_eq!(filter.calls(), [keys_arrive(), decided, passes(2), vec![Call::Resume(2)]].concat());
}

#[test]
fn a_request_waits_five_seconds_at_most_and_then_gets_503() {
    let mut filter = filter(false);
    filter.request(2, &[(":path", b"/time/mcp"), ("authorization", bearer().as_bytes())]);
    filter.tick();
    filter.calls();
    filter.advance(4);
    filter.tick();
    assert_eq!(filter.calls(), [Call::Now]);
    filter.advance(1);
    filter.tick();
    assert_eq!(
        filter.calls(),
        [Call::Now, fetch(), Call::Enter(2), Call::ReadHeaders(2), Call::Reply(2, 503)]
    );
}

#[test]
fn g_12_a_failed_or_odd_fetch_is_logged_once_and_tried_again_after_a_pause() {
    let mut filter = filter(false);
    filter.tick();
    filter.calls();
    let odd = [
        None,
        Some(("500", "")),
        Some(("200", "<html>")),
        Some(("200", "")),
        Some(("200", r#"{"keys":[]}"#)),
    ];
    for (round, answer) in odd.into_iter().enumerate() {
        filter.fetched(answer);
        let logs = filter.calls().into_iter().filter(|call| matches!(call, Call::Log(_))).count();
        assert_eq!(logs, usize::from(round == 0), "round {round}");
        filter.tick();
        assert_eq!(filter.calls(), [Call::Now], "not at once");
        filter.advance(30);
        filter.tick();
        assert_eq!(filter.calls(), [Call::Now, fetch()], "after a pause");
    }
    filter.fetched(Some(("200", &jwks())));
    assert_eq!(filter.calls(), keys_arrive());
}

#[test]
fn g_11_a_wrong_configuration_is_refused_with_its_place() {
    let (mut filter, accepted) = Filter::load(&module(), r#"{"issuers":[],"resources":[]}"#, NOW);
    assert!(!accepted);
    let log = "configuration refused: $.issuers: expected at least one issuer";
    assert_eq!(filter.calls(), [Call::ReadConfiguration, Call::Log(log.to_owned())]);
}

#[test]
fn g_01_every_byte_in_every_header_leaves_the_module_alive() {
    let mut filter = filter(true);
    for byte in 0..=255_u8 {
        for name in [":path", "authorization", "cookie", "x-user-id"] {
            let context = 10 + u32::from(byte);
            filter.request(context, &[(":path", b"/time/mcp"), (name, &[b'B', byte])]);
            filter.gone(context);
        }
    }
    let bearer = bearer();
    assert_eq!(
        filter.request(2, &[(":path", b"/time/mcp"), ("authorization", bearer.as_bytes())]),
        Action::Continue
    );
}
