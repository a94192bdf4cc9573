//! What the edge relies on: nobody can make it decide about one thing and forward another.

mod invariants {
    pub(crate) mod operation;
    pub(crate) mod readers;
    pub(crate) mod tool_list;
}

use invariants::{operation, tool_list};
use mcp_protocol::jsonrpc::Id;
use mcp_protocol::operation::{Operation, of_body};
use mcp_protocol::tool_list::narrow_json;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// Keys that decide something, and what only looks like them.
fn key() -> impl Strategy<Value = String> {
    const KEYS: &[&str] = &[
        "jsonrpc",
        "id",
        "method",
        "params",
        "result",
        "error",
        "name",
        "uri",
        "_meta",
        "tools",
        "x",
        "y",
        "m\\u0065thod",
        "\\u006eame",
        "Method",
        "NAME",
        "Uri",
        "_Meta",
        "param\u{17f}",
        "ur\u{131}",
        "Tools",
        "tool\\u0073",
        "method\\u0000",
        "name\\u0000x",
        "io.modelcontextprotocol\\/protocolVersion",
        "arguments",
    ];
    select(KEYS).prop_map(|key| format!("\"{key}\""))
}

fn leaf() -> impl Strategy<Value = String> {
    const LEAVES: &[&str] = &[
        "\"tools/call\"",
        "\"tools\\/call\"",
        "\"tools/list\"",
        "\"prompts/get\"",
        "\"resources/read\"",
        "\"ping\"",
        "\"even\"",
        "\"odd\"",
        "\"\\u006fdd\"",
        "\"\"",
        "\"2.0\"",
        "\"a\\u0000\"",
        "\"\\ud800\"",
        "1",
        "-0",
        "1e400",
        "null",
        "{}",
        "[]",
        "true",
        "NaN",
        "[1,{\"name\":\"odd\"}]",
    ];
    select(LEAVES).prop_map(str::to_owned)
}

fn object(members: impl IntoIterator<Item = (String, String)>, space: &str) -> String {
    let members: Vec<_> =
        members.into_iter().map(|(key, value)| format!("{key}{space}:{value}{space}")).collect();
    format!("{{{}}}", members.join(","))
}

/// The members that must be there, with others (often wrong ones) between them.
fn members(fixed: Vec<(&'static str, String)>) -> impl Strategy<Value = Vec<(String, String)>> {
    let fixed: Vec<_> = fixed.into_iter().map(|(key, value)| (format!("\"{key}\""), value)).collect();
    let extra = prop_oneof![2 => Just(Vec::new()), 1 => vec((key(), leaf()), 1..3)];
    extra.prop_flat_map(move |extra| {
        let all: Vec<_> = fixed.iter().cloned().chain(extra).collect();
        Just(all).prop_shuffle()
    })
}

fn request() -> impl Strategy<Value = String> {
    let params = prop_oneof![3 => Just("\"name\""), 1 => Just("\"uri\"")]
        .prop_flat_map(|key| leaf().prop_map(move |leaf| (key.trim_matches('"'), leaf)))
        .prop_flat_map(|member| members(vec![member]))
        .prop_map(|members| object(members, " "));
    let method = prop_oneof![Just("\"tools/call\"".to_owned()), leaf()];
    (params, method)
        .prop_flat_map(|(params, method)| {
            members(vec![
                ("jsonrpc", "\"2.0\"".to_owned()),
                ("id", "1".to_owned()),
                ("method", method),
                ("params", params),
            ])
        })
        .prop_map(|members| object(members, "\n"))
}

fn tool() -> impl Strategy<Value = String> {
    let named = leaf().prop_flat_map(|name| members(vec![("name", name)]));
    prop_oneof![6 => named.prop_map(|members| object(members, "\r\n")), 1 => leaf()]
}

fn answer() -> impl Strategy<Value = String> {
    vec(tool(), 0..5)
        .prop_flat_map(|tools| members(vec![("tools", format!("[ {} ]", tools.join(" ,")))]))
        .prop_flat_map(|result| {
            members(vec![
                ("jsonrpc", "\"2.0\"".to_owned()),
                ("id", "7".to_owned()),
                ("result", object(result, " ")),
            ])
        })
        .prop_map(|members| object(members, ""))
}

/// Lines of an event stream, each with one of the line ends.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    const NOISE: &[&str] = &[
        "",
        "",
        ":",
        ": ping",
        "id: 1",
        "event: message",
        "retry: 5",
        "data",
        "data:",
        "Data: x",
        "\u{feff}data: {}",
        "data: {\"jsonrpc\":\"2.0\",",
        "data: \"method\":\"m\"}",
        "data : {}",
        "other",
    ];
    let line = prop_oneof![
        2 => select(NOISE).prop_map(str::to_owned),
        3 => answer().prop_map(|answer| format!("data: {}", answer.replace(['\r', '\n'], " "))),
        1 => answer().prop_map(|answer| {
            answer.replace('\r', "").split('\n').map(|line| format!("data:{line}")).collect::<Vec<_>>().join("\n")
        }),
    ];
    let end = select(["\n", "\r\n", "\r", "\n\n", "\r\n\r\n", "\r\r", "\r\n\n", ""].as_slice());
    vec((line, end), 0..8).prop_map(|lines| {
        lines.into_iter().flat_map(|(line, end)| [line, end.to_owned()]).collect::<String>().into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn h04_what_is_asked_for_is_the_same_for_every_reader(body in request()) {
        operation::check(body.as_bytes());
    }

    #[test]
    fn h04_a_plain_call_is_read(name in "[a-zA-Z0-9_./é-]{1,20}", id: u32) {
        let body = serde_json::json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": name}});
        let body = body.to_string();
        let ask = of_body(body.as_bytes()).unwrap();
        prop_assert_eq!(ask.operation, Operation::CallTool(name.into()));
        prop_assert_eq!(ask.id, Id::parse(&id.to_string()).ok());
    }

    #[test]
    fn h04_no_answer_shows_a_tool_that_is_not_allowed(body in answer()) {
        tool_list::check_json(body.as_bytes());
    }

    #[test]
    fn an_answer_whose_tools_are_all_allowed_stays_as_it_is(names in vec(".*", 0..5), cursor in ".*") {
        let tools: Vec<_> = names.iter().map(|name| serde_json::json!({"name": name})).collect();
        let result = serde_json::json!({"tools": tools, "nextCursor": cursor});
        let body = serde_json::json!({"jsonrpc": "2.0", "id": 1, "result": result}).to_string();
        prop_assert_eq!(narrow_json(body.as_bytes(), |_| true), Ok(None));
    }

    #[test]
    fn h12_a_stream_comes_out_the_same_however_it_is_cut(
        stream in stream(), sizes in vec(0_u8..40, 0..40), limit in prop_oneof![Just(1 << 20), 0_usize..400],
    ) {
        tool_list::check_stream(&stream, &sizes, limit);
    }

    #[test]
    fn nothing_makes_the_edge_panic(bytes in vec(any::<u8>(), 0..256)) {
        operation::check(&bytes);
        tool_list::check_json(&bytes);
        tool_list::check_stream(&bytes, &bytes, 64);
    }
}
