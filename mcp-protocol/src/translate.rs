//! A modern client in front of a legacy server: requests without what that server does not know, answers with what the
//! client must find (2026-07-28; the rules of each revision are in its "Key Changes").

use std::fmt::Write as _;

use serde_json::value::RawValue;

use crate::capabilities::MODERN_MEMBERS;
use crate::error::INVALID_PARAMS;
use crate::input::{RETRY_MEMBERS, may_be_retry};
use crate::jsonrpc::{Id, Message, Rigour, members, read_object};
use crate::params::Params;
use crate::relay::WireId;
use crate::splice::Splice;
use crate::version::{LEGACY, MODERN, Version};

/// What a legacy server says of itself in its answer to `initialize`. JSON texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Introduction {
    /// `serverInfo`
    pub server_info: String,
    /// `capabilities`
    pub capabilities: String,
    /// `instructions`
    pub instructions: Option<String>,
}

impl Introduction {
    /// Reads the answer to `initialize`; `None` when it is no such answer.
    #[must_use]
    pub fn read(answer: &Message<'_>) -> Option<Self> {
        let keys = ["serverInfo", "capabilities", "instructions"];
        let [info, capabilities, instructions] =
            read_object(answer.result()?.get(), keys, Rigour::Sought).ok()?;
        let text = |value: &RawValue| value.get().replace(['\r', '\n'], " ");
        Some(Self {
            server_info: text(info?),
            capabilities: text(capabilities?),
            instructions: instructions.map(text),
        })
    }

    /// Whether it declares the capability `name` (`logging`, `resources`).
    #[must_use]
    pub fn declares(&self, name: &'static str) -> bool {
        read_object(&self.capabilities, [name], Rigour::Sought).is_ok_and(|[value]| value.is_some())
    }

    /// Whether it declares `name.detail` as `true` (`resources.subscribe`, `tools.listChanged`).
    #[must_use]
    pub fn declares_detail(&self, name: &'static str, detail: &'static str) -> bool {
        let group = read_object(&self.capabilities, [name], Rigour::Sought).ok().and_then(|[value]| value);
        let value = group.and_then(|group| read_object(group.get(), [detail], Rigour::Sought).ok());
        value.is_some_and(|[value]| value.is_some_and(|value| value.get() == "true"))
    }

    /// The answer to `server/discover` with this `id`. What the server is may change with the next start of it, so
    /// nobody may keep the answer.
    #[must_use]
    pub fn discover_answer(&self, id: &Id) -> String {
        let versions: Vec<&str> = MODERN.into_iter().map(Version::as_str).collect();
        let versions = serde_json::to_string(&versions).unwrap_or_default();
        let mut text = format!(
            r#"{{"jsonrpc":"2.0","id":{},"result":{{"resultType":"complete","supportedVersions":{versions},"capabilities":{}"#,
            id.as_raw(),
            self.capabilities
        );
        if let Some(instructions) = &self.instructions {
            text.push_str(r#","instructions":"#);
            text.push_str(instructions);
        }
        text + r#","ttlMs":0,"cacheScope":"private","# + &meta(&self.server_info) + "}}"
    }
}

/// The request that asks a server whether it is modern.
#[must_use]
pub fn discover(id: WireId) -> String {
    let [newest, ..] = MODERN;
    let [version, capabilities, ..] = MODERN_MEMBERS;
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"server/discover","params":{{"_meta":{{"{version}":"{}","{capabilities}":{{}}}}}}}}"#,
        newest.as_str()
    )
}

/// Whether the answer to `server/discover` offers a modern revision that this gateway knows.
#[must_use]
pub fn offers_modern(answer: &Message<'_>) -> bool {
    let result = answer.result().map(RawValue::get).unwrap_or_default();
    let Ok([Some(versions)]) = read_object(result, ["supportedVersions"], Rigour::Sought) else {
        return false;
    };
    let versions: Vec<String> = serde_json::from_str(versions.get()).unwrap_or_default();
    versions.iter().filter_map(|version| Version::parse(version)).any(|version| MODERN.contains(&version))
}

/// The request that opens a legacy server, with the capabilities of the modern client that it will serve, and who that is
/// (JSON texts).
#[must_use]
pub fn initialize(id: WireId, capabilities: &str, client_info: Option<&str>) -> String {
    const NOBODY: &str = r#"{"name":"stdio-bridge","version":"1"}"#;
    let [newest, ..] = LEGACY;
    let (version, info) = (newest.as_str(), client_info.unwrap_or(NOBODY));
    format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{capabilities},"clientInfo":{info}}}}}"#
    )
    .replace(['\r', '\n'], " ")
}

/// A modern request as a legacy server gets it: with `id` (and that as its progress token), and without what only
/// modern servers know.
#[must_use]
pub fn request(message: &Message<'_>, params: &Params<'_>, id: WireId) -> String {
    let mut splice = Splice::of(message.raw());
    if let Some(part) = message.id_text() {
        splice.replace(part, id.to_string());
    }
    if let Some(text) = message.params().map(RawValue::get).and_then(|params| legacy_params(params, id)) {
        splice.replace(message.params().map(RawValue::get).unwrap_or_default(), text);
    } else if let (Some(meta), Some(text)) =
        (params.meta.text, params.meta.text.and_then(|meta| legacy_meta(meta, id)))
    {
        splice.replace(meta, text);
    }
    splice.finish()
}

/// `params` without the members of a retry; `None` when it surely has none of them.
fn legacy_params(params: &str, id: WireId) -> Option<String> {
    if !may_be_retry(params) {
        return None;
    }
    let kept = members(params).ok()?.into_iter().filter(|(key, _)| !RETRY_MEMBERS.contains(&key.as_ref()));
    object(kept.map(|(key, value)| {
        let text = if key == "_meta" { legacy_meta(value.get(), id) } else { None };
        (key, text.unwrap_or_else(|| value.get().to_owned()))
    }))
}

/// `_meta` without the members of the modern era, and with the token that the server is to use.
fn legacy_meta(meta: &str, id: WireId) -> Option<String> {
    let kept = members(meta).ok()?.into_iter().filter(|(key, _)| !MODERN_MEMBERS.contains(&key.as_ref()));
    object(kept.map(|(key, value)| {
        let text = if key == "progressToken" { id.to_string() } else { value.get().to_owned() };
        (key, text)
    }))
}

pub(crate) fn object<'a>(
    members: impl Iterator<Item = (std::borrow::Cow<'a, str>, String)>,
) -> Option<String> {
    let mut text = String::from("{");
    for (number, (key, value)) in members.enumerate() {
        let comma = if number == 0 { "" } else { "," };
        write!(text, "{comma}{}:{value}", serde_json::to_string(&key).ok()?).ok()?;
    }
    text.push('}');
    Some(text)
}

/// Whether the results of `method` say how long they may be kept (2026-07-28, "Caching").
#[must_use]
pub fn is_cacheable(method: &str) -> bool {
    matches!(
        method,
        "tools/list"
            | "prompts/list"
            | "resources/list"
            | "resources/templates/list"
            | "resources/read"
            | "server/discover"
    )
}

/// The code of an error answer.
#[must_use]
pub fn error_code(message: &Message<'_>) -> Option<i64> {
    code_text(message).and_then(|code| code.parse().ok())
}

fn code_text<'a>(message: &Message<'a>) -> Option<&'a str> {
    let [code] = read_object(message.error()?.get(), ["code"], Rigour::Sought).ok()?;
    code.map(RawValue::get)
}

/// Resource not found, in the legacy revisions.
const RESOURCE_NOT_FOUND: &str = "-32002";

/// The answer of a legacy server as a modern client gets it: with the `id` of its request; a result says that it is
/// complete, that nobody may keep it (where that has to be said), and who made it; an error has the code of today.
#[must_use]
pub fn answer(message: &Message<'_>, id: &Id, is_cacheable: bool, server_info: &str) -> String {
    let mut splice = Splice::of(message.raw());
    if let Some(part) = message.id_text() {
        splice.replace(part, id.as_raw().to_owned());
    }
    if let Some(code) = code_text(message).filter(|code| *code == RESOURCE_NOT_FOUND) {
        splice.replace(code, INVALID_PARAMS.to_string());
    }
    if let Some(result) = message.result().map(RawValue::get) {
        complete(&mut splice, result, is_cacheable, server_info);
    }
    splice.finish()
}

fn complete(splice: &mut Splice<'_>, result: &str, is_cacheable: bool, server_info: &str) {
    let keys = ["resultType", "ttlMs", "cacheScope", "_meta"];
    let Ok([kind, ttl, scope, old_meta]) = read_object(result, keys, Rigour::Sought) else { return };
    let mut added = Vec::new();
    added.extend(kind.is_none().then(|| r#""resultType":"complete""#.to_owned()));
    if is_cacheable {
        added.extend(ttl.is_none().then(|| r#""ttlMs":0"#.to_owned()));
        added.extend(scope.is_none().then(|| r#""cacheScope":"private""#.to_owned()));
    }
    match old_meta.map(RawValue::get) {
        None => added.push(meta(server_info)),
        Some(old) => {
            if read_object(old, [SERVER_INFO], Rigour::Sought).is_ok_and(|[info]| info.is_none()) {
                splice.insert(old, &format!(r#""{SERVER_INFO}":{server_info}"#));
            }
        }
    }
    splice.insert(result, &added.join(","));
}

const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

fn meta(server_info: &str) -> String {
    format!(r#""_meta":{{"{SERVER_INFO}":{server_info}}}"#)
}

#[cfg(test)]
mod tests;
