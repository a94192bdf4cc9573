//! Whatever `of_body` is sure of, every reader of the same body must see too. Also used by the fuzz target.

use mcp_protocol::operation::{Operation, of_body, of_headers};
use serde_json::Value;

use super::readers::readers;

/// Checks `of_body` on any bytes.
pub(crate) fn check(body: &[u8]) {
    let Ok(ask) = of_body(body) else { return };
    for reader in readers() {
        let Some(value) = reader.read(body) else { continue };
        let text = |value: &Value, key| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let method = text(&value, "method");
        let params = value.get("params").cloned().unwrap_or_default();
        assert_eq!(method.as_deref(), ask.method.as_deref(), "{reader:?}");
        assert_eq!(method.is_some() && value.get("id").is_some(), ask.id.is_some(), "{reader:?}");
        let expected = match method.as_deref() {
            Some("tools/call") => text(&params, "name").map(|name| Operation::CallTool(name.into())),
            Some("prompts/get") => text(&params, "name").map(|name| Operation::GetPrompt(name.into())),
            Some("resources/read") => text(&params, "uri").map(|uri| Operation::ReadResource(uri.into())),
            Some("tools/list") => Some(Operation::ListTools),
            None => Some(Operation::Plumbing),
            Some(_) => {
                assert!(matches!(ask.operation, Operation::Plumbing | Operation::Other), "{reader:?}");
                Some(ask.operation.clone())
            }
        };
        assert_eq!(Some(&ask.operation), expected.as_ref(), "{reader:?}");
    }
    headers_agree(ask.method.as_deref(), &ask.operation);
}

/// The same request with modern headers asks for the same.
fn headers_agree(method: Option<&str>, operation: &Operation<'_>) {
    let Some(method) = method else { return };
    let name = match operation {
        Operation::CallTool(name) | Operation::GetPrompt(name) | Operation::ReadResource(name) => {
            name.as_bytes()
        }
        Operation::ListTools | Operation::Plumbing | Operation::Other => b"",
    };
    let version = Some(b"2026-07-28".as_slice());
    if let Ok(by_header) = of_headers(version, Some(method.as_bytes()), Some(name)) {
        // An encoded word is decoded: then the header means another name than the one that looks the same.
        assert!(name.starts_with(b"=?") || by_header.as_ref() == Some(operation));
    }
}
