//! The whole gateway on one machine, as one thing that starts, is ready, and stops.
//!
//! [`settings`] says where everything is; [`stack`] starts auth service, bridge and Envoy in that order, waits until
//! each is really ready, and stops them in the reverse order. [`edge`] turns the settings into Envoy's bootstrap.
//! `just run` is this crate's program; the end-to-end tests start the same [`stack::Stack`] on free ports.

pub mod announce;
pub mod edge;
pub mod port;
pub mod probe;
pub mod process;
pub mod secret;
pub mod settings;
pub mod stack;
