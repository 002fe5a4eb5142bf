//! One cell of a rate limit: what was taken and has not come back yet.
//!
//! Smooth cells are the generic cell rate algorithm in exact integers: the backlog is counted in amounts × nanoseconds of
//! a period, so that one nanosecond drains exactly the limit's amount, and nothing is ever rounded before it is shown.
//! Fixed cells count amounts and are emptied when their window ends. Pure and total.

use crate::amount::Amount;
use crate::rate_limit::{Algorithm, Quota, RateLimit};

const NANOS_PER_MILLI: u64 = 1_000_000;

/// The part of a limit that its stored cells cannot change: a cell of another definition is another cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    period_ms: u64,
    algorithm: Algorithm,
}

/// What a cell is computed with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    algorithm: Algorithm,
    quota: Quota,
    period_ns: u64,
    /// What one of the amount weighs in the backlog.
    weight: u128,
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
    /// Since when it was never empty (smooth), or when its window began (fixed). What was taken before has come back.
    pub(crate) since_ns: u64,
}

impl Definition {
    pub(crate) fn of(limit: &RateLimit) -> Self {
        Self { period_ms: limit.period_ms & !FIXED_BIT, algorithm: limit.algorithm }
    }

    /// As it is stored.
    pub(crate) fn to_code(self) -> u64 {
        match self.algorithm {
            Algorithm::Smooth => self.period_ms,
            Algorithm::Fixed => self.period_ms | FIXED_BIT,
        }
    }

    pub(crate) fn from_code(code: u64) -> Self {
        let algorithm = if code & FIXED_BIT == 0 { Algorithm::Smooth } else { Algorithm::Fixed };
        Self { period_ms: code & !FIXED_BIT, algorithm }
    }
}

/// Tells a fixed definition from a smooth one; no period is so long.
const FIXED_BIT: u64 = 1 << 63;

impl Terms {
    /// The terms of a key of `limit`, under this definition of it.
    pub(crate) fn of(limit: &RateLimit, definition: Definition, key: &str) -> Self {
        let quota = limit.quota_of(key);
        let period_ns = definition.period_ms.max(1).saturating_mul(NANOS_PER_MILLI);
        let weight = match definition.algorithm {
            Algorithm::Smooth => u128::from(period_ns),
            Algorithm::Fixed => 1,
        };
        let capacity = u128::from(quota.burst.get()).saturating_mul(weight);
        Self { algorithm: definition.algorithm, quota, period_ns, weight, capacity }
    }

    fn weight(&self, amount: Amount) -> u128 {
        u128::from(amount.get()).saturating_mul(self.weight)
    }

    /// How long until so much has drained, rounded up.
    fn drains_in_ms(&self, backlog: u128) -> Option<u64> {
        let per_ms = u128::from(self.quota.amount.get()).saturating_mul(u128::from(NANOS_PER_MILLI));
        let whole = backlog.checked_div(per_ms)?;
        let more = u128::from(backlog.checked_rem(per_ms)? > 0);
        u64::try_from(whole.saturating_add(more)).ok()
    }

    fn window_start_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_sub(now_ns.checked_rem(self.period_ns).unwrap_or(0))
    }

    /// How long until so much of a cell's backlog is gone, rounded up.
    fn gone_in_ms(&self, cell: &Cell, backlog: u128) -> Option<u64> {
        match self.algorithm {
            Algorithm::Smooth => self.drains_in_ms(backlog),
            Algorithm::Fixed => {
                let ends_ns = cell.since_ns.saturating_add(self.period_ns);
                Some(ends_ns.saturating_sub(cell.as_of_ns).div_ceil(NANOS_PER_MILLI))
            }
        }
    }
}

impl Cell {
    /// The cell as of a later moment.
    pub(crate) fn drain(self, terms: &Terms, now_ns: u64) -> Self {
        let as_of_ns = now_ns.max(self.as_of_ns);
        match terms.algorithm {
            Algorithm::Smooth => {
                let elapsed_ns = u128::from(as_of_ns.saturating_sub(self.as_of_ns));
                let drained = elapsed_ns.saturating_mul(u128::from(terms.quota.amount.get()));
                let backlog = self.backlog.saturating_sub(drained);
                let since_ns = if backlog == 0 { as_of_ns } else { self.since_ns };
                Self { backlog, as_of_ns, since_ns }
            }
            Algorithm::Fixed => {
                let since_ns = terms.window_start_ns(as_of_ns);
                let backlog = if since_ns == self.since_ns { self.backlog } else { 0 };
                Self { backlog, as_of_ns, since_ns }
            }
        }
    }

    /// Takes an amount, if it fits.
    pub(crate) fn take(self, terms: &Terms, amount: Amount) -> Result<Self, Over> {
        let backlog = self.backlog.saturating_add(terms.weight(amount));
        if backlog <= terms.capacity {
            return Ok(Self { backlog, ..self });
        }
        let fits_ever = terms.weight(amount) <= terms.capacity;
        let excess = backlog.saturating_sub(terms.capacity);
        Err(Over { retry_after_ms: if fits_ever { terms.gone_in_ms(&self, excess) } else { None } })
    }

    /// Replaces what was taken by what it really was, above the burst too. What was taken before `since_ns` changed has
    /// come back already and is not given back twice; beyond what was taken, a smooth cell is charged all the same, and
    /// a window that has ended is not.
    pub(crate) fn correct(self, terms: &Terms, since_ns: u64, taken: Amount, actual: Amount) -> Self {
        let same = self.since_ns == since_ns;
        if !same && terms.algorithm == Algorithm::Fixed {
            return self;
        }
        let credit = if same { terms.weight(taken.minus(actual)) } else { 0 };
        let backlog = self.backlog.saturating_sub(credit).saturating_add(terms.weight(actual.minus(taken)));
        Self { backlog, ..self }
    }

    /// How it stands.
    pub(crate) fn allowance(self, terms: &Terms) -> Allowance {
        let free = terms.capacity.saturating_sub(self.backlog).checked_div(terms.weight).unwrap_or(0);
        let full_in_ms = if self.backlog == 0 { Some(0) } else { terms.gone_in_ms(&self, self.backlog) };
        let remaining = Amount::new(u64::try_from(free).unwrap_or(u64::MAX));
        Allowance { burst: terms.quota.burst, remaining, full_in_ms }
    }
}
