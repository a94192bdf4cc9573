//! One JSON-RPC message, classified without touching its text.
//!
//! A relay that reads one thing and forwards another can be tricked (`{"method":"a","method":"b"}`), so this
//! reader refuses whatever another reader could understand differently, and [`Message::single_line`] gives back
//! the very text that was read. Numbers, unknown members, key order and escapes survive.

mod id;
mod object;
mod salvage;

use std::borrow::Cow;

use serde_json::value::RawValue;

pub use id::Id;
pub use salvage::{Salvage, Salvaged};

pub(crate) use object::{Member, Rigour, members, read_object};

use crate::error::{INVALID_REQUEST, PARSE_ERROR};

/// One JSON-RPC message and the text it was read from.
#[derive(Debug, Clone)]
pub struct Message<'a> {
    raw: &'a str,
    kind: Kind<'a>,
    id: Option<&'a RawValue>,
    params: Option<&'a RawValue>,
    result: Option<&'a RawValue>,
    error: Option<&'a RawValue>,
}

/// What a message is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind<'a> {
    /// Wants an answer.
    Request {
        /// Which answer will be its own.
        id: Id,
        /// What is asked for.
        method: Cow<'a, str>,
    },
    /// Wants no answer.
    Notification {
        /// What is told.
        method: Cow<'a, str>,
    },
    /// Answers a request.
    Response {
        /// Whose answer it is; `None` only in an error about a request whose id could not be read.
        id: Option<Id>,
        /// Whether it holds `error` instead of `result`.
        is_error: bool,
    },
}

/// Why bytes are not one unambiguous JSON-RPC message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// Not UTF-8.
    #[error("the message is not UTF-8")]
    Encoding,
    /// Not JSON, or more than one JSON document.
    #[error("the message is not one JSON document (line {line}, column {column})")]
    Syntax {
        /// Line of the first error, from 1.
        line: usize,
        /// Column of the first error, from 1.
        column: usize,
    },
    /// A batch. MCP removed batches in 2025-06-18, and no known server answers them.
    #[error("batches are not allowed: send each message on its own")]
    Batch,
    /// A JSON document that is not an object.
    #[error("the message is not a JSON object")]
    NotAnObject,
    /// A member that decides the meaning is there twice.
    #[error("the member \"{0}\" is there more than once")]
    Duplicate(&'static str),
    /// A member is written like a known one, but in another case; some readers would take it for that one.
    #[error("a member is written like \"{0}\" in another case")]
    CaseVariant(&'static str),
    /// A member that decides the meaning is written with escapes: nobody needs them there, and some readers miss it.
    #[error("the member \"{0}\" is written with escapes")]
    Escaped(&'static str),
    /// Any other member is there twice, where each may be there once.
    #[error("a member is there more than once")]
    Repeated,
    /// `jsonrpc` is missing or not "2.0".
    #[error("the member \"jsonrpc\" must be \"2.0\"")]
    Version,
    /// The id of a request is neither a string nor an integer.
    #[error("the id must be a string or an integer")]
    Id,
    /// `method` is not a string.
    #[error("the member \"method\" must be a string")]
    Method,
    /// Neither request, notification nor response, or more than one of them.
    #[error("the message must be either a request, a notification or a response")]
    Shape,
}

impl ParseError {
    /// The JSON-RPC error code that says it.
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::Encoding | Self::Syntax { .. } => PARSE_ERROR,
            Self::Batch
            | Self::NotAnObject
            | Self::Duplicate(_)
            | Self::CaseVariant(_)
            | Self::Escaped(_)
            | Self::Repeated
            | Self::Version
            | Self::Id
            | Self::Method
            | Self::Shape => INVALID_REQUEST,
        }
    }
}

impl<'a> Message<'a> {
    /// Reads exactly one message.
    ///
    /// # Errors
    /// [`ParseError`] for whatever is not one unambiguous JSON-RPC 2.0 message.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, ParseError> {
        Self::read(bytes, Rigour::Sought)
    }

    pub(crate) fn read(bytes: &'a [u8], rigour: Rigour) -> Result<Self, ParseError> {
        let raw = std::str::from_utf8(bytes).map_err(|_| ParseError::Encoding)?.trim_matches(WHITESPACE);
        let [jsonrpc, id, method, params, result, error] = read_object(raw, KEYS, rigour)?;
        if jsonrpc.and_then(string).as_deref() != Some("2.0") {
            return Err(ParseError::Version);
        }
        let kind = match (method, result, error) {
            (Some(method), None, None) => Kind::asking(method, id)?,
            (None, Some(_), None) => Kind::Response { id: Some(required(id)?), is_error: false },
            (None, None, Some(_)) => Kind::Response { id: optional(id)?, is_error: true },
            _ => return Err(ParseError::Shape),
        };
        Ok(Self { raw, kind, id, params, result, error })
    }

    /// What the message is.
    #[must_use]
    pub const fn kind(&self) -> &Kind<'a> {
        &self.kind
    }

    /// The method of a request or notification.
    #[must_use]
    pub fn method(&self) -> Option<&str> {
        match &self.kind {
            Kind::Request { method, .. } | Kind::Notification { method } => Some(method),
            Kind::Response { .. } => None,
        }
    }

    /// The id of a request.
    #[must_use]
    pub const fn request_id(&self) -> Option<&Id> {
        match &self.kind {
            Kind::Request { id, .. } => Some(id),
            Kind::Notification { .. } | Kind::Response { .. } => None,
        }
    }

    /// The text of the message, as it came, without white space around it.
    #[must_use]
    pub const fn raw(&self) -> &'a str {
        self.raw
    }

    /// The text on one line, as stdio and server-sent events need it. Line ends in valid JSON stand only between
    /// tokens, so each becomes a space; everything else is as it came.
    #[must_use]
    pub fn single_line(&self) -> Cow<'a, str> {
        single_line(self.raw)
    }

    pub(crate) fn into_kind(self) -> Kind<'a> {
        self.kind
    }

    pub(crate) const fn result(&self) -> Option<&'a RawValue> {
        self.result
    }

    pub(crate) const fn error(&self) -> Option<&'a RawValue> {
        self.error
    }

    pub(crate) const fn params(&self) -> Option<&'a RawValue> {
        self.params
    }

    /// The text of the member `id`, as a part of [`Message::raw`].
    pub(crate) fn id_text(&self) -> Option<&'a str> {
        self.id.map(RawValue::get)
    }
}

impl<'a> Kind<'a> {
    fn asking(method: Member<'a>, id: Option<Member<'a>>) -> Result<Self, ParseError> {
        let method = string(method).ok_or(ParseError::Method)?;
        Ok(match id {
            Some(id) => Self::Request { id: Id::parse(id.get())?, method },
            None => Self::Notification { method },
        })
    }
}

const WHITESPACE: [char; 4] = [' ', '\t', '\r', '\n'];
const KEYS: [&str; 6] = ["jsonrpc", "id", "method", "params", "result", "error"];

fn required(id: Option<Member<'_>>) -> Result<Id, ParseError> {
    Id::parse(id.ok_or(ParseError::Id)?.get())
}

fn optional(id: Option<Member<'_>>) -> Result<Option<Id>, ParseError> {
    id.filter(|id| id.get() != "null").map(|id| Id::parse(id.get())).transpose()
}

/// Valid JSON on one line.
pub(crate) fn single_line(json: &str) -> Cow<'_, str> {
    const LINE_ENDS: [char; 2] = ['\r', '\n'];
    if json.contains(LINE_ENDS) { Cow::Owned(json.replace(LINE_ENDS, " ")) } else { Cow::Borrowed(json) }
}

/// The text of a JSON string; `None` for any other value.
pub(crate) fn string(value: &RawValue) -> Option<Cow<'_, str>> {
    object::Text::read(value)
}

#[cfg(test)]
mod tests;
