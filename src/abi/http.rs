//! The stream context: one per request. Each callback is one event; what comes back is performed at once.

use std::rc::Rc;

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

use super::perform;
use super::ports::Host;
use super::raw::{self, Buffer, Map};
use super::shared::Shared;
use crate::exchange::{Effects, Event, Exchange, Flow};

/// One HTTP exchange.
pub(super) struct Http {
    governed: Option<(Rc<Shared>, Exchange)>,
    #[cfg(feature = "fault-injection")]
    fault: super::fault::Fault,
}

impl Http {
    /// A stream under the root's configuration. Without one, which Envoy never lets happen, nothing is governed.
    pub(super) fn new(shared: Option<Rc<Shared>>) -> Self {
        let governed = shared.map(|shared| {
            let exchange = Exchange::among(shared.config.clone(), shared.worker.clone());
            (shared, exchange)
        });
        Self {
            governed,
            #[cfg(feature = "fault-injection")]
            fault: super::fault::Fault::default(),
        }
    }

    fn step(&mut self, event: Event<'_>) -> Action {
        let Some((shared, exchange)) = &mut self.governed else { return Action::Continue };
        let effects = exchange.step(event, &Host { ids: &shared.ids, recall: &shared.recall });
        let bodies = perform::perform(&effects, &shared.outlets);
        if !bodies.response {
            exchange.give_up_editing_the_answer();
        }
        if bodies.request {
            flow(&effects)
        } else {
            perform::reply_uneditable();
            Action::Pause
        }
    }

    fn exchange(&self) -> Option<&Exchange> {
        self.governed.as_ref().map(|(_, exchange)| exchange)
    }

    /// What nobody waits for goes on, unless the request was refused: the host may not have taken the reply.
    fn rest_of_request(&self) -> Action {
        if self.exchange().is_some_and(Exchange::refused) { Action::Pause } else { Action::Continue }
    }

    fn request_body(&mut self, size: usize) -> Action {
        match raw::buffer(Buffer::RequestBody, size) {
            Ok(body) => self.step(Event::RequestBody { body: &body }),
            Err(error) => {
                log::error!("genops: the request body cannot be read: host status {}", error.0);
                self.step(Event::RequestBody { body: &[] })
            }
        }
    }
}

fn flow(effects: &Effects) -> Action {
    match &effects.flow {
        Flow::Continue => Action::Continue,
        Flow::Hold => Action::Pause,
        Flow::Reply(reply) => {
            perform::reply(reply);
            Action::Pause
        }
    }
}

impl Context for Http {}

impl HttpContext for Http {
    fn on_http_request_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        raw::with_headers(Map::Request, |headers| {
            #[cfg(feature = "fault-injection")]
            self.fault.ask(headers);
            self.step(Event::RequestHeaders { headers, end_of_stream })
        })
    }

    fn on_http_request_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        match self.exchange().and_then(Exchange::awaited_body_bytes) {
            None => self.rest_of_request(),
            Some(most) if size > most => self.step(Event::RequestTooLarge { bytes: size }),
            Some(_) if !end_of_stream => Action::Pause,
            Some(_) => self.request_body(size),
        }
    }

    fn on_http_request_trailers(&mut self, _count: usize) -> Action {
        match self.exchange().and_then(Exchange::awaited_body_bytes) {
            None => self.rest_of_request(),
            Some(most) => self.request_body(most),
        }
    }

    fn on_http_response_headers(&mut self, _count: usize, end_of_stream: bool) -> Action {
        #[cfg(feature = "fault-injection")]
        self.fault.trip("response-headers");
        if !self.exchange().is_some_and(Exchange::reads_response_headers) {
            return Action::Continue;
        }
        raw::with_headers(Map::Response, |headers| {
            self.step(Event::ResponseHeaders { headers, end_of_stream })
        })
    }

    fn on_http_response_body(&mut self, size: usize, end_of_stream: bool) -> Action {
        if !self.exchange().is_some_and(Exchange::reads_response_body) {
            return Action::Continue;
        }
        #[cfg(feature = "fault-injection")]
        self.fault.trip("response-body");
        let chunk = if size == 0 { Ok(Vec::new()) } else { raw::buffer(Buffer::ResponseBody, size) };
        match chunk {
            Ok(chunk) => self.step(Event::ResponseBody { chunk: &chunk, end_of_stream }),
            Err(error) => {
                log::error!("genops: the response body cannot be read: host status {}", error.0);
                self.step(Event::ResponseBodyLost)
            }
        }
    }

    fn on_http_response_trailers(&mut self, _count: usize) -> Action {
        self.step(Event::ResponseBody { chunk: &[], end_of_stream: true })
    }

    fn on_log(&mut self) {
        self.step(Event::Done);
    }
}
