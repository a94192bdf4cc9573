//! A legacy client in front of a modern server: requests with what every modern request carries, and results that ask for
//! input ("Multi Round-Trip Requests") as the requests that the client knows.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::capabilities::{LogLevel, MODERN_MEMBERS};
use crate::input::{InputMethod, RETRY_MEMBERS};
use crate::jsonrpc::{Id, Message, Rigour, members, read_object, string};
use crate::params::Params;
use crate::relay::WireId;
use crate::splice::Splice;
use crate::translate::{Introduction, object};
use crate::version::{LEGACY, MODERN, Version};

/// What a legacy client said of itself in `initialize`. JSON texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIntroduction {
    capabilities: String,
    client_info: Option<String>,
    version: Version,
}

impl ClientIntroduction {
    /// Reads an `initialize` request. A revision that is not known, or not legacy, becomes the newest legacy one
    /// (2025-11-25, "Version Negotiation").
    #[must_use]
    pub fn read(message: &Message<'_>) -> Self {
        let keys = ["capabilities", "clientInfo", "protocolVersion"];
        let params = message.params().map(RawValue::get).unwrap_or_default();
        let [capabilities, info, version] = read_object(params, keys, Rigour::Sought).unwrap_or_default();
        let is_object = |value: &&RawValue| value.get().starts_with('{');
        let text = |value: &RawValue| value.get().replace(['\r', '\n'], " ");
        let version = version.and_then(string).and_then(|version| Version::parse(&version));
        let [newest, ..] = LEGACY;
        Self {
            capabilities: capabilities.filter(is_object).map_or_else(|| "{}".to_owned(), text),
            client_info: info.filter(is_object).map(text),
            version: version.filter(|version| LEGACY.contains(version)).unwrap_or(newest),
        }
    }

    /// The members that the `_meta` of each of its requests gets.
    fn meta(&self, log_level: Option<LogLevel>) -> String {
        let [version, capabilities, client_info, level] = MODERN_MEMBERS;
        let [newest, ..] = MODERN;
        let mut text = format!(r#""{version}":"{}","{capabilities}":{}"#, newest.as_str(), self.capabilities);
        let mut add = |key: &str, value: &str| {
            for part in [",\"", key, "\":", value] {
                text.push_str(part);
            }
        };
        if let Some(info) = &self.client_info {
            add(client_info, info);
        }
        if let Some(wanted) = log_level {
            add(level, &format!("\"{}\"", wanted.as_str()));
        }
        text
    }

    /// A request of the bridge itself on behalf of the client. `members` are those of `params` besides `_meta`, as JSON.
    #[must_use]
    pub fn own_request(&self, id: WireId, method: &str, members: &str) -> String {
        let (meta, comma) = (self.meta(None), if members.is_empty() { "" } else { "," });
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{"_meta":{{{meta}}}{comma}{members}}}}}"#
        )
    }

    /// A request of the client as a modern server gets it: with `id` (and that as its progress token).
    #[must_use]
    pub fn request(
        &self,
        message: &Message<'_>,
        params: &Params<'_>,
        id: WireId,
        log_level: Option<LogLevel>,
    ) -> String {
        let meta = self.meta(log_level);
        let mut splice = Splice::of(message.raw());
        if let Some(part) = message.id_text() {
            splice.replace(part, id.to_string());
        }
        if let Some(part) = params.meta.progress_token_text {
            splice.replace(part, id.to_string());
        }
        match (message.params().map(RawValue::get), params.meta.text) {
            (_, Some(own)) => splice.insert(own, &meta),
            (Some(own), None) if own.starts_with('{') => {
                splice.insert(own, &format!(r#""_meta":{{{meta}}}"#));
            }
            (Some(null), None) => splice.replace(null, format!(r#"{{"_meta":{{{meta}}}}}"#)),
            (None, None) => splice.insert(message.raw(), &format!(r#""params":{{"_meta":{{{meta}}}}}"#)),
        }
        splice.finish()
    }
}

impl Introduction {
    /// Reads the answer to `server/discover`; `None` when it is no such answer.
    #[must_use]
    pub fn discovered(answer: &Message<'_>) -> Option<Self> {
        const NAMELESS: &str = r#"{"name":"unknown","version":"unknown"}"#;
        let keys = ["capabilities", "instructions", "_meta"];
        let [capabilities, instructions, meta] =
            read_object(answer.result()?.get(), keys, Rigour::Sought).ok()?;
        let text = |value: &RawValue| value.get().replace(['\r', '\n'], " ");
        let info = meta.and_then(|meta| {
            let [info] =
                read_object(meta.get(), ["io.modelcontextprotocol/serverInfo"], Rigour::Sought).ok()?;
            info
        });
        Some(Self {
            server_info: info.map_or_else(|| NAMELESS.to_owned(), text),
            capabilities: text(capabilities?),
            instructions: instructions.map(text),
        })
    }

    /// The answer to the `initialize` request `id` of `client`.
    #[must_use]
    pub fn initialize_answer(&self, id: &Id, client: &ClientIntroduction) -> String {
        let (id, version) = (id.as_raw(), client.version.as_str());
        let Self { server_info, capabilities, instructions } = self;
        let instructions = instructions.as_ref().map(|text| format!(r#","instructions":{text}"#));
        let instructions = instructions.unwrap_or_default();
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"protocolVersion":"{version}","capabilities":{capabilities},"serverInfo":{server_info}{instructions}}}}}"#
        )
    }
}

/// What a modern server asks for in a result.
#[derive(Debug)]
pub struct InputRequired<'a> {
    /// What is asked for: key, method, and parameters as JSON.
    pub requests: Vec<(Cow<'a, str>, InputMethod, Option<&'a str>)>,
    /// `requestState`, as JSON.
    pub state: Option<&'a str>,
}

impl<'a> InputRequired<'a> {
    /// Reads a result; `None` when it asks for nothing that a client could be asked for.
    #[must_use]
    pub fn read(message: &Message<'a>) -> Option<Self> {
        let keys = ["resultType", "inputRequests", "requestState"];
        let [kind, requests, state] = read_object(message.result()?.get(), keys, Rigour::Sought).ok()?;
        kind.and_then(string).filter(|kind| kind == "input_required")?;
        let requests = requests.map_or_else(|| Ok(Vec::new()), |requests| members(requests.get())).ok()?;
        let requests = requests.into_iter().map(|(key, request)| {
            let [method, params] = read_object(request.get(), ["method", "params"], Rigour::Sought).ok()?;
            let method = InputMethod::named(&string(method?)?, params.map(RawValue::get))?;
            Some((key, method, params.map(RawValue::get)))
        });
        Some(Self { requests: requests.collect::<Option<_>>()?, state: state.map(RawValue::get) })
    }
}

/// A request of the server to the client.
#[must_use]
pub fn ask(id: &Id, method: InputMethod, params: Option<&str>) -> String {
    let (id, method, params) = (id.as_raw(), method.as_str(), params.unwrap_or("{}"));
    format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{params}}}"#)
        .replace(['\r', '\n'], " ")
}

/// The result of a client's answer to what it was asked, as JSON; or its error.
///
/// # Errors
/// The `error` of the answer, as JSON.
pub fn answered<'a>(message: &Message<'a>) -> Result<&'a str, &'a str> {
    match (message.result(), message.error()) {
        (Some(result), _) => Ok(result.get()),
        (None, error) => Err(error.map_or("{}", RawValue::get)),
    }
}

/// The request that was sent as `sent`, again: under `id`, with what the client has answered (by key; JSON), and the state
/// that the server gave it. `None` when `sent` is no request with parameters.
#[must_use]
pub fn retry(sent: &str, id: WireId, responses: &[(String, String)], state: Option<&str>) -> Option<String> {
    let message = Message::parse(sent.as_bytes()).ok()?;
    let params = Params::of(&message).ok()?;
    let old = message.params()?.get();
    let kept = members(old).ok()?.into_iter().filter(|(key, _)| !RETRY_MEMBERS.contains(&key.as_ref()));
    let kept = kept.map(|(key, value)| {
        let mut splice = Splice::of(value.get());
        if let Some(token) = params.meta.progress_token_text {
            splice.replace(token, id.to_string());
        }
        (key, splice.finish())
    });
    let answers = object(responses.iter().map(|(key, text)| (Cow::Borrowed(key.as_str()), text.clone())))?;
    let own = [Some(("inputResponses", answers)), state.map(|state| ("requestState", state.to_owned()))];
    let own = own.into_iter().flatten().map(|(key, text)| (Cow::Borrowed(key), text));
    let mut splice = Splice::of(message.raw());
    splice.replace(message.id_text()?, id.to_string());
    splice.replace(old, object(kept.chain(own))?);
    Some(splice.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(text: &str, then: impl FnOnce(&Message<'_>, &Params<'_>) -> T) -> T {
        let message = Message::parse(text.as_bytes()).unwrap();
        then(&message, &Params::of(&message).unwrap())
    }

    const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{"roots":{}},"clientInfo":{"name":"c","version":"1"}}}"#;
    const META: &str = r#""io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{"roots":{}},"io.modelcontextprotocol/clientInfo":{"name":"c","version":"1"}"#;

    #[test]
    fn every_request_carries_what_the_client_said_at_the_beginning() {
        let client = with(INITIALIZE, |message, _| ClientIntroduction::read(message));
        let head = r#"{"jsonrpc":"2.0","id":5,"method":"m""#;
        let leveled = format!(r#"{META},"io.modelcontextprotocol/logLevel":"info""#);
        for (rest, expected) in [
            (r#","params":{"a":1.0}}"#, format!(r#"{head},"params":{{"_meta":{{{leveled}}},"a":1.0}}}}"#)),
            (
                r#","params":{"_meta":{"progressToken":"p"}}}"#,
                format!(r#"{head},"params":{{"_meta":{{{leveled},"progressToken":5}}}}}}"#),
            ),
            (r#","params":null}"#, format!(r#"{head},"params":{{"_meta":{{{leveled}}}}}}}"#)),
        ] {
            let text = format!(r#"{{"jsonrpc":"2.0","id":"c","method":"m"{rest}"#);
            let level = Some(LogLevel::Info);
            let sent = with(&text, |message, params| client.request(message, params, WireId::new(5), level));
            assert_eq!(sent, expected);
        }
        let bare = r#"{"jsonrpc":"2.0","id":"c","method":"m"}"#;
        let sent = with(bare, |message, params| client.request(message, params, WireId::new(5), None));
        assert_eq!(
            sent,
            format!(r#"{{"params":{{"_meta":{{{META}}}}},"jsonrpc":"2.0","id":5,"method":"m"}}"#)
        );
    }

    #[test]
    fn initialize_is_answered_from_discovery() {
        let client = with(INITIALIZE, |message, _| ClientIntroduction::read(message));
        let text = r#"{"jsonrpc":"2.0","id":1,"result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"instructions":"do","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"2"}}}}"#;
        let server = with(text, |message, _| Introduction::discovered(message)).unwrap();
        assert_eq!(
            server.initialize_answer(&Id::number(0), &client),
            r#"{"jsonrpc":"2.0","id":0,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"s","version":"2"},"instructions":"do"}}"#
        );
    }

    #[test]
    fn i16_a_result_that_asks_becomes_requests_and_their_answers_a_retry() {
        let text = r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","inputRequests":{"k":{"method":"elicitation/create","params":{"n":1.0}}},"requestState":"s"}}"#;
        with(text, |message, _| {
            let required = InputRequired::read(message).unwrap();
            let [(key, method, params)] = required.requests.as_slice() else { unreachable!() };
            assert_eq!(
                (key.as_ref(), *method, required.state),
                ("k", InputMethod::ElicitForm, Some("\"s\""))
            );
            assert_eq!(
                ask(&Id::parse("\"a\"").unwrap(), *method, *params),
                r#"{"jsonrpc":"2.0","id":"a","method":"elicitation/create","params":{"n":1.0}}"#
            );
        });
        let sent = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"_meta":{"progressToken":1},"name":"t","requestState":"old"}}"#;
        let responses = [("k".to_owned(), r#"{"action":"accept"}"#.to_owned())];
        assert_eq!(
            retry(sent, WireId::new(9), &responses, Some("\"s\"")).unwrap(),
            r#"{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"_meta":{"progressToken":9},"name":"t","inputResponses":{"k":{"action":"accept"}},"requestState":"s"}}"#
        );
        let complete = r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","inputRequests":{}}}"#;
        assert!(with(complete, |message, _| InputRequired::read(message).is_none()));
    }
}
