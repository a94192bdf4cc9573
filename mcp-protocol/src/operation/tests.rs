//! What is asked for, and what nobody can say for sure.

use super::*;

const MODERN: Option<&[u8]> = Some(b"2026-07-28");

fn by_headers(method: &str, name: &[u8]) -> Result<Option<Operation<'static>>, Ambiguous> {
    of_headers(MODERN, Some(method.as_bytes()), Some(name))
}

fn call(name: &str) -> Operation<'static> {
    Operation::CallTool(name.to_owned().into())
}

/// A request with these members beside `jsonrpc` and `id`.
fn body(members: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,{members}}}"#)
}

fn refusal(body: impl AsRef<[u8]>) -> Ambiguous {
    match of_body(body.as_ref()) {
        Ok(ask) => panic!("{} was read as {ask:?}", String::from_utf8_lossy(body.as_ref())),
        Err(error) => error,
    }
}

#[test]
fn every_method_has_its_operation_in_headers_and_bodies() {
    for (method, expected) in [
        ("tools/call", call("x")),
        ("prompts/get", Operation::GetPrompt("x".into())),
        ("resources/read", Operation::ReadResource("y".into())),
        ("tools/list", Operation::ListTools),
        ("initialize", Operation::Plumbing),
        ("ping", Operation::Plumbing),
        ("server/discover", Operation::Plumbing),
        ("logging/setLevel", Operation::Plumbing),
        ("subscriptions/listen", Operation::Plumbing),
        ("prompts/list", Operation::Plumbing),
        ("resources/list", Operation::Plumbing),
        ("resources/templates/list", Operation::Plumbing),
        ("notifications/initialized", Operation::Plumbing),
        ("notifications/com.example/x", Operation::Plumbing),
        ("notifications", Operation::Other),
        ("resources/subscribe", Operation::Other),
        ("completion/complete", Operation::Other),
        ("tasks/get", Operation::Other),
        ("Tools/List", Operation::Other),
    ] {
        let body = body(&format!(r#""method":"{method}","params":{{"name":"x","uri":"y"}}"#));
        let ask = of_body(body.as_bytes()).unwrap();
        assert_eq!(ask.operation, expected, "{method}");
        assert_eq!(ask.method.as_deref(), Some(method));
        let name = if method == "resources/read" { b"y" } else { b"x" };
        assert_eq!(by_headers(method, name), Ok(Some(expected)), "{method}");
    }
}

#[test]
fn what_an_answer_repeats_is_there() {
    let ask = of_body(br#"{"jsonrpc":"2.0","id":"\u0061","method":"ping"}"#).unwrap();
    assert_eq!(ask.id.unwrap().as_raw(), r#""\u0061""#);
    let notification = of_body(br#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"x"}}"#).unwrap();
    assert_eq!((notification.operation, notification.id), (call("x"), None));
    for response in [r#""result":{}"#, r#""result":{"method":"tools/call"}"#, r#""error":{"code":1}"#] {
        let body = body(response);
        let ask = of_body(body.as_bytes()).unwrap();
        assert_eq!((ask.operation, ask.id, ask.method), (Operation::Plumbing, None, None));
    }
    let meta = r#"{"io.modelcontextprotocol\/protocolVersion":"2026-07-28"}"#;
    let body = body(&format!(r#""method":"tools\/list","params":{{"_meta":{meta}}}"#));
    let ask = of_body(body.as_bytes()).unwrap();
    assert_eq!((ask.operation, ask.version.as_deref()), (Operation::ListTools, Some("2026-07-28")));
}

#[test]
fn h03_headers_prove_nothing_without_a_modern_version() {
    let versions: [Option<&[u8]>; 10] = [
        None,
        Some(b""),
        Some(b"2025-11-25"),
        Some(b"2025-03-26"),
        Some(b"2026-07-27"),
        Some(b"2099-01-01"),
        Some(b"2026-07-28 "),
        Some(b"2026-07-28, 2026-07-28"),
        Some(b"2026-07-28\0"),
        Some(b"2026-07-28\xff"),
    ];
    for version in versions {
        for (method, name) in [(Some(b"tools/call".as_slice()), Some(b"x".as_slice())), (None, None)] {
            assert_eq!(of_headers(version, method, name), Ok(None), "{version:?}");
        }
    }
}

#[test]
fn h03_a_modern_request_without_proper_headers_is_refused() {
    assert_eq!(of_headers(MODERN, None, Some(b"x")), Err(Ambiguous::MethodHeader));
    let list = "tools/list".as_bytes();
    assert_eq!(of_headers(MODERN, Some(list), None), Ok(Some(Operation::ListTools)));
    for method in ["", " tools/list", "tools/list ", "tools/list,tools/call", "tools/list\0", "tools/lïst"] {
        assert_eq!(by_headers(method, b"x"), Err(Ambiguous::MethodHeader), "{method}");
    }
    assert_eq!(by_headers("=?base64?dG9vbHMvbGlzdA==?=", b"x"), Err(Ambiguous::MethodHeader));
    for method in ["tools/call", "prompts/get", "resources/read"] {
        assert_eq!(of_headers(MODERN, Some(method.as_bytes()), None), Err(Ambiguous::NameHeader));
        for name in [b"".as_slice(), b" x", b"x ", b"x\ty", b"x\r\ny", b"x\0", b"\xff", "é".as_bytes()] {
            assert_eq!(by_headers(method, name), Err(Ambiguous::NameHeader), "{name:?}");
        }
    }
    assert_eq!(Ambiguous::NameHeader.code(), -32020);
}

#[test]
fn h03_encoded_names_are_decoded_or_refused() {
    for (name, expected) in [
        ("x y", "x y"),
        ("x?=", "x?="),
        ("a=?base64?eA==?=", "a=?base64?eA==?="),
        ("=?base64?eA==?=", "x"),
        ("=?base64?w6k=?=", "é"),
        ("=?base64?IHgg?=", " x "),
    ] {
        assert_eq!(by_headers("tools/call", name.as_bytes()), Ok(Some(call(expected))), "{name}");
    }
    for name in [
        "=?base64??=",
        "=?base64?=",
        "=?base64?eA==",
        "=?base64?eA==?= ?=",
        "=?base64?eA?=",
        "=?base64?eB==?=",
        "=?base64?e A=?=",
        "=?base64?_-8=?=",
        "=?base64?gA==?=",
        "=?base64?eAo=?=",
        "=?base64?eAA=?=",
        "=?BASE64?eA==?=",
        "=?Base64?eA==?=",
        "=?utf-8?B?eA==?=",
        // "=?base64?eA==?=" once more
        "=?base64?PT9iYXNlNjQ/ZUE9PT89?=",
    ] {
        assert_eq!(by_headers("tools/call", name.as_bytes()), Err(Ambiguous::NameEncoding), "{name}");
    }
}

#[test]
fn h04_what_stands_twice_is_refused_wherever_it_matters() {
    use ParseError::{Duplicate, Repeated};
    let message = Ambiguous::Message;
    let params = |error| Ambiguous::Params(ParamsError::Ambiguous(error));
    for (members, expected) in [
        (r#""method":"a","method":"b""#, message(Duplicate("method"))),
        (r#""method":"a","\u006dethod":"b""#, message(Duplicate("method"))),
        (r#""method":"a","x":1,"x":1"#, message(Repeated)),
        (r#""method":"a","x":1,"\u0078":1"#, message(Repeated)),
        (r#""method":"a","params":{"name":"a","name":"a"}"#, params(Duplicate("name"))),
        (r#""method":"a","params":{"uri":"a","ur\u0069":"a"}"#, params(Duplicate("uri"))),
        (r#""method":"a","params":{"arguments":{},"arguments":{}}"#, params(Repeated)),
        (r#""method":"a","params":{"é":{},"\u00e9":{}}"#, params(Repeated)),
        (r#""method":"a","params":{"_meta":{},"_meta":{}}"#, params(Duplicate("_meta"))),
        (r#""method":"a","params":{"_meta":{"x/y":1,"x\/y":2}}"#, params(Repeated)),
    ] {
        assert_eq!(refusal(body(members)), expected, "{members}");
    }
}

#[test]
fn h04_what_only_looks_like_a_member_that_matters_is_refused() {
    for members in [
        r#""method":"a","Method":"b""#,
        r#""method":"a","JSONRPC":"2.0""#,
        r#""method":"a","Id":2"#,
        r#""method":"a","paramſ":{"name":"x"}"#,
        r#""method":"a","\u0130d":2"#,
        r#""method":"a","method\u0000":"b""#,
        r#""method":"a","Result":{}"#,
        r#""method":"a","eRROR":{}"#,
        r#""m\u0065thod":"a""#,
        r#""method":"a","param\u0073":{}"#,
        r#""method":"a","params":{"Name":"x"}"#,
        r#""method":"a","params":{"name":"x","NAME":"y"}"#,
        r#""method":"a","params":{"n\u0061me":"x"}"#,
        r#""method":"a","params":{"name":"x","name\u0000y":"z"}"#,
        r#""method":"a","params":{"URI":"x"}"#,
        r#""method":"a","params":{"urı":"x"}"#,
        r#""method":"a","params":{"_META":{}}"#,
        "\"method\":\"a\",\"params\":{\"progressTo\u{212a}en\":1}",
        r#""method":"a","params":{"_meta":{"io.modelcontextprotocol/ProtocolVersion":"x"}}"#,
    ] {
        let error = refusal(body(members));
        assert!(matches!(error.code(), INVALID_REQUEST | INVALID_PARAMS), "{members} gave {error:?}");
    }
    // Below that, and in values, escapes and cases are nobody's business.
    let fine = r#""method":"tools\/call","n\u00e4me":1,"params":{"name":"\u0078","arguments":{"Name":1,"n\u0061me":2}}"#;
    assert_eq!(of_body(body(fine).as_bytes()).unwrap().operation, call("x"));
}

#[test]
fn h04_what_is_not_one_message_is_refused() {
    let one = body(r#""method":"ping""#);
    for text in [
        String::new(),
        format!("[{one}]"),
        format!("{one}{one}"),
        format!("{one}\0"),
        format!("{one},"),
        format!("\u{feff}{one}"),
        body(r#""method":"ping","params":{"x":NaN}"#),
        body(r#""method":"ping","params":{"x":01}"#),
        body(r#""method":"ping","params":{"x":[1,]}"#),
        body(r#""method":"ping","params":[]"#),
        body(r#""method":"ping","params":"{}""#),
        body(r#""method":"ping","params":{"_meta":[]}"#),
        body(r#""method":"ping","params":{"name":1}"#),
        body(r#""method":"ping","params":{"\ud800":1}"#),
        body("\"method\":\"a\nb\""),
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#.to_owned(),
        r#"{"id":1,"method":"ping"}"#.to_owned(),
    ] {
        refusal(text);
    }
    refusal(b"{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}");
    refusal(one.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>());
    // Numbers of any size are nobody's business.
    assert!(of_body(body(r#""method":"ping","params":{"x":1e400}"#).as_bytes()).is_ok());
}

#[test]
fn h04_a_call_without_a_name_is_refused() {
    for (method, params, name) in [
        ("tools/call", "{}", "name"),
        ("tools/call", "null", "name"),
        ("tools/call", r#"{"uri":"x"}"#, "name"),
        ("tools/call", r#"{"name":""}"#, "name"),
        ("tools/call", r#"{"name":"x\u0000y"}"#, "name"),
        ("prompts/get", r#"{"name":"x\n"}"#, "name"),
        ("resources/read", r#"{"name":"x"}"#, "uri"),
    ] {
        let text = body(&format!(r#""method":"{method}","params":{params}"#));
        assert_eq!(refusal(text), Ambiguous::Parameter(name), "{method} {params}");
    }
    for value in ["null", "1", "[\"x\"]", "{}", "true", "\"\\ud800\""] {
        let text = body(&format!(r#""method":"tools/call","params":{{"name":{value}}}"#));
        assert_eq!(refusal(text), Ambiguous::Params(ParamsError::Type("name")), "{value}");
    }
    assert_eq!(refusal(body(r#""method":"tools/call""#)), Ambiguous::Parameter("name"));
}

#[test]
fn h04_deep_nesting_is_refused_and_costs_no_stack() {
    let nested = |levels: usize| {
        let inner = "[".repeat(levels) + "\"]\\\"[\"" + &"]".repeat(levels);
        body(&format!(r#""method":"ping","params":{{"x":{inner}}}"#))
    };
    assert!(of_body(nested(DEEPEST - 2).as_bytes()).is_ok());
    assert!(serde_json::from_str::<serde_json::Value>(&nested(DEEPEST - 2)).is_ok());
    assert_eq!(refusal(nested(DEEPEST - 1)), Ambiguous::Depth);
    assert_eq!(refusal(nested(200_000)), Ambiguous::Depth);
}

#[test]
fn h04_many_keys_cost_no_more_than_sorting_them() {
    let keys: Vec<String> = (0..100_000).map(|n| format!("\"{n}\":0")).collect();
    let text = body(&format!(r#""method":"ping","params":{{{}}}"#, keys.join(",")));
    assert!(of_body(text.as_bytes()).is_ok());
}

#[test]
fn h04_no_reason_repeats_what_the_client_sent() {
    for text in
        [r#"{"SECRET":1,"SECRET":1}"#, r#"{"jsonrpc":"2.0","method":"SECRET","params":{"Name":"SECRET"}}"#]
    {
        assert!(!format!("{0} {0:?}", refusal(text)).contains("SECRET"));
    }
}
