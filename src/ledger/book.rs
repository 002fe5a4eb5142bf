//! A budget's view of one record: which account is current, what debt moves, which accounts may be recycled.
//!
//! Knows budgets and records, not stores. Invariants: an account with pending amounts, or whose window is open and which
//! holds anything, or whose debt has yet to move on, is never recycled; a closed window is never opened again, since the
//! record's clock only steps forward.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::amount::Amount;
use crate::bucket;
use crate::budget::{Budget, Debt};
use crate::timestamp::Timestamp;

use super::account::{Account, Expired};
use super::outcome::{Balance, Notices};
use super::place::{self, Place};
use super::record::{Corrupt, Entry, Record};

/// A window end that never comes.
const NEVER_MS: u64 = u64::MAX;

/// One record, seen as the home of one place of one budget.
pub(crate) struct Book<'b, 'r> {
    budget: &'b Budget,
    place: &'b Place,
    limit: Amount,
    record: &'b mut Record<'r>,
}

impl<'b, 'r> Book<'b, 'r> {
    /// Opens a record at `now`, or at the record's own clock if that is ahead.
    pub(crate) fn open(
        budget: &'b Budget,
        place: &'b Place,
        record: &'b mut Record<'r>,
        now: Timestamp,
    ) -> Self {
        record.clock_ms = record.clock_ms.max(now.as_millis());
        Self { budget, place, limit: budget.limit_of(place.key()), record }
    }

    /// The limit of the place's key.
    pub(crate) fn limit(&self) -> Amount {
        self.limit
    }

    /// The place's key.
    pub(crate) fn key(&self) -> &str {
        self.place.key()
    }

    /// The moment that counts here.
    pub(crate) fn clock_ms(&self) -> u64 {
        self.record.clock_ms
    }

    /// Brings the accounts of the place up to date: what is due expires, debt moves on.
    pub(crate) fn refresh(&mut self) -> Result<Expired, Corrupt> {
        let (limit, clock_ms, debt) = (self.limit, self.clock_ms(), self.budget.debt);
        let mut notices = Notices::default();
        let mut earlier = None;
        for entry in self.record.entries.iter_mut().filter(|entry| entry.is_of(self.place)) {
            notices.expired(entry.refresh(clock_ms, debt, limit, earlier)?);
            earlier = Some((entry.window_index, entry.open()?.consumed()));
        }
        Ok(notices.expired)
    }

    /// The same for every account of the record.
    fn refresh_all(&mut self) -> Result<Expired, Corrupt> {
        let (budget, clock_ms) = (self.budget, self.clock_ms());
        let mut notices = Notices::default();
        let mut earlier: BTreeMap<Cow<'_, [u8]>, Consumed> = BTreeMap::new();
        for entry in &mut self.record.entries {
            let limit = budget.limit_of(place::key_of(&entry.identity));
            let before = earlier.get(&entry.identity).copied();
            notices.expired(entry.refresh(clock_ms, budget.debt, limit, before)?);
            earlier.insert(entry.identity.clone(), (entry.window_index, entry.open()?.consumed()));
        }
        Ok(notices.expired)
    }

    /// The position of the account of the place whose window is open, if there is one.
    pub(crate) fn current(&self) -> Option<usize> {
        let clock_ms = self.clock_ms();
        let entries = &self.record.entries;
        entries.iter().rposition(|e| e.is_of(self.place) && e.ends_at_ms > clock_ms)
    }

    /// The position of the account of the place in one window.
    pub(crate) fn in_window(&self, index: i32) -> Option<usize> {
        self.record.entries.iter().position(|e| e.is_of(self.place) && e.window_index == index)
    }

    /// The window that is open now.
    pub(crate) fn window_index(&self) -> i32 {
        self.budget.window.span_at(Timestamp::from_millis(self.clock_ms())).index
    }

    /// Adds the account of the place for the open window, recycling others where the room is wanted. `None`: no room.
    pub(crate) fn add(&mut self, notices: &mut Notices) -> Result<Option<usize>, Corrupt> {
        // Nothing may be recycled before its debt has moved on.
        notices.expired(self.refresh_all()?);
        self.recycle_earlier()?;
        if self.record.entries.len() >= bucket::keys_per_record(self.budget.capacity)
            && !self.recycle_any()?
        {
            return Ok(None);
        }
        Ok(Some(self.push()))
    }

    /// Adds the account of the place for the open window, whatever the room.
    pub(crate) fn push(&mut self) -> usize {
        let span = self.budget.window.span_at(Timestamp::from_millis(self.clock_ms()));
        let ends_at_ms = span.ends_at.map_or(NEVER_MS, Timestamp::as_millis);
        self.record.entries.push(Entry::new(self.place.identity(), span.index, ends_at_ms));
        self.record.entries.len().saturating_sub(1)
    }

    /// The account at a position.
    pub(crate) fn account(&mut self, position: usize) -> Result<&mut Account, Corrupt> {
        self.record.entries.get_mut(position).ok_or(Corrupt)?.open()
    }

    /// How the account at a position stands.
    pub(crate) fn balance(&mut self, position: usize) -> Result<Balance, Corrupt> {
        let entry = self.record.entries.get_mut(position).ok_or(Corrupt)?;
        let (window_index, ends_at_ms) = (entry.window_index, entry.ends_at_ms);
        let account = entry.open()?;
        Ok(Balance {
            allocated: self.limit,
            consumed: account.consumed(),
            pending: account.pending(),
            window_index,
            resets_at: (ends_at_ms != NEVER_MS).then(|| Timestamp::from_millis(ends_at_ms)),
        })
    }

    /// Forgets the windows of the place before the last one; that one stays, for late settlements and its debt.
    fn recycle_earlier(&mut self) -> Result<(), Corrupt> {
        let Some(last) = self.record.entries.iter().rposition(|e| e.is_of(self.place)) else {
            return Ok(());
        };
        let mut position = last;
        while let Some(earlier) = position.checked_sub(1) {
            position = earlier;
            let Some(entry) = self.record.entries.get_mut(position) else { break };
            if entry.is_of(self.place) && entry.open()?.pending.is_empty() {
                self.record.entries.remove(position);
            }
        }
        Ok(())
    }

    /// Makes room by forgetting one account that holds nothing any more; failing that, one of a definition (window or
    /// unit) that the budget no longer has.
    fn recycle_any(&mut self) -> Result<bool, Corrupt> {
        let (clock_ms, open_index) = (self.clock_ms(), self.window_index());
        let mut of_old_definition = None;
        for position in 0..self.record.entries.len() {
            let followed = self.is_followed(position);
            let Some(entry) = self.record.entries.get_mut(position) else { break };
            let same_definition = place::same_definition(&entry.identity, self.place.identity());
            let closed = entry.ends_at_ms <= clock_ms;
            let gap = open_index.saturating_sub(entry.window_index);
            let limit = self.budget.limit_of(place::key_of(&entry.identity));
            let account = entry.open()?;
            if !account.pending.is_empty() {
                continue;
            }
            let settled = followed
                || !same_definition
                || self.budget.debt == Debt::Forgive
                || debt(account.consumed(), limit, gap).is_zero();
            if account.is_blank() || (closed && settled) {
                self.record.entries.remove(position);
                return Ok(true);
            }
            if !same_definition {
                of_old_definition = Some(position);
            }
        }
        if let Some(position) = of_old_definition {
            self.record.entries.remove(position);
        }
        Ok(of_old_definition.is_some())
    }

    /// Whether a later window of the same identity exists, which has taken over its debt.
    fn is_followed(&self, position: usize) -> bool {
        let mut later = self.record.entries.iter().skip(position);
        later.next().is_some_and(|entry| later.any(|other| other.identity == entry.identity))
    }
}

/// A window, and what was consumed in it.
type Consumed = (i32, Amount);

impl Entry<'_> {
    /// What is due expires; the debt of the window before, if there is one, moves here.
    fn refresh(
        &mut self,
        clock_ms: u64,
        policy: Debt,
        limit: Amount,
        before: Option<Consumed>,
    ) -> Result<Expired, Corrupt> {
        let window_index = self.window_index;
        let account = self.open()?;
        let told = account.expire(clock_ms);
        if let (Debt::Carry, Some((index, consumed))) = (policy, before) {
            account.carried = debt(consumed, limit, window_index.saturating_sub(index));
        }
        Ok(told)
    }
}

/// What is left of consumption after the limits of so many windows.
fn debt(consumed: Amount, limit: Amount, windows: i32) -> Amount {
    let windows = u64::try_from(windows).unwrap_or(0);
    consumed.minus(Amount::new(limit.get().saturating_mul(windows)))
}
