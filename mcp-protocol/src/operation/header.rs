//! What the standard headers of a modern request say.

use std::borrow::Cow;

use base64ct::{Base64, Encoding as _};

use super::{Ambiguous, Operation, Target, is_name};
use crate::era::Era;
use crate::jsonrpc::Message;
use crate::params::Params;
use crate::version::Version;

/// What a request asks for by its headers `MCP-Protocol-Version`, `Mcp-Method` and `Mcp-Name`; `None` when they prove
/// nothing and the body must be read: no version, an older one, or one that nobody knows.
///
/// They are trustworthy only where the reader of the body compares them with it (2026-07-28, "Server Validation").
/// Nobody does that
/// - for a request that names a session (`Mcp-Session-Id`): it is legacy, whatever version it says
///   ([`crate::era::classify`]). **Give `None` as `version` then**;
/// - in a backend that does not know the modern revisions, or ignores the version header as those of 2025-03-26 do.
///
/// # Errors
/// [`Ambiguous`] when a modern request lacks a header, or one of them is written in a way that could be read
/// differently.
pub fn of_headers(
    version: Option<&[u8]>,
    method: Option<&[u8]>,
    name: Option<&[u8]>,
) -> Result<Option<Operation<'static>>, Ambiguous> {
    if !version.is_some_and(is_modern) {
        return Ok(None);
    }
    let method = method.and_then(read_method).ok_or(Ambiguous::MethodHeader)?;
    Ok(Some(match Target::of(method) {
        Target::Tool => Operation::CallTool(read_name(name)?),
        Target::Prompt => Operation::GetPrompt(read_name(name)?),
        Target::Resource => Operation::ReadResource(read_name(name)?),
        Target::None(operation) => operation,
    }))
}

/// The standard headers of a modern request do not say what its body says: HTTP 400, -32020.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderMismatch {
    /// `Mcp-Method`
    #[error("the header Mcp-Method must be there, and equal to the method in the body")]
    Method,
    /// `Mcp-Name`
    #[error("the header Mcp-Name must be there, and equal to params.name or params.uri in the body")]
    Name,
}

/// Compares `Mcp-Method` and `Mcp-Name` with the body that they came with (2026-07-28, "Server Validation").
///
/// # Errors
/// [`HeaderMismatch`].
pub fn check_headers(
    (method, name): (Option<&[u8]>, Option<&[u8]>),
    message: &Message<'_>,
    params: &Params<'_>,
) -> Result<(), HeaderMismatch> {
    let own = message.method().unwrap_or_default();
    if method != Some(own.as_bytes()) {
        return Err(HeaderMismatch::Method);
    }
    let own = match Target::of(own) {
        Target::Tool | Target::Prompt => params.name.as_deref(),
        Target::Resource => params.uri.as_deref(),
        Target::None(_) => return Ok(()),
    };
    match (own, name) {
        // Without a name there is nothing to be equal to; the server says what is missing.
        (None, None) => Ok(()),
        (Some(own), Some(_)) if read_name(name).is_ok_and(|name| name == own) => Ok(()),
        _ => Err(HeaderMismatch::Name),
    }
}

fn is_modern(version: &[u8]) -> bool {
    let version = std::str::from_utf8(version).ok().and_then(Version::parse);
    version.is_some_and(|version| version.era() == Era::Modern)
}

/// A method without commas (two headers in one), white space, and whatever else no method has.
fn read_method(value: &[u8]) -> Option<&str> {
    let is_method_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"/_-.:$".contains(byte);
    let is_method = !value.is_empty() && value.iter().all(is_method_byte);
    std::str::from_utf8(value).ok().filter(|_| is_method)
}

const SENTINEL: (&str, &str) = ("=?base64?", "?=");

/// A name as it is written in a header: plain where it is printable ASCII without spaces around it, else encoded.
/// Whatever begins like an encoded word and is none could be decoded by somebody more lenient.
fn read_name(value: Option<&[u8]>) -> Result<Cow<'static, str>, Ambiguous> {
    let value = value.and_then(|value| std::str::from_utf8(value).ok()).ok_or(Ambiguous::NameHeader)?;
    if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) || value.is_empty() || value.trim() != value {
        return Err(Ambiguous::NameHeader);
    }
    if !value.starts_with("=?") {
        return Ok(Cow::Owned(value.to_owned()));
    }
    decode(value).map(Cow::Owned).ok_or(Ambiguous::NameEncoding)
}

fn decode(value: &str) -> Option<String> {
    let encoded = value.strip_prefix(SENTINEL.0)?.strip_suffix(SENTINEL.1)?;
    let bytes = Base64::decode_vec(encoded).ok()?;
    let name = String::from_utf8(bytes).ok()?;
    let is_canonical = Base64::encode_string(name.as_bytes()) == encoded;
    (is_canonical && is_name(&name) && !name.starts_with("=?")).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h02_the_headers_must_say_what_the_body_says() {
        let name = HeaderMismatch::Name;
        let encoded = "=?base64?w6k=?=";
        for (body, method, header, expected) in [
            (r#""tools/call","params":{"name":"t"}"#, Some("tools/call"), Some("t"), Ok(())),
            (r#""tools/call","params":{"name":"é"}"#, Some("tools/call"), Some(encoded), Ok(())),
            (r#""tools/call","params":{"name":"é"}"#, Some("tools/call"), Some("=?BASE64?w6k=?="), Err(name)),
            (r#""tools/call","params":{"name":"é"}"#, Some("tools/call"), Some("=?base64?w6k?="), Err(name)),
            (r#""tools/call","params":{"name":"t"}"#, Some("tools/call"), Some("T"), Err(name)),
            (r#""tools/call","params":{"name":"t"}"#, Some("tools/call"), None, Err(name)),
            (r#""tools/call","params":{}"#, Some("tools/call"), Some("t"), Err(name)),
            (r#""tools/call","params":{}"#, Some("tools/call"), None, Ok(())),
            (r#""resources/read","params":{"uri":"a:b"}"#, Some("resources/read"), Some("a:b"), Ok(())),
            (r#""prompts/get","params":{"name":"p"}"#, Some("prompts/get"), Some("q"), Err(name)),
            (r#""tools/list""#, Some("tools/list"), Some("whatever"), Ok(())),
            (r#""tools/list""#, Some("Tools/list"), None, Err(HeaderMismatch::Method)),
            (r#""tools/list""#, None, None, Err(HeaderMismatch::Method)),
        ] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":{body}}}"#);
            let message = Message::parse(text.as_bytes()).unwrap();
            let params = Params::of(&message).unwrap();
            let headers = (method.map(str::as_bytes), header.map(str::as_bytes));
            assert_eq!(check_headers(headers, &message, &params), expected, "{body} {method:?} {header:?}");
        }
    }
}
