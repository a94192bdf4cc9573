//! What a server asks a client for: as a request of its own in the legacy era, as an `InputRequiredResult` in the modern
//! one (2026-07-28, "Multi Round-Trip Requests").

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::jsonrpc::{Id, Message, ParseError, Rigour, members, read_object, string};

/// What may be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputMethod {
    /// `roots/list`
    Roots,
    /// `sampling/createMessage`
    Sampling,
    /// `elicitation/create` with a form.
    ElicitForm,
    /// `elicitation/create` with a URL to visit.
    ElicitUrl,
}

impl InputMethod {
    /// What a server's request asks for; `None` for what clients are not asked for.
    #[must_use]
    pub fn of(message: &Message<'_>) -> Option<Self> {
        Self::named(message.method()?, params_text(message))
    }

    /// The same, by method and parameters (JSON).
    pub(crate) fn named(method: &str, params: Option<&str>) -> Option<Self> {
        match method {
            "roots/list" => Some(Self::Roots),
            "sampling/createMessage" => Some(Self::Sampling),
            "elicitation/create" => {
                Some(if params.is_some_and(is_url) { Self::ElicitUrl } else { Self::ElicitForm })
            }
            _ => None,
        }
    }

    /// The name of the method.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Roots => "roots/list",
            Self::Sampling => "sampling/createMessage",
            Self::ElicitForm | Self::ElicitUrl => "elicitation/create",
        }
    }

    /// The capabilities that a client needs to be asked for it: `requiredCapabilities` of -32021.
    #[must_use]
    pub fn required(self) -> Value {
        match self {
            Self::Roots => json!({"roots": {}}),
            Self::Sampling => json!({"sampling": {}}),
            Self::ElicitForm => json!({"elicitation": {"form": {}}}),
            Self::ElicitUrl => json!({"elicitation": {"url": {}}}),
        }
    }
}

fn is_url(params: &str) -> bool {
    read_object(params, ["mode"], Rigour::Sought)
        .is_ok_and(|[mode]| mode.and_then(string).as_deref() == Some("url"))
}

/// The parameters of a message, as JSON.
#[must_use]
pub fn params_text<'a>(message: &Message<'a>) -> Option<&'a str> {
    message.params().map(RawValue::get)
}

/// Whether the answer to `method` may ask for input first (2026-07-28, "Supported Requests").
#[must_use]
pub fn may_ask(method: &str) -> bool {
    matches!(method, "tools/call" | "prompts/get" | "resources/read")
}

/// The key under which a server's request with this `id` is shown to a modern client: a string as it is, a number as its
/// digits.
#[must_use]
pub fn key(id: &Id) -> Cow<'_, str> {
    serde_json::from_str::<String>(id.as_raw()).map_or(Cow::Borrowed(id.as_raw()), Cow::Owned)
}

/// What a modern client sends with a request that asked for input before.
#[derive(Debug, Default)]
pub struct Reply<'a> {
    /// `requestState`
    pub state: Option<Cow<'a, str>>,
    /// `inputResponses`: by key, the results as JSON objects; what is no object answers nothing.
    pub responses: Vec<(Cow<'a, str>, &'a str)>,
}

/// Why a reply cannot be read: -32602.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// `inputResponses` is not an object.
    #[error("params.inputResponses must be an object whose values are results")]
    Responses,
    /// `requestState` is not a string.
    #[error("params.requestState must be a string")]
    State,
    /// There is more than one way to read them.
    #[error("in params: {0}")]
    Ambiguous(ParseError),
}

/// The members of `params` with which a client comes back.
pub(crate) const RETRY_MEMBERS: [&str; 2] = ["inputResponses", "requestState"];

/// Whether `params` could have one of [`RETRY_MEMBERS`]: a look that is quicker than reading, as most requests have none.
/// (One that is written with escapes is overlooked: then it is a request like any other.)
pub(crate) fn may_be_retry(params: &str) -> bool {
    RETRY_MEMBERS.iter().any(|member| params.contains(member))
}

impl<'a> Reply<'a> {
    /// Reads `params.inputResponses` and `params.requestState`.
    ///
    /// # Errors
    /// [`ReplyError`].
    pub fn read(message: &Message<'a>) -> Result<Self, ReplyError> {
        let Some(params) = message.params().filter(|params| may_be_retry(params.get())) else {
            return Ok(Self::default());
        };
        let [responses, state] =
            read_object(params.get(), RETRY_MEMBERS, Rigour::Sought).map_err(ReplyError::Ambiguous)?;
        let state = state.map(|state| string(state).ok_or(ReplyError::State)).transpose()?;
        let responses = match responses {
            Some(responses) => members(responses.get()).map_err(|_| ReplyError::Responses)?,
            None => Vec::new(),
        };
        let objects = responses.into_iter().filter(|(_, value)| value.get().starts_with('{'));
        Ok(Self { state, responses: objects.map(|(key, value)| (key, value.get())).collect() })
    }
}

/// A request for input, as part of an `InputRequiredResult`.
#[derive(Debug)]
pub struct InputRequest<'a> {
    /// What is asked for.
    pub method: InputMethod,
    /// Its parameters as JSON, where it has any.
    pub params: Option<&'a str>,
}

/// What an error of a legacy server asks for: -32042 of 2025-11-25 ("URL Mode Elicitation Required"), by key. `None` for any
/// other answer. Modern clients know no such error; they are asked, and send the request again.
#[must_use]
pub fn required_urls<'a>(message: &Message<'a>) -> Option<Vec<(Cow<'a, str>, InputRequest<'a>)>> {
    const URL_ELICITATION_REQUIRED: &str = "-32042";
    let keys = ["code", "data"];
    let [code, data] = read_object(message.error()?.get(), keys, Rigour::Sought).ok()?;
    code.filter(|code| code.get() == URL_ELICITATION_REQUIRED)?;
    let [all] = read_object(data?.get(), ["elicitations"], Rigour::Sought).ok()?;
    let all: Vec<&RawValue> = serde_json::from_str(all?.get()).ok()?;
    let requests = all.into_iter().map(|params| {
        let [id] = read_object(params.get(), ["elicitationId"], Rigour::Sought).ok()?;
        Some((string(id?)?, InputRequest { method: InputMethod::ElicitUrl, params: Some(params.get()) }))
    });
    requests.collect()
}

/// The answer to the request `id` that asks for `requests` (by key) first; the client is to come back with `state`, if there
/// is one.
#[must_use]
pub fn required_result<'a>(
    id: &Id,
    requests: impl IntoIterator<Item = (Cow<'a, str>, InputRequest<'a>)>,
    state: Option<&str>,
) -> String {
    let requests = requests.into_iter().map(|(key, request)| {
        let params = request.params.and_then(|params| serde_json::from_str::<&RawValue>(params).ok());
        (key, Request { method: request.method.as_str(), params })
    });
    let result = InputRequired {
        result_type: "input_required",
        input_requests: requests.collect(),
        request_state: state,
    };
    let id = serde_json::from_str::<&RawValue>(id.as_raw()).ok();
    serde_json::to_string(&Answer { jsonrpc: "2.0", id, result }).unwrap_or_default()
}

#[derive(Serialize)]
struct Answer<'a> {
    jsonrpc: &'static str,
    id: Option<&'a RawValue>,
    result: InputRequired<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InputRequired<'a> {
    result_type: &'static str,
    input_requests: std::collections::BTreeMap<Cow<'a, str>, Request<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_state: Option<&'a str>,
}

#[derive(Serialize)]
struct Request<'a> {
    method: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<&'a RawValue>,
}

/// The answer to a server's request `id`, with a client's `result` (JSON).
#[must_use]
pub fn answer(id: &Id, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":{},"result":{result}}}"#, id.as_raw()).replace(['\r', '\n'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(text: &str, then: impl FnOnce(&Message<'_>) -> T) -> T {
        then(&Message::parse(text.as_bytes()).unwrap())
    }

    #[test]
    fn i16_what_a_server_asks_for_becomes_a_result_and_the_reply_an_answer() {
        let text =
            r#"{"jsonrpc":"2.0","id":"user","method":"elicitation/create","params":{"mode":"url","n":1.0}}"#;
        let id = Id::parse("7").unwrap();
        let asked = with(text, |message| {
            let (method, child) = (InputMethod::of(message).unwrap(), message.request_id().unwrap());
            assert_eq!(method, InputMethod::ElicitUrl);
            required_result(
                &id,
                [(key(child), InputRequest { method, params: params_text(message) })],
                Some("s"),
            )
        });
        assert_eq!(
            asked,
            r#"{"jsonrpc":"2.0","id":7,"result":{"resultType":"input_required","inputRequests":{"user":{"method":"elicitation/create","params":{"mode":"url","n":1.0}}},"requestState":"s"}}"#
        );
        assert_eq!(
            answer(&Id::parse("0").unwrap(), "{\"a\":\n1.0}"),
            r#"{"jsonrpc":"2.0","id":0,"result":{"a": 1.0}}"#
        );
    }

    #[test]
    fn an_error_that_asks_for_a_visit_becomes_a_result_that_asks() {
        let text = r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32042,"message":"m","data":{"elicitations":[{"mode":"url","elicitationId":"e","url":"https://a.example/"}]}}}"#;
        let asked = with(text, |message| {
            required_result(&Id::parse("7").unwrap(), required_urls(message).unwrap(), None)
        });
        assert_eq!(
            asked,
            r#"{"jsonrpc":"2.0","id":7,"result":{"resultType":"input_required","inputRequests":{"e":{"method":"elicitation/create","params":{"mode":"url","elicitationId":"e","url":"https://a.example/"}}}}}"#
        );
        assert!(with(&text.replace("-32042", "-32602"), |message| required_urls(message).is_none()));
    }

    #[test]
    fn a_reply_holds_the_state_and_the_results_that_are_objects() {
        let reply = |params: &str| {
            let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
            with(&text, |message| {
                Reply::read(message).map(|reply| {
                    let own = |(key, value): (Cow<'_, str>, &str)| (key.into_owned(), value.to_owned());
                    (
                        reply.state.map(Cow::into_owned),
                        reply.responses.into_iter().map(own).collect::<Vec<_>>(),
                    )
                })
            })
        };
        let expected = (Some("s".to_owned()), vec![("a".to_owned(), "{}".to_owned())]);
        assert_eq!(reply(r#"{"inputResponses":{"a":{},"b":12345},"requestState":"s"}"#), Ok(expected));
        assert_eq!(reply("{}"), Ok((None, Vec::new())));
        for (params, expected) in [
            (r#"{"inputResponses":null}"#, ReplyError::Responses),
            (r#"{"inputResponses":[]}"#, ReplyError::Responses),
            (r#"{"inputResponses":{"a":{},"a":{}}}"#, ReplyError::Responses),
            (r#"{"requestState":1}"#, ReplyError::State),
            (
                r#"{"requestState":"a","RequestState":"b"}"#,
                ReplyError::Ambiguous(ParseError::CaseVariant("requestState")),
            ),
        ] {
            assert_eq!(reply(params), Err(expected), "{params}");
        }
    }
}
