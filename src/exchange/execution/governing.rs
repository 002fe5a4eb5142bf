//! The reservation that `genops.accounting.*` reports, as telemetry shows it.

use std::sync::Arc;

use crate::amount::{Amount, Unit};
use crate::budget::Budget;
use crate::ledger::{Balance, Entry};
use crate::semconv::attribute;
use crate::telemetry::{Attribute, Value};

/// The reservation that `genops.accounting.*` reports: that of the first applicable budget as configured.
#[derive(Clone, Debug)]
pub(crate) struct Governing {
    pub(crate) budget: Arc<Budget>,
    pub(crate) amount: Amount,
    pub(crate) balance: Balance,
}

impl Governing {
    pub(crate) fn of(entry: &Entry) -> Self {
        let reservation = &entry.reservation;
        Self { budget: reservation.budget().clone(), amount: reservation.amount(), balance: entry.balance }
    }

    pub(crate) fn unit(&self) -> Unit {
        self.budget.unit
    }

    /// What a call consumes in this unit depends on when it is asked.
    pub(crate) fn is_timed(&self) -> bool {
        self.unit() == Unit::ComputeSeconds
    }

    /// What the budget had left after the reservation; negative when in debt.
    pub(crate) fn remaining(&self) -> f64 {
        remaining(&self.balance, self.unit())
    }
}

/// A balance's remainder as telemetry shows it; negative when in debt.
pub(crate) fn remaining(balance: &Balance, unit: Unit) -> f64 {
    let remaining = balance.remaining();
    let size = Amount::new(u64::try_from(remaining.unsigned_abs()).unwrap_or(u64::MAX)).to_telemetry(unit);
    if remaining < 0 { -size } else { size }
}

/// What the span says of the governing reservation.
pub(crate) fn on_span(governing: &Governing) -> [Attribute; 6] {
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
