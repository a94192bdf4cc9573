//! Whatever the edge takes a request for, every other reader must take it for.
#![no_main]

#[path = "../../mcp-protocol/tests/invariants/operation.rs"]
mod operation;
#[path = "../../mcp-protocol/tests/invariants/readers.rs"]
mod readers;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| operation::check(body));
