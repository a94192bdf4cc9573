//! Serves MCP servers that speak stdio as Streamable HTTP: each entry of `mcp.json` at `/{name}/mcp`, or the one server of a
//! command line at `/mcp`.
//!
//! # Theory of operation
//!
//! Three layers, each of which knows only the one below:
//!
//! - `http`: who may ask, which era, which session; how an answer is written (JSON or server-sent events);
//! - [`session`]: which caller owns which child process, and how many there may be: a session of the legacy era has one,
//!   and each user with each client has one for all requests of the modern era;
//! - [`process`]: one task per child that owns the process, its pipes and the table of open requests. Everybody
//!   else holds a cheap handle. A request brings its own reply channel along, so when the task ends, every waiter
//!   is told; there is no shared table that could forget one.
//!
//! Clients and servers of both eras meet in every combination. What a server speaks is found out once, in a process of its own;
//! a child only ever hears one era. The pure part of each translation is in `mcp-protocol` (`relay`, `translate`, `modernize`,
//! `input`, `subscription`); `session::Host` and `session::Call` speak to a legacy child for modern clients,
//! `session::Translator` to a modern child for a legacy one.
//!
//! Messages are relayed as the text that was read; only ids, progress tokens and cancellations are the bridge's own. The bridge sees no tokens: it trusts the identity headers of the
//! edge (`x-user-id`, `x-client-id`) and binds sessions to them. With an edge key, it takes them only with the edge's
//! proof (`x-edge-assertion`).

pub mod app;
pub mod cli;
pub mod config;
pub mod confine;
mod http;
pub mod process;
pub mod serve;
pub mod session;
pub mod settings;
