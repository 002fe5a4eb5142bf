//! One cell of a rate limit: what was taken and has not flowed back yet.
//!
//! The generic cell rate algorithm in exact integers: the backlog is counted in amounts × nanoseconds of a period, so
//! that one nanosecond drains exactly the limit's amount, and nothing is ever rounded before it is shown. Pure and total.

use crate::amount::Amount;
use crate::rate_limit::RateLimit;

const NANOS_PER_MILLI: u64 = 1_000_000;

/// The part of a limit that cells are computed with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    amount: u128,
    period_ns: u128,
    capacity: u128,
}

/// How a key stands against its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// The most that can ever be taken at once.
    pub burst: Amount,
    /// What can be taken now.
    pub remaining: Amount,
    /// When all of it can be taken again, in milliseconds from now; `None`: never.
    pub full_in_ms: Option<u64>,
}

/// More was asked than can be taken now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Over {
    /// `None`: never.
    pub(crate) retry_after_ms: Option<u64>,
}

/// What was taken, as of a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) backlog: u128,
    pub(crate) as_of_ns: u64,
}

impl Terms {
    pub(crate) fn of(limit: &RateLimit) -> Self {
        let period_ns = u128::from(limit.period_ms.max(1)).saturating_mul(u128::from(NANOS_PER_MILLI));
        Self {
            amount: u128::from(limit.amount.get()),
            period_ns,
            capacity: u128::from(limit.burst.get()).saturating_mul(period_ns),
        }
    }

    fn weight(&self, amount: Amount) -> u128 {
        u128::from(amount.get()).saturating_mul(self.period_ns)
    }

    /// How long until so much has drained, rounded up.
    fn drains_in_ms(&self, backlog: u128) -> Option<u64> {
        let per_ms = self.amount.saturating_mul(u128::from(NANOS_PER_MILLI));
        let whole = backlog.checked_div(per_ms)?;
        let more = u128::from(backlog.checked_rem(per_ms)? > 0);
        u64::try_from(whole.saturating_add(more)).ok()
    }
}

impl Cell {
    /// The cell as of a later moment.
    pub(crate) fn drain(self, terms: &Terms, now_ns: u64) -> Self {
        let elapsed_ns = u128::from(now_ns.saturating_sub(self.as_of_ns));
        let backlog = self.backlog.saturating_sub(elapsed_ns.saturating_mul(terms.amount));
        Self { backlog, as_of_ns: now_ns.max(self.as_of_ns) }
    }

    /// Takes an amount, if it fits.
    pub(crate) fn take(self, terms: &Terms, amount: Amount) -> Result<Self, Over> {
        let backlog = self.backlog.saturating_add(terms.weight(amount));
        if backlog <= terms.capacity {
            return Ok(Self { backlog, ..self });
        }
        let fits_ever = terms.weight(amount) <= terms.capacity;
        let excess = backlog.saturating_sub(terms.capacity);
        Err(Over { retry_after_ms: if fits_ever { terms.drains_in_ms(excess) } else { None } })
    }

    /// Replaces what was taken by what it really was, above the burst too.
    pub(crate) fn correct(self, terms: &Terms, taken: Amount, actual: Amount) -> Self {
        let backlog = self
            .backlog
            .saturating_sub(terms.weight(taken.minus(actual)))
            .saturating_add(terms.weight(actual.minus(taken)));
        Self { backlog, ..self }
    }

    /// How it stands.
    pub(crate) fn allowance(self, terms: &Terms, burst: Amount) -> Allowance {
        let free = terms.capacity.saturating_sub(self.backlog).checked_div(terms.period_ns).unwrap_or(0);
        let full_in_ms = if self.backlog == 0 { Some(0) } else { terms.drains_in_ms(self.backlog) };
        Allowance { burst, remaining: Amount::new(u64::try_from(free).unwrap_or(u64::MAX)), full_in_ms }
    }
}
