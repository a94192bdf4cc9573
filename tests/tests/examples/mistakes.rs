//! Configurations that are right, and mistakes in them that the filter and the schema must both find.

use serde_json::{Value, json};

/// Configurations without a mistake.
pub(crate) fn none() -> Vec<Value> {
    GOOD.iter().map(|edit| variant(*edit)).collect()
}

/// Configurations with one mistake each.
pub(crate) fn all() -> Vec<Value> {
    BAD.iter().map(|edit| variant(*edit)).collect()
}

/// A place in the smallest configuration, and the JSON to put there; an empty text takes the member away.
type Edit = (&'static str, &'static str);

const GOOD: &[Edit] = &[
    ("/resources", "[]"),
    ("/wait_seconds", "60"),
    ("/wait_seconds", "null"),
    ("/max_waiting_requests", "0"),
    ("/cached_tokens", "0"),
    ("/cached_tokens", "1000000"),
    ("/public_paths", r#"["/", "/*", "/token", "/register/*", "/a:b@c/!$&'()+,=~|{}"]"#),
    ("/allowed_origins", r#"["https://app.example", "http://localhost:*", "vscode-webview://abc"]"#),
    ("/allowed_hosts", r#"["gateway.example", "[::1]:*", "127.0.0.1:8080"]"#),
    ("/edge_key", r#""5c6c0a3bb5b1f8b4cd0c7cf04dbcb3b2f9cf4f2d4b8bb0cc0a0a3b8bd9e0e1f7""#),
    ("/edge_key", r#""XGwKO7Wx-LTNDHzwTbyzsvnPTy1Li7DMCgo7i9ng4fc""#),
    ("/edge_key", "null"),
    ("/publish", r#"["outcome", "user", "client", "server", "era", "method", "tool"]"#),
    ("/publish", "[]"),
    ("/resources/0/uri", r#""http://[::1]:8080/mcp""#),
    ("/resources/0/uri", r#""https://gw.example//mcp""#),
    ("/resources/0/scope", r#""mcp""#),
    ("/resources/0/scope", r#""mcp:time:a:b""#),
    ("/resources/0/server_compares_mcp_headers", "true"),
    ("/issuers/0/jwks/refresh_seconds", "1"),
    ("/issuers/0/jwks/max_age_seconds", "604800"),
    ("/issuers/0/jwks/inline", "null"),
    (
        "/issuers/0/jwks",
        r#"{ "inline": { "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" }] } }"#,
    ),
    ("/issuers/0/jwks/authority", r#""id.example""#),
    ("/issuers/0/algorithms", r#"["ES256", "ES384", "EdDSA", "RS256", "RS384", "RS512", "PS256"]"#),
    ("/issuers/0/algorithms", "null"),
    ("/issuers/0/token_type", r#""JWT""#),
    ("/issuers/0/token_type", r#""at+jwt""#),
    ("/issuers/0/audience", r#"{ "resource": "exact" }"#),
    ("/issuers/0/audience", r#"{ "resource": "contains", "one_of": null }"#),
    ("/issuers/0/audience", r#"{ "one_of": ["api"] }"#),
    ("/issuers/0/audience", "null"),
    ("/issuers/0/claims", r#"{ "user": "oid", "name": "name", "client": "azp", "scope": "scp" }"#),
    ("/issuers/0/leeway_seconds", "0"),
    ("/issuers/0/revocations", r#"{ "cluster": "auth", "path": "/feed" }"#),
    ("/issuers/0/revocations", r#"{ "cluster": "auth", "path": "/feed", "max_staleness_seconds": 31 }"#),
    ("/issuers/0/revocations", "null"),
];

const BAD: &[Edit] = &[
    ("/issuers", ""),
    ("/resources", ""),
    ("/issuers", "[]"),
    ("/issuers", "{}"),
    ("/unknown", "1"),
    ("/public_paths", "null"),
    ("/public_paths", r#"["token"]"#),
    ("/public_paths", r#"["/a*"]"#),
    ("/public_paths", r#"["/*/b"]"#),
    ("/public_paths", r#"["/a?b"]"#),
    ("/public_paths", r#"["/a b"]"#),
    ("/public_paths", r#"["/é"]"#),
    ("/public_paths", r#"["/a%62"]"#),
    ("/public_paths", r#"["/a;b"]"#),
    ("/wait_seconds", "0"),
    ("/wait_seconds", "61"),
    ("/wait_seconds", r#""5""#),
    ("/max_waiting_requests", "-1"),
    ("/cached_tokens", "1000001"),
    ("/allowed_origins", "null"),
    ("/allowed_origins", r#"["app.example"]"#),
    ("/allowed_origins", r#"["https://app.example/"]"#),
    ("/allowed_origins", r#"["a://b://c"]"#),
    ("/allowed_origins", r#"["://app.example"]"#),
    ("/allowed_hosts", r#"[""]"#),
    ("/allowed_hosts", r#"["https://gw.example"]"#),
    ("/edge_key", r#""""#),
    ("/edge_key", r#""5c6c0a3bb5b1f8b4cd0c7cf04dbcb3b2f9cf4f2d4b8bb0cc""#),
    ("/edge_key", r#""XGwKO7Wx-LTNDHzwTbyzsg""#),
    ("/edge_key", r#""a key of many words, which is not random at all, not at all""#),
    ("/publish", "null"),
    ("/publish", r#"["token"]"#),
    ("/publish", r#""outcome""#),
    ("/resources/0/uri", ""),
    ("/resources/0/uri", r#""/time/mcp""#),
    ("/resources/0/uri", r#""https://gw.example/""#),
    ("/resources/0/uri", r#""https://gw.example/mcp/""#),
    ("/resources/0/uri", r#""https://gw.example/mcp?x""#),
    ("/resources/0/uri", r#""https://u@gw.example/mcp""#),
    ("/resources/0/uri", r#""ftp://gw.example/mcp""#),
    ("/resources/0/scope", ""),
    ("/resources/0/scope", r#""time""#),
    ("/resources/0/scope", r#""mcp:""#),
    ("/resources/0/scope", r#""mcp:Time""#),
    ("/resources/0/scope", r#""mcp:time:""#),
    ("/resources/0/server_compares_mcp_headers", "null"),
    ("/resources/0/unknown", "1"),
    ("/issuers/0/issuer", ""),
    ("/issuers/0/issuer", r#""""#),
    ("/issuers/0/jwks", ""),
    ("/issuers/0/jwks/cluster", ""),
    ("/issuers/0/jwks/cluster", r#""""#),
    ("/issuers/0/jwks/path", r#""jwks.json""#),
    ("/issuers/0/jwks/refresh_seconds", "0"),
    ("/issuers/0/jwks/refresh_seconds", "86401"),
    ("/issuers/0/jwks/max_age_seconds", "59"),
    ("/issuers/0/jwks/max_age_seconds", "604801"),
    ("/issuers/0/jwks/inline", r#"{ "keys": [] }"#),
    ("/issuers/0/jwks", r#"{ "inline": { "keys": [] } }"#),
    ("/issuers/0/jwks", r#"{ "inline": "keys" }"#),
    (
        "/issuers/0/jwks",
        r#"{ "inline": { "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k", "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" }] }, "refresh_seconds": 300 }"#,
    ),
    ("/issuers/0/jwks/uri", r#""https://id.example/keys""#),
    ("/issuers/0/algorithms", "[]"),
    ("/issuers/0/algorithms", r#"["HS256"]"#),
    ("/issuers/0/algorithms", r#"["none"]"#),
    ("/issuers/0/algorithms", r#"["es256"]"#),
    ("/issuers/0/token_type", r#""jwt""#),
    ("/issuers/0/audience", "{}"),
    ("/issuers/0/audience", r#"{ "resource": "any" }"#),
    ("/issuers/0/audience", r#"{ "one_of": [] }"#),
    ("/issuers/0/audience", r#"{ "resource": "exact", "one_of": ["api"] }"#),
    ("/issuers/0/claims", "null"),
    ("/issuers/0/claims", r#"{ "roles": "roles" }"#),
    ("/issuers/0/claims", r#"{ "scope": ["scope", "scp"] }"#),
    ("/issuers/0/leeway_seconds", "61"),
    ("/issuers/0/leeway_seconds", "-1"),
    ("/issuers/0/leeway_seconds", "1.5"),
    ("/issuers/0/revocations", "{}"),
    ("/issuers/0/revocations", r#"{ "cluster": "", "path": "/feed" }"#),
    ("/issuers/0/revocations", r#"{ "cluster": "auth", "path": "feed" }"#),
    ("/issuers/0/revocations", r#"{ "cluster": "auth", "path": "/feed", "wait_seconds": 61 }"#),
    ("/issuers/0/revocations", r#"{ "cluster": "auth", "path": "/feed", "max_staleness_seconds": 9 }"#),
];

fn variant((place, text): Edit) -> Value {
    let mut configuration = json!({
        "issuers": [{ "issuer": "https://gw.example", "jwks": { "cluster": "auth", "path": "/jwks.json" } }],
        "resources": [{ "uri": "https://gw.example/time/mcp", "scope": "mcp:time" }],
    });
    let (parent, member) = place.rsplit_once('/').unwrap();
    let parent = configuration.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if text.is_empty() {
        parent.remove(member).unwrap();
    } else {
        parent.insert(member.to_owned(), serde_json::from_str(text).unwrap());
    }
    configuration
}
