use std::collections::BTreeMap;

use super::*;

#[test]
fn without_settings_everything_has_its_default() {
    let home = tempfile::tempdir().unwrap();
    let mcp_config = home.path().join("mcp.json");
    std::fs::write(&mcp_config, r#"{"mcpServers":{"time":{},"fetch":{"url":"x"}},"other":1}"#).unwrap();
    let env = BTreeMap::from([("MCP_CONFIG".to_owned(), mcp_config.display().to_string())]);
    let (config, _) = Config::read(&env).unwrap();
    assert_eq!(config.catalogue.issuer().as_str(), "http://localhost:8080");
    assert_eq!(config.catalogue.servers().count(), 2);
    assert_eq!(config.bind.to_string(), "127.0.0.1:8000");
    assert_eq!(config.internal_bind.to_string(), "127.0.0.1:8001");
    assert_eq!(config.places.users_file, Path::new("./data/users.json"));
    assert_eq!(
        config.places.rotation,
        Rotation { algorithm: Algorithm::Es256, interval: 7_776_000, lead: 600 }
    );
    let expected = Lifetimes {
        access_token: 900,
        refresh_token: 2_592_000,
        refresh_grace: 60,
        client: 7_776_000,
        unused_client: 86_400,
        session: 28_800,
        remembered_consent: 2_592_000,
        upstream: 2_592_000,
    };
    assert_eq!(config.lifetimes, expected);
    assert!(config.devices && !config.client_credentials);
    assert_eq!(config.remembered_clients, RememberedClients::default(), "b_03: of nobody");
    assert!(config.redis.is_none(), "the store is embedded");
    assert_eq!(config.documents, Some(DocumentRules::default()));
}

#[test]
fn clients_that_describe_themselves_can_be_limited_or_switched_off() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let read = |pairs: &[(&str, &str)]| {
        let env: BTreeMap<String, String> =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut reader = Reader::new(&env);
        let documents = documents(&mut reader);
        roots(&mut reader);
        reader.finish().map(|()| documents).map_err(|mistakes| mistakes.to_string())
    };
    assert_eq!(read(&[("CLIENT_ID_DOCUMENTS", "false")]), Ok(None));
    let limited = read(&[
        ("CLIENT_ID_DOCUMENT_DOMAINS", "app.example,*.corp.example"),
        ("CLIENT_ID_DOCUMENT_PRIVATE_ORIGINS", "https://apps.corp.example:8443"),
    ]);
    assert!(limited.unwrap().unwrap().domains.hold("apps.corp.example"));
    let mistakes = read(&[
        ("CLIENT_ID_DOCUMENTS", "perhaps"),
        ("CLIENT_ID_DOCUMENT_DOMAINS", " "),
        ("CLIENT_ID_DOCUMENT_PRIVATE_ORIGINS", "http://apps.corp.example"),
        ("OUTBOUND_CA_FILE", file.path().to_str().unwrap()),
    ])
    .unwrap_err();
    for line in [
        "CLIENT_ID_DOCUMENTS: expected true or false",
        "CLIENT_ID_DOCUMENT_DOMAINS: expected * or domains",
        "CLIENT_ID_DOCUMENT_PRIVATE_ORIGINS: expected origins",
        "OUTBOUND_CA_FILE: ",
    ] {
        assert!(mistakes.contains(line), "{line}: {mistakes}");
    }
}

#[test]
fn j_07_the_password_of_redis_is_in_no_mistake_and_no_debug_output() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("mcp.json");
    std::fs::write(&file, r#"{"mcpServers":{"time":{}}}"#).unwrap();
    let read = |pairs: &[(&str, &str)]| {
        let mcp_config = ("MCP_CONFIG", file.to_str().unwrap());
        let pairs = pairs.iter().copied().chain([mcp_config]);
        let env: BTreeMap<_, _> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Config::read(&env).map(|(config, _)| config)
    };
    let config = read(&[("REDIS_URL", "redis://auth@r:1"), ("REDIS_PASSWORD", "canary")]).unwrap();
    assert_eq!(config.redis.as_ref().unwrap().to_string(), "r:1");
    assert!(!format!("{config:?}").contains("canary"));
    for wrong in [
        &[("REDIS_URL", "redis://:canary@r:1"), ("REDIS_PASSWORD", "canary")][..],
        &[("REDIS_URL", "redis://:canary@r:port")],
        &[("REDIS_URL", "canary")],
        &[("REDIS_PASSWORD", "canary")],
    ] {
        let mistakes = read(wrong).unwrap_err().to_string();
        assert!(mistakes.starts_with("REDIS_") && !mistakes.contains("canary"), "{mistakes}");
    }
}

#[test]
fn clients_stand_for_servers_that_are_there() {
    let home = tempfile::tempdir().unwrap();
    let mcp_config = home.path().join("mcp.json");
    std::fs::write(&mcp_config, r#"{"mcpServers":{"time":{}}}"#).unwrap();
    let read = |clients: &str| {
        let settings = [("MCP_CONFIG", mcp_config.to_str().unwrap()), ("INTROSPECTION_CLIENTS", clients)];
        let settings = settings.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Config::read(&BTreeMap::from(settings)).map(|(config, _)| config)
    };
    let id = crate::domain::client::ClientId::parse("c").unwrap();
    let audiences = read("c=time").unwrap().catalogue.audiences_of(&id);
    assert_eq!(audiences, ["http://localhost:8080/time/mcp"]);
    for (clients, mistake) in [
        ("c=tyme", "INTROSPECTION_CLIENTS: MCP_CONFIG names no server tyme"),
        ("c", "INTROSPECTION_CLIENTS: expected clients and their servers"),
    ] {
        let mistakes = read(clients).unwrap_err().to_string();
        assert!(mistakes.contains(mistake), "{mistakes}");
    }
}

#[test]
fn lifetimes_have_bounds_and_two_ports_are_two() {
    let env = BTreeMap::from(
        [
            ("ACCESS_TOKEN_LIFETIME", "3601"),
            ("REFRESH_GRACE", "601"),
            ("SESSION_LIFETIME", "0"),
            ("SIGNING_KEY_INTERVAL", "3599"),
            ("SIGNING_KEY_LEAD", "86401"),
            ("SIGNING_ALGORITHM", "ES384"),
            ("AUTH_BIND", "127.0.0.1:9"),
            ("AUTH_INTERNAL_BIND", "127.0.0.1:9"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    let mistakes = Config::read(&env).unwrap_err().to_string();
    for line in [
        "ACCESS_TOKEN_LIFETIME: expected 1 to 3600 seconds",
        "REFRESH_GRACE: expected 0 to 600 seconds",
        "SESSION_LIFETIME: expected 1 to",
        "SIGNING_KEY_INTERVAL: expected 0 (never), or at least",
        "SIGNING_KEY_LEAD: expected 0 to 86400",
        "SIGNING_ALGORITHM: expected ES256, EdDSA or RS256",
        "AUTH_INTERNAL_BIND: expected an address other than AUTH_BIND",
    ] {
        assert!(mistakes.contains(line), "{line}: {mistakes}");
    }
}

#[test]
fn a_server_that_cannot_have_a_host_is_a_mistake_where_servers_have_hosts() {
    let home = tempfile::tempdir().unwrap();
    let mcp_config = home.path().join("mcp.json");
    std::fs::write(&mcp_config, r#"{"mcpServers":{"my_server":{}}}"#).unwrap();
    let read = |pairs: &[(&str, &str)]| {
        let mut env = BTreeMap::from([("MCP_CONFIG".to_owned(), mcp_config.display().to_string())]);
        env.extend(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Config::read(&env).map(|(config, _)| config.catalogue).map_err(|error| error.to_string())
    };
    assert!(read(&[]).is_ok());
    let error = read(&[("BASE_DOMAIN", "gw.example"), ("AUTH_BIND", "x")]).unwrap_err();
    assert!(error.contains("MCP_CONFIG: the server my_server cannot have a host: "), "{error}");
    assert!(error.contains("AUTH_BIND: "), "all at once: {error}");
}
