//! Requests as bytes, as clients and browsers send them.

use url::form_urlencoded::Serializer;

use crate::tokens::{ISSUER, PATH, SCOPE};

/// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT_URI: &str = "https://client.example/callback";

/// `pairs`, form-encoded.
pub(super) fn form(pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A GET of a browser with `cookie`, empty for none.
pub(super) fn get(host: &str, target: &str, cookie: &str) -> Vec<u8> {
    let cookie = if cookie.is_empty() { String::new() } else { format!("cookie: {cookie}\r\n") };
    format!("GET {target} HTTP/1.1\r\nhost: {host}\r\naccept: text/html\r\n{cookie}\r\n").into_bytes()
}

/// A form that a browser with `cookie` sends from a page of `host`.
pub(super) fn submit(host: &str, target: &str, cookie: &str, pairs: &[(&str, &str)]) -> Vec<u8> {
    let more = format!("origin: http://{host}\r\nsec-fetch-site: same-origin\r\ncookie: {cookie}\r\n");
    post(host, target, "application/x-www-form-urlencoded", &more, &form(pairs))
}

/// A form that a client sends.
pub(super) fn ask(host: &str, target: &str, pairs: &[(&str, &str)]) -> Vec<u8> {
    post(host, target, "application/x-www-form-urlencoded", "", &form(pairs))
}

fn post(host: &str, target: &str, media_type: &str, more: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "POST {target} HTTP/1.1\r\nhost: {host}\r\naccept: application/json\r\ncontent-type: {media_type}\r\n\
         content-length: {length}\r\n{more}\r\n{body}"
    )
    .into_bytes()
}

/// The registration of a public client.
pub(super) fn registration(host: &str, target: &str) -> Vec<u8> {
    let body = serde_json::json!({
        "client_name": "Bench",
        "redirect_uris": [REDIRECT_URI],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    });
    post(host, target, "application/json", "", &body.to_string())
}

/// The query of an authorization request.
pub(super) fn authorization(client: &str) -> String {
    form(&[
        ("response_type", "code"),
        ("client_id", client),
        ("redirect_uri", REDIRECT_URI),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("resource", &format!("{ISSUER}{PATH}")),
        ("scope", SCOPE),
        ("state", "af0ifjsldkj"),
    ])
}

/// The exchange of a code.
pub(super) fn exchange(host: &str, target: &str, client: &str, code: &str) -> Vec<u8> {
    let resource = format!("{ISSUER}{PATH}");
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
        ("client_id", client),
        ("resource", &resource),
    ];
    ask(host, target, &pairs)
}

/// The trade of a refresh token.
pub(super) fn refresh(host: &str, target: &str, client: &str, token: &str) -> Vec<u8> {
    let resource = format!("{ISSUER}{PATH}");
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("client_id", client),
        ("resource", &resource),
    ];
    ask(host, target, &pairs)
}
