//! The GenOps events (§7.2, §8) as data.
//!
//! An event shares its AWU, and with it the attribution that §4.4 wants on every decision.

use std::rc::Rc;

use super::{Attribute, Value};
use crate::awu::{Attribute as Attributed, Awu};
use crate::decision::Decision;
use crate::reconciliation::Reconciliation;
use crate::semconv::{SPEC_VERSION, attribute};
use crate::timestamp::Timestamp;
use crate::usage::Completeness;

/// One event of one AWU.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// `genops.policy.evaluated` …, see [`crate::semconv::event`].
    pub name: &'static str,
    /// When it happened.
    pub at: Timestamp,
    /// Whose event it is; nobody's for what was found out about AWUs that are gone.
    pub awu: Option<Rc<Awu>>,
    /// What the event itself says, beside the AWU's attributes.
    pub attributes: Vec<Attribute>,
}

/// The attributes that every span and event of an AWU carries (§7.1), with the text of each.
pub fn awu_attributes(awu: &Awu) -> impl Iterator<Item = (&'static str, &str)> {
    let operation = [
        (attribute::OPERATION_TYPE, awu.operation().operation_type()),
        (attribute::SPEC_VERSION, SPEC_VERSION),
        (attribute::AWU_ID, awu.id().as_str()),
    ];
    let whose = Attributed::ALL.into_iter();
    whose.filter_map(|attribute| Some((attribute.semconv(), awu.value(attribute)?))).chain(operation)
}

/// The AWU's attributes for Envoy's span. The id stays out where the span itself is the identity (§2.2).
pub fn span_attributes(awu: &Awu) -> impl Iterator<Item = (&'static str, &str)> {
    let identified_by_span = awu.span().is_some();
    awu_attributes(awu).filter(move |(name, _)| !(identified_by_span && *name == attribute::AWU_ID))
}

/// What `genops.policy.evaluated` says (§4.2): also who gave the reason, and a sentence for people, where there are any.
pub fn decision(decision: Decision, by: Option<&str>, reason: Option<&str>) -> Vec<Attribute> {
    let mut attributes: Vec<Attribute> = Vec::with_capacity(4);
    attributes.push((attribute::POLICY_RESULT, decision.result().as_str().into()));
    attributes
        .extend(decision.reason_code().map(|code| (attribute::POLICY_REASON_CODE, code.as_str().into())));
    attributes.extend(by.map(|name| (attribute::POLICY_NAME, Value::text(name))));
    attributes.extend(reason.map(|reason| (attribute::POLICY_REASON, Value::text(reason))));
    attributes
}

/// What the span and the event say of a reconciliation beside what the reservation said.
pub fn outcome(reconciliation: &Reconciliation) -> [Attribute; 3] {
    let actual = reconciliation.actual.to_telemetry(reconciliation.unit);
    let complete = reconciliation.completeness == Completeness::Complete;
    [
        (attribute::ACCOUNTING_ACTUAL, Value::Double(actual)),
        (attribute::RECONCILIATION_DELTA, Value::Double(reconciliation.delta())),
        (attribute::RECONCILIATION_COMPLETE, Value::Bool(complete)),
    ]
}

/// What `genops.budget.reconciliation` says (§7.2).
pub fn reconciliation(reconciliation: &Reconciliation, budget: &str) -> Vec<Attribute> {
    let reserved = reconciliation.reserved.to_telemetry(reconciliation.unit);
    let mut attributes = Vec::with_capacity(8);
    attributes.extend(outcome(reconciliation));
    attributes.push((attribute::ACCOUNTING_RESERVED, Value::Double(reserved)));
    attributes.push((attribute::ACCOUNTING_UNIT, Value::text(reconciliation.unit.as_str())));
    attributes.push((attribute::BUDGET_NAME, Value::text(budget)));
    attributes
}

/// Where a call goes: `genops.cost.provider` and `.model`, each where it is known.
pub fn target(
    provider: Option<&'static str>,
    model: Option<&str>,
) -> impl Iterator<Item = Attribute> + use<> {
    let provider = provider.map(|provider| (attribute::COST_PROVIDER, provider.into()));
    let model = model.map(|model| (attribute::COST_MODEL, Value::text(model)));
    provider.into_iter().chain(model)
}

/// The first value of `name` among `attributes`.
pub fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a Value> {
    attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
}
