//! The output cap that a call is reserved for: written into the request where the configuration wants it, and lowered to
//! what the budgets hold (`estimation.on_output_cap`).
//!
//! Invariants: the cap is never raised above the client's; what is reserved is all that a provider bills which keeps to
//! the cap, what it thinks beside the cap included, and after lowering never above what was left when it was asked; a
//! request that cannot be edited is treated as with `keep`. Each try asks the ledger again, so a balance that others
//! change in between refuses or lowers further, a bounded number of times.

use super::admission::Admission;
use super::body_edit::Editable;
use super::ground::Ground;
use super::reservation::{Demand, Short};
use crate::budget::Enforcement;
use crate::call::RequestFacts;
use crate::config::{Config, OnOutputCap};
use crate::cost::{self, Consumption};
use crate::ledger;
use crate::provider::{Endpoint, RefusalKind};
use crate::semconv::ReasonCode;
use crate::usage::Usage;

/// How often a cap is lowered for one call.
const MOST_TRIES: u8 = 4;

/// What becomes of one call's output cap.
#[derive(Debug)]
pub(super) struct OutputCap {
    mode: OnOutputCap,
    /// The cap of one choice, as it is reserved.
    cap: u64,
    choices: u64,
    /// What each choice may think beside the cap, which the cap does not bound.
    beside: u64,
    /// The least that it may be lowered to.
    least: u64,
    tries: u8,
    /// The budget that made it lower.
    lowered_by: Option<Box<str>>,
    /// Why it is not edited although the configuration wants it.
    pub(super) kept: Option<&'static str>,
}

impl OutputCap {
    /// What the configuration wants done with this call's cap, as far as it can be.
    pub(super) fn plan(
        config: &Config,
        endpoint: &Endpoint,
        facts: &RequestFacts,
        longest: Option<u64>,
        body: &[u8],
        editable: Editable,
    ) -> Self {
        let caps = &config.output_caps;
        let mode = match editable {
            Editable::Unasked => OnOutputCap::Keep,
            Editable::Bound | Editable::Free { .. } => caps.of(facts.model.as_deref()),
        };
        let kept = match editable {
            _ if mode == OnOutputCap::Keep => None,
            Editable::Bound => Some(super::body_edit::SIGNED_BODY),
            _ if !endpoint.can_cap_output(body, facts) => Some(super::body_edit::NO_PLACE),
            _ => None,
        };
        // A cap that leaves nothing beside the thinking is refused by the providers that know such a budget.
        let least = facts.reasoning.filter(|it| it.is_in_cap).map_or(0, |it| it.tokens.saturating_add(1));
        Self {
            mode: if kept.is_some() { OnOutputCap::Keep } else { mode },
            cap: cost::output_cap(facts, &config.estimation, longest),
            choices: cost::choices(facts),
            beside: cost::beside_cap(facts),
            least: least.max(caps.fit_min_output_tokens),
            tries: 0,
            lowered_by: None,
            kept,
        }
    }

    /// The cap that the provider is to get; `None` leaves the client's.
    pub(super) fn forwarded(&self) -> Option<u64> {
        (self.mode != OnOutputCap::Keep).then_some(self.cap)
    }

    /// All output tokens that a provider bills which keeps to `cap`.
    const fn output(&self, cap: u64) -> u64 {
        cap.saturating_add(self.beside).saturating_mul(self.choices)
    }

    /// All output tokens that the forwarded cap bounds, where the provider is to get one.
    pub(super) fn bounds(&self) -> Option<u64> {
        self.forwarded().map(|cap| self.output(cap))
    }

    /// The warning that a lowered cap is worth.
    pub(super) fn warning(&self, requested: Option<u64>) -> Option<Ground> {
        let by = self.lowered_by.clone()?;
        let from = requested.map_or_else(|| "none".to_owned(), |cap| cap.to_string());
        let message = format!(
            "GenOps: budget {by:?} holds less than this call asks for: output cap {from} became {}.",
            self.cap
        );
        let ground = Ground::blocked(ReasonCode::OutputCapLowered, RefusalKind::Budget, message);
        Some(Ground { by: Some(by), ..ground })
    }
}

/// Lowers the cap, and with it the estimate, until every budget that enforces has room for it. Says whether it did.
#[cold]
pub(super) fn lower(admission: &mut Admission<'_>, demands: &[Demand<'_>], short: &Short) -> bool {
    let cap = &admission.cap;
    if cap.mode != OnOutputCap::Fit || cap.tries >= MOST_TRIES {
        return false;
    }
    let Some(below) = cap.cap.checked_sub(1) else { return false };
    let mut most = below;
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
        match cost::largest_fitting(admission.cap.least, most, fits) {
            Some(fitting) => most = fitting,
            None if claim == short.claim => return false,
            // It has too little for any cap: asked to reserve, it is the one that refuses.
            None => {}
        }
    }
    let by = demands.get(short.claim).map(|demand| demand.budget.name.clone());
    let cap = &mut admission.cap;
    cap.cap = most;
    cap.tries = cap.tries.saturating_add(1);
    cap.lowered_by = by;
    admission.estimate.usage.output_tokens = Some(cap.output(most));
    true
}

/// What a budget is asked for if each choice is capped so.
fn amount(admission: &Admission<'_>, demand: &Demand<'_>, cap: u64) -> Option<crate::amount::Amount> {
    let output_tokens = Some(admission.cap.output(cap));
    let usage = Usage { output_tokens, ..admission.estimate.usage };
    demand.amount_of(admission, &Consumption { usage, ..admission.estimate })
}
