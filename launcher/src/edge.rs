//! Envoy's bootstrap: the template in `envoy/`, filled in.

use std::collections::{BTreeMap, BTreeSet};

use gateway_core::policy::{Policy, PolicyError};
use gateway_core::resource::{ResourceUri, ServerName};
use serde_json::{Value, json};
use service_kit::layout::Layout;

use crate::settings::Settings;

/// Why the bootstrap could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EdgeError {
    /// The filter would refuse the configuration that was made for it.
    #[error("the filter's configuration is not valid: {0}")]
    Policy(#[from] PolicyError),
    /// The template has a `${NAME}` that nothing fills.
    #[error("ENVOY_TEMPLATE: nothing is known for ${{{0}}}")]
    UnknownPlaceholder(String),
}

/// The configuration of the filter: whose tokens, which resources, which public paths.
/// Checked by the parser that the filter itself uses.
///
/// # Errors
/// [`EdgeError::Policy`].
pub fn filter_configuration(settings: &Settings, servers: &[ServerName]) -> Result<String, EdgeError> {
    let origin = settings.layout.issuer().as_str();
    let uris: Vec<(ResourceUri, &ServerName)> =
        servers.iter().map(|server| (settings.resource_of(server), server)).collect();
    let resources: Vec<Value> = uris.iter().map(|(uri, server)| resource(uri, server)).collect();
    let oauth = [
        "/.well-known/oauth-authorization-server",
        "/jwks.json",
        "/register",
        "/register/*",
        "/authorize",
        "/account",
        "/callback/*",
        "/token",
        "/device_authorization",
        "/device",
        "/revoke",
        "/introspect",
    ];
    let at_root = matches!(settings.layout, Layout::Hosts(_)).then(|| ResourceUri::WELL_KNOWN.to_owned());
    // Where servers have hosts, they all have the same.
    let metadata: BTreeSet<String> = uris.iter().map(|(uri, _)| uri.metadata_path()).chain(at_root).collect();
    let public_paths: Vec<String> = oauth.map(str::to_owned).into_iter().chain(metadata).collect();
    let configuration = json!({
        "issuers": [{
            "issuer": origin,
            // All that the auth service can be told to sign with: after a change, keys of two of them are in use.
            "algorithms": ["ES256", "EdDSA", "RS256"],
            "jwks": { "cluster": "auth-service", "path": "/jwks.json" },
            "leeway_seconds": settings.token_leeway,
            "revocations": { "cluster": "auth-internal", "path": "/internal/revocations" },
        }],
        "resources": resources,
        "public_paths": public_paths,
        "allowed_hosts": allowed_hosts(settings, servers),
        "allowed_origins": std::iter::once(origin).chain(settings.allowed_origins.iter().map(String::as_str)).collect::<Vec<_>>(),
        "edge_key": settings.edge_key,
        // For the access log of the bootstrap.
        "publish": ["outcome", "user", "client", "token", "server", "era", "method", "tool"],
    })
    .to_string();
    Policy::parse(configuration.as_bytes())?;
    Ok(configuration)
}

/// The names under which clients may know the gateway: its public ones, and this machine's own.
fn allowed_hosts(settings: &Settings, servers: &[ServerName]) -> Vec<String> {
    let own = [settings.layout.issuer().host(), "localhost", "127.0.0.1", "[::1]"].map(str::to_owned);
    let of_servers = match &settings.layout {
        Layout::Paths(_) => Vec::new(),
        Layout::Hosts(domain) => servers.iter().map(|server| domain.host_of(server.as_str())).collect(),
    };
    own.into_iter().chain(of_servers).map(|host| format!("{host}:*")).collect()
}

/// Our bridge refuses a modern request whose headers and body differ, so the filter may go by the headers.
fn resource(uri: &ResourceUri, server: &ServerName) -> Value {
    json!({ "uri": uri.as_str(), "scope": format!("mcp:{server}"), "server_compares_mcp_headers": true })
}

/// Fills in `template`. Each `${NAME}` becomes a JSON value, which is a YAML value too: nothing can break out of it.
///
/// # Errors
/// [`EdgeError`].
pub fn bootstrap(template: &str, settings: &Settings, servers: &[ServerName]) -> Result<String, EdgeError> {
    let mut values = BTreeMap::from([
        ("FILTER_CONFIG".to_owned(), json!(filter_configuration(settings, servers)?)),
        ("FILTER_WASM".to_owned(), json!(settings.filter_wasm)),
    ]);
    let addresses = [
        ("GATEWAY", settings.gateway_bind),
        ("ADMIN", settings.admin_bind),
        ("AUTH", settings.auth_bind),
        ("AUTH_INTERNAL", settings.auth_internal_bind),
        ("BRIDGE", settings.bridge_bind),
    ];
    for (name, bind) in addresses {
        values.insert(format!("{name}_ADDRESS"), json!(bind.ip().to_string()));
        values.insert(format!("{name}_PORT"), json!(bind.port()));
    }
    fill_in(template, &values)
}

fn fill_in(template: &str, values: &BTreeMap<String, Value>) -> Result<String, EdgeError> {
    let mut filled = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, behind)) = after.split_once('}') else { break };
        filled.push_str(before);
        match values.get(name) {
            Some(value) => filled.push_str(&value.to_string()),
            // The template's comments speak of "${…}" too.
            None if name == "…" => filled.push_str("${…}"),
            None => return Err(EdgeError::UnknownPlaceholder(name.to_owned())),
        }
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn settings() -> Settings {
        let env: BTreeMap<String, String> = BTreeMap::new();
        Settings::read(&env, PathBuf::new()).unwrap()
    }

    fn servers() -> Vec<ServerName> {
        vec!["everything".parse().unwrap(), "time".parse().unwrap()]
    }

    #[test]
    fn every_server_is_protected_and_its_metadata_is_public() {
        let configuration: Value =
            serde_json::from_str(&filter_configuration(&settings(), &servers()).unwrap()).unwrap();
        let expected = json!([
            {
                "uri": "http://localhost:8080/everything/mcp", "scope": "mcp:everything",
                "server_compares_mcp_headers": true,
            },
            { "uri": "http://localhost:8080/time/mcp", "scope": "mcp:time", "server_compares_mcp_headers": true },
        ]);
        assert_eq!(configuration["resources"], expected);
        let public = configuration["public_paths"].to_string();
        assert!(public.contains("/.well-known/oauth-protected-resource/time/mcp"));
        assert!(!public.contains("\"/time/mcp\""));
    }

    #[test]
    fn where_servers_have_hosts_each_is_protected_there_and_known_under_that_name() {
        let env = BTreeMap::from([("BASE_DOMAIN".to_owned(), "gw.example".to_owned())]);
        let settings = Settings::read(&env, PathBuf::new()).unwrap();
        let configuration: Value =
            serde_json::from_str(&filter_configuration(&settings, &servers()).unwrap()).unwrap();
        assert_eq!(configuration["issuers"][0]["issuer"], "https://auth.gw.example");
        let uris: Vec<&Value> =
            configuration["resources"].as_array().unwrap().iter().map(|resource| &resource["uri"]).collect();
        assert_eq!(uris, ["https://everything.gw.example/mcp", "https://time.gw.example/mcp"]);
        let hosts = configuration["allowed_hosts"].as_array().unwrap();
        for host in ["auth.gw.example:*", "everything.gw.example:*", "time.gw.example:*"] {
            assert!(hosts.contains(&json!(host)), "{host}");
        }
        let public = configuration["public_paths"].as_array().unwrap();
        let metadata: Vec<&str> =
            public.iter().filter_map(Value::as_str).filter(|path| path.contains("protected")).collect();
        assert_eq!(
            metadata,
            ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"]
        );
    }

    #[test]
    fn every_public_path_of_oauth_has_a_route_and_no_other_path_has() {
        let configuration: Value =
            serde_json::from_str(&filter_configuration(&settings(), &servers()).unwrap()).unwrap();
        let template = include_str!("../../envoy/envoy.yaml");
        let listed = configuration["public_paths"].as_array().unwrap().iter().filter_map(Value::as_str);
        let listed = listed.filter(|path| !path.starts_with("/.well-known/oauth-protected-resource/"));
        let mut expected: Vec<String> = listed
            .map(|path| match path.strip_suffix("/*") {
                None => format!("{{ path: {path} }}"),
                Some(parent) => format!("{{ safe_regex: {{ regex: \"{parent}/[^/]+\" }} }}"),
            })
            .collect();
        let to_auth_service = template.split("- match: ").filter(|it| it.contains("cluster: auth-service"));
        let mut in_template: Vec<String> = to_auth_service
            .filter_map(|it| it.lines().next().map(str::to_owned))
            .filter(|it| !it.contains("path_separated_prefix"))
            .collect();
        expected.sort();
        in_template.sort();
        assert_eq!(in_template, expected);
    }

    #[test]
    fn a_server_whose_address_would_be_that_of_a_registration_is_refused() {
        let error = filter_configuration(&settings(), &["register".parse().unwrap()]).unwrap_err();
        assert!(error.to_string().contains("expected no path of a resource"), "{error}");
        for page in ["account", "device", "authorize"] {
            let configuration = filter_configuration(&settings(), &[page.parse().unwrap()]);
            assert!(configuration.is_ok(), "the page is /{page}, the server /{page}/mcp");
        }
    }

    #[test]
    fn the_template_in_the_repository_is_filled_in_completely() {
        let template = include_str!("../../envoy/envoy.yaml");
        let bootstrap = bootstrap(template, &settings(), &servers()).unwrap();
        assert!(bootstrap.contains("port_value: 9901") && bootstrap.contains("address: \"127.0.0.1\""));
        assert!(!bootstrap.replace("${…}", "").contains("${"));
    }

    #[test]
    fn an_unknown_placeholder_is_named() {
        let error = bootstrap("a: ${NOTHING}", &settings(), &servers()).unwrap_err().to_string();
        assert_eq!(error, "ENVOY_TEMPLATE: nothing is known for ${NOTHING}");
    }
}
