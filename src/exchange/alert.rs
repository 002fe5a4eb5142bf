//! Budgets whose consumption crossed an alert threshold: counted, logged, and told as `genops.budget.alert` (§7.2).
//!
//! The ledger tells each crossing once per account and window, to whoever caused it, on whatever worker. The event
//! speaks for the account, by its key, and has no AWU of its own: the call that came last is not to blame.

use super::effects::Effects;
use crate::amount::Display;
use crate::budget::Budget;
use crate::config::Config;
use crate::ledger::{Crossed, Notices};
use crate::semconv::{attribute, event};
use crate::telemetry::event::Event;
use crate::telemetry::metric::Metric;
use crate::telemetry::{Attribute, Value};
use crate::timestamp::Timestamp;

/// Tells of the thresholds of `budget` that an operation found crossed.
#[cold]
pub(super) fn report(
    effects: &mut Effects,
    config: &Config,
    budget: &Budget,
    notices: &Notices,
    now: Timestamp,
) {
    let Some(crossed) = &notices.crossed_by else { return };
    for per_mille in &notices.crossed {
        effects.count(Metric::BudgetAlert);
        log::warn!("genops: {}", sentence(budget, crossed, *per_mille));
        if config.telemetry.otlp.is_some() {
            let attributes = attributes(budget, crossed, *per_mille);
            effects.events.push(Event { name: event::BUDGET_ALERT, at: now, awu: None, attributes });
        }
    }
}

fn sentence(budget: &Budget, crossed: &Crossed, per_mille: u16) -> String {
    let Crossed { key, balance } = crossed;
    let whose = if key.is_empty() { String::new() } else { format!(" for {key:?}") };
    format!(
        "budget {:?}{whose} has consumed {} of {} {}, at or above {} of it",
        budget.name,
        Display(balance.consumed, budget.unit),
        Display(balance.allocated, budget.unit),
        budget.unit.as_str(),
        fraction(per_mille),
    )
}

fn attributes(budget: &Budget, crossed: &Crossed, per_mille: u16) -> Vec<Attribute> {
    let Crossed { key, balance } = crossed;
    let mut attributes = vec![
        (attribute::BUDGET_NAME, Value::text(&*budget.name)),
        (attribute::BUDGET_CONSUMED, Value::Double(balance.consumed.to_telemetry(budget.unit))),
        (attribute::BUDGET_ALLOCATED, Value::Double(balance.allocated.to_telemetry(budget.unit))),
        (attribute::BUDGET_PERIOD, Value::text(budget.window.label(balance.window_index))),
        (attribute::BUDGET_ALERT_AT, Value::Double(fraction(per_mille))),
        (attribute::ACCOUNTING_UNIT, Value::text(budget.unit.as_str())),
    ];
    if !key.is_empty() {
        attributes.push((attribute::BUDGET_KEY, Value::text(&**key)));
    }
    attributes
}

fn fraction(per_mille: u16) -> f64 {
    f64::from(per_mille) / 1_000.0
}
