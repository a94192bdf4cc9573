//! What every program of the gateway does the same way.
//!
//! - [`settings`]: read the environment once, report *all* mistakes, bind nothing before that;
//! - [`layout`] and [`public_url`]: where clients find the gateway and the servers behind it;
//! - [`clock`] and [`random`]: time and randomness as parameters, so that tests own both;
//! - [`telemetry`]: one log format, no secrets, no colours in files;
//! - [`lifecycle`]: the signal that ends a program, and the exit codes that say why it ended.
//!
//! Nothing here knows OAuth or MCP.

pub mod clock;
pub mod layout;
pub mod lifecycle;
pub mod public_url;
pub mod random;
pub mod settings;
pub mod telemetry;
