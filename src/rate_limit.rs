//! What a rate limit is: how much of something a key may take in a period, evenly, with a burst.
//!
//! Validated data; the configuration builds it and [`crate::limit`] enforces it. A limit per fixed window, and a limit on
//! calls in flight, need nothing of this: they are budgets ([`crate::budget`]) of a minute, or of one for each call
//! (window total, given back by `void` or on expiry).

use crate::amount::{Amount, Unit};
use crate::budget::{self, Enforcement, Key, OnFull};

/// One smooth rate limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Unique among rate limits; names its cells in the store.
    pub name: Box<str>,
    /// What splits it into cells; one cell for all when empty.
    pub per: Vec<Key>,
    /// What it counts.
    pub unit: Unit,
    /// How much flows back in one period; 0 admits the burst once and then nothing.
    pub amount: Amount,
    /// The period; 0 counts as 1.
    pub period_ms: u64,
    /// How much can be taken at once.
    pub burst: Amount,
    /// What being over it does.
    pub enforcement: Enforcement,
    /// How many keys it must tell apart at once; memory is bounded in proportion.
    pub capacity: u32,
    /// What happens beyond that.
    pub on_full: OnFull,
}

impl RateLimit {
    /// An enforced limit for all calls together whose burst is the amount of one period.
    pub fn new(name: &str, unit: Unit, amount: Amount, period_ms: u64) -> Self {
        Self {
            name: name.into(),
            per: Vec::new(),
            unit,
            amount,
            period_ms,
            burst: amount,
            enforcement: Enforcement::default(),
            capacity: budget::Budget::DEFAULT_CAPACITY,
            on_full: OnFull::default(),
        }
    }

    /// The key of the cell that a call with these values belongs to; `None` when a value is absent, so that the limit
    /// does not apply.
    pub fn key<'v>(&self, value: impl FnMut(Key) -> Option<&'v str>) -> Option<String> {
        budget::key(&self.per, value)
    }
}
