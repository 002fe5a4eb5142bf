//! The end of an AWU: post or void every reservation, reconcile, report (§2.4, §3.3).

use std::sync::Arc;

use crate::amount::{Amount, Unit};
use crate::config::Config;
use crate::cost::{self, Consumption};
use crate::exchange::alert;
use crate::exchange::effects::Effects;
use crate::exchange::execution::Execution;
use crate::exchange::execution::consumed::Consumed;
use crate::exchange::execution::governing::{Governing, remaining};
use crate::exchange::execution::settling::{Settling, Unsettled};
use crate::exchange::expiry;
use crate::exchange::state::State;
use crate::exchange::unanswered::Counted;
use crate::ledger::{self, Balance, Reservation, Settlement};
use crate::ports::Ports;
use crate::reconciliation::Reconciliation;
use crate::semconv::{attribute, event};
use crate::telemetry::event::{self as said, Event};
use crate::telemetry::metric::Metric;
use crate::telemetry::{Attribute, Value};
use crate::timestamp::Timestamp;
use crate::usage::{Completeness, Usage};

/// Settles everything and reports it.
#[inline(never)]
pub(crate) fn settle(
    config: &Config,
    mut execution: Box<Execution>,
    consumed: Consumed,
    ports: &dyn Ports,
    effects: &mut Effects,
) -> State {
    let now = ports.now();
    let mut unsettled = Vec::new();
    // Of all that was reserved; none where nothing was.
    let mut overall = None;
    for reservation in std::mem::take(&mut execution.reservations) {
        let budget = reservation.budget().clone();
        let reserved = reservation.amount();
        let actual = actual(&execution, budget.unit, reserved, &consumed, now);
        let (actual, certainty) =
            actual.map_or((None, Completeness::Incomplete), |(it, how)| (Some(it), how));
        let settlement = resolve(config, reservation, actual, now, ports, effects, &mut unsettled);
        let balance = settlement.as_ref().and_then(|settlement| settlement.balance);
        let governs =
            execution.governing.as_ref().is_some_and(|governing| Arc::ptr_eq(&governing.budget, &budget));
        if let (true, Some(governing), Some(balance)) = (governs, &mut execution.governing, balance) {
            governing.balance = balance;
        }
        if overall != Some(Completeness::Incomplete) {
            overall = Some(certainty);
        }
        let Some(actual) = actual else { continue };
        // What the ledger did not take yet may still expire: that is no complete reconciliation.
        let completeness = if settlement.is_some() { certainty } else { Completeness::Incomplete };
        let reconciliation = Reconciliation { unit: budget.unit, reserved, actual, completeness };
        if config.telemetry.otlp.is_some() {
            let attributes = reconciled(&reconciliation, &budget.name, balance);
            let awu = Some(execution.awu.clone());
            effects.events.push(Event { name: event::BUDGET_RECONCILIATION, at: now, awu, attributes });
        }
    }
    if execution.has_span {
        publish(effects, &mut execution, consumed, now);
        let left = execution.governing.as_ref().map(|governing| Value::Double(governing.remaining()));
        effects.attributes.extend(left.map(|left| (attribute::BUDGET_REMAINING, left)));
    }
    emit_cost(effects, config, &execution, &consumed, now);
    if let Some(watch) = execution.watch.take() {
        let whose = (&execution.awu, execution.has_span, config.telemetry.otlp.is_some());
        watch.settled(effects, whose, now, ports);
    }
    count(effects, &consumed, overall);
    execution.held.settle(&consumed, now, ports, effects);
    if unsettled.is_empty() && execution.held.is_empty() {
        return State::Finished;
    }
    State::Settling(Box::new(Settling { reservations: unsettled, held: execution.held }))
}

/// Tries once more what could not be settled; what fails again expires.
#[cold]
pub(crate) fn again(config: &Config, settling: Settling, ports: &dyn Ports, effects: &mut Effects) -> State {
    let Settling { reservations, mut held } = settling;
    let mut failed = Vec::new();
    for Unsettled { reservation, actual } in reservations {
        resolve(config, reservation, actual, ports.now(), ports, effects, &mut failed);
    }
    for Unsettled { reservation, .. } in failed {
        log::error!(
            "genops: budget {} could not be settled; the reservation expires instead",
            reservation.budget().name
        );
        effects.count(Metric::SettlementFailure);
    }
    if !held.again(ports.now(), ports, effects) {
        held.abandon(effects);
    }
    State::Finished
}

fn resolve(
    config: &Config,
    reservation: Reservation,
    actual: Option<Amount>,
    now: Timestamp,
    ports: &dyn Ports,
    effects: &mut Effects,
    unsettled: &mut Vec<Unsettled>,
) -> Option<Settlement> {
    let budget = reservation.budget().clone();
    let settled = match actual {
        Some(actual) => ledger::post(ports, now, reservation, actual),
        None => ledger::void(ports, now, reservation),
    };
    match settled {
        Ok(settlement) => {
            if !settlement.notices.is_empty() {
                expiry::report(effects, config, &budget, &settlement.notices, now);
                alert::report(effects, config, &budget, &settlement.notices, now);
            }
            Some(settlement)
        }
        Err(failed) => {
            let ledger::Unsettled { error, reservation } = *failed;
            let why = Counted::Accounts.why(error);
            log::warn!("genops: budget {} not settled yet: {why}", budget.name);
            unsettled.push(Unsettled { reservation, actual });
            None
        }
    }
}

/// What to post for a reservation of so much in `unit`, and how certain it is; `None` voids it.
fn actual(
    execution: &Execution,
    unit: Unit,
    reserved: Amount,
    consumed: &Consumed,
    now: Timestamp,
) -> Option<(Amount, Completeness)> {
    let usage = match consumed {
        Consumed::Nothing => return None,
        Consumed::Assumed => None,
        Consumed::Used(usage, _) => Some(*usage),
    };
    // An answer that is billed by searches, images or seconds may state no tokens at all.
    let states_tokens = usage.is_some_and(|usage| usage.total().is_some());
    let consumption = Consumption {
        usage: usage.unwrap_or_default(),
        service_tier: execution.service_tier,
        compute_ms: now.millis_since(execution.sent.at).max(1),
    };
    let certainty = match unit {
        // It was executed: that is one request, whatever else is known.
        Unit::Requests => Completeness::Complete,
        Unit::ComputeSeconds if execution.has_ended => Completeness::Complete,
        Unit::ComputeSeconds => Completeness::Incomplete,
        Unit::Tokens | Unit::WeightedTokens(_) if states_tokens => consumed.completeness(),
        Unit::Money(_) if usage.is_some() => consumed.completeness(),
        Unit::Tokens | Unit::WeightedTokens(_) | Unit::Money(_) => {
            return Some((reserved, Completeness::Incomplete));
        }
    };
    match consumption.amount(unit, &execution.sent.tariff) {
        Ok(amount) => Some((amount, certainty)),
        // It was priced when it was reserved; what the answer states instead has no price, so what was reserved stands.
        Err(cost::Unpriced) => Some((reserved, Completeness::Incomplete)),
    }
}

/// Brings the span to what is known now; what it shows already is not set again.
#[inline(never)]
pub(super) fn publish(effects: &mut Effects, execution: &mut Execution, consumed: Consumed, now: Timestamp) {
    if execution.published.replace(consumed) == Some(consumed) {
        return;
    }
    if let Some(governing) = &execution.governing {
        let unit = governing.unit();
        let reserved = governing.amount;
        match actual(execution, unit, reserved, &consumed, now) {
            Some((actual, completeness)) => {
                effects.attributes.extend(said::outcome(&Reconciliation {
                    unit,
                    reserved,
                    actual,
                    completeness,
                }));
            }
            // Never executed: there is no actual (§7.1), and empty text takes an attribute off the span.
            None => {
                effects.attribute(attribute::ACCOUNTING_ACTUAL, "");
                effects.attribute(attribute::RECONCILIATION_COMPLETE, "");
            }
        }
    }
    if let Consumed::Used(usage, _) = &consumed {
        effects.attributes.extend(tokens(usage));
        effects.attributes.extend(cost_attributes(execution, usage).into_iter().flatten());
    }
}

fn reconciled(reconciliation: &Reconciliation, budget: &str, balance: Option<Balance>) -> Vec<Attribute> {
    let unit = reconciliation.unit;
    let mut attributes = said::reconciliation(reconciliation, budget);
    if let Some(balance) = balance {
        attributes.push((attribute::BUDGET_CONSUMED, Value::Double(balance.consumed.to_telemetry(unit))));
        attributes.push((attribute::BUDGET_REMAINING, Value::Double(remaining(&balance, unit))));
    }
    attributes
}

fn tokens(usage: &Usage) -> impl Iterator<Item = Attribute> + use<> {
    let figures = [
        (attribute::TOKENS_INPUT, usage.input_tokens),
        (attribute::TOKENS_OUTPUT, usage.output_tokens),
        (attribute::TOKENS_TOTAL, usage.total()),
    ];
    figures.into_iter().filter_map(|(name, figure)| Some((name, Value::count(figure?))))
}

/// The cost in the currency that the governing budget counts, else in the first that the model has a price in.
fn cost_attributes(execution: &Execution, usage: &Usage) -> Option<[Attribute; 2]> {
    let tariff = &execution.sent.tariff;
    let counted = match execution.governing.as_ref().map(Governing::unit) {
        Some(Unit::Money(currency)) => tariff.price(currency),
        _ => None,
    };
    let unit = Unit::Money(counted.or_else(|| tariff.first())?.currency);
    let consumption =
        Consumption { usage: *usage, service_tier: execution.service_tier, ..Consumption::default() };
    let total = consumption.amount(unit, tariff).ok()?;
    Some([
        (attribute::COST_TOTAL, Value::Double(total.to_telemetry(unit))),
        (attribute::COST_CURRENCY, Value::text(unit.as_str())),
    ])
}

fn emit_cost(
    effects: &mut Effects,
    config: &Config,
    execution: &Execution,
    consumed: &Consumed,
    now: Timestamp,
) {
    if config.telemetry.otlp.is_none() {
        return;
    }
    let Consumed::Used(usage, _) = consumed else { return };
    let Some(total) = cost_attributes(execution, usage) else { return };
    let mut attributes: Vec<Attribute> = total.into_iter().chain(tokens(usage)).collect();
    attributes.extend(execution.target());
    effects.events.push(Event {
        name: event::COST_CALCULATED,
        at: now,
        awu: Some(execution.awu.clone()),
        attributes,
    });
}

fn count(effects: &mut Effects, consumed: &Consumed, overall: Option<Completeness>) {
    match (consumed, overall) {
        // Where nothing was reserved there is nothing to give back and nothing to compare (§3.3).
        (_, None) => {}
        (Consumed::Nothing, Some(_)) => effects.count(Metric::Voided),
        (Consumed::Assumed | Consumed::Used(..), Some(completeness)) => {
            effects.count(Metric::Reconciliation(completeness));
        }
    }
    if let Consumed::Used(usage, _) = consumed {
        effects.counts.push((Metric::InputTokens, usage.input_tokens.unwrap_or(0)));
        effects.counts.push((Metric::OutputTokens, usage.output_tokens.unwrap_or(0)));
    }
}
