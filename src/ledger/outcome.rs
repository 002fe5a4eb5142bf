//! What the ledger answers: balances, reservations, refusals and settlements, as plain values.

use std::sync::Arc;

use crate::amount::Amount;
use crate::bucket::Failure;
use crate::budget::Budget;
use crate::timestamp::Timestamp;

use super::account::{Expired, Held, Hold, Shortage};
use super::place::Place;

/// How much of a budget one call asks for.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The budget.
    pub budget: &'a Arc<Budget>,
    /// Whose account, from [`Budget::key`].
    pub key: &'a str,
    /// How much, in the budget's unit.
    pub amount: Amount,
}

/// How one account stands in one window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// The limit of this key.
    pub allocated: Amount,
    /// Consumed: settled in this window, and the debt it began with.
    pub consumed: Amount,
    /// Reserved and not yet settled.
    pub pending: Amount,
    /// The window, for [`crate::window::Window::label`].
    pub window_index: i32,
    /// When the next window begins; `None` when there is none.
    pub resets_at: Option<Timestamp>,
}

impl Balance {
    /// What is neither consumed nor reserved; negative when in debt.
    pub fn remaining(&self) -> i128 {
        i128::from(self.allocated.get())
            .saturating_sub(i128::from(self.consumed.get()))
            .saturating_sub(i128::from(self.pending.get()))
    }

    /// What a further claim could still have: nothing when in debt.
    pub fn left(&self) -> Amount {
        self.allocated.minus(self.consumed).minus(self.pending)
    }
}

/// What an operation found out besides what it was asked. Told exactly once: whoever is told must report it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notices {
    /// Reservations of others that expired unsettled.
    pub expired: Expired,
    /// Alert thresholds that consumption crossed, per mille, ascending.
    pub crossed: Vec<u16>,
    /// By which account, where there are any.
    pub crossed_by: Option<Crossed>,
}

/// An account whose consumption crossed an alert threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crossed {
    /// Its key; empty for a budget without keys, and for the account of those for which there was no room.
    pub key: Box<str>,
    /// How it stands.
    pub balance: Balance,
}

impl Notices {
    /// Whether there is nothing to report.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(crate) fn crossed(&mut self, thresholds: Vec<u16>, key: &str, balance: Balance) {
        self.crossed_by = (!thresholds.is_empty()).then(|| Crossed { key: key.into(), balance });
        self.crossed = thresholds;
    }

    pub(crate) fn expired(&mut self, more: Expired) {
        self.expired.amount = self.expired.amount.plus(more.amount);
        self.expired.reservations = self.expired.reservations.saturating_add(more.reservations);
    }
}

/// An amount held in one account until it is posted, voided or expires. Dropping it does nothing: it will expire.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "post or void it, or it stays pending until it expires"]
pub struct Reservation {
    pub(crate) budget: Arc<Budget>,
    pub(crate) place: Place,
    pub(crate) window_index: i32,
    pub(crate) hold: Hold,
}

impl Reservation {
    /// The budget as it was when the reservation was made.
    pub fn budget(&self) -> &Arc<Budget> {
        &self.budget
    }

    /// How much is held.
    pub fn amount(&self) -> Amount {
        self.hold.amount
    }

    /// The window that it is held in, for [`crate::window::Window::label`].
    pub fn window_index(&self) -> i32 {
        self.window_index
    }

    /// When it expires.
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(self.hold.expiry.at_ms)
    }
}

/// One claim that was admitted.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which of the claims.
    pub claim: usize,
    /// What to settle later.
    pub reservation: Reservation,
    /// The account, this reservation included.
    pub balance: Balance,
    /// By how the budget would have refused, if it did not enforce.
    pub shortage: Option<Shortage>,
    /// What else was found out.
    pub notices: Notices,
}

/// Every claim that could be admitted, in canonical order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reserved {
    /// The reservations made.
    pub entries: Vec<Entry>,
    /// Claims on budgets that do not enforce, for which the ledger could not answer.
    pub failed: Vec<(usize, Failure)>,
}

/// No claim was admitted: one was refused, and those before it were voided.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which of the claims.
    pub claim: usize,
    /// Why.
    pub cause: Cause,
    /// What else was found out, by claim.
    pub notices: Vec<(usize, Notices)>,
    /// Reservations that could not be voided, since the store failed: void them later, or they expire.
    pub stranded: Vec<Reservation>,
}

/// Why a claim was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The budget has not enough.
    Short(Shortage, Balance),
    /// The ledger cannot answer.
    Failed(Failure),
}

/// A settled reservation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// How it was found.
    pub held: Held,
    /// The account of the window that reserved it; `None` when that window closed and its account was recycled.
    pub balance: Option<Balance>,
    /// What else was found out.
    pub notices: Notices,
}

/// A settlement that failed; the reservation can be settled again.
#[derive(Debug, PartialEq, Eq)]
pub struct Unsettled {
    /// Why.
    pub error: Failure,
    /// What is still to be settled, unless the store did it and then failed to say so.
    pub reservation: Reservation,
}
