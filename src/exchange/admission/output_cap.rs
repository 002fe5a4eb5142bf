//! The output cap that a call is reserved for: written into the request where the configuration wants it, and lowered to
//! what the budgets hold (`estimation.on_output_cap`), which [`super::lowering`] finds out.
//!
//! Invariants: the cap is never raised above the client's; what is reserved is all that a provider bills which keeps to
//! the cap, what it thinks beside the cap included; a request that cannot be edited is treated as with `keep`; it is
//! lowered a bounded number of times.

use crate::call::RequestFacts;
use crate::config::{Config, OnOutputCap};
use crate::cost;
use crate::exchange::editable::{Editable, NO_PLACE, SIGNED_BODY};
use crate::exchange::ground::Ground;
use crate::provider::{Endpoint, RefusalKind};
use crate::semconv::ReasonCode;

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
            Editable::Bound => Some(SIGNED_BODY),
            _ if !endpoint.can_cap_output(body, facts) => Some(NO_PLACE),
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

    /// The highest cap below this one; `None` where it is not to be lowered, or not once more.
    pub(super) fn most_below(&self) -> Option<u64> {
        let lowers = self.mode == OnOutputCap::Fit && self.tries < MOST_TRIES;
        self.cap.checked_sub(1).filter(|_| lowers)
    }

    /// The least that it may be lowered to.
    pub(super) const fn least(&self) -> u64 {
        self.least
    }

    /// Lowers it to `cap`, for the budget that has not enough.
    pub(super) fn lower(&mut self, cap: u64, by: Option<Box<str>>) {
        self.cap = cap;
        self.tries = self.tries.saturating_add(1);
        self.lowered_by = by;
    }

    /// All output tokens that a provider bills which keeps to `cap`.
    pub(super) const fn output(&self, cap: u64) -> u64 {
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
