//! What holds for every message, not only for those somebody thought of.

use mcp_protocol::jsonrpc::{Id, Kind, Message, Salvage, Salvaged};
use mcp_protocol::params::Params;
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

proptest! {
    #[test]
    fn a_message_on_one_line_is_the_same_message(id in id(), method in ".*", params in value(), pretty: bool) {
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        let text = text(&message, pretty);
        let parsed = Message::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(parsed.raw(), &text);
        let line = parsed.single_line();
        prop_assert!(!line.contains(['\r', '\n']));
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
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
}
