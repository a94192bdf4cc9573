//! The root context: configuration, time, keys.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use gateway_core::policy::Policy;
use proxy_wasm::traits::{Context, HttpContext, RootContext};
use proxy_wasm::types::ContextType;

use crate::crypto;
use crate::filter::Filter;
use crate::host::{self, Refused};
use crate::http::Http;

/// How often time is noticed: by how much a waiting request can overstay its limit, and a fetch that it asked for can be
/// late.
const TICK: Duration = Duration::from_millis(100);

/// The state of a VM; empty until a configuration was accepted.
pub(crate) type Shared = Rc<RefCell<Option<Filter>>>;

/// One for each VM: it outlives the requests.
#[derive(Debug, Default)]
pub(crate) struct Root {
    shared: Shared,
}

impl Root {
    /// Runs `work` on the state; a host call that is refused there is logged, and the next event tries again.
    fn with_filter(&self, work: impl FnOnce(&mut Filter) -> Result<(), Refused>) {
        if let Some(filter) = self.shared.borrow_mut().as_mut()
            && work(filter).is_err()
        {
            log::error!("the host refused a call outside of a request");
        }
    }
}

impl Context for Root {
    fn on_http_call_response(&mut self, call: u32, _headers: usize, body_size: usize, _trailers: usize) {
        self.with_filter(|filter| filter.on_fetched(call, body_size));
    }
}

impl RootContext for Root {
    /// `false` makes Envoy refuse the configuration and keep the one it has (G-11).
    fn on_configure(&mut self, _size: usize) -> bool {
        let policy = match host::configuration().map(|text| Policy::parse(&text)) {
            Ok(Ok(policy)) => policy,
            Ok(Err(mistake)) => {
                log::error!("configuration refused: {mistake}");
                return false;
            }
            Err(Refused) => return false,
        };
        let Ok(filter) = Filter::start(policy, crypto::choose()) else {
            log::error!("this host gives no time or no randomness");
            return false;
        };
        self.shared.replace(Some(filter));
        host::tick_every(TICK).is_ok()
    }

    fn on_tick(&mut self) {
        self.with_filter(Filter::on_tick);
    }

    fn create_http_context(&self, context: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Http::new(context, Rc::clone(&self.shared))))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}
