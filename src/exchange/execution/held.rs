//! What a call holds beside its budgets until it ends: the use of a grant, what it took of rate limits, its slots among
//! the calls in flight.
//!
//! Owned by the admission, then by the execution. Every end goes through here: [`Held::give_back`] where the call was
//! refused, [`Held::settle`] where it was let through, whatever came of it. Dropped without either, as with a VM that
//! dies, it comes back by time: a rate flows back, a slot expires; a grant's use stays
//! spent, an approval too few and never one too many.

use super::consumed::Consumed;
use crate::amount::{Amount, Unit};
use crate::approval::{self, Use};
use crate::exchange::effects::Effects;
use crate::exchange::expiry;
use crate::exchange::unanswered::Counted;
use crate::ledger::{self, Reservation, Unsettled};
use crate::limit::{self, Grant};
use crate::ports::Ports;
use crate::telemetry::metric::Metric;
use crate::timestamp::Timestamp;

/// Everything that one call holds. Nothing, and no cost, where no limit is configured.
#[derive(Debug, Default)]
pub(crate) struct Held {
    taken: Vec<Taken>,
    slots: Vec<Reservation>,
    approval: Option<Use>,
}

/// What was taken of a rate limit, and what it really was: nothing, until something is known.
#[derive(Debug)]
struct Taken {
    grant: Grant,
    actual: Amount,
}

impl Held {
    /// Holds what was taken of a rate limit.
    pub(crate) fn take(&mut self, grant: Grant) {
        self.taken.push(Taken { grant, actual: Amount::ZERO });
    }

    /// Holds a slot among the calls in flight.
    pub(crate) fn occupy(&mut self, slot: Reservation) {
        self.slots.push(slot);
    }

    /// Holds the use of a grant that was taken for the call.
    pub(crate) fn approve(&mut self, taken: Use) {
        self.approval = Some(taken);
    }

    /// Whether nothing is held that has still to come back.
    pub(crate) fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.slots.is_empty()
    }

    /// Gives everything back, for a call that nobody executes. What the store does not take, twice, comes back by time.
    pub(crate) fn give_back(&mut self, now: Timestamp, ports: &dyn Ports, effects: &mut Effects) {
        self.withdraw(ports, effects);
        if !self.again(now, ports, effects) && !self.again(now, ports, effects) {
            self.abandon(effects);
        }
    }

    /// Ends the holding of a call that was let through. What the store does not take stays held, to be tried
    /// [`Held::again`].
    pub(crate) fn settle(
        &mut self,
        consumed: &Consumed,
        now: Timestamp,
        ports: &dyn Ports,
        effects: &mut Effects,
    ) {
        match consumed {
            Consumed::Nothing => self.withdraw(ports, effects),
            Consumed::Used(..) | Consumed::Assumed => self.approval = None,
        }
        for taken in &mut self.taken {
            taken.actual = actual(consumed, taken.grant.limit().unit, taken.grant.amount());
        }
        self.again(now, ports, effects);
    }

    /// Gives back the use of a grant; where the store does not take it, it stays spent.
    fn withdraw(&mut self, ports: &dyn Ports, effects: &mut Effects) {
        let Some(taken) = self.approval.take() else { return };
        if let Err((failure, _)) = approval::give_back(ports, taken) {
            log::warn!("genops: a grant's use could not be given back: {}", Counted::Uses.why(failure));
            effects.count(Metric::SettlementFailure);
        }
    }

    /// Tries what is still held; whether nothing is held any more.
    pub(crate) fn again(&mut self, now: Timestamp, ports: &dyn Ports, effects: &mut Effects) -> bool {
        let taken = std::mem::take(&mut self.taken);
        self.taken = taken.into_iter().filter_map(|taken| correct(taken, now, ports)).collect();
        let slots = std::mem::take(&mut self.slots);
        self.slots = slots.into_iter().filter_map(|slot| vacate(slot, now, ports, effects)).collect();
        self.is_empty()
    }

    /// Lets go of what the store does not take: it comes back by time.
    pub(crate) fn abandon(&mut self, effects: &mut Effects) {
        for Taken { grant, .. } in std::mem::take(&mut self.taken) {
            let name = &grant.limit().name;
            log::error!("genops: rate limit {name} could not be corrected; it flows back by time");
            effects.count(Metric::SettlementFailure);
        }
        for slot in std::mem::take(&mut self.slots) {
            let name = &slot.budget().name;
            log::error!("genops: a slot of {name} could not be given back; it expires instead");
            effects.count(Metric::SettlementFailure);
        }
    }
}

/// What a rate limit is to be charged with: nothing where nothing was executed, and what was taken where all that is
/// known is that something was.
fn actual(consumed: &Consumed, unit: Unit, taken: Amount) -> Amount {
    match consumed {
        Consumed::Nothing => Amount::ZERO,
        Consumed::Assumed => taken,
        // What is billed by searches or images may state no tokens, which is not to say that there were none.
        Consumed::Used(usage, _) if unit == Unit::Tokens => usage.total().map_or(taken, Amount::new),
        Consumed::Used(..) => taken,
    }
}

fn correct(Taken { grant, actual }: Taken, now: Timestamp, ports: &dyn Ports) -> Option<Taken> {
    if actual == grant.amount() {
        return None;
    }
    let (failure, grant) = limit::settle(ports, now, grant, actual).err()?;
    let why = Counted::Rates.why(failure);
    log::warn!("genops: rate limit {} not corrected yet: {why}", grant.limit().name);
    Some(Taken { grant, actual })
}

fn vacate(
    slot: Reservation,
    now: Timestamp,
    ports: &dyn Ports,
    effects: &mut Effects,
) -> Option<Reservation> {
    match ledger::void(ports, now, slot) {
        Ok(settlement) => {
            expiry::count_slots(effects, &settlement.notices);
            None
        }
        Err(unsettled) => {
            let Unsettled { error, reservation } = *unsettled;
            let why = Counted::Accounts.why(error);
            log::warn!("genops: slot of {} not given back yet: {why}", reservation.budget().name);
            Some(reservation)
        }
    }
}
