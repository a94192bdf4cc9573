//! The context of one request.

use gateway_core::reply::Reply;
use gateway_core::tools::{Allowed, Narrowed, Narrowing};
use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use crate::filter::{Filter, Outcome};
use crate::host::{self, Refused};
use crate::root::Shared;

/// One request on its way through the filter, and its answer on the way back.
#[derive(Debug)]
pub(crate) struct Http {
    context: u32,
    shared: Shared,
    /// The tools that the answer may speak of, when that is not all of them.
    only: Option<Allowed>,
    narrowing: Option<Narrowing>,
}

impl Http {
    pub(crate) const fn new(context: u32, shared: Shared) -> Self {
        Self { context, shared, only: None, narrowing: None }
    }

    /// Runs `work` on the state of the VM. There is none before a configuration was accepted: nothing passes.
    fn decide(&mut self, work: impl FnOnce(&mut Filter, u32) -> Result<Outcome, Refused>) -> Action {
        let outcome = match self.shared.borrow_mut().as_mut() {
            Some(filter) => work(filter, self.context),
            None => Err(Refused),
        };
        match outcome {
            Ok(Outcome::Forwarded(only)) => {
                self.only = only;
                Action::Continue
            }
            Ok(Outcome::Answered | Outcome::Held) => Action::Pause,
            Err(Refused) => {
                // Nothing was decided, so nothing passes: answered if the host still lets us, paused in any case.
                if host::reply(&Reply::cannot_decide_yet()).is_err() {
                    log::error!("the host refused a call for a request");
                }
                Action::Pause
            }
        }
    }

    fn on_part_of_body(&mut self, size: usize, is_whole: bool) -> Action {
        let context = self.context;
        let is_held = self.shared.borrow_mut().as_mut().is_none_or(|filter| filter.is_held(context));
        if !is_held {
            return Action::Continue;
        }
        self.decide(|filter, context| filter.on_body(context, size, is_whole))
    }

    /// How the answer has to be treated, by its headers.
    fn begin_answer(&mut self) -> Result<Action, Refused> {
        let released =
            self.shared.borrow_mut().as_mut().and_then(|filter| filter.take_released(self.context));
        self.only = self.only.take().or(released);
        if self.only.is_none() {
            return Ok(Action::Continue);
        }
        let headers = host::response_headers()?;
        let value =
            |name: &str| headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_slice());
        let Ok(narrowing) = Narrowing::of(value("content-type"), value("content-encoding")) else {
            host::reply(&Reply::odd_answer())?;
            return Ok(Action::Pause);
        };
        let hold = matches!(narrowing, Narrowing::Json);
        if !matches!(narrowing, Narrowing::Untouched) {
            // Its length will be another one.
            host::remove_response_header("content-length")?;
        }
        self.narrowing = Some(narrowing);
        Ok(if hold { Action::Pause } else { Action::Continue })
    }

    fn narrow(&mut self, size: usize, is_end: bool) -> Result<Action, Refused> {
        let (Some(only), Some(narrowing)) = (&self.only, &mut self.narrowing) else {
            return Ok(Action::Continue);
        };
        if matches!(narrowing, Narrowing::Untouched) {
            return Ok(Action::Continue);
        }
        let part = host::response_body(size)?;
        match narrowing.push(&part, is_end, only) {
            Ok(Narrowed::Same) => Ok(Action::Continue),
            Ok(Narrowed::Held) => Ok(Action::Pause),
            Ok(Narrowed::Changed(body)) => {
                host::replace_response_body(size, &body)?;
                Ok(Action::Continue)
            }
            Err(odd) => {
                log::warn!("an answer was cut: {odd}");
                if matches!(narrowing, Narrowing::Json) {
                    host::reply(&Reply::odd_answer())?;
                } else {
                    host::cut_response()?;
                }
                Ok(Action::Pause)
            }
        }
    }

    /// What cannot be narrowed does not go on.
    fn or_cut(result: Result<Action, Refused>) -> Action {
        result.unwrap_or_else(|Refused| {
            if host::cut_response().is_err() {
                log::error!("the host refused a call for an answer");
            }
            Action::Pause
        })
    }
}

impl Context for Http {}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        self.decide(|filter, context| filter.on_headers(context, end_of_stream))
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        self.on_part_of_body(size, end_of_stream)
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        self.on_part_of_body(0, true)
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        if end_of_stream {
            return Action::Continue;
        }
        Self::or_cut(self.begin_answer())
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        Self::or_cut(self.narrow(size, end_of_stream))
    }
}

impl Drop for Http {
    /// A client that went away while its request was held must not be resumed.
    fn drop(&mut self) {
        if let Some(filter) = self.shared.borrow_mut().as_mut() {
            filter.forget(self.context);
        }
    }
}
