//! Who may speak to the bridge at all: the checks that come before everything else.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, HOST, ORIGIN};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use mcp_protocol::error::INVALID_REQUEST;
use mcp_protocol::headers::{CLIENT_ID, LAST_EVENT_ID, METHOD, NAME, PROTOCOL_VERSION, SESSION_ID, USER_ID};
use service_kit::layout::Layout;
use url::{Host, Url};

use super::refusal::Refusal;
use crate::app::Bridge;
use crate::settings::AccessSettings;

/// Refuses what must not reach a server: repeated headers that decide something (400), a foreign `Host` or `Origin`
/// (403; DNS rebinding), a missing identity where one is required (403), and with an edge key what does not prove that
/// it passed the edge (403).
pub(super) async fn check(State(bridge): State<Arc<Bridge>>, request: Request, next: Next) -> Response {
    let allowed = allowed(&bridge.access, request.uri(), request.headers());
    match allowed.and_then(|()| super::proof::check(&bridge, &request)) {
        Ok(()) => next.run(request).await,
        Err(refusal) => {
            tracing::debug!(status = refusal.status().as_u16(), "refused: {refusal}");
            refusal.into_response()
        }
    }
}

/// Headers that decide something. Two of one kind could mean one thing here and another at the edge.
const SINGLE: [HeaderName; 10] = [
    HOST,
    ORIGIN,
    CONTENT_TYPE,
    HeaderName::from_static(SESSION_ID),
    HeaderName::from_static(LAST_EVENT_ID),
    HeaderName::from_static(PROTOCOL_VERSION),
    HeaderName::from_static(METHOD),
    HeaderName::from_static(NAME),
    HeaderName::from_static(USER_ID),
    HeaderName::from_static(CLIENT_ID),
];

fn allowed(access: &AccessSettings, uri: &Uri, headers: &HeaderMap) -> Result<(), Refusal> {
    for name in &SINGLE {
        if headers.get_all(name).iter().nth(1).is_some() {
            return Err(Refusal::bad_request(format!("the header {name} is there more than once")));
        }
    }
    let authorities =
        [headers.get(HOST).map(HeaderValue::as_bytes), uri.authority().map(|host| host.as_str().as_bytes())];
    let mut authorities = authorities.into_iter().flatten().peekable();
    if authorities.peek().is_none() {
        return Err(Refusal::bad_request("the header Host is missing"));
    }
    if !authorities.all(|authority| is_own_host(access, authority)) {
        return Err(forbidden("this Host is not served here (PUBLIC_URL, BASE_DOMAIN)"));
    }
    if let Some(origin) = headers.get(ORIGIN)
        && !is_own_origin(access, origin)
    {
        return Err(forbidden("this Origin may not call (BRIDGE_ALLOWED_ORIGINS)"));
    }
    if access.require_identity
        && headers.get(HeaderName::from_static(USER_ID)).is_none_or(HeaderValue::is_empty)
    {
        return Err(forbidden("this endpoint is served behind the gateway only"));
    }
    Ok(())
}

pub(super) fn forbidden(message: &str) -> Refusal {
    Refusal::new(StatusCode::FORBIDDEN, INVALID_REQUEST, message)
}

fn is_own_host(access: &AccessSettings, authority: &[u8]) -> bool {
    let authority = Authority::try_from(authority).ok().filter(|authority| !authority.as_str().contains('@'));
    authority.is_some_and(|authority| {
        let is_own = Host::parse(authority.host()).is_ok_and(|host| is_own(access, &host));
        is_own || server_at(&access.layout, authority.host()).is_some()
    })
}

/// The server that the host of a request names, where servers have hosts.
pub(super) fn server_asked(layout: &Layout, request: &Request) -> Option<String> {
    let line = || Authority::try_from(request.headers().get(HOST)?.as_bytes()).ok();
    let authority = request.uri().authority().cloned().or_else(line)?;
    server_at(layout, authority.host())
}

fn server_at(layout: &Layout, host: &str) -> Option<String> {
    match layout {
        Layout::Paths(_) => None,
        Layout::Hosts(domain) => domain.server_at(host),
    }
}

fn is_own_origin(access: &AccessSettings, origin: &HeaderValue) -> bool {
    let Ok(text) = origin.to_str() else { return false };
    let Some(url) = Url::parse(text).ok().filter(|url| url.origin().ascii_serialization() == text) else {
        return false;
    };
    let listed = access.origins.iter().any(|allowed| allowed.as_str() == text);
    listed || url.host().is_some_and(|host| is_own(access, &host.to_owned()))
}

/// Loopback or the issuer's host, with any port.
fn is_own(access: &AccessSettings, host: &Host<String>) -> bool {
    let is_loopback = match host {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    is_loopback || host.to_string() == access.layout.issuer().host()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(require_identity: bool) -> AccessSettings {
        let layout = Layout::Paths("https://gateway.example:8443".parse().unwrap());
        let origins = vec!["https://app.example".parse().unwrap()];
        AccessSettings { layout, origins, require_identity, edge_keys: Vec::new() }
    }

    fn status(require_identity: bool, headers: &[(&str, &str)]) -> u16 {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value);
        }
        let uri = Uri::from_static("/time/mcp");
        allowed(&access(require_identity), &uri, &map)
            .map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
    }

    #[test]
    fn h01_only_own_hosts_are_served() {
        for host in [
            "localhost",
            "LOCALHOST:3000",
            "127.0.0.1:1",
            "127.8.9.1",
            "[::1]:3000",
            "gateway.example",
            "Gateway.Example:8443",
        ] {
            assert_eq!(status(false, &[("host", host)]), 200, "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "gateway.example.evil.example",
            "localhost@evil.example",
            "evil@localhost",
            "10.0.0.1",
            "[::2]",
            "0.0.0.0",
            "",
            "x y",
            "gateway.example.",
        ] {
            assert_eq!(status(false, &[("host", host)]), 403, "{host}");
        }
        assert_eq!(status(false, &[]), 400);
    }

    #[test]
    fn h01_where_servers_have_hosts_those_are_served_and_no_page_may_call_from_them() {
        let layout = Layout::Hosts("gateway.example".parse().unwrap());
        let access = AccessSettings { layout, ..access(false) };
        let status = |headers: &[(&'static str, &'static str)]| {
            let map = headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            allowed(&access, &Uri::from_static("/mcp"), &map.collect())
                .map_or_else(|refusal| refusal.status().as_u16(), |()| 200)
        };
        for host in ["time.gateway.example", "Time.Gateway.Example:443", "auth.gateway.example", "localhost"]
        {
            assert_eq!(status(&[("host", host)]), 200, "{host}");
        }
        for host in ["gateway.example", "a.time.gateway.example", "time.gateway.example.evil.example"] {
            assert_eq!(status(&[("host", host)]), 403, "{host}");
        }
        let from = |origin| status(&[("host", "time.gateway.example"), ("origin", origin)]);
        assert_eq!(from("https://auth.gateway.example"), 200);
        for foreign in
            ["https://wiki.gateway.example", "https://time.gateway.example", "https://gateway.example"]
        {
            assert_eq!(from(foreign), 403, "{foreign}");
        }
    }

    #[test]
    fn h01_only_own_and_listed_origins_may_call() {
        for origin in
            ["http://localhost:6274", "http://127.0.0.1", "https://gateway.example", "https://app.example"]
        {
            assert_eq!(status(false, &[("host", "localhost"), ("origin", origin)]), 200, "{origin}");
        }
        for origin in [
            "null",
            "http://evil.example",
            "http://localhost.evil.example",
            "http://app.example",
            "https://app.example:444",
            "https://app.example.evil.example",
            "file://",
            "localhost",
            "",
            "https://app.example/",
            "\u{e9}",
        ] {
            assert_eq!(status(false, &[("host", "localhost"), ("origin", origin)]), 403, "{origin}");
        }
    }

    #[test]
    fn i03_where_identity_is_required_a_request_without_it_is_refused() {
        assert_eq!(status(true, &[("host", "localhost")]), 403);
        assert_eq!(status(true, &[("host", "localhost"), ("x-user-id", "")]), 403);
        assert_eq!(status(true, &[("host", "localhost"), ("x-user-id", "github:1")]), 200);
    }

    #[test]
    fn headers_that_decide_something_must_not_be_repeated() {
        for name in SINGLE {
            let twice = [("host", "localhost"), (name.as_str(), "localhost"), (name.as_str(), "localhost")];
            assert_eq!(status(false, &twice), 400, "{name}");
        }
    }
}
