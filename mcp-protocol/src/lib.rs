//! The words of MCP (Model Context Protocol), without IO, clock, randomness or logging: bytes in, values out.
//!
//! - [`jsonrpc`]: one JSON-RPC message, classified without touching its text, so that it can be relayed byte for byte;
//! - [`params`]: the few members of `params` that a gateway has to read;
//! - [`relay`]: other ids, progress tokens and cancellations in a message whose other bytes stay as they are;
//! - [`translate`], [`input`], [`subscription`] and [`capabilities`]: a modern client in front of a legacy server; [`modernize`]: the reverse;
//! - [`version`] and [`era`]: the protocol revisions, and which of the two eras an HTTP request belongs to;
//! - [`operation`]: what a request asks for, as far as permissions are concerned;
//! - [`tool_list`]: answers to `tools/list` without the tools that the asker may not call;
//! - [`headers`] and [`error`]: the standard header names, error codes and error answers.
//!
//! Everything here takes bytes from people who may be hostile. What two readers could understand in two ways
//! (a key twice, a key in another case, two documents in one body) is refused, never guessed.

pub mod capabilities;
pub mod era;
pub mod error;
pub mod headers;
pub mod input;
pub mod jsonrpc;
pub mod modernize;
pub mod operation;
pub mod params;
pub mod relay;
mod splice;
pub mod subscription;
pub mod tool_list;
pub mod translate;
pub mod version;
