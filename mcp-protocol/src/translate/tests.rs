//! Sentence by sentence: what is sent, what arrives.

use super::*;

fn with<T>(text: &str, then: impl FnOnce(&Message<'_>, &Params<'_>) -> T) -> T {
    let message = Message::parse(text.as_bytes()).unwrap();
    then(&message, &Params::of(&message).unwrap())
}

fn sent(params: &str) -> String {
    let text = format!(r#"{{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{params}}}"#);
    let sent = with(&text, |message, params| request(message, params, WireId::new(5)));
    let rest = sent.strip_prefix(r#"{"jsonrpc":"2.0","id":5,"method":"tools/call","params":"#).unwrap();
    rest.strip_suffix('}').unwrap().to_owned()
}

#[test]
fn a_legacy_server_gets_a_request_without_the_modern_members() {
    for (params, expected) in [
        (
            r#"{"name":"t","arguments":{"n":1e400,"requestState":1}}"#,
            r#"{"name":"t","arguments":{"n":1e400,"requestState":1}}"#,
        ),
        (
            r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":"p","traceparent":"00-1"},"name":"t"}"#,
            r#"{"_meta":{"progressToken":5,"traceparent":"00-1"},"name":"t"}"#,
        ),
        (
            r#"{"_meta":{"io.modelcontextprotocol/logLevel":"info","io.modelcontextprotocol/clientInfo":{}},"requestState":"s","arguments":{"b":1.0, "a":2},"inputResponses":{}}"#,
            r#"{"_meta":{},"arguments":{"b":1.0, "a":2}}"#,
        ),
    ] {
        assert_eq!(sent(params), expected);
    }
}

const INFO: &str = r#"{"name":"s","version":"1"}"#;

fn got(rest: &str, is_cacheable: bool) -> String {
    let text = format!(r#"{{"jsonrpc":"2.0","id":5,{rest}}}"#);
    let id = Id::parse("\"c\"").unwrap();
    let got = with(&text, |message, _| answer(message, &id, is_cacheable, INFO));
    let rest = got.strip_prefix(r#"{"jsonrpc":"2.0","id":"c","#).unwrap();
    rest.strip_suffix('}').unwrap().to_owned()
}

#[test]
fn a_modern_client_gets_a_complete_result_that_nobody_keeps() {
    let meta = r#""io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}"#;
    for (rest, is_cacheable, expected) in [
        (r#""result":{}"#, false, format!(r#""result":{{"resultType":"complete","_meta":{{{meta}}}}}"#)),
        (
            r#""result":{"tools":[],"_meta":{"x":1}}"#,
            true,
            format!(
                r#""result":{{"resultType":"complete","ttlMs":0,"cacheScope":"private","tools":[],"_meta":{{{meta},"x":1}}}}"#
            ),
        ),
        (
            r#""result":{"resultType":"task","ttlMs":9,"n":1e400,"_meta":{}}"#,
            true,
            format!(
                r#""result":{{"cacheScope":"private","resultType":"task","ttlMs":9,"n":1e400,"_meta":{{{meta}}}}}"#
            ),
        ),
        (r#""result":7"#, true, r#""result":7"#.to_owned()),
    ] {
        assert_eq!(got(rest, is_cacheable), expected);
    }
}

#[test]
fn errors_have_the_codes_of_today() {
    let error = |code: &str| format!(r#""error":{{"code":{code},"message":"m","data":{{"code":-32002}}}}"#);
    assert_eq!(got(&error("-32002"), true), error("-32602"));
    assert_eq!(got(&error("-32601"), true), error("-32601"));
    let text = format!(r#"{{"jsonrpc":"2.0","id":1,{}}}"#, error("-32601"));
    assert_eq!(with(&text, |message, _| error_code(message)), Some(-32601));
}

#[test]
fn discovery_says_what_the_server_said_at_its_beginning() {
    let text = r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-11-25","capabilities":{"tools":{"listChanged":true},"logging":{}},"serverInfo":{"name":"s","version":"1"},"instructions":"do"}}"#;
    let introduction = with(text, |message, _| Introduction::read(message)).unwrap();
    assert!(introduction.declares("logging") && !introduction.declares("resources"));
    assert!(
        introduction.declares_detail("tools", "listChanged") && !introduction.declares_detail("tools", "x")
    );
    assert_eq!(
        introduction.discover_answer(&Id::parse("9").unwrap()),
        r#"{"jsonrpc":"2.0","id":9,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{"listChanged":true},"logging":{}},"instructions":"do","ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}}}"#
    );
}

#[test]
fn a_server_is_modern_when_it_offers_a_modern_revision() {
    for (result, expected) in [
        (r#"{"supportedVersions":["2099-01-01","2026-07-28"]}"#, true),
        (r#"{"supportedVersions":["2025-11-25"]}"#, false),
        ("{}", false),
        ("[]", false),
        (r#"{"supportedVersions":"2026-07-28"}"#, false),
    ] {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        assert_eq!(with(&text, |message, _| offers_modern(message)), expected, "{result}");
    }
    let asked = discover(WireId::new(0));
    assert!(with(&asked, |message, params| {
        message.method() == Some("server/discover")
            && params.meta.protocol_version.as_deref() == Some("2026-07-28")
            && crate::capabilities::RequestMeta::read(params).is_ok()
    }));
}
