//! The HTTP API in process: the real router over a real store in a temporary directory, with a clock that stands still.
//! One module per endpoint. The name of a test is the rule that it checks; ids are those of the threat catalogue.

#![expect(clippy::arithmetic_side_effects, reason = "tests count with small numbers")]

mod app;
mod authorize;
mod browser;
mod consent;
mod internal;
mod metadata;
mod refresh;
mod register;
mod secrets;
mod sign_in;
mod token;
