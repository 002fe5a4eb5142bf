//! Refusals: a [`Ground`] told to everybody, and answered in the caller's own dialect.
//!
//! The caller's SDK raises its own error; the words name what refused and when it may stop doing so, so that a person
//! knows what to do.

use super::call::Call;
use super::effects::{Effects, Flow, HeaderEdit, LocalReply};
use super::findings::Findings;
use super::ground::Ground;
use super::names;
use super::state::State;
use crate::config::Config;
use crate::decision::Decision;
use crate::headers::{Headers, OWN_PREFIX};
use crate::ports::Ports;
use crate::semconv::{ReasonCode, event as event_name};
use crate::telemetry::event::{self, Event};
use crate::telemetry::metric::Metric;
use crate::timestamp::Timestamp;

/// Refuses a recognised call.
#[cold]
pub(super) fn refuse(
    call: &Call,
    config: &Config,
    ground: Ground,
    findings: &Findings,
    now: Timestamp,
    effects: &mut Effects,
) -> State {
    effects.count(Metric::PolicyEvaluation(ground.decision));
    let mut attributes = event::decision(ground.decision, ground.by.as_deref(), Some(&ground.message));
    attributes.extend(findings.attributes());
    attributes.extend_from_slice(&ground.attributes);
    if call.has_span {
        effects.awu = Some(call.awu.clone());
        effects.attributes.clone_from(&attributes);
    }
    if config.telemetry.otlp.is_some() {
        let awu = Some(call.awu.clone());
        effects.events.push(Event { name: event_name::POLICY_EVALUATED, at: now, awu, attributes });
    }
    effects.flow = Flow::Reply(Box::new(reply(call, ground)));
    State::Refused
}

/// Refuses a call of which nothing else is to be told.
#[cold]
pub(super) fn refuse_early(
    call: &Call,
    config: &Config,
    ground: Ground,
    now: Timestamp,
    effects: &mut Effects,
) -> State {
    refuse(call, config, ground, &Findings::default(), now, effects)
}

/// Envoy, or a filter before this one, has answered a call that was held: its body is too large for Envoy's buffer, or
/// did not come in time. The call does not go upstream, and here is the decision that says so.
#[cold]
pub(super) fn forestalled(
    config: &Config,
    call: &Call,
    headers: Headers<'_>,
    ports: &dyn Ports,
    effects: &mut Effects,
) -> State {
    let status = headers.unique(":status").unwrap_or("an error");
    let problem = match status {
        "413" => "Envoy answered 413: its body exceeds Envoy's own buffer limit".to_owned(),
        status => format!("it was answered with {status} before its body was whole"),
    };
    let state = refuse_early(call, config, Ground::unreadable(&problem), ports.now(), effects);
    if let Flow::Reply(reply) = std::mem::take(&mut effects.flow) {
        names::clean(headers, &mut effects.response_headers);
        let own = reply.headers.into_iter().filter(|(name, _)| name.starts_with(OWN_PREFIX));
        effects.response_headers.extend(own.map(|(name, value)| HeaderEdit::Set(name, value.into())));
    }
    state
}

fn reply(call: &Call, ground: Ground) -> LocalReply {
    let code = ground.code().as_str();
    let mut body = call.endpoint.dialect.refusal(ground.kind, &ground.message, code, ground.retry_after_s);
    if let Some(detail) = ground.detail {
        let (name, detail) = *detail;
        body.add(call.endpoint.dialect, name, detail);
    }
    let mut headers = own_headers(ground.decision);
    headers.push((names::AWU_ID, call.awu.id().as_str().to_owned()));
    headers.extend(ground.headers);
    headers.push(("content-type", body.content_type.to_owned()));
    headers.extend(body.headers);
    LocalReply { status: body.status, details: details(code), headers, body: body.body }
}

fn own_headers(decision: Decision) -> Vec<(&'static str, String)> {
    let result = (names::POLICY_RESULT, decision.result().as_str().to_owned());
    let code = decision.reason_code().map(|code| (names::REASON_CODE, code.as_str().to_owned()));
    std::iter::once(result).chain(code).collect()
}

/// `%RESPONSE_CODE_DETAILS%`: the reason code, marked as ours.
fn details(code: &str) -> String {
    format!("genops_{code}")
}

/// Refuses traffic that is not recognised. There is no AWU, so no event either (§4.4); the reply and a counter tell.
#[cold]
pub(super) fn unrecognised(effects: &mut Effects) -> State {
    let code = ReasonCode::Ungoverned;
    let decision = Decision::Blocked(code);
    let mut headers = own_headers(decision);
    headers.push(("content-type", "application/json".to_owned()));
    let body = br#"{"error":{"message":"GenOps: this is no AI call that the gateway recognises.","code":"x_ungoverned"}}"#;
    let reply = LocalReply { status: 403, details: details(code.as_str()), headers, body: body.to_vec() };
    effects.flow = Flow::Reply(Box::new(reply));
    effects.count(Metric::PolicyEvaluation(decision));
    State::Refused
}
