//! The context of one request.

use gateway_core::reply::Reply;
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::filter::Outcome;
use crate::host::{self, Refused};
use crate::root::Shared;

/// One request on its way through the filter.
#[derive(Debug)]
pub(crate) struct Http {
    context: u32,
    shared: Shared,
}

impl Http {
    pub(crate) const fn new(context: u32, shared: Shared) -> Self {
        Self { context, shared }
    }
}

impl Context for Http {}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        let outcome = match self.shared.borrow_mut().as_mut() {
            Some(filter) => filter.handle(self.context),
            None => Err(Refused),
        };
        match outcome {
            Ok(Outcome::Forwarded) => Action::Continue,
            Ok(Outcome::Answered | Outcome::Waiting) => Action::Pause,
            Err(Refused) => {
                // Nothing was decided, so nothing passes: answered if the host still lets us, paused in any case.
                if host::reply(&Reply::cannot_decide_yet()).is_err() {
                    log::error!("the host refused a call for a request");
                }
                Action::Pause
            }
        }
    }
}

impl Drop for Http {
    /// A client that went away while its request waited must not be resumed.
    fn drop(&mut self) {
        if let Some(filter) = self.shared.borrow_mut().as_mut() {
            filter.forget(self.context);
        }
    }
}
