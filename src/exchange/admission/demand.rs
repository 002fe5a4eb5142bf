//! What one call asks of the budgets that apply to it, and how one of them falls short.

use std::sync::Arc;

use super::stage::Admission;
use crate::amount::Amount;
use crate::budget::Budget;
use crate::cost::Consumption;
use crate::ledger::{Balance, Shortage};

/// What one budget is asked for.
pub(super) struct Demand<'c> {
    pub(super) budget: &'c Arc<Budget>,
    pub(super) key: String,
    pub(super) amount: Amount,
}

impl Demand<'_> {
    /// What it would be asked for if so much were consumed; `None` where that has no price.
    pub(super) fn amount_of(&self, admission: &Admission<'_>, consumption: &Consumption) -> Option<Amount> {
        consumption.most(self.budget.unit, &admission.tariff).ok()
    }
}

/// A budget has not enough.
pub(super) struct Short {
    /// Which of the demands.
    pub(super) claim: usize,
    pub(super) balance: Balance,
    pub(super) shortage: Shortage,
}
