//! The few members of `params` that a gateway has to read.

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::jsonrpc::{Id, Message, ParseError, Rigour, read_object, string};

/// What a gateway reads in the `params` of a request or notification. Whatever is not there is `None`.
///
/// Reading it refuses what two readers could understand in two ways, so it must be done with every message
/// from a client before that message goes on.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Params<'a> {
    /// `name`: the tool or prompt that is asked for.
    pub name: Option<Cow<'a, str>>,
    /// `uri`: the resource that is asked for.
    pub uri: Option<Cow<'a, str>>,
    /// `protocolVersion`: what `initialize` asks for.
    pub protocol_version: Option<Cow<'a, str>>,
    /// `requestId`: what `notifications/cancelled` is about.
    pub request_id: Option<Id>,
    /// `progressToken`: what `notifications/progress` is about.
    pub progress_token: Option<Id>,
    /// What stands in `_meta`.
    pub meta: Meta<'a>,
    /// The text of `requestId`, as a part of the message.
    pub(crate) request_id_text: Option<&'a str>,
    /// The text of `progressToken`, as a part of the message.
    pub(crate) progress_token_text: Option<&'a str>,
}

/// What a gateway reads in `params._meta`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Meta<'a> {
    /// `io.modelcontextprotocol/protocolVersion`: there on every request of the modern era, and on no other.
    pub protocol_version: Option<Cow<'a, str>>,
    /// `progressToken`: the request asks for progress under this token.
    pub progress_token: Option<Id>,
    /// The text of `_meta`, as a part of the message.
    pub(crate) text: Option<&'a str>,
    /// The text of `progressToken`, as a part of the message.
    pub(crate) progress_token_text: Option<&'a str>,
}

/// Why `params` cannot be read without doubt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamsError {
    /// `params` or `params._meta` is not an object.
    #[error("params and params._meta must be objects")]
    NotAnObject,
    /// A member is there twice, or in two cases.
    #[error("in params: {0}")]
    Ambiguous(ParseError),
    /// A member has the wrong type.
    #[error("params.{0} has the wrong type")]
    Type(&'static str),
}

impl<'a> Params<'a> {
    /// Reads the parameters of `message`. A response, a message without them, and `null` have none.
    ///
    /// # Errors
    /// [`ParamsError`] when there is more than one way to read them.
    pub fn of(message: &Message<'a>) -> Result<Self, ParamsError> {
        Self::read(message, Rigour::Sought)
    }

    pub(crate) fn read(message: &Message<'a>, rigour: Rigour) -> Result<Self, ParamsError> {
        let Some(params) = message.params().filter(|params| params.get() != "null") else {
            return Ok(Self::default());
        };
        let [name, uri, version, request_id, progress_token, meta] = members(params.get(), KEYS, rigour)?;
        Ok(Self {
            name: text(name, "name")?,
            uri: text(uri, "uri")?,
            protocol_version: text(version, "protocolVersion")?,
            request_id: id(request_id, "requestId")?,
            progress_token: id(progress_token, "progressToken")?,
            request_id_text: request_id.map(RawValue::get),
            progress_token_text: progress_token.map(RawValue::get),
            meta: match meta.filter(|meta| meta.get() != "null") {
                Some(meta) => Meta::read(meta, rigour)?,
                None => Meta::default(),
            },
        })
    }
}

impl<'a> Meta<'a> {
    fn read(meta: RawMember<'a>, rigour: Rigour) -> Result<Self, ParamsError> {
        let [version, progress_token] = members(meta.get(), META_KEYS, rigour)?;
        Ok(Self {
            protocol_version: text(version, "_meta.io.modelcontextprotocol/protocolVersion")?,
            progress_token: id(progress_token, "_meta.progressToken")?,
            text: Some(meta.get()),
            progress_token_text: progress_token.map(RawValue::get),
        })
    }
}

type RawMember<'a> = &'a RawValue;

const KEYS: [&str; 6] = ["name", "uri", "protocolVersion", "requestId", "progressToken", "_meta"];
const META_KEYS: [&str; 2] = ["io.modelcontextprotocol/protocolVersion", "progressToken"];

fn members<'a, const N: usize>(
    text: &'a str,
    keys: [&'static str; N],
    rigour: Rigour,
) -> Result<[Option<RawMember<'a>>; N], ParamsError> {
    read_object(text, keys, rigour).map_err(|error| match error {
        ParseError::Duplicate(_)
        | ParseError::CaseVariant(_)
        | ParseError::Escaped(_)
        | ParseError::Repeated => ParamsError::Ambiguous(error),
        ParseError::Encoding
        | ParseError::Syntax { .. }
        | ParseError::Batch
        | ParseError::NotAnObject
        | ParseError::Version
        | ParseError::Id
        | ParseError::Method
        | ParseError::Shape => ParamsError::NotAnObject,
    })
}

fn text<'a>(value: Option<RawMember<'a>>, name: &'static str) -> Result<Option<Cow<'a, str>>, ParamsError> {
    value.map(|value| string(value).ok_or(ParamsError::Type(name))).transpose()
}

fn id(value: Option<RawMember<'_>>, name: &'static str) -> Result<Option<Id>, ParamsError> {
    value.map(|value| Id::parse(value.get()).map_err(|_| ParamsError::Type(name))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(params: &str) -> Result<(), ParamsError> {
        let text = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{params}}}"#);
        let message = Message::parse(text.as_bytes()).unwrap();
        Params::of(&message).map(|_| ())
    }

    #[test]
    fn the_members_are_found() {
        let text =
            br#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{"name":"x"},
            "_meta":{"progressToken":"p","io.modelcontextprotocol/protocolVersion":"2026-07-28","x":1}}}"#;
        let message = Message::parse(text).unwrap();
        let params = Params::of(&message).unwrap();
        assert_eq!(params.name.as_deref(), Some("t"));
        assert_eq!(params.meta.protocol_version.as_deref(), Some("2026-07-28"));
        assert_eq!(params.meta.progress_token, Some(Id::parse("\"p\"").unwrap()));
    }

    #[test]
    fn absent_and_null_parameters_are_none() {
        assert_eq!(read("null"), Ok(()));
        assert_eq!(read(r#"{"_meta":null}"#), Ok(()));
        let message = Message::parse(br#"{"jsonrpc":"2.0","method":"m"}"#).unwrap();
        assert_eq!(Params::of(&message), Ok(Params::default()));
    }

    #[test]
    fn h04_ambiguous_parameters_are_refused() {
        for (params, expected) in [
            (r#"{"name":"a","name":"b"}"#, ParamsError::Ambiguous(ParseError::Duplicate("name"))),
            (r#"{"name":"a","Name":"b"}"#, ParamsError::Ambiguous(ParseError::CaseVariant("name"))),
            (r#"{"_meta":{},"_Meta":{}}"#, ParamsError::Ambiguous(ParseError::CaseVariant("_meta"))),
            (
                r#"{"_meta":{"progressToken":1,"progressToken":2}}"#,
                ParamsError::Ambiguous(ParseError::Duplicate("progressToken")),
            ),
            (r#"{"name":1}"#, ParamsError::Type("name")),
            (r#"{"_meta":{"progressToken":1.5}}"#, ParamsError::Type("_meta.progressToken")),
            ("[]", ParamsError::NotAnObject),
            ("1", ParamsError::NotAnObject),
            (r#"{"_meta":[]}"#, ParamsError::NotAnObject),
        ] {
            assert_eq!(read(params), Err(expected), "{params}");
        }
    }
}
