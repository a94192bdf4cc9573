use super::*;

fn uri(text: &str) -> RedirectUri {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_redirect_uris_of_real_clients_are_accepted() {
    let cases = [
        ("https://claude.ai/api/mcp/auth_callback", RedirectKind::Https, "claude.ai"),
        ("https://vscode.dev/redirect", RedirectKind::Https, "vscode.dev"),
        ("https://app.example:8443/cb?tenant=1", RedirectKind::Https, "app.example"),
        ("http://localhost:3118/callback", RedirectKind::Loopback, "localhost"),
        ("http://127.0.0.1/", RedirectKind::Loopback, "127.0.0.1"),
        ("http://127.0.0.1:6276/oauth/callback", RedirectKind::Loopback, "127.0.0.1"),
        ("http://[::1]:9/cb", RedirectKind::Loopback, "[::1]"),
        ("cursor://anysphere.cursor-mcp/oauth/callback", RedirectKind::PrivateUse, "cursor:"),
        ("com.example.app:/cb", RedirectKind::PrivateUse, "com.example.app:"),
    ];
    for (text, kind, destination) in cases {
        assert_eq!((uri(text).kind(), uri(text).destination()), (kind, destination), "{text}");
    }
}

#[test]
fn d_03_no_code_can_be_sent_to_a_dangerous_uri() {
    use RedirectUriError::{Fragment, InsecureHost, Malformed, ReservedQuery, Scheme, UserInfo, Wildcard};
    let cases = [
        ("javascript:alert(1)", Scheme),
        ("JavaScript:alert(1)", Scheme),
        ("data:text/html,hi", Scheme),
        ("vbscript:x", Scheme),
        ("file:///etc/passwd", Scheme),
        ("blob:https://a/b", Scheme),
        ("about:blank", Scheme),
        ("ms-msdt:x", Scheme),
        ("ftp://app.example/", Scheme),
        ("http://app.example/cb", InsecureHost),
        ("http://0.0.0.0/cb", InsecureHost),
        ("http://127.1/cb", InsecureHost),
        ("http://2130706433/cb", InsecureHost),
        ("http://127.0.0.1.evil.example/cb", InsecureHost),
        ("http://localhost.evil.example/cb", InsecureHost),
        ("http://localhost:99999/cb", Malformed),
        ("http://localhost@evil.example/cb", UserInfo),
        ("https://good@evil.example/cb", UserInfo),
        ("https://*.app.example/cb", Wildcard),
        ("https://app.example/cb#x", Fragment),
        ("https://app.example\\@evil.example/cb", Malformed),
        ("https:/app.example/cb", Malformed),
        ("https:///app.example/cb", Malformed),
        ("HTTPS://app.example/cb", Malformed),
        ("https://App.example/cb", Malformed),
        ("https://äpp.example/cb", Malformed),
        ("https://app.example/a b", Malformed),
        ("https://app.example/cb?iss=x", ReservedQuery),
        ("https://app.example/cb?a=1&c%6Fde=x", ReservedQuery),
        ("/cb", Malformed),
        ("app.example/cb", Malformed),
        ("", Malformed),
    ];
    for (text, reason) in cases {
        assert_eq!(text.parse::<RedirectUri>(), Err(reason), "{text}");
    }
    let long = format!("https://app.example/{}", "a".repeat(RedirectUri::MAX_LENGTH));
    assert_eq!(long.parse::<RedirectUri>(), Err(Malformed));
}

#[test]
fn a_03_the_port_of_a_loopback_uri_is_free_and_nothing_else_is() {
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        let registered = uri(&format!("http://{host}/cb?x=1"));
        assert!(uri(&format!("http://{host}:50123/cb?x=1")).is_covered_by(&registered), "{host}");
        let with_port = uri(&format!("http://{host}:1/cb"));
        assert!(uri(&format!("http://{host}:2/cb")).is_covered_by(&with_port));
        for other in ["/cb", "/cb?x=2", "/Cb?x=1", "/cb/?x=1", "/a/../cb?x=1", "/%63b?x=1"] {
            assert!(!uri(&format!("http://{host}:5{other}")).is_covered_by(&registered), "{host}{other}");
        }
    }
    assert!(!uri("http://127.0.0.1/cb").is_covered_by(&uri("http://localhost/cb")));
}

#[test]
fn a_02_every_other_uri_is_compared_byte_for_byte() {
    let registered = uri("https://app.example/cb");
    assert!(uri("https://app.example/cb").is_covered_by(&registered));
    for other in [
        "https://app.example/cb/",
        "https://app.example/cb?x=1",
        "https://app.example/CB",
        "https://app.example:8443/cb",
        "https://app.example/x/../cb",
        "https://app.example/%63b",
        "https://app.example/%2563b",
        "https://app.example.evil.example/cb",
    ] {
        assert!(!uri(other).is_covered_by(&registered), "{other}");
    }
}

#[test]
fn parameters_are_added_to_what_is_there() {
    let parameters = [("code", "a b&c"), ("iss", "https://gw.example")];
    assert_eq!(
        uri("https://app.example/cb?x=1").with_query(&parameters),
        "https://app.example/cb?x=1&code=a%20b%26c&iss=https%3A%2F%2Fgw.example"
    );
    assert!(uri("cursor://x/cb").with_query(&parameters).starts_with("cursor://x/cb?code=a%20b%26c"));
}

#[test]
fn a_policy_names_the_narrowest_source_it_can() {
    let cases = [
        ("https://app.example:8443/cb?x=1", "https://app.example:8443"),
        ("http://localhost:33418/", "http://localhost:33418"),
        ("http://127.0.0.1?x", "http://127.0.0.1"),
        ("http://[::1]:7/cb", "http:"),
        ("cursor://x/cb", "cursor:"),
    ];
    for (text, source) in cases {
        assert_eq!(uri(text).csp_source(), source, "{text}");
    }
}
