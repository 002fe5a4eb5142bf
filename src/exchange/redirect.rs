//! Envoy's internal redirects: one call in two streams, of which the second goes on with what the first began.
//!
//! Where Envoy follows a redirect by itself, the first stream ends without an answer and a second one passes the filters
//! from the start, on the same worker; a filter before this one may hold it for a while. It is the same AWU: decided once,
//! charged once. The streams of one configuration and worker share a `Handover`; the request's id says whose it is.
//! Where Envoy makes no ids, and where too many are on their way, the first is settled as a call without an answer and the
//! second governed anew.

use std::cell::RefCell;
use std::collections::VecDeque;

use super::State;
use super::effects::Effects;
use super::execution::{Answer, Execution};
use super::names;
use super::reservation;
use super::settlement::{self, Consumed};
use crate::config::Config;
use crate::headers::Headers;
use crate::ports::Ports;
use crate::semconv::attribute;
use crate::telemetry::{Value, event};
use crate::timestamp::Timestamp;

/// What `%RESPONSE_CODE_DETAILS%` says of a stream whose request goes on in another one.
const INTERNAL_REDIRECT: &[u8] = b"internal_redirect";

/// How many calls may be on their way between two streams at once.
const MOST: usize = 64;

/// How long one may be on its way: longer than a filter before this one keeps a request waiting. After that its second
/// stream is taken to have gone past this filter.
const LONGEST_MS: u64 = 60_000;

/// The calls on their way from one stream to the next, the one that is longest on its way first.
#[derive(Debug, Default)]
pub(super) struct Handover(RefCell<VecDeque<Redirected>>);

#[derive(Debug)]
struct Redirected {
    request_id: Vec<u8>,
    since: Timestamp,
    execution: Box<Execution>,
}

impl Handover {
    /// Takes a call over whose stream is over; gives it back where its request does not go on in another one.
    pub(super) fn put(&self, execution: Box<Execution>, ports: &dyn Ports) -> Result<(), Box<Execution>> {
        let awaited = matches!(execution.answer, Answer::Awaited);
        if !awaited || ports.property(&["response", "code_details"]).as_deref() != Some(INTERNAL_REDIRECT) {
            return Err(execution);
        }
        let mut under_way = self.0.borrow_mut();
        match request_id(ports) {
            Some(request_id) if under_way.len() < MOST => {
                under_way.push_back(Redirected { request_id, since: ports.now(), execution });
                Ok(())
            }
            _ => Err(execution),
        }
    }

    /// A stream begins or, if an earlier filter answered it, ends: the call that goes on in it.
    pub(super) fn claim(&self, ports: &dyn Ports) -> Option<Box<Execution>> {
        let mut under_way = self.0.borrow_mut();
        // All that most streams ever ask.
        if under_way.is_empty() {
            return None;
        }
        let own = request_id(ports)?;
        let at = under_way.iter().position(|redirected| redirected.request_id == own)?;
        under_way.remove(at).map(|redirected| redirected.execution)
    }

    /// A call that was on its way for so long that it goes on nowhere.
    pub(super) fn lost(&self, ports: &dyn Ports) -> Option<Box<Execution>> {
        let mut under_way = self.0.borrow_mut();
        let since = under_way.front()?.since;
        if ports.now().millis_since(since) < LONGEST_MS {
            return None;
        }
        under_way.pop_front().map(|redirected| redirected.execution)
    }
}

fn request_id(ports: &dyn Ports) -> Option<Vec<u8>> {
    ports.property(&["request", "id"]).filter(|id| !id.is_empty())
}

/// Goes on with a call in the stream that its request was redirected to.
#[cold]
pub(super) fn resume(config: &Config, execution: Box<Execution>, headers: Headers<'_>) -> (State, Effects) {
    let mut effects = Effects {
        request_headers: names::request(config, headers, execution.awu.attribution()),
        ..Effects::default()
    };
    if execution.has_span {
        effects.awu = Some(execution.awu.clone());
        // Envoy traces the first stream alone, whose span is the AWU's identity; this stream's access log reads these.
        effects.attribute(attribute::AWU_ID, Value::text(execution.awu.id().as_str()));
        effects.attributes.extend(event::decision(execution.decision, None, None));
        effects.attributes.extend(execution.target());
        effects.attributes.extend(execution.governing.iter().flat_map(reservation::on_span));
    }
    (State::Executing(execution), effects)
}

/// Settles a call whose second stream the filter does not see: what became of it is unknown.
#[cold]
pub(super) fn lose(config: &Config, execution: Box<Execution>, ports: &dyn Ports) -> Effects {
    log::warn!("genops: a redirected request went on past this filter; what it reserved counts as spent");
    let (state, mut effects) = settlement::settle(config, *execution, Consumed::Assumed, ports);
    if let State::Settling(settling) = state {
        let (_, more) = settlement::again(config, settling, ports);
        effects.tell(more);
    }
    effects
}
