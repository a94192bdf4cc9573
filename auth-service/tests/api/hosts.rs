//! The layout in which every server has a host, and the sign-in another.

use auth_service::documents::DocumentRules;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::json;

use crate::app::{Answer, CALLBACK, TestApp};
use crate::browser::{Browser, authorize, claim, exchange, request_of};
use crate::document_host::{DocumentHost, PUBLIC};

const SERVER: &str = "/.well-known/oauth-authorization-server";
const RESOURCE: [&str; 2] =
    ["/.well-known/oauth-protected-resource", "/.well-known/oauth-protected-resource/mcp"];
const TIME: &str = "https://time.gw.example/mcp";
const FETCH: &str = "https://fetch.gw.example/mcp";

async fn get(app: &TestApp, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request =
        headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
    app.send(request.body(Body::empty()).unwrap()).await
}

/// The same parameters, for another resource.
fn of<'a>(resource: &'a str, parameters: Vec<(&'a str, &'a str)>) -> Vec<(&'a str, &'a str)> {
    parameters
        .into_iter()
        .map(|(name, value)| (name, if name == "resource" { resource } else { value }))
        .collect()
}

/// An access token for `time`, all the way through the pages.
async fn token_for_time(app: &TestApp) -> String {
    let client = app.public_client().await;
    let address = authorize(&of(TIME, request_of(&client)));
    let code = Browser::new(app).approve(&address, "ada").await.redirected("code");
    let issued = app.token(&of(TIME, exchange(&client, &code))).await.json();
    issued["access_token"].as_str().unwrap_or_else(|| panic!("{issued}")).to_owned()
}

async fn verify(app: &TestApp, url: &str, token: Option<&str>) -> Answer {
    let bearer = token.map(|token| format!("Bearer {token}"));
    let headers = bearer.iter().map(|bearer| ("authorization", bearer.as_str()));
    // Some proxies send the host that the client asked for.
    let headers: Vec<_> = headers.chain([("x-original-url", url), ("host", "time.gw.example")]).collect();
    get(app, "/verify", &headers).await
}

#[tokio::test]
async fn e_01_every_host_describes_the_server_that_it_is_of() {
    let app = TestApp::with_hosts(None);
    for (server, resource) in [("time", TIME), ("fetch", FETCH)] {
        for path in RESOURCE {
            let described = json!({
                "resource": resource,
                "authorization_servers": ["https://auth.gw.example"],
                "scopes_supported": [format!("mcp:{server}")],
                "bearer_methods_supported": ["header"],
                "resource_name": server,
            });
            let host = format!("{server}.gw.example");
            assert_eq!(get(&app, path, &[("host", &host)]).await.json(), described);
            // HTTP/2 has the host in the target.
            assert_eq!(get(&app, &format!("https://{host}{path}"), &[]).await.json(), described);
        }
    }
}

#[tokio::test]
async fn e_01_the_authorization_server_is_described_at_every_host_and_only_it_answers_oauth() {
    let app = TestApp::with_hosts(None);
    let metadata = get(&app, SERVER, &[("host", "auth.gw.example")]).await.json();
    assert_eq!(metadata["issuer"], "https://auth.gw.example");
    assert_eq!(get(&app, SERVER, &[("host", "time.gw.example")]).await.json(), metadata);
    let members = metadata.as_object().unwrap().iter();
    let endpoints = members.filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri");
    for (name, address) in endpoints {
        let path = address.as_str().unwrap().strip_prefix("https://auth.gw.example").unwrap();
        let answer = get(&app, path, &[("host", "auth.gw.example")]).await;
        assert_ne!(answer.status, StatusCode::NOT_FOUND, "{name}");
    }
}

#[tokio::test]
async fn e_02_a_host_chooses_among_the_servers_and_gets_into_no_document() {
    let app = TestApp::with_hosts(None);
    let plain = get(&app, RESOURCE[1], &[("host", "time.gw.example")]).await.body;
    let evil = [
        ("x-forwarded-host", "fetch.gw.example"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "host=evil.example"),
    ];
    for host in ["Time.GW.Example", "time.gw.example:443", "time.gw.example:8443"] {
        let headers = [&evil[..], &[("host", host)]].concat();
        assert_eq!(get(&app, RESOURCE[1], &headers).await.body, plain, "{host}");
    }
    for host in [
        "auth.gw.example",
        "gw.example",
        "git.gw.example",
        "evil.example",
        "time.gw.example.",
        "time.gw.example.evil.example",
        "fetch.time.gw.example",
        "time",
        "127.0.0.1:8000",
        "time.gw.example@evil.example",
        "",
    ] {
        let headers = [&evil[..], &[("host", host)]].concat();
        for path in RESOURCE {
            assert_eq!(get(&app, path, &headers).await.error(), "404 not_found", "{host}");
        }
    }
    let twice = [("host", "time.gw.example"), ("host", "time.gw.example")];
    assert_eq!(get(&app, RESOURCE[1], &twice).await.error(), "404 not_found");
    assert_eq!(get(&app, RESOURCE[1], &[]).await.error(), "404 not_found");
}

#[tokio::test]
async fn the_paths_of_the_other_layout_are_not_there() {
    let app = TestApp::with_hosts(None);
    let path = "/.well-known/oauth-protected-resource/time/mcp";
    for host in ["auth.gw.example", "time.gw.example"] {
        assert_eq!(get(&app, path, &[("host", host)]).await.error(), "404 not_found", "{host}");
    }
}

#[tokio::test]
async fn b_15_sign_in_and_its_cookies_are_at_the_host_of_the_issuer_alone() {
    let app = TestApp::with_hosts(None);
    let client = app.public_client().await;
    let address = authorize(&of(TIME, request_of(&client)));
    assert_eq!(get(&app, &address, &[("host", "auth.gw.example")]).await.status, StatusCode::OK);
    for path in
        [&address, "/account", "/device", "/token", "/register", "/register/x", "/revoke", "/jwks.json"]
    {
        for method in [Method::GET, Method::POST, Method::OPTIONS] {
            let request = Request::builder().method(&method).uri(path).header("host", "time.gw.example");
            let answer = app.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(
                (answer.status, answer.header("set-cookie")),
                (StatusCode::NOT_FOUND, ""),
                "{method} {path}"
            );
        }
    }
}

#[tokio::test]
async fn c_10_browser_clients_may_read_what_is_discovered_at_a_servers_host() {
    let app = TestApp::with_hosts(None);
    for path in [SERVER, RESOURCE[0], RESOURCE[1]] {
        let answer =
            get(&app, path, &[("host", "time.gw.example"), ("origin", "https://inspector.example")]).await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{path}");
    }
}

#[tokio::test]
async fn a_07_a_resource_of_no_host_of_ours_is_an_invalid_target() {
    let app = TestApp::with_hosts(None);
    let client = app.public_client().await;
    for foreign in [
        "https://gw.example/time/mcp",
        "https://auth.gw.example/time/mcp",
        "https://auth.gw.example/mcp",
        "https://time.gw.example",
        "http://time.gw.example/mcp",
        "https://git.gw.example/mcp",
        "https://time.gw.example/mcp#x",
        "/mcp",
    ] {
        let answer = app.get(&authorize(&of(foreign, request_of(&client)))).await;
        let told = answer.redirect_to(CALLBACK);
        assert!(told.contains(&("error".to_owned(), "invalid_target".to_owned())), "{foreign}: {told:?}");
    }
}

#[tokio::test]
async fn f_14_a_token_for_one_host_is_refused_at_another() {
    let app = TestApp::with_hosts(None);
    let token = token_for_time(&app).await;
    assert_eq!(claim(&token, "aud"), TIME);
    assert_eq!(claim(&token, "iss"), "https://auth.gw.example");
    assert_eq!(verify(&app, TIME, Some(&token)).await.status, StatusCode::OK);
    let refused = verify(&app, FETCH, Some(&token)).await;
    assert_eq!(refused.error(), "401 invalid_token");
    let metadata = "https://fetch.gw.example/.well-known/oauth-protected-resource/mcp";
    let challenge =
        format!("Bearer error=\"invalid_token\", resource_metadata=\"{metadata}\", scope=\"mcp:fetch\"");
    assert_eq!(refused.header("www-authenticate"), challenge);
    for nowhere in ["https://auth.gw.example/mcp", "https://gw.example/time/mcp", "https://evil.example/mcp"]
    {
        assert_eq!(verify(&app, nowhere, Some(&token)).await.error(), "403 access_denied", "{nowhere}");
    }
}

#[tokio::test]
async fn a_challenge_leads_to_the_metadata_of_the_host_that_gave_it() {
    let app = TestApp::with_hosts(None);
    let challenge = verify(&app, TIME, None).await;
    assert_eq!(challenge.status, StatusCode::UNAUTHORIZED);
    let address = challenge.header("www-authenticate").split('"').nth(1).unwrap().to_owned();
    assert_eq!(get(&app, &address, &[]).await.json()["resource"], TIME, "{address}");
}

#[tokio::test]
async fn d_30_we_never_ask_ourselves_under_any_of_our_names() {
    let host = DocumentHost::start().await;
    let app = TestApp::with_hosts(Some(host.documents(DocumentRules::default())));
    for ours in ["auth.gw.example", "time.gw.example", "fetch.gw.example"] {
        host.resolves(ours, &[&[PUBLIC]]);
        let client = format!("https://{ours}/client.json");
        let page = app.get(&authorize(&of(TIME, request_of(&client)))).await;
        assert_eq!(page.status, StatusCode::BAD_REQUEST, "{client}");
    }
    assert!(host.resolved().is_empty());
}
