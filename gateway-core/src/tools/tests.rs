use super::*;
use crate::resource::ResourceUri;

fn resource() -> Resource {
    let uri = ResourceUri::parse("https://gw.example/time/mcp").unwrap();
    Resource { uri, scope: "mcp:time".parse().unwrap(), compares_headers: true }
}

fn allowed(scopes: &str) -> Option<Allowed> {
    Allowed::of(&ScopeSet::parse(scopes), &resource())
}

/// What becomes of a request with a token for the tool `now`: the status of the refusal, or what else.
fn judge(headers: &[(&str, &str)], body: Option<&str>) -> Result<&'static str, (u16, String)> {
    let all = [(":path", "/time/mcp"), (":method", "POST")].iter().chain(headers);
    let request = Request::read(all.map(|(name, value)| (*name, value.as_bytes()))).unwrap();
    let allowed = allowed("mcp:time:now mcp:fetch").unwrap();
    match allowed.judge(&request, body.map(str::as_bytes), &resource()) {
        Judgement::Allowed => Ok("allowed"),
        Judgement::NeedsBody => Ok("needs its body"),
        Judgement::Refused(reply) => Err((reply.status, reply.body)),
    }
}

fn call(name: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{name}"}}}}"#)
}

const MODERN: (&str, &str) = ("mcp-protocol-version", "2026-07-28");

#[test]
fn only_the_tools_of_this_server_count() {
    assert!(allowed("mcp:time:now").unwrap().may_call("now"));
    assert!(!allowed("mcp:time:now").unwrap().may_call("nowhere"));
    assert!(!allowed("mcp:time:now").unwrap().may_call("Now"));
    for scopes in ["", "mcp:fetch", "mcp:fetch:now", "openid"] {
        assert!(allowed(scopes).is_none(), "{scopes}");
    }
}

#[test]
fn a_legacy_request_is_decided_by_its_body_whatever_its_headers_say() {
    for headers in [
        &[][..],
        &[("mcp-method", "tools/call"), ("mcp-name", "now")],
        &[("mcp-protocol-version", "2025-11-25"), ("mcp-method", "tools/list")],
        // H-03: with a session it belongs to the legacy era, where nobody compares header and body.
        &[MODERN, ("mcp-session-id", "s"), ("mcp-method", "tools/list")],
    ] {
        assert_eq!(judge(headers, None), Ok("needs its body"), "{headers:?}");
    }
    assert_eq!(judge(&[], Some(&call("now"))), Ok("allowed"));
    assert_eq!(judge(&[], Some(&call("set"))).unwrap_err().0, 403);
}

#[test]
fn a_modern_request_is_decided_by_its_headers() {
    let with = |method, name: Option<&'static str>| {
        let name = name.map(|name| ("mcp-name", name));
        let headers: Vec<_> =
            [Some(MODERN), Some(("mcp-method", method)), name].into_iter().flatten().collect();
        judge(&headers, None)
    };
    assert_eq!(with("tools/call", Some("now")), Ok("allowed"));
    assert_eq!(with("tools/call", Some("=?base64?bm93?=")), Ok("allowed"));
    assert_eq!(with("tools/list", None), Ok("allowed"));
    assert_eq!(with("tools/call", Some("set")).unwrap_err().0, 403);
    assert_eq!(with("tools/call", Some("=?base64?c2V0?=")).unwrap_err().0, 403);
    assert_eq!(with("tools/call", None).unwrap_err().0, 400);
    assert_eq!(with("resources/read", Some("file:///x")).unwrap_err().0, 403);
}

#[test]
fn h_03_in_front_of_a_server_that_does_not_compare_them_no_header_counts() {
    let resource = Resource { compares_headers: false, ..resource() };
    let headers = [(":method", "POST"), MODERN, ("mcp-method", "tools/list")];
    let request = Request::read(headers.map(|(name, value)| (name, value.as_bytes()))).unwrap();
    let judgement = allowed("mcp:time:now").unwrap().judge(&request, None, &resource);
    assert_eq!(judgement, Judgement::NeedsBody);
}

#[test]
fn what_every_client_needs_is_allowed_and_what_reads_or_writes_beyond_a_tool_is_not() {
    let method = |method: &str, params: &str| {
        judge(&[], Some(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)))
    };
    for plumbing in ["initialize", "ping", "tools/list", "prompts/list", "resources/list", "logging/setLevel"]
    {
        assert_eq!(method(plumbing, "{}"), Ok("allowed"), "{plumbing}");
    }
    for (beyond, params) in [
        ("prompts/get", r#"{"name":"now"}"#),
        ("resources/read", r#"{"uri":"x://y"}"#),
        ("resources/subscribe", r#"{"uri":"x://y"}"#),
        ("completion/complete", "{}"),
        ("tasks/get", "{}"),
        ("no/such/method", "{}"),
    ] {
        let (status, body) = method(beyond, params).unwrap_err();
        assert_eq!(status, 403, "{beyond}");
        assert!(body.contains(r#""scope":"mcp:time""#), "{body}");
    }
    assert_eq!(judge(&[], Some(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#)), Ok("allowed"));
    assert_eq!(judge(&[], Some(r#"{"jsonrpc":"2.0","id":0,"result":{"roots":[]}}"#)), Ok("allowed"));
}

#[test]
fn a_refusal_names_the_scope_that_is_needed_and_answers_the_request_it_refuses() {
    let (_, body) = judge(&[], Some(&call("set"))).unwrap_err();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["id"], &body["error"]["code"]), (&7.into(), &403.into()));
    assert_eq!(body["error"]["data"]["scope"], "mcp:time:set");
    let (_, odd) = judge(&[], Some(&call("not a scope token"))).unwrap_err();
    assert!(odd.contains(r#""scope":"mcp:time""#), "{odd}");
}

#[test]
fn h_04_whatever_two_readers_could_take_differently_is_refused_before_it_is_forwarded() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"now","name":"set"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","method":"tools/call","params":{"name":"set"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"now","Name":"set"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"now","n\u0061me":"set"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","Method":"x","params":{"name":"now"}}"#,
        r#"[{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"now"}}]"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}{"jsonrpc":"2.0","id":1,"method":"x"}"#,
        "",
        "null",
    ] {
        assert_eq!(judge(&[], Some(body)).unwrap_err().0, 400, "{body}");
    }
}

#[test]
fn a_stream_and_the_end_of_a_session_need_no_body() {
    for method in ["GET", "DELETE"] {
        let request = [(":path", "/time/mcp"), (":method", method)];
        let request = Request::read(request.map(|(name, value)| (name, value.as_bytes()))).unwrap();
        let judgement = allowed("mcp:time:now").unwrap().judge(&request, None, &resource());
        assert_eq!(judgement, Judgement::Allowed, "{method}");
    }
}

const LIST: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"now"},{"name":"set"}],"big":123456789012345678901}}"#;
const SHORT: &str =
    r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"now"}],"big":123456789012345678901}}"#;

fn narrowing(content_type: &str) -> Narrowing {
    Narrowing::of(Some(content_type.as_bytes()), None).unwrap()
}

#[test]
fn a_list_of_tools_loses_those_that_may_not_be_called_in_both_forms_of_an_answer() {
    let allowed = allowed("mcp:time:now").unwrap();
    let mut json = narrowing("application/json; charset=utf-8");
    assert_eq!(json.push(&LIST.as_bytes()[..20], false, &allowed), Ok(Narrowed::Held));
    assert_eq!(json.push(LIST.as_bytes(), true, &allowed), Ok(Narrowed::Changed(SHORT.as_bytes().to_vec())));

    let mut stream = narrowing("text/event-stream");
    let event = format!("event: message\ndata: {LIST}\n\n");
    let (head, tail) = event.split_at(30);
    let Ok(Narrowed::Changed(first)) = stream.push(head.as_bytes(), false, &allowed) else { panic!() };
    let Ok(Narrowed::Changed(second)) = stream.push(tail.as_bytes(), true, &allowed) else { panic!() };
    let text = String::from_utf8([first, second].concat()).unwrap();
    assert!(text.contains(SHORT) && !text.contains("set"), "{text}");
}

#[test]
fn an_answer_that_cannot_be_read_does_not_pass() {
    let allowed = allowed("mcp:time:now").unwrap();
    assert!(Narrowing::of(Some(b"application/json"), Some(b"gzip")).is_err());
    let twice = LIST.replace(r#""big""#, r#""tools""#);
    assert!(narrowing("application/json").push(twice.as_bytes(), true, &allowed).is_err());
    assert!(matches!(Narrowing::of(Some(b"text/html"), None), Ok(Narrowing::Untouched)));
}
