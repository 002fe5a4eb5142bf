//! Connections that are upgraded (WebSocket, CONNECT): what passes over them is not read, so that a flat amount stands
//! for all of it, reserved before and posted after, incomplete.

use std::rc::Rc;

use super::admission;
use super::call::Call;
use super::editable::Editable;
use super::effects::Effects;
use super::ground::Ground;
use super::refusal;
use super::state::State;
use crate::call::RequestFacts;
use crate::config::{Config, Upgrade};
use crate::cost::Consumption;
use crate::headers::Headers;
use crate::ports::Ports;
use crate::provider::RefusalKind;
use crate::semconv::ReasonCode;
use crate::usage::Usage;

/// Whether the request asks for another protocol on its connection: by HTTP/1.1's header, or by HTTP/2's extended
/// CONNECT. A method that has a body is no upgrade whatever its headers say, or they would be a way around governance.
pub(super) fn is_asked(headers: Headers<'_>, method: &str) -> bool {
    matches!(method, "GET" | "CONNECT")
        && headers.iter().any(|(name, value)| {
            (name == b"upgrade" && !value.eq_ignore_ascii_case(b"h2c")) || name == b":protocol"
        })
}

/// Decides on an upgrade that is attributed.
#[cold]
pub(super) fn open(config: &Config, call: Box<Call>, ports: &dyn Ports, effects: &mut Effects) -> State {
    let Upgrade::Reserve(tokens) = config.failure.upgrade else {
        let message = "GenOps: what passes over an upgraded connection cannot be governed, and failure.upgrade \
                       reserves nothing for it.";
        let ground = Ground::blocked(ReasonCode::Ungoverned, RefusalKind::Forbidden, message);
        return refusal::refuse_early(&call, config, ground, ports.now(), effects);
    };
    let facts =
        RequestFacts { model: call.endpoint.path_model.clone(), stream: true, ..RequestFacts::default() };
    // All of it as output, which nothing is dearer than.
    let usage = Usage { input_tokens: Some(0), output_tokens: Some(tokens), ..Usage::default() };
    let estimate = Consumption {
        usage,
        compute_ms: config.estimation.compute_ms,
        service_tier: facts.service_tier.unwrap_or_default(),
    };
    let tariff = Rc::new(config.prices.tariff(call.endpoint.provider.slug(), facts.model.as_deref()));
    // There is no body that could be edited.
    let call = Box::new(Call { editable: Editable::Unasked, ..*call });
    admission::decide(config, call, facts, &[], (estimate, tariff), ports, effects)
}
