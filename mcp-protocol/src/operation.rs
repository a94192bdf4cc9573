//! What a client's message asks for, as far as permissions are concerned.
//!
//! For somebody who decides *before* the message goes on to a reader of its own: whatever that reader could understand
//! differently is refused here.

mod header;

use std::borrow::Cow;

pub use header::{HeaderMismatch, check_headers, of_headers};

use crate::error::{HEADER_MISMATCH, INVALID_PARAMS, INVALID_REQUEST};
use crate::jsonrpc::{Id, Kind, Message, ParseError, Rigour};
use crate::params::{Params, ParamsError};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation<'a> {
    /// `tools/call` of this tool.
    CallTool(Cow<'a, str>),
    /// `prompts/get` of this prompt.
    GetPrompt(Cow<'a, str>),
    /// `resources/read` of this URI.
    ReadResource(Cow<'a, str>),
    /// `tools/list`. The answer names tools: see [`crate::tool_list`].
    ListTools,
    /// What every client needs, whatever it may do: beginning, pinging, notifications, answers to the server, and the
    /// lists that name no tools.
    Plumbing,
    /// Anything else. Who may do only some things may not do it.
    Other,
}

/// What a message asks for, and what an answer to it has to repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask<'a> {
    /// What is asked for.
    pub operation: Operation<'a>,
    /// The id of a request; `None` for notifications and responses.
    pub id: Option<Id>,
    /// The method of a request or notification; `None` for responses.
    pub method: Option<Cow<'a, str>>,
    /// The revision in `params._meta`, which only messages of the modern era carry. (See [`crate::era::classify`].)
    pub version: Option<Cow<'a, str>>,
}

/// Why nobody can say for sure what is asked for. It repeats nothing of what the client sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ambiguous {
    /// The body is not one JSON-RPC message that everybody reads alike.
    #[error(transparent)]
    Message(#[from] ParseError),
    /// Its parameters are not.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The body is nested deeper than [`DEEPEST`] levels.
    #[error("the message is nested too deeply")]
    Depth,
    /// The parameter that says which tool, prompt or resource.
    #[error("params.{0} must be there, not empty, and without control characters")]
    Parameter(&'static str),
    /// The header `Mcp-Method` of a modern request.
    #[error("the header Mcp-Method must be there, and be the name of a method")]
    MethodHeader,
    /// The header `Mcp-Name` of a modern request that needs one.
    #[error("the header Mcp-Name must be there, not empty, and in visible ASCII or \"=?base64?…?=\"")]
    NameHeader,
    /// `Mcp-Name` is encoded, but not as the specification says.
    #[error(
        "the header Mcp-Name is not correctly encoded (\"=?base64?\", canonical base64 of UTF-8, \"?=\")"
    )]
    NameEncoding,
}

impl Ambiguous {
    /// The JSON-RPC error code that says it.
    #[must_use]
    pub const fn code(&self) -> i32 {
        match self {
            Self::Message(error) => error.code(),
            Self::Depth => INVALID_REQUEST,
            Self::Params(_) | Self::Parameter(_) => INVALID_PARAMS,
            Self::MethodHeader | Self::NameHeader | Self::NameEncoding => HEADER_MISMATCH,
        }
    }
}

/// How deep objects and arrays may be nested: what common readers can still read (`serde_json` gives up at 128).
pub const DEEPEST: usize = 127;

/// What the body of a POST asks for.
///
/// The body must be exactly one JSON-RPC message. At its top, in `params` and in `params._meta` every key may stand
/// once, however it is escaped, and nothing may stand there that a lenient reader takes for a member that decides
/// something. (What lies deeper, like `arguments`, decides nothing here.) The work is linear, without recursion.
///
/// # Errors
/// [`Ambiguous`] for whatever two readers could understand in two ways.
pub fn of_body(body: &[u8]) -> Result<Ask<'_>, Ambiguous> {
    let message = Message::read(body, Rigour::Every)?;
    if is_too_deep(message.raw()) {
        return Err(Ambiguous::Depth);
    }
    let params = Params::read(&message, Rigour::Every)?;
    let version = params.meta.protocol_version;
    let (method, id) = match message.into_kind() {
        Kind::Request { id, method } => (method, Some(id)),
        Kind::Notification { method } => (method, None),
        Kind::Response { .. } => {
            return Ok(Ask { operation: Operation::Plumbing, id: None, method: None, version });
        }
    };
    let operation = match Target::of(&method) {
        Target::Tool => Operation::CallTool(parameter(params.name, "name")?),
        Target::Prompt => Operation::GetPrompt(parameter(params.name, "name")?),
        Target::Resource => Operation::ReadResource(parameter(params.uri, "uri")?),
        Target::None(operation) => operation,
    };
    Ok(Ask { operation, id, method: Some(method), version })
}

fn parameter<'a>(value: Option<Cow<'a, str>>, name: &'static str) -> Result<Cow<'a, str>, Ambiguous> {
    value.filter(|value| is_name(value)).ok_or(Ambiguous::Parameter(name))
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(char::is_control)
}

/// What a method is about.
enum Target {
    Tool,
    Prompt,
    Resource,
    None(Operation<'static>),
}

impl Target {
    fn of(method: &str) -> Self {
        match method {
            "tools/call" => Self::Tool,
            "prompts/get" => Self::Prompt,
            "resources/read" => Self::Resource,
            "tools/list" => Self::None(Operation::ListTools),
            "initialize"
            | "ping"
            | "server/discover"
            | "logging/setLevel"
            | "subscriptions/listen"
            | "prompts/list"
            | "resources/list"
            | "resources/templates/list" => Self::None(Operation::Plumbing),
            _ if method.starts_with("notifications/") => Self::None(Operation::Plumbing),
            _ => Self::None(Operation::Other),
        }
    }
}

/// Whether valid JSON is nested deeper than [`DEEPEST`].
fn is_too_deep(json: &str) -> bool {
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests;
