//! The authorization server of the gateway.
//!
//! It is the only part that knows OAuth, and it never sees MCP traffic. A request comes down through the layers, and
//! none of them reaches past the next:
//!
//! - [`http`]: extract, call one flow, render. No storage, no cryptography.
//! - [`flow`]: what happens, step by step: register, authorize, sign in, consent, exchange, refresh,
//!   revoke, introspect. No HTTP.
//! - [`domain`]: what things *are*; imports none of the others.
//! - [`store`]: what is remembered, as atomic verbs behind traits; [`identity`]: who users are; [`keys`]: what signs;
//!   [`documents`]: clients that describe themselves, fetched through [`outbound`], the one way out.
//!
//! [`config`] and [`data_dir`] say how it is set up, [`app`] puts it together, [`server`] runs it, [`cli`] is the
//! command line, [`operator`] its way to the running service, [`backup`] the file that a backup is. Time and randomness are parameters everywhere.

#![cfg_attr(test, expect(clippy::string_slice, reason = "tests cut ASCII texts"))]

pub mod app;
pub mod audit;
pub mod backup;
pub mod cli;
pub mod config;
pub mod data_dir;
pub mod documents;
pub mod domain;
pub mod flow;
pub mod http;
pub mod identity;
pub mod keys;
pub mod limits;
pub mod metrics;
pub mod operator;
pub mod outbound;
pub mod server;
pub mod store;
