//! The last stage of an admission: every budget that applies is reserved, or none.

use std::fmt::Write as _;

use super::demand::{Demand, Short};
use super::lowering;
use super::stage::Admission;
use crate::amount::{Amount, Display, Unit};
use crate::bucket::Failure;
use crate::budget::{Budget, Enforcement};
use crate::cost;
use crate::exchange::execution::governing::remaining;
use crate::exchange::ground::Ground;
use crate::exchange::names;
use crate::exchange::unanswered::{self, Counted, enforcement};
use crate::ledger::{self, Balance, Cause, Claim, Entry, Reserved, Shortage};
use crate::provider::RefusalKind;
use crate::semconv::{ReasonCode, attribute};
use crate::telemetry::{Attribute, Value};
use crate::timestamp::Timestamp;

/// Reserves everywhere, or nowhere.
///
/// # Errors
/// The ground of the budget that refuses, or what a failing ledger means by configuration.
#[inline(never)]
pub(super) fn reserve(admission: &mut Admission<'_>) -> Result<Vec<Entry>, Ground> {
    let (mut demands, unpriced) = demands(admission);
    if let Some(mode) = unpriced {
        let ground = Ground::unpriced(admission.facts.model.as_deref());
        admission.findings.meet(mode, ground)?;
    }
    let reserved = loop {
        let short = match ask(admission, &demands)? {
            Ok(reserved) => break reserved,
            Err(short) => short,
        };
        if !lowering::lower(admission, &demands, &short) {
            return Err(refused(&short, &demands, admission.now));
        }
        demands = self::demands(admission).0;
    };
    if let Some(warning) = admission.cap.warning(admission.facts.max_output_tokens) {
        admission.findings.meet(Enforcement::Warn, warning)?;
    }
    for entry in &reserved.entries {
        admission.notice(entry.reservation.budget(), &entry.notices);
        if let (Some(shortage), Some(demand)) = (entry.shortage, demands.get(entry.claim)) {
            let ground = short(shortage, &entry.balance, demand, admission.now);
            admission.findings.meet(demand.budget.enforcement, ground)?;
        }
    }
    Ok(reserved.entries)
}

#[cold]
fn refused(short: &Short, demands: &[Demand<'_>], now: Timestamp) -> Ground {
    match demands.get(short.claim) {
        Some(demand) => self::short(short.shortage, &short.balance, demand, now),
        // A claim that was never made; the ledger's contract excludes it.
        None => unanswered(Failure::Corrupt),
    }
}

fn ask(admission: &mut Admission<'_>, demands: &[Demand<'_>]) -> Result<Result<Reserved, Short>, Ground> {
    let (ports, now) = (admission.ports, admission.now);
    let claims: Vec<Claim<'_>> =
        demands.iter().map(|d| Claim { budget: d.budget, key: &d.key, amount: d.amount }).collect();
    let refusal = match ledger::reserve_all(ports, now, &claims) {
        Ok(reserved) => {
            if let Some(error) = warning_failure(&reserved, demands) {
                admission.findings.meet(Enforcement::Warn, unanswered(error))?;
            }
            return Ok(Ok(reserved));
        }
        Err(refusal) => refusal,
    };
    for (claim, notices) in &refusal.notices {
        if let Some(demand) = demands.get(*claim) {
            admission.notice(demand.budget, notices);
        }
    }
    for reservation in refusal.stranded {
        // A second try; what cannot be voided now expires.
        if ledger::void(ports, now, reservation).is_err() {
            admission.stranded = admission.stranded.saturating_add(1);
        }
    }
    match refusal.cause {
        Cause::Short(shortage, balance) => Ok(Err(Short { claim: refusal.claim, balance, shortage })),
        Cause::Failed(error) => {
            admission.findings.meet(unanswered::mode(admission.config, error), unanswered(error))?;
            Ok(Ok(Reserved::default()))
        }
    }
}

/// The ledger cannot say how a budget stands.
fn unanswered(failure: Failure) -> Ground {
    Ground::unanswered(Counted::Accounts, failure, None)
}

/// Why a budget that warns could not be asked; that is worth its warning. A shadow has none to give.
fn warning_failure(reserved: &Reserved, demands: &[Demand<'_>]) -> Option<Failure> {
    let warns = |claim: usize| demands.get(claim).is_some_and(|d| d.budget.enforcement == Enforcement::Warn);
    reserved.failed.iter().find(|(claim, _)| warns(*claim)).map(|(_, error)| *error)
}

/// The amounts that apply to this call; and, where a price is missing or only assumed, what that is worth.
fn demands<'c>(admission: &Admission<'c>) -> (Vec<Demand<'c>>, Option<Enforcement>) {
    let (config, call) = (admission.config, admission.subject());
    let mut unpriced = None;
    let mut demands = Vec::with_capacity(config.budgets.len());
    for budget in &config.budgets {
        if !budget.selector.selects(&call) {
            continue;
        }
        let Some(key) = budget.key(|key| admission.value(key)) else { continue };
        let mode = match admission.amount(budget.unit) {
            Ok(amount) => {
                demands.push(Demand { budget, key, amount });
                match budget.unit {
                    Unit::Money(currency) if admission.tariff.is_assumed(currency) => Enforcement::Warn,
                    _ => continue,
                }
            }
            Err(cost::Unpriced) => enforcement(config.failure.unpriced_model),
        };
        // A budget that does not enforce refuses for no other reason either.
        unpriced = severer(
            unpriced,
            if budget.enforcement == Enforcement::Enforce { mode } else { budget.enforcement },
        );
    }
    (demands, unpriced)
}

/// The one that does more to the call.
const fn severer(one: Option<Enforcement>, other: Enforcement) -> Option<Enforcement> {
    match (one, other) {
        (Some(Enforcement::Enforce), _) | (_, Enforcement::Enforce) => Some(Enforcement::Enforce),
        (Some(Enforcement::Warn), _) | (_, Enforcement::Warn) => Some(Enforcement::Warn),
        _ => Some(Enforcement::Shadow),
    }
}

/// The reason code of a shortage (§5.2).
const fn reason(shortage: Shortage) -> ReasonCode {
    match shortage {
        Shortage::Exceeded => ReasonCode::BudgetExceeded,
        Shortage::Insufficient => ReasonCode::BudgetReservationFailed,
    }
}

/// A budget has not enough.
#[cold]
fn short(shortage: Shortage, balance: &Balance, demand: &Demand<'_>, now: Timestamp) -> Ground {
    // The longest wait that an SDK takes upon itself.
    const LONGEST_WAIT_S: u64 = 60;
    let Demand { budget, key, amount: asked } = demand;
    let resets_in_s = balance.resets_at.map(|at| at.millis_since(now).div_ceil(1_000).max(1));
    // What is larger than the whole limit never fits.
    let retry_after_s = resets_in_s.filter(|_| *asked <= balance.allocated);
    let soon = retry_after_s.is_some_and(|seconds| seconds <= LONGEST_WAIT_S);
    let kind = if soon { RefusalKind::RateLimit } else { RefusalKind::Budget };
    let message = sentence(balance, budget, key, *asked, resets_in_s);
    Ground {
        by: Some(budget.name.clone()),
        retry_after_s,
        attributes: account(balance, budget),
        headers: vec![
            (names::BUDGET_NAME, budget.name.as_ref().to_owned()),
            (names::BUDGET_REMAINING, Display(balance.left(), budget.unit).to_string()),
            (names::UNIT, budget.unit.as_str().to_owned()),
        ],
        ..Ground::blocked(reason(shortage), kind, message)
    }
}

fn sentence(
    balance: &Balance,
    budget: &Budget,
    key: &str,
    asked: Amount,
    resets_in_s: Option<u64>,
) -> String {
    let unit = budget.unit;
    let mut message = format!("GenOps: budget {:?}", budget.name);
    // Writing to a string cannot fail.
    if !key.is_empty() {
        let _ = write!(message, " for {key:?}");
    }
    let _ = write!(
        message,
        " has {} of {} {} left; this call reserves {}.",
        Display(balance.left(), unit),
        Display(balance.allocated, unit),
        unit.as_str(),
        Display(asked, unit),
    );
    let _ = match resets_in_s {
        Some(seconds) => write!(message, " It resets in {seconds} s."),
        None => write!(message, " It does not reset."),
    };
    message
}

/// How an account stands.
fn account(balance: &Balance, budget: &Budget) -> Vec<Attribute> {
    let unit = budget.unit;
    vec![
        (attribute::ACCOUNTING_UNIT, Value::text(unit.as_str())),
        (attribute::BUDGET_NAME, Value::text(&*budget.name)),
        (attribute::BUDGET_ALLOCATED, Value::Double(balance.allocated.to_telemetry(unit))),
        (attribute::BUDGET_CONSUMED, Value::Double(balance.consumed.to_telemetry(unit))),
        (attribute::BUDGET_REMAINING, Value::Double(remaining(balance, unit))),
        (attribute::BUDGET_PERIOD, Value::text(budget.window.label(balance.window_index))),
    ]
}

/// What `genops.budget.reservation` says (§7.2).
pub(super) fn in_event(entry: &Entry) -> Vec<Attribute> {
    let reservation = &entry.reservation;
    let reserved = reservation.amount().to_telemetry(reservation.budget().unit);
    let mut attributes = vec![(attribute::ACCOUNTING_RESERVED, Value::Double(reserved))];
    attributes.extend(account(&entry.balance, reservation.budget()));
    attributes
}
