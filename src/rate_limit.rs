//! What a rate limit is: how much of something a key may take in a period, evenly with a burst, or by the clock.
//!
//! Validated data; the configuration builds it and [`crate::limit`] enforces it. A limit on calls in flight needs
//! nothing of this: it is a budget ([`crate::budget`]) of one for each call (window total, given back by `void` or on
//! expiry).

use std::collections::BTreeMap;

use crate::amount::{Amount, Unit};
use crate::budget::{self, Enforcement, Key, OnFull};
use crate::selector::Selector;

/// How what was taken comes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// Evenly: at any moment the burst and what has flowed back since.
    #[default]
    Smooth,
    /// All at once, when a window that is aligned to the clock (UTC) ends.
    Fixed,
}

/// One rate limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Unique among rate limits; names its cells in the store.
    pub name: Box<str>,
    /// Which calls it counts.
    pub selector: Selector,
    /// What splits it into cells; one cell for all when empty.
    pub per: Vec<Key>,
    /// What it counts.
    pub unit: Unit,
    /// How much comes back in one period; 0 admits the burst once and then nothing.
    pub amount: Amount,
    /// Other amounts for some keys, each as [`budget::key`] makes it; their bursts change in proportion.
    pub limits: BTreeMap<Box<str>, Amount>,
    /// The period; 0 counts as 1.
    pub period_ms: u64,
    /// How it comes back.
    pub algorithm: Algorithm,
    /// How much can be taken at once; a fixed window has no other burst than its amount.
    pub burst: Amount,
    /// What being over it does.
    pub enforcement: Enforcement,
    /// How many keys it must tell apart at once; memory is bounded in proportion.
    pub capacity: u32,
    /// What happens beyond that.
    pub on_full: OnFull,
}

/// What one key of a limit has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How much comes back in one period.
    pub amount: Amount,
    /// How much can be taken at once.
    pub burst: Amount,
}

impl RateLimit {
    /// An enforced, smooth limit for all calls together whose burst is the amount of one period.
    pub fn new(name: &str, unit: Unit, amount: Amount, period_ms: u64) -> Self {
        Self {
            name: name.into(),
            selector: Selector::default(),
            per: Vec::new(),
            unit,
            amount,
            limits: BTreeMap::new(),
            period_ms,
            algorithm: Algorithm::default(),
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

    /// What the key has.
    pub fn quota_of(&self, key: &str) -> Quota {
        let own = self.limits.get(key).copied();
        let amount = own.unwrap_or(self.amount);
        let burst = match (self.algorithm, own) {
            (Algorithm::Fixed, _) => amount,
            (Algorithm::Smooth, None) => self.burst,
            (Algorithm::Smooth, Some(own)) => self.burst_in_proportion(own),
        };
        Quota { amount, burst }
    }

    /// The burst of a key with another amount, rounded up; without an amount to compare with, that amount.
    fn burst_in_proportion(&self, own: Amount) -> Amount {
        let product = u128::from(self.burst.get()).saturating_mul(u128::from(own.get()));
        let Some(whole) = product.checked_div(u128::from(self.amount.get())) else { return own };
        let rest =
            u128::from(product.checked_rem(u128::from(self.amount.get())).is_some_and(|rest| rest > 0));
        Amount::new(u64::try_from(whole.saturating_add(rest)).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_with_an_amount_of_its_own_has_a_burst_in_proportion() {
        let mut limit = RateLimit::new("r", Unit::Requests, Amount::new(60), 60_000);
        limit.burst = Amount::new(10);
        for (key, amount) in [("double", 120), ("third", 20), ("none", 0)] {
            limit.limits.insert(key.into(), Amount::new(amount));
        }
        let quota = |limit: &RateLimit, key| {
            let Quota { amount, burst } = limit.quota_of(key);
            (amount.get(), burst.get())
        };
        assert_eq!(quota(&limit, "other"), (60, 10));
        assert_eq!(quota(&limit, "double"), (120, 20));
        assert_eq!(quota(&limit, "third"), (20, 4), "3.3, rounded up");
        assert_eq!(quota(&limit, "none"), (0, 0));
        limit.algorithm = Algorithm::Fixed;
        assert_eq!(quota(&limit, "double"), (120, 120));
        limit.algorithm = Algorithm::Smooth;
        limit.amount = Amount::ZERO;
        assert_eq!(quota(&limit, "double"), (120, 120));
    }
}
