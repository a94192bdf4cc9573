//! JSON-RPC error codes and error answers.

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::jsonrpc::Id;

/// The body is not JSON.
pub const PARSE_ERROR: i32 = -32700;
/// The body is JSON, but not one JSON-RPC message that may be sent here.
pub const INVALID_REQUEST: i32 = -32600;
/// The method does not exist.
pub const METHOD_NOT_FOUND: i32 = -32601;
/// The parameters are missing or wrong.
pub const INVALID_PARAMS: i32 = -32602;
/// The server, or the way to it, failed.
pub const INTERNAL_ERROR: i32 = -32603;
/// A standard header does not say what the body says (2026-07-28).
pub const HEADER_MISMATCH: i32 = -32020;
/// The request needs a client capability that was not declared (2026-07-28).
pub const MISSING_CAPABILITY: i32 = -32021;
/// The request's protocol revision is not served here (2026-07-28); `data` lists those that are.
pub const UNSUPPORTED_PROTOCOL_VERSION: i32 = -32022;

/// The body of an error answer. Without an `id` (the request's could not be read, or it had none) the member is left
/// out: the schemas of MCP allow no `null` there.
#[must_use]
pub fn answer(id: Option<&Id>, code: i32, message: &str, data: Option<Value>) -> String {
    let id: Option<&RawValue> = id.and_then(|id| serde_json::from_str(id.as_raw()).ok());
    let answer = Answer { jsonrpc: "2.0", id, error: Error { code, message, data } };
    serde_json::to_string(&answer).unwrap_or_default()
}

#[derive(Serialize)]
struct Answer<'a> {
    jsonrpc: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a RawValue>,
    error: Error<'a>,
}

#[derive(Serialize)]
struct Error<'a> {
    code: i32,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_repeats_the_raw_id() {
        let id = Id::parse("123456789012345678901234567890").unwrap();
        assert_eq!(
            answer(Some(&id), INVALID_REQUEST, "no \"x\"", None),
            r#"{"jsonrpc":"2.0","id":123456789012345678901234567890,"error":{"code":-32600,"message":"no \"x\""}}"#
        );
    }

    #[test]
    fn an_answer_without_id_has_no_such_member() {
        assert_eq!(
            answer(None, UNSUPPORTED_PROTOCOL_VERSION, "m", Some(serde_json::json!({"supported": []}))),
            r#"{"jsonrpc":"2.0","error":{"code":-32022,"message":"m","data":{"supported":[]}}}"#
        );
    }
}
