//! The Envoy filter of the gateway: an adapter between proxy-wasm's host calls and [`gateway_core::gate`].
//!
//! Everything that is decided here is decided in `gateway-core`; this crate reads headers, applies a decision, fetches
//! keys and lets requests wait. Each worker thread of Envoy runs one VM with its own state; nothing is shared.
//!
//! Host calls for a request that is decided at once: one for all headers, then one for each header that is removed or set,
//! or one for the local reply. The time is that of the last tick, 100 ms ago at most; nobody is refused by it: before that, one
//! more call asks for the time. After a stall (a process that was stopped) the requests that queued up meanwhile may be
//! decided with the time at which it began.

mod crypto;
mod fetch;
mod filter;
mod host;
mod http;
mod journal;
mod root;
mod tally;

use proxy_wasm::traits::RootContext;
use proxy_wasm::types::LogLevel;

mod entry {
    use super::{LogLevel, RootContext, root};

    proxy_wasm::main! {{
        proxy_wasm::set_log_level(LogLevel::Info);
        proxy_wasm::set_root_context(|_| -> Box<dyn RootContext> { Box::new(root::Root::default()) });
    }}
}
