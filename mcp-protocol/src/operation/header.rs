//! What the standard headers of a modern request say.

use std::borrow::Cow;

use base64ct::{Base64, Encoding as _};

use super::{Ambiguous, Operation, Target, is_name};
use crate::era::Era;
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
