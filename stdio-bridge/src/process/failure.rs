//! Why a request got no answer from its child.

use mcp_protocol::error::{INTERNAL_ERROR, answer};
use mcp_protocol::jsonrpc::Id;
use serde_json::json;

/// Why a request got no answer from its child. The caller gets a JSON-RPC error instead, at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The child ended, or closed its output.
    #[error("the server exited before it answered")]
    Exited,
    /// The child did not answer in time; it has been told that nobody waits any more.
    #[error("the server did not answer in time")]
    Timeout,
    /// The answer was longer than a message may be.
    #[error("the answer is longer than a message may be (MCP_MAX_MESSAGE_BYTES)")]
    TooLarge,
    /// The answer was no valid JSON-RPC message.
    #[error("the server's answer is not valid")]
    Invalid,
    /// The session was ended, or the bridge is shutting down.
    #[error("the session was ended")]
    Stopped,
    /// The caller read too slowly and its stream was cut.
    #[error("the answer stream was cut because it was not read")]
    Cut,
}

impl Failure {
    /// A name for programs, in the error's `data.reason`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Exited => "server_exited",
            Self::Timeout => "timeout",
            Self::TooLarge => "answer_too_large",
            Self::Invalid => "answer_invalid",
            Self::Stopped => "session_ended",
            Self::Cut => "stream_cut",
        }
    }

    /// The JSON-RPC error that says it of the request `id` to `server`.
    #[must_use]
    pub fn answer(self, server: &str, id: &Id) -> String {
        let data = json!({ "server": server, "reason": self.reason() });
        answer(Some(id), INTERNAL_ERROR, &format!("{server}: {self}"), Some(data))
    }
}
