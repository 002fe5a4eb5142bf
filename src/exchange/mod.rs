//! One governed HTTP exchange, from its first header to its last byte: the only orchestrator.
//!
//! Sans-IO: [`Exchange::step`] takes an event and the ports, and gives back effects. It decides in which order the parts
//! are asked; what each part answers is theirs. Invariants: a request is held until it is decided; the [`Decision`] is
//! made once, after the ledger; each AWU is settled at most once, and a call that is dropped without a callback leaves
//! only reservations, which expire.
//!
//! From the top down, and nothing imports what is above it: `request` reads what comes, `admission` decides in stages,
//! `answer` takes to its end what was let through. A `Call` is what is known before the decision, an `Execution`
//! after it, `State` either; a `Ground` is why not, [`Effects`] what is to be done.
//!
//! [`Decision`]: crate::decision::Decision

mod admission;
mod alert;
mod answer;
mod call;
mod editable;
mod effects;
mod event;
mod execution;
mod expiry;
mod explanation;
mod findings;
mod ground;
mod handover;
mod names;
mod refusal;
mod request;
mod state;
mod unanswered;
mod upgrade;
mod worker;

use std::rc::Rc;

pub use effects::{Effects, Flow, HeaderEdit, LocalReply};
pub use event::Event;
pub use explanation::{Described, Explanation, Judged, Verdict, explain};
pub use worker::Worker;

use crate::config::Config;
use crate::ports::Ports;
use answer::{redirect, settlement};
use execution::consumed::Consumed;
use state::State;

/// One HTTP exchange under one configuration.
#[derive(Debug)]
pub struct Exchange {
    config: Rc<Config>,
    worker: Rc<Worker>,
    state: State,
}

impl Exchange {
    /// An exchange of which nothing was seen yet, by itself.
    pub fn new(config: Rc<Config>) -> Self {
        Self::among(config, Rc::default())
    }

    /// An exchange among others of one configuration and worker, whose calls may go on in it.
    pub fn among(config: Rc<Config>, worker: Rc<Worker>) -> Self {
        Self { config, worker, state: State::New }
    }

    /// How large a request body may be that is being waited for; `None` when none is.
    pub fn awaited_body_bytes(&self) -> Option<usize> {
        matches!(self.state, State::Collecting(_)).then_some(self.config.max_request_bytes)
    }

    /// Whether the request was refused. Then none of it may go upstream, even where the host did not take the reply.
    pub fn refused(&self) -> bool {
        matches!(self.state, State::Refused)
    }

    /// Whether the answer's headers matter.
    pub fn reads_response_headers(&self) -> bool {
        matches!(self.state, State::Executing(_) | State::Ungoverned | State::Collecting(_))
    }

    /// Whether the answer's body matters.
    pub fn reads_response_body(&self) -> bool {
        matches!(&self.state, State::Executing(execution) if execution.reads_body())
    }

    /// The host did not replace a piece of the answer's body: it passed as it came, and so must the rest.
    pub fn give_up_editing_the_answer(&mut self) {
        if let State::Executing(execution) = &mut self.state {
            execution.hides = None;
        }
    }

    /// Takes one event; events that mean nothing where the exchange stands change nothing.
    pub fn step(&mut self, event: Event<'_>, ports: &dyn Ports) -> Effects {
        let mut effects = Effects::default();
        let state = std::mem::replace(&mut self.state, State::Finished);
        let state = self.follow(state, event, ports, &mut effects);
        self.state = match (state, event) {
            // Nothing comes after the end, so that what failed just now has no other time to be tried again.
            (State::Settling(settling), Event::Done) => {
                settlement::again(&self.config, *settling, ports, &mut effects)
            }
            (state, _) => state,
        };
        effects
    }

    /// The state that follows `state`.
    fn follow(&self, state: State, event: Event<'_>, ports: &dyn Ports, effects: &mut Effects) -> State {
        match (state, event) {
            (State::New, event) => self.begin(event, ports, effects),
            (State::Collecting(call), Event::RequestBody { body }) => {
                request::read(&self.config, &self.worker, call, body, ports, effects)
            }
            (State::Collecting(call), Event::RequestTooLarge { bytes }) => {
                request::too_large(&self.config, *call, bytes, ports, effects)
            }
            (State::Collecting(call), Event::ResponseHeaders { headers, .. }) => {
                refusal::forestalled(&self.config, &call, headers, ports, effects)
            }
            // Its caller left before the whole of it was here: there is nothing to decide on.
            (State::Collecting(_), Event::Done) => State::Finished,
            (State::Executing(execution), Event::Done) => match self.worker.handover.put(execution, ports) {
                Ok(()) => State::Finished,
                Err(execution) => execution.step(&self.config, event, ports, effects),
            },
            (State::Executing(execution), event) => execution.step(&self.config, event, ports, effects),
            (State::Ungoverned, Event::ResponseHeaders { headers, .. }) => {
                names::clean(headers, &mut effects.response_headers);
                State::Finished
            }
            (state, _) => state,
        }
    }

    /// The first that is seen of a stream: a request, or the end of one that was answered before it came here.
    fn begin(&self, event: Event<'_>, ports: &dyn Ports, effects: &mut Effects) -> State {
        if !matches!(event, Event::RequestHeaders { .. } | Event::Done) {
            return State::New;
        }
        let state = match (event, self.worker.handover.claim(ports)) {
            (Event::RequestHeaders { headers, .. }, Some(execution)) => {
                redirect::resume(&self.config, execution, headers, effects)
            }
            (Event::RequestHeaders { headers, end_of_stream }, None) => {
                request::begin(&self.config, &self.worker, headers, end_of_stream, ports, effects)
            }
            // Answered on its second way here: nobody executed it.
            (_, Some(execution)) => {
                settlement::settle(&self.config, execution, Consumed::Nothing, ports, effects)
            }
            (_, None) => State::New,
        };
        while let Some(lost) = self.worker.handover.lost(ports) {
            effects.tell(redirect::lose(&self.config, lost, ports));
        }
        state
    }
}
