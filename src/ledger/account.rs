//! One account and the four things that can happen to it: reserve, post, void, expire.
//!
//! Pure and total: each changes the account and nothing else, or leaves it as it was. Knows no store, no key and no
//! calendar.
//! Invariants: an enforced reservation is admitted only if consumed + pending + amount ≤ limit; a reservation leaves
//! `pending` once, by post, void or expiry; after [`Account::expire`] at a clock, no pending amount is due at that clock.

use crate::amount::Amount;
use crate::budget::{Enforcement, OnExpiry};

/// How many expiry moments one account tells apart. A reservation's life is rounded up to eighths, so 9 are usual and
/// more appear only while a budget's `ttl_ms` is edited again and again.
pub(crate) const MAX_PENDING: usize = 32;

/// The part of a reservation that its account must know to resolve it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hold {
    pub(crate) amount: Amount,
    pub(crate) expiry: Expiry,
}

/// When a pending amount is due, and what becomes of it then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Expiry {
    pub(crate) at_ms: u64,
    pub(crate) then: OnExpiry,
}

impl Expiry {
    /// The expiry of a reservation made at `clock_ms`: `ttl_ms` later, rounded up to an eighth of it.
    pub(crate) fn after(clock_ms: u64, ttl_ms: u64, then: OnExpiry) -> Self {
        let granule_ms = (ttl_ms / 8).max(1);
        let due_ms = clock_ms.saturating_add(ttl_ms.max(1));
        Self { at_ms: due_ms.checked_next_multiple_of(granule_ms).unwrap_or(u64::MAX), then }
    }

    pub(crate) fn is_due(self, clock_ms: u64) -> bool {
        self.at_ms <= clock_ms
    }
}

/// Reservations that share one expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) expiry: Expiry,
    pub(crate) amount: Amount,
    pub(crate) reservations: u32,
}

/// How a budget falls short of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// Nothing is left.
    Exceeded,
    /// Something is left, not enough.
    Insufficient,
}

/// Reservations that an operation found expired and resolved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// What they held.
    pub amount: Amount,
    /// How many they were.
    pub reservations: u32,
}

/// How a reservation was found when it was settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// In time.
    Pending,
    /// It had expired; what expiry did was corrected.
    Expired,
    /// The account did not hold it: the store lost it. An actual was posted all the same while its window is open.
    Missing,
}

/// What one key has consumed and reserved in one window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// Settled in this window.
    pub(crate) posted: Amount,
    /// Debt brought from the window before.
    pub(crate) carried: Amount,
    /// The highest alert threshold announced so far, per mille.
    pub(crate) alerted: u16,
    /// At most [`MAX_PENDING`], each expiry once, ascending.
    pub(crate) pending: Vec<Pending>,
}

/// No room for another expiry moment, or sums beyond 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

/// Why a reservation was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotReserved {
    Short(Shortage),
    NoRoom,
}

impl Account {
    /// What counts against the limit and is no longer pending.
    pub(crate) fn consumed(&self) -> Amount {
        self.posted.plus(self.carried)
    }

    /// What is reserved and not yet settled.
    pub(crate) fn pending(&self) -> Amount {
        self.pending.iter().fold(Amount::ZERO, |sum, pending| sum.plus(pending.amount))
    }

    /// Whether it holds nothing, so that forgetting it loses nothing.
    pub(crate) fn is_blank(&self) -> bool {
        *self == Self::default()
    }

    /// Reserves, or says why not. With anything but [`Enforcement::Enforce`] a shortage is noted and not refused.
    pub(crate) fn reserve(
        &mut self,
        hold: Hold,
        limit: Amount,
        enforcement: Enforcement,
    ) -> Result<Option<Shortage>, NotReserved> {
        let shortage = self.shortage(hold.amount, limit);
        if let (Some(shortage), Enforcement::Enforce) = (shortage, enforcement) {
            return Err(NotReserved::Short(shortage));
        }
        self.hold(hold).map_err(|NoRoom| NotReserved::NoRoom)?;
        Ok(shortage)
    }

    /// Settles a reservation with the actual amount. The actual counts in full even if the reservation is not found.
    pub(crate) fn post(&mut self, hold: Hold, actual: Amount, clock_ms: u64) -> Held {
        let held = self.void(hold, clock_ms);
        self.posted = self.posted.plus(actual);
        held
    }

    /// Gives a reservation back: out of `pending`, or out of `posted` if it had expired and counted as spent.
    pub(crate) fn void(&mut self, hold: Hold, clock_ms: u64) -> Held {
        if hold.expiry.is_due(clock_ms) {
            if hold.expiry.then == OnExpiry::Consume {
                self.posted = self.posted.minus(hold.amount);
            }
            return Held::Expired;
        }
        let found = self.pending.iter().position(|pending| {
            pending.expiry == hold.expiry && pending.amount >= hold.amount && pending.reservations > 0
        });
        let Some(position) = found else { return Held::Missing };
        if let Some(pending) = self.pending.get_mut(position) {
            pending.amount = pending.amount.minus(hold.amount);
            pending.reservations = pending.reservations.saturating_sub(1);
        }
        self.pending.retain(|pending| pending.reservations > 0);
        Held::Pending
    }

    /// Resolves every pending amount that is due: it is posted or given back, as its reservation was made.
    pub(crate) fn expire(&mut self, clock_ms: u64) -> Expired {
        let mut expired = Expired::default();
        let posted = &mut self.posted;
        self.pending.retain(|pending| {
            let due = pending.expiry.is_due(clock_ms);
            if due {
                expired.amount = expired.amount.plus(pending.amount);
                expired.reservations = expired.reservations.saturating_add(pending.reservations);
                if pending.expiry.then == OnExpiry::Consume {
                    *posted = posted.plus(pending.amount);
                }
            }
            !due
        });
        expired
    }

    /// Announces the thresholds that consumption has reached and that nobody announced before.
    pub(crate) fn announce(&mut self, limit: Amount, alert_at: &[u16]) -> Vec<u16> {
        let consumed = u128::from(self.consumed().get()).saturating_mul(1_000);
        let reached = |at: u16| consumed >= u128::from(limit.get()).saturating_mul(u128::from(at));
        let news = |at: &u16| consumed > 0 && *at > self.alerted && reached(*at);
        let mut crossed: Vec<u16> = alert_at.iter().copied().filter(news).collect();
        crossed.sort_unstable();
        self.alerted = crossed.last().copied().unwrap_or(self.alerted);
        crossed
    }

    fn shortage(&self, amount: Amount, limit: Amount) -> Option<Shortage> {
        let used = u128::from(self.consumed().get()).saturating_add(u128::from(self.pending().get()));
        let limit = u128::from(limit.get());
        if used.saturating_add(u128::from(amount.get())) <= limit {
            None
        } else if used >= limit {
            Some(Shortage::Exceeded)
        } else {
            Some(Shortage::Insufficient)
        }
    }

    fn hold(&mut self, hold: Hold) -> Result<(), NoRoom> {
        self.pending().get().checked_add(hold.amount.get()).ok_or(NoRoom)?;
        let position = self.pending.partition_point(|pending| pending.expiry < hold.expiry);
        let full = self.pending.len() >= MAX_PENDING;
        match self.pending.get_mut(position) {
            Some(pending) if pending.expiry == hold.expiry => {
                pending.reservations = pending.reservations.checked_add(1).ok_or(NoRoom)?;
                pending.amount = pending.amount.plus(hold.amount);
            }
            _ if full => return Err(NoRoom),
            _ => {
                let Hold { amount, expiry } = hold;
                self.pending.insert(position, Pending { expiry, amount, reservations: 1 });
            }
        }
        Ok(())
    }
}
