//! Envoy's internal redirects: one call in two streams, of which the second goes on with what the first began.
//!
//! Where Envoy follows a redirect by itself, the first stream ends without an answer and a second one passes the filters
//! from the start, at once and on the same worker. It is the same AWU: decided once, charged once. The streams of one
//! configuration and worker share a `Handover`; the request's id says whose it is. Where Envoy makes no ids, the first
//! is settled as a call without an answer and the second governed anew.

use std::cell::RefCell;

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

/// What `%RESPONSE_CODE_DETAILS%` says of a stream whose request goes on in another one.
const INTERNAL_REDIRECT: &[u8] = b"internal_redirect";

/// At most one call on its way from one stream to the next.
#[derive(Debug, Default)]
pub(super) struct Handover(RefCell<Option<Redirected>>);

#[derive(Debug)]
struct Redirected {
    request_id: Vec<u8>,
    execution: Box<Execution>,
}

impl Handover {
    /// Whether no call is on its way, which is all that most streams ever ask.
    fn is_empty(&self) -> bool {
        self.0.borrow().is_none()
    }

    /// Takes a call over whose stream is over; gives it back where its request does not go on in another one.
    pub(super) fn put(&self, execution: Box<Execution>, ports: &dyn Ports) -> Result<(), Box<Execution>> {
        let awaited = matches!(execution.answer, Answer::Awaited);
        if !awaited || ports.property(&["response", "code_details"]).as_deref() != Some(INTERNAL_REDIRECT) {
            return Err(execution);
        }
        let Some(request_id) = request_id(ports) else { return Err(execution) };
        // The one before, if nobody came for it, expires.
        self.0.replace(Some(Redirected { request_id, execution }));
        Ok(())
    }

    /// A stream begins or, if an earlier filter answered it, ends: the call that goes on in it, and the one that was on
    /// its way and goes on nowhere.
    pub(super) fn claim(&self, ports: &dyn Ports) -> (Option<Box<Execution>>, Option<Box<Execution>>) {
        if self.is_empty() {
            return (None, None);
        }
        self.take(ports)
    }

    #[cold]
    fn take(&self, ports: &dyn Ports) -> (Option<Box<Execution>>, Option<Box<Execution>>) {
        let Some(Redirected { request_id: own, execution }) = self.0.take() else { return (None, None) };
        if request_id(ports) == Some(own) { (Some(execution), None) } else { (None, Some(execution)) }
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
        effects.events.extend(more.events);
        effects.counts.extend(more.counts);
    }
    effects
}
