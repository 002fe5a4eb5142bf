//! Reservations that nobody settled in time: counted, and reported as incomplete reconciliations (§3.5).
//!
//! Whoever meets them in an account tells of them, once. Their AWUs are gone with the VM that held them, so the event
//! speaks for the budget and has no AWU of its own.

use super::effects::Effects;
use crate::amount::Amount;
use crate::budget::{Budget, Family, OnExpiry};
use crate::config::Config;
use crate::ledger::Notices;
use crate::reconciliation::Reconciliation;
use crate::semconv::{attribute, event};
use crate::telemetry::event::Event;
use crate::telemetry::metric::Metric;
use crate::telemetry::{Value, event as attributes};
use crate::timestamp::Timestamp;
use crate::usage::Completeness;

/// Tells of the expiries that an operation on `budget` found.
#[cold]
pub(super) fn report(
    effects: &mut Effects,
    config: &Config,
    budget: &Budget,
    notices: &Notices,
    now: Timestamp,
) {
    if budget.family == Family::Concurrency {
        return count_slots(effects, notices);
    }
    let expired = notices.expired;
    if expired.reservations == 0 {
        return;
    }
    effects.counts.push((Metric::Expired, expired.reservations.into()));
    if config.telemetry.otlp.is_none() {
        return;
    }
    let reserved = expired.amount;
    let actual = match budget.on_expiry {
        OnExpiry::Consume => reserved,
        OnExpiry::Release => Amount::ZERO,
    };
    let completeness = Completeness::Incomplete;
    let reconciliation = Reconciliation { unit: budget.unit, reserved, actual, completeness };
    let mut said = attributes::reconciliation(&reconciliation, &budget.name);
    said.push((attribute::EXPIRED_RESERVATIONS, Value::count(expired.reservations.into())));
    effects.events.push(Event { name: event::BUDGET_RECONCILIATION, at: now, awu: None, attributes: said });
}

/// Counts slots of calls in flight that nobody gave back in time.
pub(super) fn count_slots(effects: &mut Effects, notices: &Notices) {
    if notices.expired.reservations > 0 {
        effects.counts.push((Metric::SlotsExpired, notices.expired.reservations.into()));
    }
}
