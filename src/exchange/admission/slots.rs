//! The stage of the calls in flight: one slot of every concurrency limit that applies, or of none.

use super::limiting::limited;
use super::stage::Admission;
use crate::amount::Amount;
use crate::bucket::Failure;
use crate::budget::Enforcement;
use crate::config::ConcurrencyLimit;
use crate::exchange::ground::Ground;
use crate::exchange::unanswered::{self, Counted};
use crate::ledger::{self, Balance, Cause, Claim, Refusal, Reserved};

/// A slot that is asked for.
struct Demand<'c> {
    limit: &'c ConcurrencyLimit,
    key: String,
}

/// Occupies a slot everywhere, or nowhere.
///
/// # Errors
/// The ground of the limit that refuses, or what a failing ledger means by configuration.
#[inline(never)]
pub(super) fn occupy(admission: &mut Admission<'_>) -> Result<(), Ground> {
    let (config, call) = (admission.config, admission.subject());
    let applies = config
        .concurrency_limits
        .iter()
        .filter(|limit| limit.slots.selector.selects(&call))
        .filter_map(|limit| Some(Demand { limit, key: limit.slots.key(|key| admission.value(key))? }));
    let demands: Vec<Demand<'_>> = applies.collect();
    let claims: Vec<Claim<'_>> = demands
        .iter()
        .map(|d| Claim { budget: &d.limit.slots, key: &d.key, amount: Amount::new(1) })
        .collect();
    match ledger::reserve_all(admission.ports, admission.now, &claims) {
        Ok(reserved) => keep(admission, reserved, &demands),
        Err(refusal) => refuse(admission, refusal, &demands),
    }
}

fn keep(admission: &mut Admission<'_>, reserved: Reserved, demands: &[Demand<'_>]) -> Result<(), Ground> {
    for entry in reserved.entries {
        admission.notice(entry.reservation.budget(), &entry.notices);
        admission.held.occupy(entry.reservation);
        if let (Some(_), Some(demand)) = (entry.shortage, demands.get(entry.claim)) {
            // This call is among those in flight, and not among those that were.
            let balance = Balance { pending: entry.balance.pending.minus(Amount::new(1)), ..entry.balance };
            admission.findings.meet(demand.limit.slots.enforcement, occupied(demand, &balance))?;
        }
    }
    for (claim, error) in reserved.failed {
        let warns = |d: &&Demand<'_>| d.limit.slots.enforcement == Enforcement::Warn;
        if let Some(demand) = demands.get(claim).filter(warns) {
            admission.findings.meet(Enforcement::Warn, unanswered(demand, error))?;
        }
    }
    Ok(())
}

fn refuse(admission: &mut Admission<'_>, refusal: Refusal, demands: &[Demand<'_>]) -> Result<(), Ground> {
    for (claim, notices) in &refusal.notices {
        if let Some(demand) = demands.get(*claim) {
            admission.notice(&demand.limit.slots, notices);
        }
    }
    // Held, they are given back once more if this refuses, and at the call's end if it does not.
    refusal.stranded.into_iter().for_each(|slot| admission.held.occupy(slot));
    let Some(demand) = demands.get(refusal.claim) else {
        // A claim that was never made; the ledger's contract excludes it.
        return Err(Ground::unanswered(Counted::Accounts, Failure::Corrupt, None));
    };
    match refusal.cause {
        Cause::Short(_, balance) => Err(occupied(demand, &balance)),
        Cause::Failed(error) => {
            admission.findings.meet(unanswered::mode(admission.config, error), unanswered(demand, error))
        }
    }
}

/// Every slot is occupied.
fn occupied(demand: &Demand<'_>, balance: &Balance) -> Ground {
    let ConcurrencyLimit { slots, retry_after_ms } = demand.limit;
    let whose = if demand.key.is_empty() { String::new() } else { format!(" for {:?}", demand.key) };
    let message = format!(
        "GenOps: concurrency limit {:?}{whose} has {} of {} calls in flight. Try again when one has ended.",
        slots.name,
        balance.pending.get(),
        balance.allocated.get(),
    );
    // Where none may ever fly, no wait helps.
    limited(&slots.name, message, (!balance.allocated.is_zero()).then_some(*retry_after_ms))
}

/// The ledger cannot say how many calls are in flight.
fn unanswered(demand: &Demand<'_>, failure: Failure) -> Ground {
    Ground::unanswered(Counted::Accounts, failure, Some(&demand.limit.slots.name))
}
