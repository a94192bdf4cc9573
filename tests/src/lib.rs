//! The harness of the end-to-end tests.
//!
//! [`gateway::Gateway`] is the real stack on free ports; [`browser::Browser`] is a person who signs in, and
//! [`chromium::Chromium`] one with a real browser, at a [`provider::Provider`] if need be, or at
//! [`issuer::Issuers`] that are hostile; the official SDKs are driven by
//! [`sdk::Sdk`]; [`raw`] sends bytes that no client library would; [`forge::Forge`] signs tokens with the
//! gateway's own key, good ones and bad ones; [`document::DocumentServer`] is an issuer that
//! is down, slow or hostile; [`upstream::Recorder`] takes the place of the bridge and remembers what
//! reached it; [`bare_bridge::BareBridge`] is the bridge alone; [`launch::Launched`] is the program that
//! `just run` starts, as a person would start and stop it.
//!
//! A failed expectation in here ends the test: the harness panics, with a message that says what it saw.

#![expect(clippy::expect_used, clippy::panic, reason = "a harness fails its test by panicking")]
#![expect(clippy::missing_panics_doc, reason = "every function here panics when the test has failed")]

pub mod bare_bridge;
pub mod bare_edge;
pub mod browser;
pub mod chromium;
pub mod document;
mod driven;
pub mod forge;
pub mod gateway;
pub mod issuer;
pub mod launch;
pub mod oauth;
pub mod ports;
pub mod provider;
pub mod raw;
pub mod redis;
pub mod sdk;
pub mod upstream;
pub mod wasm_host;
