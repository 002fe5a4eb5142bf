//! Lowers a call's output cap to what the budgets hold (`estimation.on_output_cap: fit`).
//!
//! Knows what each cap would reserve where; how far a cap may be lowered is [`super::output_cap`]'s. Invariant: what is
//! reserved after lowering is never above what was left when it was asked. Each try asks the ledger again, so a balance
//! that others change in between refuses or lowers further.

use super::demand::{Demand, Short};
use super::stage::Admission;
use crate::amount::Amount;
use crate::budget::Enforcement;
use crate::cost::{self, Consumption};
use crate::ledger;
use crate::usage::Usage;

/// Lowers the cap, and with it the estimate, until every budget that enforces has room for it. Says whether it did.
#[cold]
pub(super) fn lower(admission: &mut Admission<'_>, demands: &[Demand<'_>], short: &Short) -> bool {
    let Some(mut most) = admission.cap.most_below() else { return false };
    for (claim, demand) in demands.iter().enumerate() {
        if demand.budget.enforcement != Enforcement::Enforce {
            continue;
        }
        let balance = if claim == short.claim {
            short.balance
        } else {
            // A budget whose account cannot be read says so itself when it is asked to reserve.
            match ledger::inspect(admission.ports, admission.now, demand.budget, &demand.key) {
                Ok(balance) => balance,
                Err(_) => continue,
            }
        };
        let left = balance.left();
        let fits = |cap: u64| amount(admission, demand, cap).is_some_and(|amount| amount <= left);
        match cost::largest_fitting(admission.cap.least(), most, fits) {
            Some(fitting) => most = fitting,
            None if claim == short.claim => return false,
            // It has too little for any cap: asked to reserve, it is the one that refuses.
            None => {}
        }
    }
    let by = demands.get(short.claim).map(|demand| demand.budget.name.clone());
    admission.cap.lower(most, by);
    admission.estimate.usage.output_tokens = Some(admission.cap.output(most));
    true
}

/// What a budget is asked for if each choice is capped so.
fn amount(admission: &Admission<'_>, demand: &Demand<'_>, cap: u64) -> Option<Amount> {
    let output_tokens = Some(admission.cap.output(cap));
    let usage = Usage { output_tokens, ..admission.estimate.usage };
    demand.amount_of(admission, &Consumption { usage, ..admission.estimate })
}
