//! Keys and revocations from an issuer that rotates, fails, floods and lies, at real Envoy: what is good passes, what is
//! not does not, and the issuer is not asked more often than it should be.

#![expect(clippy::unwrap_used, reason = "helpers of a test fail it by panicking")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gateway_e2e::bare_edge::BareEdge;
use gateway_e2e::document::{Conduct, DocumentServer};
use gateway_e2e::forge::{Forge, now};
use gateway_e2e::raw;
use gateway_e2e::upstream::Recorder;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const KEYS: &str = r#""path":"/jwks.json""#;
const FEED: &str = r#""path":"/internal/revocations""#;

fn jwks(forges: &[&Forge]) -> Conduct {
    let keys: Vec<Value> = forges.iter().map(|forge| forge.public_jwk()).collect();
    Conduct::Document(json!({ "keys": keys }).to_string())
}

/// A feed that has come as far as `cursor`, with one dead token if there is one.
fn feed(cursor: &str, dead: Option<&str>) -> Conduct {
    let entry = |jti| json!({ "jti": jti, "expires_at": now().plus(3600).as_secs() });
    let entries: Vec<Value> = dead.into_iter().map(entry).collect();
    let document = json!({ "cursor": cursor, "snapshot": true, "more": false, "entries": entries });
    Conduct::Feed(cursor.to_owned(), document.to_string())
}

async fn status(edge: SocketAddr, token: &str) -> u16 {
    let header = format!("authorization: Bearer {token}");
    raw::get(edge, "/time/mcp", &[header.as_bytes()]).await.status
}

async fn until(edge: SocketAddr, token: &str, wanted: u16) {
    while status(edge, token).await != wanted {}
}

/// A node with its issuer; several nodes may have the same kind of issuer.
struct Node {
    edge: BareEdge,
    keys: DocumentServer,
    _feed: DocumentServer,
    _upstream: Recorder,
}

impl Node {
    async fn start(behind: &[(&str, &str)], workers: u8, keys: impl FnOnce(&str) -> Conduct) -> Self {
        let upstream = Recorder::start().await;
        let edge = BareEdge::configured(upstream.address(), behind, workers).await;
        let keys = DocumentServer::start(edge.auth_address(), keys(edge.origin())).await;
        let feed = DocumentServer::start(edge.feed_address(), feed("e-0", None)).await;
        Self { edge, keys, _feed: feed, _upstream: upstream }
    }
}

/// Asks without a pause, with whatever token is current, until told to stop; gives how many answers there were, and those
/// that were not 200.
fn ask_on(
    edge: SocketAddr,
    token: watch::Receiver<String>,
    stop: Arc<AtomicBool>,
) -> JoinHandle<(usize, Vec<u16>)> {
    tokio::spawn(async move {
        let (mut count, mut refused) = (0_usize, Vec::new());
        while !stop.load(Ordering::Relaxed) {
            let current = token.borrow().clone();
            let answer = status(edge, &current).await;
            count = count.saturating_add(1);
            refused.extend((answer != 200).then_some(answer));
        }
        (count, refused)
    })
}

#[tokio::test]
async fn e_10_keys_rotate_under_load_on_two_nodes_and_no_good_token_is_ever_refused() {
    const WORKERS: u8 = 2;
    let each_second = [(KEYS, r#""refresh_seconds":1"#)];
    let mut nodes = Vec::new();
    let mut forges = Vec::new();
    for _ in 0..2 {
        let node =
            Node::start(&each_second, WORKERS, |origin| jwks(&[&Forge::of_issuer(origin, "time")])).await;
        forges.push(Forge::of_issuer(node.edge.origin(), "time"));
        nodes.push(node);
    }
    let stop = Arc::new(AtomicBool::new(false));
    let mut load = Vec::new();
    let mut tokens = Vec::new();
    for (node, forge) in nodes.iter().zip(&forges) {
        let (current, token) = watch::channel(forge.token());
        load.extend((0..4).map(|_| ask_on(node.edge.address(), token.clone(), Arc::clone(&stop))));
        tokens.push(current);
    }
    // Every VM fetches once a second: after so many fetches each has had its turn.
    let seen_everywhere = usize::from(WORKERS) * 2 + 1;
    for number in 1..=2 {
        for (node, forge) in nodes.iter().zip(&forges) {
            node.keys.behave(jwks(&[forge, &forge.with_key(number)]));
        }
        for node in &nodes {
            node.keys.asked_again(seen_everywhere).await;
        }
        for (forge, token) in forges.iter_mut().zip(&tokens) {
            *forge = forge.with_key(number);
            token.send(forge.token()).unwrap();
        }
        for node in &nodes {
            node.keys.asked_again(seen_everywhere).await;
        }
        for (node, forge) in nodes.iter().zip(&forges) {
            node.keys.behave(jwks(&[forge]));
        }
        for node in &nodes {
            node.keys.asked_again(seen_everywhere).await;
        }
    }
    stop.store(true, Ordering::Relaxed);
    let mut answers = 0;
    for asking in load {
        let (count, refused) = asking.await.unwrap();
        assert_eq!(refused, [] as [u16; 0], "of {count}");
        answers += count;
    }
    assert!(answers > 1000, "{answers} answers are no load");
    for node in nodes {
        node.edge.stop().await;
    }
}

#[tokio::test]
async fn e_11_a_flood_of_unknown_kids_costs_few_fetches_and_no_known_token() {
    let node = Node::start(&[], 1, |origin| jwks(&[&Forge::of_issuer(origin, "time")])).await;
    let forge = Forge::of_issuer(node.edge.origin(), "time");
    let edge = node.edge.address();
    until(edge, &forge.token(), 200).await;
    let (began, before) = (now().as_secs(), node.keys.asked());
    let flood = (0..8).map(|thread| {
        let forge = forge.with_key(7);
        tokio::spawn(async move {
            for number in 0..500 {
                let token = forge.with_header(json!({ "kid": format!("unknown-{thread}-{number}") }));
                assert_eq!(status(edge, &token).await, 401);
            }
        })
    });
    let flood: Vec<_> = flood.collect();
    while !flood.iter().all(JoinHandle::is_finished) {
        assert_eq!(status(edge, &forge.token()).await, 200);
    }
    for thread in flood {
        thread.await.unwrap();
    }
    let most = 2 + (now().as_secs() - began) / 10;
    let fetches = node.keys.asked() - before;
    assert!(u64::try_from(fetches).unwrap() <= most, "{fetches} fetches, {most} at most");
    node.edge.stop().await;
}

/// What a broken or hostile server of keys does.
fn misdeeds(good: &Forge) -> Vec<(&'static str, Conduct)> {
    let text = |text: &str| Conduct::Document(text.to_owned());
    let mut mixed = good.public_jwk();
    mixed.as_object_mut().unwrap().insert("kty".to_owned(), json!("oct"));
    vec![
        ("500", Conduct::Status(500)),
        ("204", Conduct::Status(204)),
        ("a redirect", Conduct::Status(302)),
        ("an error page", text("<html>busy</html>")),
        ("no keys", text(r#"{"keys":[]}"#)),
        ("only a symmetric key", Conduct::Document(json!({ "keys": [mixed] }).to_string())),
        ("half a document", text(r#"{"keys":[{"kty":"EC","#)),
        ("10 MB", Conduct::Flood(10 * 1024 * 1024)),
        ("nothing, and the connection closed", Conduct::HangUp),
        ("silence", Conduct::Silent),
    ]
}

#[tokio::test]
async fn e_12_whatever_the_key_server_does_the_last_good_keys_stay_and_the_filter_lives() {
    let each_second = [(KEYS, r#""refresh_seconds":1"#)];
    let node = Node::start(&each_second, 1, |origin| jwks(&[&Forge::of_issuer(origin, "time")])).await;
    let forge = Forge::of_issuer(node.edge.origin(), "time");
    let edge = node.edge.address();
    until(edge, &forge.token(), 200).await;
    for (misdeed, conduct) in misdeeds(&forge) {
        node.keys.behave(conduct);
        node.keys.asked_again(1).await;
        assert_eq!(status(edge, &forge.token()).await, 200, "{misdeed}");
        node.keys.behave(jwks(&[&forge]));
        // The next fetch comes after a pause, and finds what is good.
        node.keys.asked_again(1).await;
        assert_eq!(status(edge, &forge.token()).await, 200, "after {misdeed}");
    }
    assert_eq!(node.edge.envoy_stat("wasm.mcp_edge.vm_reload").await, 0);
    node.edge.stop().await;
}

#[tokio::test]
async fn e_12_without_a_first_good_set_nothing_passes_and_then_everything_good_does() {
    let at_once = [(r#""publish":["outcome","server","era","method","tool"]"#, r#""wait_seconds":1"#)];
    let node = Node::start(&at_once, 1, |_| Conduct::Status(500)).await;
    let forge = Forge::of_issuer(node.edge.origin(), "time");
    let edge = node.edge.address();
    for (misdeed, conduct) in misdeeds(&forge).into_iter().filter(|(misdeed, _)| *misdeed != "silence") {
        node.keys.behave(conduct);
        assert_eq!(status(edge, &forge.token()).await, 503, "{misdeed}");
    }
    node.keys.behave(jwks(&[&forge]));
    until(edge, &forge.token(), 200).await;
    node.edge.stop().await;
}

#[tokio::test]
async fn e_13_e_14_a_key_that_was_withdrawn_or_replaced_under_its_kid_is_refused_after_the_next_refresh() {
    let each_second = [(KEYS, r#""refresh_seconds":1"#)];
    let node = Node::start(&each_second, 1, |origin| jwks(&[&Forge::of_issuer(origin, "time")])).await;
    let (first, second) = (
        Forge::of_issuer(node.edge.origin(), "time"),
        Forge::of_issuer(node.edge.origin(), "time").with_key(3),
    );
    let edge = node.edge.address();
    until(edge, &first.token(), 200).await;
    // The kid of the first key with the material of the second.
    let mut replaced = second.public_jwk();
    replaced.as_object_mut().unwrap().insert("kid".to_owned(), json!(first.kid()));
    node.keys.behave(Conduct::Document(json!({ "keys": [replaced] }).to_string()));
    until(edge, &first.token(), 401).await;
    assert_eq!(status(edge, &second.with_header(json!({ "kid": first.kid() }))).await, 200);
    node.keys.behave(jwks(&[&first]));
    until(edge, &first.token(), 200).await;
    node.keys.behave(jwks(&[&second]));
    until(edge, &first.token(), 401).await;
    assert_eq!(status(edge, &second.token()).await, 200);
    node.edge.stop().await;
}

#[tokio::test]
async fn c_31_a_feed_that_fails_forgets_no_dead_token_and_closes_the_edge_past_its_staleness() {
    let soon_stale = [(FEED, r#""wait_seconds":1,"max_staleness_seconds":10"#)];
    let upstream = Recorder::start().await;
    let edge = BareEdge::configured(upstream.address(), &soon_stale, 1).await;
    let forge = Forge::of_issuer(edge.origin(), "time");
    let _keys = DocumentServer::start(edge.auth_address(), jwks(&[&forge])).await;
    let feed_server = DocumentServer::start(edge.feed_address(), Conduct::Status(500)).await;
    let (address, dead) = (edge.address(), forge.with(|claims| "dead".clone_into(&mut claims.jti)));
    assert_eq!(status(address, &forge.token()).await, 503, "nobody knows yet what is dead");

    feed_server.behave(feed("e-1", None));
    until(address, &dead, 200).await;
    feed_server.behave(feed("e-2", Some("dead")));
    until(address, &dead, 401).await;
    for conduct in [Conduct::Status(500), Conduct::Document("{}".to_owned()), Conduct::Flood(5 << 20)] {
        feed_server.behave(conduct);
        feed_server.asked_again(1).await;
        assert_eq!((status(address, &dead).await, status(address, &forge.token()).await), (401, 200));
    }
    feed_server.behave(Conduct::Silent);
    until(address, &forge.token(), 503).await;
    assert_eq!(status(address, &dead).await, 503);
    feed_server.behave(feed("e-3", None));
    until(address, &forge.token(), 200).await;
    assert_eq!(status(address, &dead).await, 401, "what is dead stays dead");
    assert_eq!(edge.envoy_stat("wasm.mcp_edge.vm_reload").await, 0);
    edge.stop().await;
}
