//! Envoy's internal redirects: one call in two streams, of which the second goes on with what the first began.
//!
//! Where Envoy follows a redirect by itself, the first stream ends without an answer and a second one passes the filters
//! from the start, on the same worker; a filter before this one may hold it for a while. It is the same AWU: decided once,
//! charged once. In between [`crate::exchange::handover`] has it. Where Envoy makes no ids, and where too many are on their
//! way, the first is settled as a call without an answer and the second governed anew.

use super::settlement;
use crate::config::Config;
use crate::exchange::effects::Effects;
use crate::exchange::execution::Execution;
use crate::exchange::execution::consumed::Consumed;
use crate::exchange::execution::governing;
use crate::exchange::names;
use crate::exchange::state::State;
use crate::headers::Headers;
use crate::ports::Ports;
use crate::semconv::attribute;
use crate::telemetry::{Value, event};

/// Goes on with a call in the stream that its request was redirected to.
#[cold]
pub(crate) fn resume(
    config: &Config,
    execution: Box<Execution>,
    headers: Headers<'_>,
    effects: &mut Effects,
) -> State {
    names::request(config, headers, execution.awu.attribution(), &mut effects.request_headers);
    if execution.has_span {
        effects.awu = Some(execution.awu.clone());
        // Envoy traces the first stream alone, whose span is the AWU's identity; this stream's access log reads these.
        effects.attribute(attribute::AWU_ID, Value::text(execution.awu.id().as_str()));
        effects.attributes.extend(event::decision(execution.decision, None, None));
        effects.attributes.extend(execution.target());
        effects.attributes.extend(execution.governing.iter().flat_map(governing::on_span));
    }
    State::Executing(execution)
}

/// Settles a call whose second stream the filter does not see: what became of it is unknown.
#[cold]
pub(crate) fn lose(config: &Config, execution: Box<Execution>, ports: &dyn Ports) -> Effects {
    log::warn!("genops: a redirected request went on past this filter; what it reserved counts as spent");
    let mut effects = Effects::default();
    let state = settlement::settle(config, execution, Consumed::Assumed, ports, &mut effects);
    if let State::Settling(settling) = state {
        settlement::again(config, *settling, ports, &mut effects);
    }
    effects
}
