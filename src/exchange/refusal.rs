//! Refusals: which result, which code, which words, and when to come back.
//!
//! The answer is in the caller's own dialect, so that its SDK raises its own error; the words name the budget, what it
//! has left and when it resets, so that a person knows what to do.

use std::fmt::Write as _;
use std::sync::Arc;

use super::State;
use super::admission::reason;
use super::effects::{Effects, Flow, LocalReply};
use super::execution::remaining;
use super::names;
use super::request::Call;
use crate::amount::{Amount, Display};
use crate::attribution::Missing;
use crate::budget::Budget;
use crate::config::Config;
use crate::decision::Decision;
use crate::ledger::{Balance, LedgerError, Shortage};
use crate::provider::RefusalKind;
use crate::semconv::{ReasonCode, attribute, event as event_name};
use crate::telemetry::event::{self, Event};
use crate::telemetry::metric::Metric;
use crate::telemetry::{Attribute, Value};
use crate::timestamp::Timestamp;

/// Why a call is refused.
#[derive(Debug)]
pub(super) enum Ground {
    /// A required attribute is missing.
    AttributionMissing(Missing),
    /// The body cannot be read; what is wrong with it.
    Unreadable(String),
    /// A money budget applies and the model has no price.
    Unpriced(Option<String>),
    /// A budget has not enough.
    Short { shortage: Shortage, balance: Balance, budget: Arc<Budget>, key: String, asked: Amount },
    /// The ledger cannot answer.
    Ledger(LedgerError),
}

impl Ground {
    fn decision(&self) -> Decision {
        Decision::Blocked(match self {
            Self::AttributionMissing(_) => ReasonCode::AttributionMissing,
            Self::Unreadable(_) => ReasonCode::RequestUnreadable,
            Self::Unpriced(_) => ReasonCode::ModelUnpriced,
            Self::Short { shortage, .. } => reason(*shortage),
            Self::Ledger(_) => ReasonCode::AccountingInvariantViolation,
        })
    }

    /// What the caller's SDK is to raise, which also says whether it should try again by itself.
    fn kind(&self, now: Timestamp) -> RefusalKind {
        match self {
            Self::AttributionMissing(_) | Self::Unpriced(_) => RefusalKind::Forbidden,
            Self::Unreadable(_) => RefusalKind::BadRequest,
            Self::Short { .. } if self.resets_soon(now) => RefusalKind::RateLimit,
            Self::Short { .. } => RefusalKind::Budget,
            Self::Ledger(_) => RefusalKind::Unavailable,
        }
    }

    /// For people: what is wrong, and what to do about it.
    fn message(&self, now: Timestamp) -> String {
        match self {
            Self::AttributionMissing(Missing { attribute, tried }) => format!(
                "GenOps: the call names no {}; looked in: {}.",
                attribute.as_str(),
                if tried.is_empty() { "nothing".to_owned() } else { tried.join(", ") }
            ),
            Self::Unreadable(problem) => format!("GenOps: the request cannot be governed: {problem}."),
            Self::Unpriced(model) => format!(
                "GenOps: no price is configured for model {:?}, and a budget counts money.",
                model.as_deref().unwrap_or("(none)")
            ),
            Self::Short { balance, budget, key, asked, .. } => short(balance, budget, key, *asked, now),
            Self::Ledger(error) => {
                format!(
                    "GenOps: the budget ledger cannot answer ({error}); this is not about quota. Try again later."
                )
            }
        }
    }

    /// Seconds after which the call can succeed; none where waiting does not help.
    fn retry_after_s(&self, now: Timestamp) -> Option<u64> {
        match self {
            // What is larger than the whole limit never fits.
            Self::Short { balance, asked, .. } if *asked > balance.allocated => None,
            Self::Short { balance, .. } => {
                balance.resets_at.map(|at| at.millis_since(now).div_ceil(1_000).max(1))
            }
            Self::Ledger(_) => Some(1),
            Self::AttributionMissing(_) | Self::Unreadable(_) | Self::Unpriced(_) => None,
        }
    }

    /// Whether the wait is one that an SDK takes upon itself.
    fn resets_soon(&self, now: Timestamp) -> bool {
        const LONGEST_WAIT_S: u64 = 60;
        self.retry_after_s(now).is_some_and(|seconds| seconds <= LONGEST_WAIT_S)
    }

    fn budget_attributes(&self) -> Vec<Attribute> {
        let Self::Short { balance, budget, .. } = self else { return Vec::new() };
        let unit = budget.unit;
        vec![
            (attribute::ACCOUNTING_UNIT, Value::text(unit.as_str())),
            (attribute::BUDGET_NAME, Value::text(&*budget.name)),
            (attribute::BUDGET_ALLOCATED, Value::Double(balance.allocated.to_telemetry(unit))),
            (attribute::BUDGET_CONSUMED, Value::Double(balance.consumed.to_telemetry(unit))),
            (attribute::BUDGET_REMAINING, Value::Double(remaining(balance, unit))),
            (attribute::BUDGET_PERIOD, Value::text(budget.window.label(balance.window_index))),
        ]
    }
}

fn short(balance: &Balance, budget: &Budget, key: &str, asked: Amount, now: Timestamp) -> String {
    let unit = budget.unit;
    let mut message = format!("GenOps: budget {:?}", budget.name);
    // Writing to a string cannot fail.
    if !key.is_empty() {
        let _ = write!(message, " for {key:?}");
    }
    let _ = write!(
        message,
        " has {} of {} {} left; this call reserves {}.",
        Display(balance.left(), unit),
        Display(balance.allocated, unit),
        unit.as_str(),
        Display(asked, unit),
    );
    let _ = match balance.resets_at {
        Some(at) => write!(message, " It resets in {} s.", at.millis_since(now).div_ceil(1_000)),
        None => write!(message, " It does not reset."),
    };
    message
}

/// Refuses a recognised call.
pub(super) fn refuse(call: &Call, config: &Config, ground: Ground, now: Timestamp) -> (State, Effects) {
    let decision = ground.decision();
    let message = ground.message(now);
    let mut effects = Effects::default();
    effects.count(Metric::PolicyEvaluation(decision));
    let mut attributes = event::decision(decision, Some(message.clone()));
    attributes.extend(ground.budget_attributes());
    if call.has_span {
        effects.awu = Some(call.awu.clone());
        effects.attributes.clone_from(&attributes);
    }
    if config.telemetry.otlp.is_some() {
        let awu = Some(call.awu.clone());
        effects.events.push(Event { name: event_name::POLICY_EVALUATED, at: now, awu, attributes });
    }
    effects.flow = Flow::Reply(Box::new(reply(call, &ground, decision, &message, now)));
    (State::Refused, effects)
}

fn reply(call: &Call, ground: &Ground, decision: Decision, message: &str, now: Timestamp) -> LocalReply {
    let code = decision.reason_code().map_or("", ReasonCode::as_str);
    let body = call.endpoint.dialect.refusal(ground.kind(now), message, code, ground.retry_after_s(now));
    let mut headers = own_headers(decision);
    headers.push((names::AWU_ID, call.awu.id().as_str().to_owned()));
    if let Ground::Short { balance, budget, .. } = ground {
        headers.push((names::BUDGET_NAME, budget.name.as_ref().to_owned()));
        headers.push((names::BUDGET_REMAINING, Display(balance.left(), budget.unit).to_string()));
        headers.push((names::UNIT, budget.unit.as_str().to_owned()));
    }
    headers.push(("content-type", body.content_type.to_owned()));
    headers.extend(body.headers);
    LocalReply { status: body.status, details: details(decision), headers, body: body.body }
}

fn own_headers(decision: Decision) -> Vec<(&'static str, String)> {
    let result = (names::POLICY_RESULT, decision.result().as_str().to_owned());
    let code = decision.reason_code().map(|code| (names::REASON_CODE, code.as_str().to_owned()));
    std::iter::once(result).chain(code).collect()
}

/// `%RESPONSE_CODE_DETAILS%`: the reason code, marked as ours.
const fn details(decision: Decision) -> &'static str {
    match decision.reason_code() {
        Some(ReasonCode::BudgetExceeded) => "genops_BUDGET_EXCEEDED",
        Some(ReasonCode::BudgetReservationFailed) => "genops_BUDGET_RESERVATION_FAILED",
        Some(ReasonCode::AccountingInvariantViolation) => "genops_ACCOUNTING_INVARIANT_VIOLATION",
        Some(ReasonCode::AttributionMissing) => "genops_x_attribution_missing",
        Some(ReasonCode::RequestUnreadable) => "genops_x_request_unreadable",
        Some(ReasonCode::ModelUnpriced) => "genops_x_model_unpriced",
        Some(ReasonCode::Ungoverned) => "genops_x_ungoverned",
        _ => "genops_refused",
    }
}

/// Refuses traffic that is not recognised. There is no AWU, so no event either (§4.4); the reply and a counter tell.
pub(super) fn unrecognised() -> (State, Effects) {
    let decision = Decision::Blocked(ReasonCode::Ungoverned);
    let mut headers = own_headers(decision);
    headers.push(("content-type", "application/json".to_owned()));
    let body = br#"{"error":{"message":"GenOps: this is no AI call that the gateway recognises.","code":"x_ungoverned"}}"#;
    let reply = LocalReply { status: 403, details: details(decision), headers, body: body.to_vec() };
    let mut effects = Effects::flow(Flow::Reply(Box::new(reply)));
    effects.count(Metric::PolicyEvaluation(decision));
    (State::Refused, effects)
}
