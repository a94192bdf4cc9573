//! What is taken out of answers, and which answers are none.

use super::*;

fn narrow(body: &str) -> Result<Option<String>, NotAnAnswer> {
    let narrowed = narrow_json(body.as_bytes(), |name| name == "a")?;
    Ok(narrowed.map(|body| String::from_utf8(body).unwrap()))
}

/// An answer with these members in `result`.
fn answer(members: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{members}}}}}"#)
}

fn stream(text: &str) -> Result<String, NotAnAnswer> {
    let out = SseNarrower::new(1000).push(text.as_bytes(), true, |name| name == "a")?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn h04_tools_that_are_not_allowed_are_gone_and_nothing_else_changes() {
    let before = " {\"x\":1e400, \"id\" : 123456789012345678901234567890,\"jsonrpc\":\"2.0\",\n\"result\":{\"z\":\"\\u00e9\",\"tools\" : [ {\"name\":\"a\" , \"n\":1.10},\n{\"name\":\"b\"}, {\"description\":\"a\",\"name\":\"\\u0061\"} ] ,\"nextCursor\":\"[\",\"_meta\":{\"tools\":[{\"name\":\"b\"}]}}}\r\n";
    let after = " {\"x\":1e400, \"id\" : 123456789012345678901234567890,\"jsonrpc\":\"2.0\",\n\"result\":{\"z\":\"\\u00e9\",\"tools\" : [{\"name\":\"a\" , \"n\":1.10},{\"description\":\"a\",\"name\":\"\\u0061\"}] ,\"nextCursor\":\"[\",\"_meta\":{\"tools\":[{\"name\":\"b\"}]}}}\r\n";
    assert_eq!(narrow(before).as_ref().map(Option::as_deref), Ok(Some(after)));
    assert_eq!(narrow(after), Ok(None));
}

#[test]
fn h04_tools_whose_name_is_in_doubt_are_gone() {
    for tool in [
        r#"{"name":"b"}"#,
        r#"{"name":"A"}"#,
        r#"{"name":"a","name":"a"}"#,
        r#"{"name":"a","n\u0061me":"b"}"#,
        r#"{"name":"a","Name":"b"}"#,
        r#"{"name":"a","name\u0000":"b"}"#,
        r#"{"Name":"a"}"#,
        r#"{"title":"a"}"#,
        r#"{"name":["a"]}"#,
        r#"{"name":null}"#,
        r#"{"name":"\ud800"}"#,
        r#"[{"name":"a"}]"#,
        r#""a""#,
        "null",
        "{}",
    ] {
        let body = answer(&format!(r#""tools":[{tool},{{"name":"a"}},{tool}]"#));
        assert_eq!(narrow(&body), Ok(Some(answer(r#""tools":[{"name":"a"}]"#))), "{tool}");
        assert_eq!(narrow(&answer(&format!(r#""tools":[{tool}]"#))), Ok(Some(answer(r#""tools":[]"#))));
    }
}

#[test]
fn other_messages_pass() {
    for body in [
        answer(""),
        answer(r#""tools":[]"#),
        answer(r#""tools":null"#),
        answer(r#""tools":[{"name":"a"}]"#),
        answer(r#""content":[{"tools":[{"name":"b"}]}]"#),
        r#"{"jsonrpc":"2.0","id":1,"result":["tools"]}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"x","tools":[{"name":"b"}]}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"x"}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"tools":[{"name":"b"}]}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":0,"method":"roots/list"}"#.to_owned(),
    ] {
        assert_eq!(narrow(&body), Ok(None), "{body}");
    }
}

#[test]
fn h04_an_ambiguous_answer_is_an_error() {
    for body in [
        answer(r#""tools":[],"tools":[{"name":"b"}]"#),
        answer(r#""tools":[],"tool\u0073":[{"name":"b"}]"#),
        answer(r#""tools":[],"Tools":[{"name":"b"}]"#),
        answer(r#""Tools":[{"name":"b"}]"#),
        answer(r#""toolſ":[{"name":"b"}]"#),
        answer(r#""tools":{"0":{"name":"b"}}"#),
        answer(r#""tools":"b""#),
        answer(r#""tools":[{"name":"b"}],"x":NaN"#),
        r#"{"jsonrpc":"2.0","id":1,"result":{},"result":{}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"result":{},"Result":{}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"error":{},"result":{}}"#.to_owned(),
        r#"{"jsonrpc":"2.0","id":1,"method":"x","result":{}}"#.to_owned(),
        format!("[{}]", answer(r#""tools":[{"name":"b"}]"#)),
        format!("{0}{0}", answer("")),
        format!("\u{feff}{}", answer("")),
        r#"{"tools":[{"name":"b"}]}"#.to_owned(),
        "<html>".to_owned(),
        String::new(),
    ] {
        assert!(narrow(&body).is_err(), "{body}");
    }
    assert!(narrow_json(b"\xff", |_| true).is_err());
}

#[test]
fn h12_events_are_narrowed_one_by_one() {
    let (all, few) = (answer(r#""tools":[{"name":"b"},{"name":"a"}]"#), answer(r#""tools":[{"name":"a"}]"#));
    let other = r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#;
    for (before, after) in [
        (format!("data: {all}\n\n"), format!("data: {few}\n\n")),
        (format!("data:{all}\r\n\r\n"), format!("data: {few}\n\n")),
        (format!("data:{all}\r\r"), format!("data: {few}\n\n")),
        (format!("id: 1\r\nevent: message\r\ndata: {other}\r\n\r\n"), String::new()),
        (format!(":\r\n: ping\n\nid: 0\ndata:\n\nretry: 5\n\ndata\n\ndata: {other}\r\r"), String::new()),
        (
            format!("id: 1\r: x\rdata: {all}\revent: message\r\rdata: {other}\n\n"),
            format!("id: 1\n: x\ndata: {few}\nevent: message\n\ndata: {other}\n\n"),
        ),
        (format!("data: {other}\n\ndata: {all}"), format!("data: {other}\n\ndata: {few}\n")),
    ] {
        let after = if after.is_empty() { before.clone() } else { after };
        assert_eq!(stream(&before), Ok(after), "{before}");
    }
}

#[test]
fn h12_changed_data_is_one_line() {
    let before = "data: {\"jsonrpc\":\"2.0\",\"id\":1,\r\ndata:\"result\":{\"tools\":[{\"name\":\"b\"},\ndata: {\"name\":\"a\",\rdata: \"d\":\"\\n\\ndata: x\"}]}\nid: 7\ndata: }\n\n";
    let after = "data: {\"jsonrpc\":\"2.0\",\"id\":1, \"result\":{\"tools\":[{\"name\":\"a\", \"d\":\"\\n\\ndata: x\"}]} }\nid: 7\n\n";
    assert_eq!(stream(before).as_deref(), Ok(after));
    assert_eq!(event("{\r\n\"a\":1\n}"), "data: {  \"a\":1 }\n\n");
}

#[test]
fn h12_an_event_that_nobody_can_read_ends_the_stream() {
    let good = format!("data: {}\n\n", answer(""));
    for bad in [
        "data: x\n\n",
        "data: {\n\n",
        "\u{feff}data: {}\n\n",
        "Data: {}\n\n",
        "data : {}\n\n",
        "data: {}\ndata: {}\n\n",
        "data: []\n\n",
        "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"resu",
        &format!(": {}\n", "x".repeat(1000)),
        &"id: 1\n".repeat(200),
        &"x".repeat(1001),
    ] {
        let mut narrower = SseNarrower::new(1000);
        let chunk = format!("{good}{bad}");
        let failure = narrower.push(chunk.as_bytes(), true, |_| true).unwrap_err();
        assert_eq!(narrower.take_ready(), good.as_bytes(), "{bad}");
        assert_eq!(narrower.push(good.as_bytes(), true, |_| true), Err(failure));
        assert_eq!(narrower.take_ready(), b"");
    }
    assert_eq!(SseNarrower::new(9).push(b"data: \xff\n\n", false, |_| true), Err(NotAnAnswer::Line));
}

#[test]
fn h12_what_is_complete_goes_on_at_once() {
    let mut narrower = SseNarrower::new(1000);
    let mut push = |chunk: &str| {
        String::from_utf8(narrower.push(chunk.as_bytes(), false, |name| name == "a").unwrap()).unwrap()
    };
    assert_eq!(push(":\r"), ":\r");
    assert_eq!(push("\n"), "\n");
    assert_eq!(push(": pi"), "");
    assert_eq!(push("ng\n"), ": ping\n");
    assert_eq!(push("data:\r"), "");
    assert_eq!(push("\r"), "data:\r\r");
    assert_eq!(push("\nid: 1\n"), "\n");
    assert_eq!(push("\n"), "id: 1\n\n");
    assert_eq!(push("id: 2\r\ndata:\r\n\r\nid: 3\r\n\r"), "id: 2\r\ndata:\r\n\r\nid: 3\r\n\r");
}

#[test]
fn many_data_lines_cost_linear_time() {
    let text = "data:\n".repeat(200_000) + "\n";
    assert_eq!(
        SseNarrower::new(2 << 20).push(text.as_bytes(), true, |_| true).map(|out| out.len()),
        Ok(text.len())
    );
}
