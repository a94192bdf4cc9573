//! What is a message, what is not, and that its text survives.

use super::*;

fn refusal(text: &str) -> ParseError {
    match Message::parse(text.as_bytes()) {
        Ok(message) => panic!("{text} was read as {message:?}"),
        Err(error) => error,
    }
}

#[test]
fn requests_notifications_and_responses_are_told_apart() {
    let kind = |text: &'static str| Message::parse(text.as_bytes()).unwrap().kind;
    let id = |raw: &str| Id::parse(raw).unwrap();
    assert_eq!(
        kind(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#),
        Kind::Request { id: id("1"), method: "ping".into() }
    );
    assert_eq!(
        kind(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#),
        Kind::Notification { method: "notifications/initialized".into() }
    );
    assert_eq!(
        kind(r#"{"result":null,"jsonrpc":"2.0","id":"a"}"#),
        Kind::Response { id: Some(id(r#""a""#)), is_error: false }
    );
    assert_eq!(
        kind(r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}"#),
        Kind::Response { id: None, is_error: true }
    );
}

#[test]
fn i14_the_text_survives_byte_for_byte() {
    for text in [
        r#"{"id":123456789012345678901234567890,"jsonrpc":"2.0","method":"x","params":{"n":1e400,"z":1,"a":1.10}}"#,
        r#"{"jsonrpc":"2.0","id":"\u0061\/","method":"x","unknown":{"b":[1,{"c":null}]}}"#,
        r#"{"jsonrpc" : "2.0" ,"id":-0,"method":"x"}"#,
    ] {
        let message = Message::parse(text.as_bytes()).unwrap();
        assert_eq!(message.raw(), text);
        assert_eq!(message.single_line(), text);
    }
}

#[test]
fn line_ends_between_tokens_become_spaces_and_those_in_strings_stay_escaped() {
    let message = Message::parse(b"\n{\r\n\"jsonrpc\":\"2.0\",\n\"method\":\"a\\nb\"\r}\r\n").unwrap();
    assert_eq!(message.single_line(), r#"{  "jsonrpc":"2.0", "method":"a\nb" }"#);
    assert_eq!(message.method(), Some("a\nb"));
}

#[test]
fn h04_ambiguous_messages_are_refused() {
    for (text, expected) in [
        (r#"{"jsonrpc":"2.0","id":1,"method":"a","method":"b"}"#, ParseError::Duplicate("method")),
        (r#"{"jsonrpc":"2.0","id":1,"method":"a","\u006dethod":"b"}"#, ParseError::Duplicate("method")),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}"#, ParseError::Duplicate("id")),
        (r#"{"jsonrpc":"2.0","id":1,"method":"a","params":{},"params":{}}"#, ParseError::Duplicate("params")),
        (r#"{"jsonrpc":"2.0","id":1,"method":"a","Method":"b"}"#, ParseError::CaseVariant("method")),
        (r#"{"jsonrpc":"2.0","id":1,"method":"a","PARAMS":{}}"#, ParseError::CaseVariant("params")),
        (r#"{"jsonrpc":"2.0","ID":1,"method":"a"}"#, ParseError::CaseVariant("id")),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#, ParseError::Shape),
        (r#"{"jsonrpc":"2.0","id":1,"method":"a","result":{}}"#, ParseError::Shape),
        (r#"{"jsonrpc":"2.0","id":1}"#, ParseError::Shape),
        (r#"{"jsonrpc":"1.0","id":1,"method":"a"}"#, ParseError::Version),
        (r#"{"jsonrpc":2.0,"id":1,"method":"a"}"#, ParseError::Version),
        (r#"{"id":1,"method":"a"}"#, ParseError::Version),
        (r#"{"jsonrpc":"2.0","id":null,"method":"a"}"#, ParseError::Id),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"a"}"#, ParseError::Id),
        (r#"{"jsonrpc":"2.0","id":[1],"method":"a"}"#, ParseError::Id),
        (r#"{"jsonrpc":"2.0","result":{}}"#, ParseError::Id),
        (r#"{"jsonrpc":"2.0","id":1,"method":null}"#, ParseError::Method),
        ("42", ParseError::NotAnObject),
        ("\"{}\"", ParseError::NotAnObject),
    ] {
        assert_eq!(refusal(text), expected, "{text}");
        assert_eq!(expected.code(), INVALID_REQUEST);
    }
}

#[test]
fn h51_batches_are_named_as_such() {
    for text in ["[]", r#"  [{"jsonrpc":"2.0","id":1,"method":"a"}]"#] {
        assert_eq!(refusal(text), ParseError::Batch);
    }
}

#[test]
fn h04_what_is_not_one_json_document_is_a_parse_error() {
    let one = r#"{"jsonrpc":"2.0","method":"a"}"#;
    let inputs: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{".to_vec(),
        b"nonsense".to_vec(),
        format!("{one}{one}").into_bytes(),
        format!("{one} x").into_bytes(),
        format!("\u{feff}{one}").into_bytes(),
        br#"{"jsonrpc":"2.0","method":"a","params":NaN}"#.to_vec(),
        b"{\"jsonrpc\":\"2.0\",\"method\":\"a\0b\"}".to_vec(),
        b"{\"jsonrpc\":\"2.0\",\"method\":\"\xff\"}".to_vec(),
        one.encode_utf16().flat_map(u16::to_le_bytes).collect(),
    ];
    for input in inputs {
        let error = Message::parse(&input).unwrap_err();
        assert_eq!(error.code(), PARSE_ERROR, "{:?} gave {error:?}", String::from_utf8_lossy(&input));
    }
}

#[test]
fn deep_nesting_costs_no_stack() {
    let deep = "[".repeat(200_000) + &"]".repeat(200_000);
    let text = format!(r#"{{"jsonrpc":"2.0","method":"a","params":{{"x":{deep}}},"y":{deep}}}"#);
    assert!(Message::parse(text.as_bytes()).is_ok());
}
