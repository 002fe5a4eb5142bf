//! The stage of the rates: what a call takes of every rate limit that applies to it, or of none.

use std::sync::Arc;

use super::rate_headers;
use super::stage::Admission;
use crate::amount::{Amount, Unit};
use crate::bucket::Failure;
use crate::budget::Enforcement;
use crate::decision::Decision;
use crate::exchange::ground::Ground;
use crate::exchange::unanswered::{self, Counted};
use crate::limit::{self, Allowance, Cause, Refusal, Take, Taken};
use crate::provider::RefusalKind;
use crate::rate_limit::RateLimit;
use crate::semconv::ReasonCode;

/// The longest wait that an SDK takes upon itself.
const LONGEST_WAIT_MS: u64 = 60_000;

/// What one limit is asked for.
struct Demand<'c> {
    limit: &'c Arc<RateLimit>,
    key: String,
    amount: Amount,
}

/// Takes from every limit, or from none.
///
/// # Errors
/// The ground of the limit that refuses, or what a failing store means by configuration.
#[inline(never)]
pub(super) fn take(admission: &mut Admission<'_>) -> Result<(), Ground> {
    let demands = demands(admission);
    let takes: Vec<Take<'_>> =
        demands.iter().map(|d| Take { limit: d.limit, key: &d.key, amount: d.amount }).collect();
    match limit::take_all(admission.ports, admission.now, &takes) {
        Ok(taken) => keep(admission, taken, &demands),
        Err(refusal) => refuse(admission, refusal, &demands),
    }
}

fn demands<'c>(admission: &Admission<'c>) -> Vec<Demand<'c>> {
    let (config, call) = (admission.config, admission.subject());
    let selected = config.rate_limits.iter().filter(|limit| limit.selector.selects(&call));
    let applies = selected.filter_map(|limit| {
        let key = limit.key(|key| admission.value(key))?;
        let amount = match limit.unit {
            Unit::Requests => Amount::new(1),
            _ => Amount::new(admission.estimate.usage.total().unwrap_or(0)),
        };
        Some(Demand { limit, key, amount })
    });
    applies.collect()
}

fn keep(admission: &mut Admission<'_>, taken: Taken, demands: &[Demand<'_>]) -> Result<(), Ground> {
    if admission.config.rate_limit_headers {
        // What is not enforced promises nothing.
        let enforced =
            taken.entries.iter().filter(|entry| entry.grant.limit().enforcement == Enforcement::Enforce);
        let limits = enforced.map(|entry| (entry.grant.limit().unit, &entry.allowance));
        admission.answer_headers.extend(rate_headers::least(limits));
    }
    for entry in taken.entries {
        match demands.get(entry.take).filter(|_| entry.over) {
            // It took nothing and owes nothing, so that a shadow sees what would be if it enforced.
            Some(demand) => {
                let ground = over(demand, &entry.allowance, entry.retry_after_ms);
                admission.findings.meet(demand.limit.enforcement, ground)?;
            }
            None => admission.held.take(entry.grant),
        }
    }
    for (take, error) in taken.failed {
        if let Some(demand) = demands.get(take).filter(|d| d.limit.enforcement == Enforcement::Warn) {
            admission.findings.meet(Enforcement::Warn, unanswered(demand, error))?;
        }
    }
    Ok(())
}

fn refuse(admission: &mut Admission<'_>, refusal: Refusal, demands: &[Demand<'_>]) -> Result<(), Ground> {
    // Held, it is given back once more if this refuses, and corrected at the call's end if it does not.
    refusal.stranded.into_iter().for_each(|grant| admission.held.take(grant));
    let Some(demand) = demands.get(refusal.take) else {
        // A take that was never made; the limits' contract excludes it.
        return Err(Ground::unanswered(Counted::Accounts, Failure::Corrupt, None));
    };
    match refusal.cause {
        Cause::Limited { allowance, retry_after_ms } => Err(over(demand, &allowance, retry_after_ms)),
        Cause::Failed(error) => {
            admission.findings.meet(unanswered::mode(admission.config, error), unanswered(demand, error))
        }
    }
}

/// The limit has not enough now.
fn over(demand: &Demand<'_>, allowance: &Allowance, retry_after_ms: Option<u64>) -> Ground {
    let Demand { limit, key, amount } = demand;
    let whose = if key.is_empty() { String::new() } else { format!(" for {key:?}") };
    let wait = match retry_after_ms {
        Some(ms) => format!("Try again in {} s.", seconds(ms)),
        None => "It never admits so many at once.".to_owned(),
    };
    let message = format!(
        "GenOps: rate limit {:?}{whose} has {} of {} {} left; this call takes {}. {wait}",
        limit.name,
        allowance.remaining.get(),
        allowance.burst.get(),
        limit.unit.as_str(),
        amount.get(),
    );
    let mut ground = limited(&limit.name, message, retry_after_ms);
    ground.headers.extend(rate_headers::of(limit.unit, allowance));
    ground
}

/// A ground to refuse a call for its rate, with when to come back.
pub(super) fn limited(name: &str, message: String, retry_after_ms: Option<u64>) -> Ground {
    let mut ground = Ground {
        decision: Decision::RateLimited(ReasonCode::RateLimited),
        by: Some(name.into()),
        retry_after_s: retry_after_ms.map(seconds),
        ..Ground::blocked(ReasonCode::RateLimited, RefusalKind::RateLimit, message)
    };
    // SDKs read milliseconds first; what is too long for them to wait they must not try in vain.
    ground.headers.extend(retry_after_ms.map(|ms| ("retry-after-ms", ms.to_string())));
    if retry_after_ms.is_none_or(|ms| ms > LONGEST_WAIT_MS) {
        ground.headers.push(("x-should-retry", "false".to_owned()));
    }
    ground
}

fn seconds(ms: u64) -> u64 {
    ms.div_ceil(1_000).max(1)
}

/// The store cannot say how the limit stands.
fn unanswered(demand: &Demand<'_>, failure: Failure) -> Ground {
    Ground::unanswered(Counted::Rates, failure, Some(&demand.limit.name))
}
