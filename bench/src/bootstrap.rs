//! Envoy's bootstrap for a run: listeners that differ in their filters and in nothing else.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use crate::tokens::{ISSUER, PATH, SCOPE};

const API: &str = "type.googleapis.com/envoy.extensions.filters";

/// One listener: what stands before the direct response.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) filters: Vec<Value>,
}

/// What the listeners do beside their filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As little as possible: filters stand out most.
    Bare,
    /// What the gateway's own listener (`envoy/envoy.yaml`) does: request ids, normalisation, limits, an access log.
    Gateway,
}

/// The whole bootstrap, of bare listeners.
pub(crate) fn of(admin: SocketAddr, listeners: &[Listener], clusters: &[(&str, SocketAddr)]) -> Value {
    shaped(Shape::Bare, admin, listeners, clusters)
}

/// The whole bootstrap.
pub(crate) fn shaped(
    shape: Shape,
    admin: SocketAddr,
    listeners: &[Listener],
    clusters: &[(&str, SocketAddr)],
) -> Value {
    json!({
        "admin": { "address": address(admin) },
        "static_resources": {
            "listeners": listeners.iter().map(|one| listener(shape, one)).collect::<Vec<_>>(),
            "clusters": clusters.iter().map(|(name, at)| cluster(name, *at)).collect::<Vec<_>>(),
        },
    })
}

fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

fn cluster(name: &str, at: SocketAddr) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(at) } }] }],
        },
    })
}

fn listener(shape: Shape, listener: &Listener) -> Value {
    let mut filters = listener.filters.clone();
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": { "@type": format!("{API}.http.router.v3.Router") },
    }));
    let answer = json!({
        "match": { "prefix": "/" },
        "direct_response": { "status": 200, "body": { "inline_string": "ok" } },
    });
    let mut manager = json!({
        "@type": format!("{API}.network.http_connection_manager.v3.HttpConnectionManager"),
        "stat_prefix": listener.name,
        "http_filters": filters,
        "route_config": {
            "name": listener.name,
            "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": [answer] }],
        },
    });
    if let (Shape::Gateway, Some(all), Value::Object(more)) =
        (shape, manager.as_object_mut(), like_the_gateway())
    {
        all.extend(more);
    }
    json!({
        "name": listener.name,
        "address": address(listener.address),
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager,
        }] }],
    })
}

/// The settings of `envoy/envoy.yaml`; its access log, to nowhere.
fn like_the_gateway() -> Value {
    json!({
        "codec_type": "AUTO",
        "server_header_transformation": "PASS_THROUGH",
        "generate_request_id": true,
        "normalize_path": true,
        "merge_slashes": true,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "use_remote_address": true,
        "common_http_protocol_options": {
            "headers_with_underscores_action": "REJECT_REQUEST", "max_headers_count": 100, "idle_timeout": "3600s",
        },
        "max_request_headers_kb": 96,
        "request_headers_timeout": "10s",
        "request_timeout": "60s",
        "stream_idle_timeout": "0s",
        "access_log": [{
            "name": "envoy.access_loggers.file",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
                "path": "/dev/null",
                "log_format": { "json_format": {
                    "time": "%START_TIME%",
                    "request_id": "%REQ(X-REQUEST-ID)%",
                    "client_ip": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
                    "method": "%REQ(:METHOD)%",
                    "path": "%PATH(NQ:PATH)%",
                    "status": "%RESPONSE_CODE%",
                    "details": "%RESPONSE_CODE_DETAILS%",
                    "flags": "%RESPONSE_FLAGS%",
                    "duration_ms": "%DURATION%",
                    "bytes_in": "%BYTES_RECEIVED%",
                    "bytes_out": "%BYTES_SENT%",
                    "user": "%REQ(X-USER-ID)%",
                    "client": "%REQ(X-CLIENT-ID)%",
                    "token": "%REQ(X-TOKEN-ID)%",
                    "mcp_version": "%REQ(MCP-PROTOCOL-VERSION)%",
                    "mcp_method": "%REQ(MCP-METHOD)%",
                    "upstream": "%UPSTREAM_CLUSTER%",
                } },
            },
        }],
    })
}

/// Our filter, as shipped, in a VM of its own.
pub(crate) fn ours(vm: &str, wasm: &Path, jwks: &Value) -> Value {
    ours_telling(vm, wasm, jwks, &[])
}

/// The same, telling the rest of Envoy these facts.
pub(crate) fn ours_telling(vm: &str, wasm: &Path, jwks: &Value, facts: &[&str]) -> Value {
    filter(
        vm,
        wasm,
        &json!({
            "issuers": [{
                "issuer": ISSUER,
                "jwks": { "inline": jwks },
                "algorithms": ["ES256", "EdDSA", "RS256"],
            }],
            "resources": resources(),
            "publish": facts,
        }),
    )
}

/// The same, with keys and revocations from the clusters `auth-service` and `auth-internal`.
pub(crate) fn ours_following(vm: &str, wasm: &Path) -> Value {
    let (keys, feed) = ("/jwks.json", "/internal/revocations");
    filter(
        vm,
        wasm,
        &json!({
            "issuers": [{
                "issuer": ISSUER,
                "jwks": { "cluster": "auth-service", "path": keys },
                "revocations": { "cluster": "auth-internal", "path": feed },
            }],
            "resources": resources(),
        }),
    )
}

fn resources() -> Value {
    json!([{ "uri": format!("{ISSUER}{PATH}"), "scope": SCOPE }])
}

fn filter(vm: &str, wasm: &Path, policy: &Value) -> Value {
    json!({
        "name": "mcp_edge",
        "typed_config": {
            "@type": format!("{API}.http.wasm.v3.Wasm"),
            "config": {
                "name": "mcp_edge",
                "allow_on_headers_stop_iteration": true,
                "failure_policy": "FAIL_CLOSED",
                "configuration": {
                    "@type": "type.googleapis.com/google.protobuf.StringValue",
                    "value": policy.to_string(),
                },
                "vm_config": {
                    "vm_id": vm,
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": wasm } },
                },
            },
        },
    })
}

/// What a native filter does beside its check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Native {
    /// Remembers nothing.
    Uncached,
    /// Remembers as many tokens as our filter does.
    Cached,
    /// And tells the upstream who is calling, as our filter does.
    CachedWithHeaders,
    /// And hands the claims to the filters behind it.
    CachedWithMetadata,
}

/// Envoy's own `jwt_authn`.
pub(crate) fn native(kind: Native, jwks: &Value) -> Value {
    let mut provider = json!({
        "issuer": ISSUER,
        "audiences": [format!("{ISSUER}{PATH}")],
        "local_jwks": { "inline_string": jwks.to_string() },
    });
    if let Some(members) = provider.as_object_mut() {
        if kind != Native::Uncached {
            members.insert("jwt_cache_config".to_owned(), json!({ "jwt_cache_size": 10_000 }));
        }
        if kind == Native::CachedWithHeaders {
            let headers = [
                ("x-user-id", "sub"),
                ("x-scopes", "scope"),
                ("x-client-id", "client_id"),
                ("x-token-id", "jti"),
                ("x-user-name", "preferred_username"),
            ];
            let headers =
                headers.map(|(header, claim)| json!({ "header_name": header, "claim_name": claim }));
            members.insert("claim_to_headers".to_owned(), json!(headers));
        }
        if kind == Native::CachedWithMetadata {
            members.insert("payload_in_metadata".to_owned(), json!("claims"));
        }
    }
    json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": format!("{API}.http.jwt_authn.v3.JwtAuthentication"),
            "providers": { "edge": provider },
            "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "edge" } }],
        },
    })
}

/// A call to our auth service for each request.
pub(crate) fn ext_authz(cluster: &str, issuer: &str) -> Value {
    let (scheme, host) = issuer.split_once("://").unwrap_or(("http", issuer));
    let header = |key: &str, value: &str| json!({ "key": key, "value": value });
    let told = ["x-user-id", "x-scopes", "x-client-id", "x-token-id", "x-user-name"];
    json!({
        "name": "envoy.filters.http.ext_authz",
        "typed_config": {
            "@type": format!("{API}.http.ext_authz.v3.ExtAuthz"),
            "http_service": {
                "server_uri": { "uri": format!("http://{cluster}"), "cluster": cluster, "timeout": "5s" },
                "path_override": "/verify",
                "authorization_request": { "headers_to_add": [
                    header("x-forwarded-proto", scheme),
                    header("x-forwarded-host", host),
                    header("x-forwarded-uri", PATH),
                ] },
                "authorization_response": { "allowed_upstream_headers": {
                    "patterns": told.map(|name| json!({ "exact": name })),
                } },
            },
        },
    })
}

/// Envoy's own reading of MCP requests, from the body or from the headers.
pub(crate) fn mcp(source: &str) -> Value {
    json!({
        "name": "envoy.filters.http.mcp",
        "typed_config": {
            "@type": format!("{API}.http.mcp.v3.Mcp"),
            "traffic_mode": "REJECT_NO_MCP",
            "attribute_source": source,
            "reject_duplicate_keys": true,
            "request_storage_mode": "DYNAMIC_METADATA",
        },
    })
}

/// Passes `tool` for tokens with its scope, by what the filters before noted.
pub(crate) fn rbac(tool: &str) -> Value {
    let noted = |filter: &str, path: &[&str], value: Value| {
        let path: Vec<Value> = path.iter().map(|key| json!({ "key": key })).collect();
        json!({ "metadata_matcher": {
            "filter": filter, "path": path, "value": { "string_match": value },
        } })
    };
    let mcp = "envoy.filters.http.mcp";
    let is_call = noted(mcp, &["method"], json!({ "exact": "tools/call" }));
    let is_tool = noted(mcp, &["params", "name"], json!({ "exact": tool }));
    let may = noted(
        "envoy.filters.http.jwt_authn",
        &["claims", "scope"],
        json!({ "contains": format!("{SCOPE}:{tool}") }),
    );
    json!({
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            "@type": format!("{API}.http.rbac.v3.RBAC"),
            "rules": { "action": "ALLOW", "policies": { "tool": {
                "permissions": [{ "and_rules": { "rules": [
                    { "sourced_metadata": is_call }, { "sourced_metadata": is_tool },
                ] } }],
                "principals": [{ "sourced_metadata": may }],
            } } },
        },
    })
}

/// Waits for the whole body, as an upstream would: an answer before the end of a request closes the connection.
pub(crate) fn whole_body() -> Value {
    json!({
        "name": "envoy.filters.http.buffer",
        "typed_config": { "@type": format!("{API}.http.buffer.v3.Buffer"), "max_request_bytes": 65536 },
    })
}
