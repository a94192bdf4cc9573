//! No answer shows a tool that is not allowed, and a stream comes out the same however it is cut.
#![no_main]

#[path = "../../mcp-protocol/tests/invariants/readers.rs"]
mod readers;
#[path = "../../mcp-protocol/tests/invariants/tool_list.rs"]
mod tool_list;

use libfuzzer_sys::fuzz_target;

// The first byte is the number of chunk sizes that follow it, the second the limit; the rest is the answer.
fuzz_target!(|data: &[u8]| {
    let [count, limit, rest @ ..] = data else { return };
    let (sizes, answer) = rest.split_at_checked(usize::from(*count)).unwrap_or((&[], rest));
    tool_list::check_json(answer);
    tool_list::check_stream(answer, sizes, usize::from(*limit).saturating_mul(16));
});
