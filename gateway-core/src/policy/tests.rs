use super::*;

fn configuration(edit: impl FnOnce(&mut serde_json::Value)) -> Vec<u8> {
    let mut value = serde_json::json!({
        "issuers": [{ "issuer": "https://gw.example", "jwks": { "cluster": "auth", "path": "/jwks.json" } }],
        "resources": [{ "uri": "https://gw.example/time/mcp", "scope": "mcp:time" }],
        "public_paths": ["/token", "/register/*"],
    });
    edit(&mut value);
    value.to_string().into_bytes()
}

#[test]
fn a_path_is_public_protected_or_nothing() {
    let policy = Policy::parse(&configuration(|_| ())).unwrap();
    for path in ["/token", "/register/abc"] {
        assert!(matches!(policy.access(b"gw.example", path.as_bytes()), Access::Public), "{path}");
    }
    for path in ["/time/mcp", "/time/mcp/"] {
        assert!(matches!(policy.access(b"gw.example", path.as_bytes()), Access::Protected(_)), "{path}");
    }
}

#[test]
fn resources_on_one_host_are_known_under_every_name_of_it() {
    let policy = Policy::parse(&configuration(|_| ())).unwrap();
    for name in ["gw.example", "localhost:8080", ""] {
        assert_eq!(policy.server_at(name.as_bytes(), b"/time/mcp"), "time", "{name}");
    }
}

#[test]
fn f_14_resources_on_several_hosts_are_told_apart_by_the_host_of_the_request() {
    let policy = Policy::parse(&configuration(|c| {
        c["resources"] = serde_json::json!([
            { "uri": "https://time.gw.example/mcp", "scope": "mcp:time" },
            { "uri": "https://fetch.gw.example/mcp", "scope": "mcp:fetch" },
        ]);
    }));
    let policy = policy.unwrap();
    for (name, server) in [
        ("time.gw.example", "time"),
        ("Fetch.GW.example", "fetch"),
        ("fetch.gw.example:443", "fetch"),
        ("auth.gw.example", "none"),
        ("gw.example", "none"),
        ("time.gw.example.", "none"),
        ("time.gw.example:8443", "none"),
        ("", "none"),
    ] {
        assert_eq!(policy.server_at(name.as_bytes(), b"/mcp"), server, "{name}");
        assert_eq!(policy.server_at(name.as_bytes(), b"/mcp/"), server, "{name}");
        assert_eq!(policy.server_at(name.as_bytes(), b"/time/mcp"), "none", "{name}");
        assert_eq!(policy.server_at(name.as_bytes(), b"/token"), "public", "{name}");
    }
}

#[test]
fn g_06_and_g_07_every_other_spelling_of_a_path_is_nothing() {
    let policy = Policy::parse(&configuration(|_| ())).unwrap();
    for path in [
        "",
        "/",
        "*",
        "/mcp",
        "/Time/mcp",
        "/time/mcp//",
        "//time/mcp",
        "/time/mcp;x=y",
        "/time/..;/time/mcp",
        "/time/mcp%00",
        "/%74ime/mcp",
        "/time\\mcp",
        "http://gw.example/time/mcp",
        "/token/",
        "/TOKEN",
        "/register/",
        "/register/a/b",
        "/register",
        "/tokens",
        "/time/mcp/x",
    ] {
        assert!(matches!(policy.access(b"gw.example", path.as_bytes()), Access::Nothing), "{path}");
    }
    assert!(matches!(policy.access(b"gw.example", b"/time/\xff"), Access::Nothing));
}

#[test]
fn g_11_a_wrong_configuration_names_the_place_and_what_would_be_right() {
    type Edit = fn(&mut serde_json::Value);
    let cases: [(Edit, &str); 18] = [
        (|c| c["isuers"] = "x".into(), "$.isuers: unknown field `isuers`"),
        (
            |c| c["issuers"][0]["jwks"]["clutser"] = "x".into(),
            "$.issuers[0].jwks.clutser: unknown field `clutser`",
        ),
        (
            |c| c["issuers"][0]["leeway_seconds"] = "1".into(),
            "$.issuers[0].leeway_seconds: invalid type: string",
        ),
        (|c| c["resources"][0] = serde_json::json!(["u", "s"]), "$.resources[0]: invalid type: sequence"),
        (
            |c| c["issuers"][0]["jwks"] = serde_json::json!([null, "c", "/p"]),
            "$.issuers[0].jwks: invalid type: seq",
        ),
        (|c| c["issuers"] = serde_json::json!([]), "$.issuers: expected at least one issuer"),
        (|c| c["issuers"][0]["issuer"] = "".into(), "$.issuers[0].issuer: expected the issuer"),
        (
            |c| c["issuers"][0]["algorithms"] = serde_json::json!(["HS256"]),
            "$.issuers[0].algorithms: expected some of",
        ),
        (
            |c| c["issuers"][0]["algorithms"] = serde_json::json!([]),
            "$.issuers[0].algorithms: expected some of",
        ),
        (
            |c| c["issuers"][0]["leeway_seconds"] = 61.into(),
            "$.issuers[0].leeway_seconds: expected 0 to 60, got 61",
        ),
        (|c| c["issuers"][0]["jwks"]["path"] = "jwks".into(), "$.issuers[0].jwks.path: expected a path"),
        (|c| c["issuers"][0]["jwks"]["max_age_seconds"] = 100.into(), "max_age_seconds: expected more than"),
        (|c| c["resources"][0]["uri"] = "/time/mcp".into(), "$.resources[0].uri: expected a URI"),
        (|c| c["resources"][0]["scope"] = "time".into(), "$.resources[0].scope: expected `mcp`"),
        (|c| c["public_paths"][1] = "/time/mcp/".into(), "$.public_paths[1]: expected no path of a resource"),
        (|c| c["public_paths"][0] = "/time/*".into(), "$.public_paths[0]: expected no path of a resource"),
        (
            |c| {
                c["resources"] = serde_json::json!([c["resources"][0], { "uri": "https://GW.example:443/time/mcp", "scope": "mcp" }]);
            },
            "$.resources[1].uri: expected another path",
        ),
        (|c| c["public_paths"][1] = "/a*/b".into(), "$.public_paths[1]: expected a path"),
    ];
    for (edit, expected) in cases {
        let error = Policy::parse(&configuration(edit)).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(Policy::parse(b"").is_err() && Policy::parse(b"[]").is_err());
}
