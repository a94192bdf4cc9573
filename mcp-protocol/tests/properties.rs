//! What holds for every message, not only for those somebody thought of.

use mcp_protocol::jsonrpc::{Id, Kind, Message, Salvage, Salvaged};
use mcp_protocol::params::Params;
use mcp_protocol::relay::{self, WireId};
use mcp_protocol::translate;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".*".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        let key = prop_oneof![
            ".{0,8}",
            Just("id".to_owned()),
            Just("method".to_owned()),
            Just("result".to_owned())
        ];
        let object = prop::collection::vec((key, inner.clone()), 0..6);
        prop_oneof![
            prop::collection::vec(inner, 0..6).prop_map(Value::from),
            object.prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

fn id() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        ".*".prop_map(Value::from)
    ]
}

fn text(message: &Value, pretty: bool) -> String {
    if pretty { format!("{message:#}") } else { message.to_string() }
}

/// Both sides of a comparison are read, because reading a float is not exact.
#[expect(clippy::unwrap_used, reason = "a helper of a test fails it by panicking")]
fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

proptest! {
    #[test]
    fn a_message_on_one_line_is_the_same_message(id in id(), method in ".*", params in value(), pretty: bool) {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let text = text(&message, pretty);
        let parsed = Message::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(parsed.raw(), &text);
        let line = parsed.single_line();
        prop_assert!(!line.contains(['\r', '\n']));
        prop_assert_eq!(read(&line), read(&text));
        prop_assert_eq!(parsed.request_id(), Some(&Id::parse(&id.to_string()).unwrap()));
        prop_assert_eq!(parsed.method(), Some(method.as_str()));
    }

    #[test]
    fn salvage_and_parser_agree_on_whose_answer_it_is(id in id(), result in value(), pretty: bool, cut in 1_usize..64) {
        let text = text(&json!({"jsonrpc": "2.0", "id": id, "result": result}), pretty);
        let parsed = Message::parse(text.as_bytes()).unwrap();
        let Kind::Response { id: Some(id), is_error: false } = parsed.kind() else { panic!("{text}") };
        let mut salvage = Salvage::default();
        for chunk in text.as_bytes().chunks(cut) {
            salvage.feed(chunk);
        }
        // Ids of more than a kilobyte are not salvaged.
        if id.as_raw().len() <= 1024 {
            prop_assert_eq!(salvage.finish(), Salvaged::AnswerTo(id.clone()));
        }
    }

    #[test]
    fn salvage_takes_no_request_for_an_answer(id in id(), params in value()) {
        let text = json!({"jsonrpc": "2.0", "id": id, "method": "m", "params": params}).to_string();
        let mut salvage = Salvage::default();
        salvage.feed(text.as_bytes());
        prop_assert_eq!(salvage.finish(), Salvaged::NoAnswer);
    }

    #[test]
    fn nothing_makes_the_readers_panic(bytes in prop::collection::vec(any::<u8>(), 0..256), params in value()) {
        drop(Message::parse(&bytes));
        let mut salvage = Salvage::default();
        salvage.feed(&bytes);
        drop(salvage.finish());
        let text = json!({"jsonrpc": "2.0", "method": "m", "params": params}).to_string();
        drop(Params::of(&Message::parse(text.as_bytes()).unwrap()));
    }

    #[test]
    fn equal_strings_are_equal_ids_however_they_are_escaped(text in ".*") {
        let escaped: Vec<String> = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let plain = Id::parse(&Value::from(text).to_string()).unwrap();
        prop_assert_eq!(plain, Id::parse(&format!("\"{}\"", escaped.concat())).unwrap());
    }

    #[test]
    fn i14_what_a_server_gets_is_the_request_but_for_id_and_token_and_its_answer_comes_back_whole(
        id in id(), token in id(), arguments in value(), wire: u64, pretty: bool,
    ) {
        let build = |id: &Value, token: &Value| json!({"jsonrpc": "2.0", "id": id, "method": "m",
            "params": {"arguments": arguments, "_meta": {"progressToken": token, "id": 1}}});
        let sent = text(&build(&id, &token), pretty);
        let message = Message::parse(sent.as_bytes()).unwrap();
        let params = Params::of(&message).unwrap();
        let got = relay::request(&message, &params, WireId::new(wire));
        prop_assert!(!got.contains(['\r', '\n']));
        let wire = Value::from(wire);
        prop_assert_eq!(read(&got), read(&build(&wire, &wire).to_string()));
        let answered = |id: &Value| json!({"result": arguments, "id": id, "jsonrpc": "2.0"});
        let answer = answered(&wire).to_string();
        let back = relay::answer(&Message::parse(answer.as_bytes()).unwrap(), message.request_id().unwrap());
        prop_assert_eq!(back, answered(&id).to_string());
    }

    #[test]
    fn a_legacy_server_gets_the_arguments_byte_for_byte_and_its_result_comes_back_with_more(
        arguments in value(), result in value(), progress: bool,
    ) {
        let mut meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {}});
        if progress {
            meta["progressToken"] = json!("p");
        }
        let sent = json!({"jsonrpc": "2.0", "id": "c", "method": "tools/call",
            "params": {"_meta": meta, "arguments": arguments, "requestState": "s"}}).to_string();
        let message = Message::parse(sent.as_bytes()).unwrap();
        let params = Params::of(&message).unwrap();
        let got = translate::request(&message, &params, WireId::new(5));
        let meta = if progress { json!({"progressToken": 5}) } else { json!({}) };
        let expected = json!({"_meta": meta, "arguments": arguments}).to_string();
        prop_assert_eq!(&read(&got)["params"], &read(&expected));
        prop_assert!(got.contains(&arguments.to_string()));
        let answer = json!({"jsonrpc": "2.0", "id": 5, "result": {"content": result}}).to_string();
        let answer = Message::parse(answer.as_bytes()).unwrap();
        let back = translate::answer(&answer, &Id::parse("\"c\"").unwrap(), true, "{}");
        let back = read(&back);
        prop_assert_eq!(&back["result"]["content"], &read(&result.to_string()));
        prop_assert_eq!((&back["id"], &back["result"]["resultType"]), (&json!("c"), &json!("complete")));
    }
}
