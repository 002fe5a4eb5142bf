//! Between a readable request and its way upstream: estimate, reserve everywhere or nowhere, decide once.

use std::sync::Arc;

use super::State;
use super::effects::Effects;
use super::execution::{Answer, Execution, Governing};
use super::expiry;
use super::refusal::{self, Ground};
use super::request::Call;
use crate::amount::Amount;
use crate::budget::{Budget, Enforcement, Key};
use crate::call::RequestFacts;
use crate::config::{Config, FailMode};
use crate::cost;
use crate::decision::Decision;
use crate::ledger::{self, Cause, Claim, Entry, LedgerError, Notices, Reserved, Shortage};
use crate::ports::Ports;
use crate::semconv::{ReasonCode, attribute};
use crate::telemetry::event;
use crate::telemetry::metric::Metric;
use crate::telemetry::{Attribute, Value};
use crate::timestamp::Timestamp;
use crate::usage::Usage;

/// What one budget is asked for.
struct Demand<'c> {
    budget: &'c Arc<Budget>,
    key: String,
    amount: Amount,
}

/// Decides on a readable call.
pub(super) fn admit(config: &Config, call: Call, facts: RequestFacts, ports: &dyn Ports) -> (State, Effects) {
    let now = ports.now();
    let estimate = cost::estimate(&facts, call.endpoint.operation, &config.estimation);
    let (demands, unpriced) = demands(config, &call, &facts, &estimate);
    if unpriced && config.failure.unpriced_model == FailMode::Refuse {
        return refusal::refuse(&call, config, Ground::Unpriced(facts.model), now);
    }
    let claims: Vec<Claim<'_>> =
        demands.iter().map(|d| Claim { budget: d.budget, key: &d.key, amount: d.amount }).collect();
    let (reserved, failure, aside) = match ledger::reserve_all(ports, now, &claims) {
        Ok(reserved) => {
            let noticed = reserved.entries.iter().filter(|entry| !entry.notices.is_empty());
            let notices = noticed.map(|entry| (entry.reservation.budget().clone(), entry.notices.clone()));
            let aside = Aside { notices: notices.collect(), stranded: 0 };
            let failure = warning_failure(&reserved, &demands);
            (reserved, failure, aside)
        }
        Err(refusal) => {
            let budget = |claim: usize| demands.get(claim).map(|demand| demand.budget.clone());
            let notices = refusal.notices.into_iter();
            let notices = notices.filter_map(|(claim, notices)| Some((budget(claim)?, notices)));
            let mut aside = Aside { notices: notices.collect(), stranded: 0 };
            for reservation in refusal.stranded {
                // A second try; what cannot be voided now expires.
                let voided = ledger::void(ports, now, reservation);
                aside.stranded = aside.stranded.saturating_add(voided.is_err().into());
            }
            match (refusal.cause, demands.get(refusal.claim)) {
                (Cause::Short(shortage, balance), Some(demand)) => {
                    let ground = Ground::Short {
                        shortage,
                        balance,
                        budget: demand.budget.clone(),
                        key: demand.key.clone(),
                        asked: demand.amount,
                    };
                    return aside.report(config, now, refusal::refuse(&call, config, ground, now));
                }
                (Cause::Failed(error), _) if config.failure.ledger_unavailable == FailMode::Refuse => {
                    let refused = refusal::refuse(&call, config, Ground::Ledger(error), now);
                    return aside.report(config, now, refused);
                }
                (Cause::Failed(error), _) => (Reserved::default(), Some(error), aside),
                // A claim that was never made; the ledger's contract excludes it.
                (Cause::Short(..), None) => (Reserved::default(), Some(LedgerError::Corrupt), aside),
            }
        }
    };
    let decision = decide(&reserved, failure, unpriced);
    aside.report(config, now, execute(config, call, facts, estimate, reserved, decision, now))
}

/// What the ledger told besides its answer. It tells it once, so it is reported whatever comes of this call.
struct Aside {
    /// What each budget's account was found in.
    notices: Vec<(Arc<Budget>, Notices)>,
    /// Reservations of this call that could not be given back.
    stranded: u64,
}

impl Aside {
    fn report(
        self,
        config: &Config,
        now: Timestamp,
        (state, mut effects): (State, Effects),
    ) -> (State, Effects) {
        for (budget, notices) in &self.notices {
            expiry::report(&mut effects, config, budget, notices, now);
        }
        if self.stranded > 0 {
            effects.counts.push((Metric::SettlementFailure, self.stranded));
        }
        (state, effects)
    }
}

/// Why a budget that warns could not be asked; that is worth its warning. A shadow has none to give.
fn warning_failure(reserved: &Reserved, demands: &[Demand<'_>]) -> Option<LedgerError> {
    let warns = |claim: usize| demands.get(claim).is_some_and(|d| d.budget.enforcement == Enforcement::Warn);
    reserved.failed.iter().find(|(claim, _)| warns(*claim)).map(|(_, error)| *error)
}

/// The amounts that apply to this call, and whether a money budget had to be left out for want of a price.
fn demands<'c>(
    config: &'c Config,
    call: &Call,
    facts: &RequestFacts,
    estimate: &Usage,
) -> (Vec<Demand<'c>>, bool) {
    let mut unpriced = false;
    let mut demands = Vec::with_capacity(config.budgets.len());
    for budget in &config.budgets {
        let value = |key| match key {
            Key::Attribute(attribute) => call.awu.attribution().get(attribute),
            Key::Model => facts.model.as_deref(),
            Key::Provider => call.endpoint.provider.name(),
        };
        let Some(key) = budget.key(value) else { continue };
        match cost::in_unit(estimate, budget.unit, &config.prices, facts.model.as_deref()) {
            Ok(amount) => demands.push(Demand { budget, key, amount }),
            Err(cost::Unpriced) => unpriced = true,
        }
    }
    (demands, unpriced)
}

/// The one decision, after the ledger.
fn decide(reserved: &Reserved, failure: Option<LedgerError>, unpriced: bool) -> Decision {
    if failure.is_some() {
        return Decision::Warning(ReasonCode::AccountingInvariantViolation);
    }
    let warns = |entry: &&Entry| entry.reservation.budget().enforcement == Enforcement::Warn;
    let shortage = reserved.entries.iter().filter(warns).find_map(|entry| entry.shortage);
    match shortage {
        Some(shortage) => Decision::Warning(reason(shortage)),
        None if unpriced => Decision::Warning(ReasonCode::ModelUnpriced),
        None => Decision::Allowed,
    }
}

/// The reason code of a shortage (§5.2).
pub(super) const fn reason(shortage: Shortage) -> ReasonCode {
    match shortage {
        Shortage::Exceeded => ReasonCode::BudgetExceeded,
        Shortage::Insufficient => ReasonCode::BudgetReservationFailed,
    }
}

fn execute(
    config: &Config,
    call: Call,
    facts: RequestFacts,
    estimate: Usage,
    reserved: Reserved,
    decision: Decision,
    now: Timestamp,
) -> (State, Effects) {
    let Call { awu, endpoint, edits, has_span, .. } = call;
    let mut effects = Effects { request_headers: edits, ..Effects::default() };
    effects.count(Metric::PolicyEvaluation(decision));
    let governing = reserved.entries.iter().min_by_key(|entry| entry.claim).map(Governing::of);
    if has_span {
        effects.awu = Some(awu.clone());
        effects.attributes.extend(event::decision(decision, None));
        effects.attributes.extend(event::target(endpoint.provider.name(), facts.model.as_deref()));
        effects.attributes.extend(governing.iter().flat_map(reservation_on_span));
    }
    if config.telemetry.otlp.is_some() {
        let mut emit = |name, attributes| {
            effects.events.push(event::Event { name, at: now, awu: Some(awu.clone()), attributes });
        };
        emit(crate::semconv::event::POLICY_EVALUATED, event::decision(decision, None));
        for entry in &reserved.entries {
            emit(crate::semconv::event::BUDGET_RESERVATION, reservation_attributes(entry));
        }
    }
    let reservations = reserved.entries.into_iter().map(|entry| entry.reservation).collect();
    let execution = Execution {
        awu,
        has_span,
        decision,
        endpoint,
        model: facts.model,
        estimate,
        governing,
        reservations,
        answer: Answer::Awaited,
        published: None,
    };
    (State::Executing(Box::new(execution)), effects)
}

fn reservation_on_span(governing: &Governing) -> [Attribute; 6] {
    let reserved = governing.amount.to_telemetry(governing.unit());
    [
        (attribute::ACCOUNTING_RESERVED, Value::Double(reserved)),
        (attribute::ACCOUNTING_UNIT, Value::text(governing.unit().as_str())),
        (attribute::BUDGET_NAME, Value::text(&*governing.budget.name)),
        (attribute::BUDGET_REMAINING, Value::Double(governing.remaining())),
        // A client that leaves before the answer leaves no callback in time for the span, which will show this.
        (attribute::ACCOUNTING_ACTUAL, Value::Double(reserved)),
        (attribute::RECONCILIATION_COMPLETE, Value::Bool(false)),
    ]
}

fn reservation_attributes(entry: &Entry) -> Vec<Attribute> {
    let governing = Governing::of(entry);
    let unit = governing.unit();
    vec![
        (attribute::ACCOUNTING_RESERVED, Value::Double(governing.amount.to_telemetry(unit))),
        (attribute::ACCOUNTING_UNIT, Value::text(unit.as_str())),
        (attribute::BUDGET_NAME, Value::text(&*governing.budget.name)),
        (attribute::BUDGET_REMAINING, Value::Double(governing.remaining())),
        (attribute::BUDGET_ALLOCATED, Value::Double(entry.balance.allocated.to_telemetry(unit))),
        (attribute::BUDGET_CONSUMED, Value::Double(entry.balance.consumed.to_telemetry(unit))),
        (attribute::BUDGET_PERIOD, Value::text(governing.budget.window.label(entry.balance.window_index))),
    ]
}
