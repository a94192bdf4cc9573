//! With an edge key, nothing is served that does not prove that it passed the edge.

use edge_assertion::{Assertion, EdgeKey, HEADER};
use reqwest::{Method, RequestBuilder};
use serde_json::Value;
use service_kit::clock::{Clock as _, SystemClock};

use crate::harness::{Harness, initialize};

const IDENTITY: [(&str, &str); 4] = [
    ("x-user-id", "local:ada"),
    ("x-client-id", "c1"),
    ("x-token-id", "t1"),
    ("x-scopes", "mcp:plain mcp:b"),
];

fn key(digit: char) -> EdgeKey {
    EdgeKey::parse(&digit.to_string().repeat(64)).unwrap()
}

/// A bridge that accepts the keys `a` and `b`.
async fn start() -> Harness {
    Harness::with(|settings| settings.access.edge_keys = vec![key('a'), key('b')]).await
}

/// What the edge says about a request, signed with `key` so many seconds ago.
struct Edge<'a> {
    method: &'a str,
    host: &'a str,
    path: &'a str,
    identity: [(&'a str, &'a str); 4],
    key: char,
    seconds_ago: u64,
}

impl<'a> Edge<'a> {
    fn in_front_of(harness: &'a Harness) -> Self {
        let (method, host, path) = ("POST", harness.host(), "/plain/mcp");
        Self { method, host, path, identity: IDENTITY, key: 'a', seconds_ago: 0 }
    }

    fn sign(&self) -> String {
        let identity = self.identity.iter().map(|(name, value)| (*name, value.as_bytes()));
        let (method, host, path) = (self.method.as_bytes(), self.host.as_bytes(), self.path.as_bytes());
        let assertion = Assertion::new(method, host, path, identity).unwrap();
        assertion.sign(&key(self.key), SystemClock.now() - self.seconds_ago)
    }
}

fn with(request: RequestBuilder, headers: &[(&str, &str)]) -> RequestBuilder {
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
}

/// A POST that opens a session, as it comes from the edge, but for the assertion.
fn unproven(harness: &Harness) -> RequestBuilder {
    with(harness.post("plain", initialize(1)), &IDENTITY)
}

/// Sends a request that must be refused; the reason.
async fn refusal(request: RequestBuilder) -> String {
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 403);
    let body: Value = response.json().await.unwrap();
    body["error"]["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_request_that_the_edge_vouches_for_is_served_with_either_key() {
    let harness = start().await;
    for key in ['a', 'b'] {
        let value = Edge { key, ..Edge::in_front_of(&harness) }.sign();
        let url = harness.url("plain") + "?query=is-not-signed";
        let request = with(harness.http.post(url), &IDENTITY).header("content-type", "application/json");
        let request = request.header("accept", crate::harness::BOTH).body(initialize(1).to_string());
        assert_eq!(request.header(HEADER, value).send().await.unwrap().status(), 200);
    }
    assert_eq!(harness.bridge.session_count(), 2);
    harness.stop().await;
}

#[tokio::test]
async fn i03_without_proof_nothing_is_served_and_nothing_started() {
    let harness = start().await;
    let edge = || Edge::in_front_of(&harness);
    let other_user = [("x-user-id", "local:eve"), IDENTITY[1], IDENTITY[2], IDENTITY[3]];
    let fewer_scopes = [IDENTITY[0], IDENTITY[1], IDENTITY[2], ("x-scopes", "mcp:plain")];
    for (made_for, expected) in [
        (Edge { key: 'c', ..edge() }, "made with a key that is not accepted here"),
        (Edge { seconds_ago: 40, ..edge() }, "has expired"),
        (Edge { method: "GET", ..edge() }, "another method"),
        (Edge { host: "gateway.example", ..edge() }, "another host"),
        (Edge { path: "/other/mcp", ..edge() }, "another path"),
        (Edge { path: "/plain/mcp/", ..edge() }, "another path"),
        (Edge { identity: other_user, ..edge() }, "another x-user-id"),
        (Edge { identity: fewer_scopes, ..edge() }, "other x-scopes"),
    ] {
        let reason = refusal(unproven(&harness).header(HEADER, made_for.sign())).await;
        assert!(reason.contains(expected), "{expected}: {reason}");
        assert!(reason.ends_with("this endpoint is served behind the gateway only"), "{reason}");
    }
    let good = edge().sign();
    for (values, expected) in [
        (vec![], "missing"),
        (vec![good.clone(), good.clone()], "x-edge-assertion is there more than once"),
        (vec![format!("{good}, {good}")], "x-edge-assertion is there more than once"),
        (vec![String::new()], "malformed"),
        (vec!["v1.x.y.z".to_owned()], "not accepted here"),
    ] {
        let request = values.iter().fold(unproven(&harness), |request, value| request.header(HEADER, value));
        let reason = refusal(request).await;
        assert!(reason.contains(expected), "{expected}: {reason}");
    }
    assert_eq!(harness.bridge.session_count(), 0);
    harness.stop().await;
}

#[tokio::test]
async fn identity_headers_cannot_be_taken_away_added_or_repeated() {
    let harness = start().await;
    let value = Edge::in_front_of(&harness).sign();
    let post = || harness.post("plain", initialize(1)).header(HEADER, &value);
    for (index, (name, _)) in IDENTITY.iter().enumerate() {
        let others: Vec<_> =
            IDENTITY.iter().enumerate().filter(|(other, _)| *other != index).map(|(_, pair)| *pair).collect();
        assert!(refusal(with(post(), &others)).await.contains(name));
    }
    for name in ["x-token-id", "x-scopes"] {
        let reason = refusal(with(post(), &IDENTITY).header(name, "mcp")).await;
        assert!(reason.contains("more than once"), "{reason}");
    }
    assert_eq!(harness.bridge.session_count(), 0);
    harness.stop().await;
}

#[tokio::test]
async fn every_method_and_every_path_needs_proof_but_health() {
    let harness = start().await;
    for path in ["plain", "unknown"] {
        for method in [Method::GET, Method::POST, Method::DELETE, Method::PUT, Method::OPTIONS] {
            assert!(refusal(harness.http.request(method, harness.url(path))).await.contains("missing"));
        }
    }
    for path in ["/health/live", "/health/ready"] {
        let url = format!("http://{}{path}", harness.host());
        assert_eq!(harness.http.get(url).send().await.unwrap().status(), 200);
    }
    harness.stop().await;
}

#[tokio::test]
async fn without_an_edge_key_nothing_has_to_be_proven() {
    let harness = Harness::start().await;
    assert_eq!(unproven(&harness).header(HEADER, "nonsense").send().await.unwrap().status(), 200);
    harness.stop().await;
}
