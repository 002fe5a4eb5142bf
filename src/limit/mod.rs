//! Rate limits over the shared store: take before a call, correct after it.
//!
//! Knows [`RateLimit`]s and the [`Store`]; knows no budget's accounts and no host. Invariants, whatever the interleaving:
//! in no stretch of time does a smooth limit admit more than the burst plus what flows back in that stretch, and in no
//! window does a fixed one admit more than its amount; of several takes all are admitted or none; what has come back by
//! itself is not given back once more; a clock that steps back gives nothing and costs nothing; memory is bounded.
//!
//! ```
//! use std::sync::Arc;
//! use genops::{amount::{Amount, Unit}, limit::{self, Take}, rate_limit::RateLimit, testing::MemoryStore};
//! use genops::timestamp::Timestamp;
//!
//! let limit = Arc::new(RateLimit::new("tokens", Unit::Tokens, Amount::new(600), 60_000));
//! let (store, now) = (MemoryStore::default(), Timestamp::from_seconds(1_771_286_400));
//! let take = Take { limit: &limit, key: "", amount: Amount::new(500) };
//! assert_eq!(limit::take_all(&store, now, &[take]).unwrap().entries[0].allowance.remaining, Amount::new(100));
//! let limit::Cause::Limited { retry_after_ms, .. } = limit::take_all(&store, now, &[take]).unwrap_err().cause
//!     else { panic!() };
//! assert_eq!(retry_after_ms, Some(40_000), "400 tokens at ten a second");
//! ```

mod cell;
mod record;

use std::sync::Arc;

use crate::amount::Amount;
use crate::bucket::{self, Bucket, Failure, MAX_KEY_BYTES, Step};
use crate::budget::{Enforcement, OnFull};
use crate::ports::Store;
use crate::rate_limit::RateLimit;
use crate::timestamp::Timestamp;

use self::cell::{Definition, Over, Terms};
use self::record::Record;

pub use self::cell::Allowance;

/// How much of a limit one call asks for.
#[derive(Clone, Copy, Debug)]
pub struct Take<'a> {
    /// The limit.
    pub limit: &'a Arc<RateLimit>,
    /// Whose cell, from [`RateLimit::key`].
    pub key: &'a str,
    /// How much, in the limit's unit.
    pub amount: Amount,
}

/// What was taken, to be corrected when the call ends. Dropping it leaves it taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Grant {
    limit: Arc<RateLimit>,
    key: Box<str>,
    bucket: Bucket,
    amount: Amount,
    /// The cell's `since_ns` when it was taken.
    since_ns: u64,
}

impl Grant {
    /// The limit as it was.
    pub fn limit(&self) -> &Arc<RateLimit> {
        &self.limit
    }

    /// How much was taken: nothing, where a limit that does not enforce was exceeded.
    pub fn amount(&self) -> Amount {
        self.amount
    }
}

/// One take that was admitted.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Which of the takes.
    pub take: usize,
    /// What to correct later.
    pub grant: Grant,
    /// How the key stands now.
    pub allowance: Allowance,
    /// Whether the limit would have refused, if it enforced.
    pub over: bool,
    /// If so, when exactly this take would have fitted; `None`: never.
    pub retry_after_ms: Option<u64>,
}

/// Every take that could be admitted, in canonical order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// What was taken.
    pub entries: Vec<Entry>,
    /// Takes of limits that do not enforce, for which the store could not answer.
    pub failed: Vec<(usize, Failure)>,
}

/// No take was admitted: one was refused, and those before it were given back.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which of the takes.
    pub take: usize,
    /// Why.
    pub cause: Cause,
    /// What could not be given back, since the store failed.
    pub stranded: Vec<Grant>,
}

/// Why a take was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Over the limit.
    Limited {
        /// How the key stands.
        allowance: Allowance,
        /// When exactly this take fits if nobody else takes; `None`: never, it is more than the burst.
        retry_after_ms: Option<u64>,
    },
    /// The store cannot answer.
    Failed(Failure),
}

/// Takes from every limit, or from none, in the order of their names, then keys.
///
/// # Errors
/// [`Refusal`] names the first take in canonical order that was refused. A limit that does not enforce never refuses.
pub fn take_all<S: Store + ?Sized>(store: &S, now: Timestamp, takes: &[Take<'_>]) -> Result<Taken, Refusal> {
    let mut ordered: Vec<(usize, &Take<'_>)> = takes.iter().enumerate().collect();
    ordered.sort_by(|(_, a), (_, b)| (&a.limit.name, a.key).cmp(&(&b.limit.name, b.key)));
    let mut taken = Taken { entries: Vec::with_capacity(takes.len()), failed: Vec::new() };
    for (index, take) in ordered {
        let cause = match take_one(store, now, take) {
            Ok(Ok((grant, allowance, over))) => {
                let (over, retry_after_ms) = over.map_or((false, None), |over| (true, over.retry_after_ms));
                taken.entries.push(Entry { take: index, grant, allowance, over, retry_after_ms });
                continue;
            }
            Ok(Err(limited)) => limited,
            Err(error) if take.limit.enforcement != Enforcement::Enforce => {
                taken.failed.push((index, error));
                continue;
            }
            Err(error) => Cause::Failed(error),
        };
        let grants = taken.entries.into_iter().rev().map(|entry| entry.grant);
        let stranded =
            grants.filter_map(|grant| settle(store, now, grant, Amount::ZERO).err()).map(|(_, grant)| grant);
        return Err(Refusal { take: index, cause, stranded: stranded.collect() });
    }
    Ok(taken)
}

/// Replaces what was taken by what it really was; [`Amount::ZERO`] gives it back.
///
/// # Errors
/// Gives the grant back with the reason.
pub fn settle<S: Store + ?Sized>(
    store: &S,
    now: Timestamp,
    grant: Grant,
    actual: Amount,
) -> Result<Allowance, (Failure, Grant)> {
    let limit = &*grant.limit;
    let definition = Definition::of(limit);
    let terms = Terms::of(limit, definition, &grant.key);
    let corrected = bucket::update(store, &record_of(limit, grant.bucket), |bytes| {
        let mut record = open(bytes, now)?;
        let cell = record.cell(&grant.key, definition, &terms);
        let after = cell.correct(&terms, grant.since_ns, grant.amount, actual);
        let allowance = after.allowance(&terms);
        if after == cell {
            return Ok(Step::Leave(allowance));
        }
        if !record.put(limit, &grant.key, after) {
            return Err(Failure::Full);
        }
        Ok(Step::Write(record.encode(), allowance))
    });
    corrected.map_err(|error| (error, grant))
}

type Tried = Result<(Grant, Allowance, Option<Over>), Cause>;

fn take_one<S: Store + ?Sized>(store: &S, now: Timestamp, take: &Take<'_>) -> Result<Tried, Failure> {
    if take.key.len() > MAX_KEY_BYTES {
        return Err(Failure::KeyTooLong);
    }
    let home = if take.limit.per.is_empty() { Bucket::Numbered(0) } else { Bucket::of(take.key) };
    match take_at(store, now, take, (home, take.key)) {
        Err(Failure::Full) if take.limit.on_full == OnFull::SharedAccount => {
            take_at(store, now, take, (Bucket::Shared, ""))
        }
        tried => tried,
    }
}

fn take_at<S: Store + ?Sized>(
    store: &S,
    now: Timestamp,
    take: &Take<'_>,
    (bucket, key): (Bucket, &str),
) -> Result<Tried, Failure> {
    let limit = take.limit;
    let definition = Definition::of(limit);
    let terms = Terms::of(limit, definition, key);
    let grant =
        |amount, since_ns| Grant { limit: Arc::clone(limit), key: key.into(), bucket, amount, since_ns };
    bucket::update(store, &record_of(limit, bucket), |bytes| {
        let mut record = open(bytes, now)?;
        let cell = record.cell(key, definition, &terms);
        match cell.take(&terms, take.amount) {
            Ok(after) => {
                if !record.put(limit, key, after) {
                    return Err(Failure::Full);
                }
                let granted = (grant(take.amount, after.since_ns), after.allowance(&terms), None);
                Ok(Step::Write(record.encode(), Ok(granted)))
            }
            Err(over) => {
                let allowance = cell.allowance(&terms);
                Ok(Step::Leave(match limit.enforcement {
                    Enforcement::Enforce => {
                        Err(Cause::Limited { allowance, retry_after_ms: over.retry_after_ms })
                    }
                    Enforcement::Warn | Enforcement::Shadow => {
                        Ok((grant(Amount::ZERO, cell.since_ns), allowance, Some(over)))
                    }
                }))
            }
        }
    })
}

fn open(bytes: Option<&[u8]>, now: Timestamp) -> Result<Record<'_>, Failure> {
    let mut record = bytes.map_or(Ok(Record::default()), Record::decode)?;
    record.clock_ns = record.clock_ns.max(now.as_nanos());
    Ok(record)
}

fn record_of(limit: &RateLimit, bucket: Bucket) -> String {
    bucket.record("limit", &limit.name)
}
