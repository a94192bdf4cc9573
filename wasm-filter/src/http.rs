//! The context of one request.

use gateway_core::gate::{Admission, Passage};
use gateway_core::origins;
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
    passage: Passage,
    /// How the answer is taken apart, and the tools that it may speak of.
    narrowing: Option<(Narrowing, Allowed)>,
}

impl Http {
    pub(crate) fn new(context: u32, shared: Shared) -> Self {
        Self { context, shared, passage: Passage::default(), narrowing: None }
    }

    /// Runs `work` on the state of the VM. There is none before a configuration was accepted: nothing passes.
    fn decide(&mut self, work: impl FnOnce(&mut Filter, u32) -> Result<Outcome, Refused>) -> Action {
        let outcome = match self.shared.borrow_mut().as_mut() {
            Some(filter) => work(filter, self.context),
            None => Err(Refused),
        };
        match outcome {
            Ok(Outcome::Forwarded(passage)) => {
                self.passage = passage;
                Action::Continue
            }
            Ok(Outcome::Passing) => Action::Continue,
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
        self.decide(|filter, context| {
            if filter.is_held(context) {
                return filter.on_body(context, size, is_whole);
            }
            filter.on_passing_body(context, size).map(|()| Outcome::Passing)
        })
    }

    /// How the answer has to be treated, by its headers.
    fn begin_answer(&mut self, is_whole: bool) -> Result<Action, Refused> {
        let released =
            self.shared.borrow_mut().as_mut().and_then(|filter| filter.take_released(self.context));
        if let Some(passage) = released {
            self.passage = passage;
        }
        if let Some(page) = &self.passage.page {
            for (name, value) in origins::readable_by(page) {
                host::set_response_header(name, &value)?;
            }
        }
        match self.passage.admission.take() {
            Some(admission) if !is_whole => self.begin_body(admission),
            Some(_) | None => Ok(Action::Continue),
        }
    }

    fn begin_body(&mut self, admission: Admission) -> Result<Action, Refused> {
        // Asked now: the host knows the headers of an answer only while they pass.
        let content_type = host::response_header("content-type")?;
        let is_stream = content_type.as_ref().is_some_and(|kind| kind.starts_with(b"text/event-stream"));
        if is_stream && let Some(filter) = self.shared.borrow_mut().as_mut() {
            filter.watch(self.context, admission.clone());
        }
        let Some(only) = admission.only else { return Ok(Action::Continue) };
        let encoding = host::response_header("content-encoding")?;
        let Ok(narrowing) = Narrowing::of(content_type.as_deref(), encoding.as_deref()) else {
            host::reply(&Reply::odd_answer())?;
            return Ok(Action::Pause);
        };
        let hold = matches!(narrowing, Narrowing::Json);
        if !matches!(narrowing, Narrowing::Untouched) {
            // Its length will be another one.
            host::remove_response_header("content-length")?;
        }
        self.narrowing = Some((narrowing, only));
        Ok(if hold { Action::Pause } else { Action::Continue })
    }

    fn narrow(&mut self, size: usize, is_end: bool) -> Result<Action, Refused> {
        let Some((narrowing, only)) = &mut self.narrowing else { return Ok(Action::Continue) };
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
        Self::or_cut(self.begin_answer(end_of_stream))
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
            filter.unwatch(self.context);
        }
    }
}
