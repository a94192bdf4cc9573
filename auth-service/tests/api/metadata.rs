//! Discovery: RFC 8414, RFC 9728 and the key set.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;

use crate::app::{ISSUER, TestApp};

const SERVER: &str = "/.well-known/oauth-authorization-server";
const RESOURCE: &str = "/.well-known/oauth-protected-resource/time/mcp";

#[tokio::test]
async fn e_01_the_metadata_advertises_exactly_what_exists() {
    let answer = TestApp::new().get(SERVER).await;
    assert_eq!(answer.status, StatusCode::OK);
    let methods = ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"];
    let algorithms = ["ES256", "ES384", "EdDSA", "RS256", "RS384", "RS512", "PS256"];
    assert_eq!(
        answer.json(),
        json!({
            "issuer": "https://gw.example",
            "authorization_endpoint": "https://gw.example/authorize",
            "token_endpoint": "https://gw.example/token",
            "registration_endpoint": "https://gw.example/register",
            "jwks_uri": "https://gw.example/jwks.json",
            "scopes_supported": ["mcp", "mcp:time", "mcp:fetch", "offline_access"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": [
                "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code",
            ],
            "device_authorization_endpoint": "https://gw.example/device_authorization",
            "token_endpoint_auth_methods_supported": methods,
            "token_endpoint_auth_signing_alg_values_supported": algorithms,
            "revocation_endpoint": "https://gw.example/revoke",
            "revocation_endpoint_auth_methods_supported": methods,
            "revocation_endpoint_auth_signing_alg_values_supported": algorithms,
            "introspection_endpoint": "https://gw.example/introspect",
            "introspection_endpoint_auth_methods_supported": methods[1..],
            "introspection_endpoint_auth_signing_alg_values_supported": algorithms,
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
            "client_id_metadata_document_supported": false,
        })
    );
}

#[tokio::test]
async fn e_01_every_advertised_endpoint_answers() {
    let app = TestApp::new();
    let metadata = app.get(SERVER).await.json();
    let addresses = metadata
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| name.ends_with("_endpoint") || name.as_str() == "jwks_uri");
    let mut count = 0;
    for (name, address) in addresses {
        let path = address.as_str().unwrap().strip_prefix(ISSUER).unwrap();
        assert_ne!(app.get(path).await.status, StatusCode::NOT_FOUND, "{name}");
        count += 1;
    }
    assert_eq!(count, 7);
}

#[tokio::test]
async fn e_01_a_protected_resource_names_itself_and_never_offline_access() {
    let answer = TestApp::new().get(RESOURCE).await;
    assert_eq!(
        answer.json(),
        json!({
            "resource": "https://gw.example/time/mcp",
            "authorization_servers": ["https://gw.example"],
            "scopes_supported": ["mcp:time"],
            "bearer_methods_supported": ["header"],
            "resource_name": "time",
        })
    );
}

#[tokio::test]
async fn h_19_what_is_unknown_is_404_and_never_401() {
    let app = TestApp::new();
    for path in [
        "/.well-known/oauth-protected-resource/nope/mcp",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/time",
        "/.well-known/openid-configuration",
        "/",
        "/internal/x",
        "/health/ready",
    ] {
        assert_eq!(app.get(path).await.error(), "404 not_found", "{path}");
    }
}

#[tokio::test]
async fn e_02_no_header_can_change_what_the_metadata_says() {
    let app = TestApp::new();
    for path in [SERVER, RESOURCE] {
        let plain = app.get(path).await.body;
        let request = Request::get(path)
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("x-forwarded-proto", "http")
            .header("forwarded", "host=evil.example");
        assert_eq!(app.send(request.body(Body::empty()).unwrap()).await.body, plain);
        assert!(plain.contains(ISSUER));
    }
}

#[tokio::test]
async fn e_04_the_key_set_has_public_parts_only() {
    let answer = TestApp::new().get("/jwks.json").await;
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let keys = answer.json();
    let key = keys["keys"][0].as_object().unwrap();
    let mut members: Vec<&str> = key.keys().map(String::as_str).collect();
    members.sort_unstable();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert!(gateway_core::jwks::KeySet::parse(answer.body.as_bytes()).is_ok());
}

#[tokio::test]
async fn c_10_browser_clients_may_read_what_is_for_clients_without_credentials() {
    let app = TestApp::new();
    for path in [SERVER, RESOURCE, "/jwks.json", "/register", "/register/x", "/token", "/revoke"] {
        let request = Request::options(path)
            .header("origin", "https://inspector.example")
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,mcp-protocol-version");
        let answer = app.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        assert!(answer.header("access-control-allow-headers").contains("mcp-protocol-version"), "{path}");
        assert!(answer.header("access-control-allow-methods").contains("PUT"), "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{path}");
    }
}

#[tokio::test]
async fn every_answer_carries_the_request_id_of_the_edge_or_one_of_its_own() {
    let app = TestApp::new();
    let with_id = |id: &str| Request::get(SERVER).header("x-request-id", id).body(Body::empty()).unwrap();
    assert_eq!(app.send(with_id("edge-1")).await.header("x-request-id"), "edge-1");
    for odd in ["", "a b", &"a".repeat(65)] {
        let id = app.send(with_id(odd)).await.header("x-request-id").to_owned();
        assert!(id.len() == 16 || odd.is_empty(), "{id}");
    }
    assert_eq!(app.get(SERVER).await.header("x-content-type-options"), "nosniff");
}
