//! What the gateway decides, as pure functions.
//!
//! - [`jwt`]: access tokens in three stages, `Compact → Unverified → Verified`;
//! - [`jwks`]: key sets, and their life at the edge as a state machine; [`signature`]: who checks signatures;
//! - [`scope`], [`resource`] and [`servers`]: what a token allows, for which MCP server, and which there are;
//! - [`policy`]: what the edge protects, parsed from its configuration;
//! - [`request`], [`bearer`] and [`gate`]: a request in, a [`gate::Decision`] out; [`reply`]: the answers the edge gives;
//! - [`tools`]: what a token for single tools may do, and what it may see;
//! - [`parking`]: requests that wait for keys; [`time`]: `now` as a value.
//!
//! There is no IO here, no clock, no randomness, no logging and no async: bytes and `now` come in, values go out.
//! The same code runs in Envoy (wasm32-wasip1), in the auth service and in tests.

#![cfg_attr(test, expect(clippy::arithmetic_side_effects, reason = "tests count with small numbers"))]

pub mod assertion;
pub mod bearer;
pub mod gate;
mod hash;
pub mod identity_headers;
pub mod json;
pub mod jwks;
pub mod jwt;
pub mod origins;
pub mod parking;
pub mod policy;
pub mod publication;
pub mod reply;
pub mod request;
pub mod resource;
pub mod revocation;
pub mod scope;
pub mod servers;
pub mod signature;
pub mod time;
pub mod token_cache;
pub mod tools;
