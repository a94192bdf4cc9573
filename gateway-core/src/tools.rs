//! Tokens that cover single tools of a server: what they may do there, and what they may see.
//!
//! A token that covers the whole server never gets here, and its bodies are never read.

use std::rc::Rc;

use mcp_protocol::error;
use mcp_protocol::jsonrpc::Id;
use mcp_protocol::operation::{self, Ambiguous, Operation};
use mcp_protocol::tool_list::{NotAnAnswer, SseNarrower, narrow_json};

use crate::policy::Resource;
use crate::reply::Reply;
use crate::request::Request;
use crate::resource::ServerName;
use crate::scope::{Scope, ScopeSet, ToolName};

/// Longest body that is read to decide about a request, in bytes.
pub const MAX_BODY: usize = 1024 * 1024;

/// How long a request whose body has to be read may wait for its first byte, in seconds.
pub const BODY_PATIENCE: u64 = 10;

/// Longest event of a stream that is read for the tools that it names, in bytes.
const MAX_EVENT: usize = 4 * 1024 * 1024;

/// JSON-RPC code of a refusal for want of permission. Codes from -32768 to -32000 belong to the protocol.
const FORBIDDEN: i32 = 403;

/// The tools of one server that a token covers; at least one.
#[derive(Debug, Clone)]
pub struct Allowed(Rc<(ServerName, ScopeSet)>);

/// What becomes of a request with such a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// It may go on; its answer has to be narrowed.
    Allowed,
    /// Its headers do not say for sure what it asks for.
    NeedsBody,
    /// It is answered here.
    Refused(Reply),
}

impl Allowed {
    /// What `scopes` allow at `resource` beside the whole of it; `None` when that is nothing.
    #[must_use]
    pub fn of(scopes: &ScopeSet, resource: &Resource) -> Option<Self> {
        let Scope::Server(server) = &resource.scope else { return None };
        let is_its_tool = |scope: &Scope| matches!(scope, Scope::Tool(of, _) if of == server);
        let tools: ScopeSet = scopes.iter().filter(|scope| is_its_tool(scope)).cloned().collect();
        (!tools.is_empty()).then(|| Self(Rc::new((server.clone(), tools))))
    }

    /// Whether the tool `name` may be called, and so may be seen.
    #[must_use]
    pub fn may_call(&self, name: &str) -> bool {
        self.scope_of(name).is_some_and(|scope| self.0.1.covers(&scope))
    }

    /// Decides about a request. What it asks for is read from the headers of the modern era, if the server refuses a body
    /// that says something else; otherwise from the body (H-03). A session belongs to the legacy era, so with one the
    /// headers say nothing.
    #[must_use]
    pub fn judge(&self, request: &Request<'_>, body: Option<&[u8]>, resource: &Resource) -> Judgement {
        if request.method != b"POST" {
            return Judgement::Allowed;
        }
        let mcp = request.mcp;
        if let Some(body) = body {
            return match operation::of_body(body) {
                Ok(ask) => self.judge_operation(&ask.operation, ask.id.as_ref(), resource),
                Err(ambiguous) => Judgement::Refused(ambiguous_reply(&ambiguous)),
            };
        }
        let headers_count = resource.compares_headers && mcp.session.is_none();
        let version = mcp.version.filter(|_| headers_count);
        match operation::of_headers(version, mcp.method, mcp.name) {
            Ok(Some(operation)) => self.judge_operation(&operation, None, resource),
            Ok(None) => Judgement::NeedsBody,
            Err(ambiguous) => Judgement::Refused(ambiguous_reply(&ambiguous)),
        }
    }

    fn judge_operation(&self, operation: &Operation<'_>, id: Option<&Id>, resource: &Resource) -> Judgement {
        let needed = match operation {
            Operation::Plumbing | Operation::ListTools => return Judgement::Allowed,
            Operation::CallTool(name) if self.may_call(name) => return Judgement::Allowed,
            // A name that cannot stand in a scope can only be covered by the whole server.
            Operation::CallTool(name) => self.scope_of(name).unwrap_or_else(|| resource.scope.clone()),
            Operation::GetPrompt(_) | Operation::ReadResource(_) | Operation::Other => resource.scope.clone(),
        };
        // The same words whether the tool exists or not: the edge does not know, and so cannot tell.
        let message = "the access token does not allow this; sign in again for the scope in data.scope";
        let data = serde_json::json!({ "error": "insufficient_scope", "scope": needed.to_string() });
        let message = error::answer(id, FORBIDDEN, message, Some(data));
        Judgement::Refused(Reply::insufficient_scope(resource, &needed).saying(message))
    }

    fn scope_of(&self, tool: &str) -> Option<Scope> {
        let name: ToolName = tool.parse().ok()?;
        Some(Scope::Tool(self.0.0.clone(), name))
    }
}

fn ambiguous_reply(ambiguous: &Ambiguous) -> Reply {
    let description = ambiguous.to_string();
    Reply::ambiguous(&description).saying(error::answer(None, ambiguous.code(), &description, None))
}

/// The answer to such a request, on its way back: what names tools loses those that may not be called.
#[derive(Debug)]
pub enum Narrowing {
    /// One JSON document: it has to be whole.
    Json,
    /// A stream of events: each is narrowed as it passes.
    Stream(Box<SseNarrower>),
    /// Neither: no JSON-RPC message is in it.
    Untouched,
}

/// What becomes of a part of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Narrowed {
    /// It passes as it is.
    Same,
    /// It is held back until more has come.
    Held,
    /// This goes on instead.
    Changed(Vec<u8>),
}

impl Narrowing {
    /// How an answer with these headers is to be treated.
    ///
    /// # Errors
    /// [`NotAnAnswer`] for an encoded answer: it cannot be read.
    pub fn of(content_type: Option<&[u8]>, content_encoding: Option<&[u8]>) -> Result<Self, NotAnAnswer> {
        let essence = content_type.unwrap_or_default().split(|byte| *byte == b';').next().unwrap_or_default();
        let essence = essence.trim_ascii();
        let is_encoded = content_encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity"));
        let narrowing = if essence.eq_ignore_ascii_case(b"text/event-stream") {
            Self::Stream(Box::new(SseNarrower::new(MAX_EVENT)))
        } else if essence.eq_ignore_ascii_case(b"application/json") {
            Self::Json
        } else {
            return Ok(Self::Untouched);
        };
        if is_encoded { Err(NotAnAnswer::Line) } else { Ok(narrowing) }
    }

    /// The next part of the answer. For [`Narrowing::Json`], `part` is everything that has come so far.
    ///
    /// # Errors
    /// [`NotAnAnswer`]: nothing of the part may go on.
    pub fn push(&mut self, part: &[u8], is_end: bool, allowed: &Allowed) -> Result<Narrowed, NotAnAnswer> {
        let may_see = |name: &str| allowed.may_call(name);
        match self {
            Self::Untouched => Ok(Narrowed::Same),
            Self::Json if !is_end => Ok(Narrowed::Held),
            // An answer without a body has nothing to hide.
            Self::Json if part.is_empty() => Ok(Narrowed::Same),
            Self::Json => Ok(narrow_json(part, may_see)?.map_or(Narrowed::Same, Narrowed::Changed)),
            Self::Stream(stream) => Ok(Narrowed::Changed(stream.push(part, is_end, may_see)?)),
        }
    }
}

#[cfg(test)]
mod tests;
