//! The `rate_limits` and `concurrency_limits` sections.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::budgets::{FULLS, limits, per};
use super::section::{Section, whole_number};
use super::{entry, selector};
use crate::amount::{Amount, Unit};
use crate::bucket;
use crate::budget::{Budget, Family, OnExpiry};
use crate::rate_limit::{Algorithm, RateLimit};
use crate::window::{Period, Window};

/// More than any limit is meant to count.
const MOST: u64 = 1_000_000_000_000;
/// A month; what is longer is a budget.
const LONGEST_PERIOD_MS: u64 = 2_678_400_000;

/// How many calls may be in flight at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConcurrencyLimit {
    /// One for each call, given back when it ends; a slot of a call whose VM died expires.
    pub slots: Arc<Budget>,
    /// After how long a refused caller should try again: nobody knows when a call ends.
    pub retry_after_ms: u64,
}

/// Reads every rate limit; names must be unique, since they name the cells.
pub(super) fn read(root: &Section<'_>) -> Vec<Arc<RateLimit>> {
    let limits = entry::named(root, "rate_limits", "rate limit", |limit: &RateLimit| &limit.name, rate_limit);
    limits.into_iter().map(Arc::new).collect()
}

/// Reads every limit on calls in flight; names must be unique, since they name the accounts.
pub(super) fn read_concurrency(root: &Section<'_>) -> Vec<ConcurrencyLimit> {
    entry::named(
        root,
        "concurrency_limits",
        "concurrency limit",
        |limit: &ConcurrencyLimit| &limit.slots.name,
        concurrency_limit,
    )
}

fn rate_limit(section: Section<'_>) -> Option<RateLimit> {
    let name = entry::name(&section);
    let selector = selector::read(&section);
    let per = per(&section);
    section.require("unit");
    let unit = section.one_of("unit", &[("requests", Unit::Requests), ("tokens", Unit::Tokens)]);
    section.require("amount");
    let amount = section.integer("amount", 0, MOST).map(Amount::new);
    let limits = own_limits(&section, &per, unit);
    let period_ms = period_ms(&section);
    let algorithms = [("smooth", Algorithm::Smooth), ("fixed", Algorithm::Fixed)];
    let algorithm = section.one_of("algorithm", &algorithms).unwrap_or_default();
    let burst = section.integer("burst", 1, MOST).map(Amount::new);
    if algorithm == Algorithm::Fixed && burst.is_some() {
        section.problem("burst", "a fixed window has no burst: its amount can be taken at once");
    }
    let enforcement = entry::mode(&section);
    let capacity = capacity(&section);
    let on_full = section.one_of("on_full", &FULLS).unwrap_or_default();
    section.finish();
    let amount = amount?;
    Some(RateLimit {
        selector,
        per,
        limits,
        algorithm,
        burst: burst.unwrap_or(amount),
        enforcement,
        capacity,
        on_full,
        ..RateLimit::new(name?, unit?, amount, period_ms?)
    })
}

/// A word, or a whole number of milliseconds.
fn period_ms(section: &Section<'_>) -> Option<u64> {
    section.require("period");
    let expected = format!("second, minute, hour, day, or milliseconds from 1 to {LONGEST_PERIOD_MS}");
    section.read("period", &expected, |value| match value.as_str() {
        Some("second") => Some(1_000),
        Some("minute") => Some(60_000),
        Some("hour") => Some(3_600_000),
        Some("day") => Some(86_400_000),
        Some(_) => None,
        None => whole_number(value).filter(|ms| (1..=LONGEST_PERIOD_MS).contains(ms)),
    })
}

fn concurrency_limit(section: Section<'_>) -> Option<ConcurrencyLimit> {
    let name = entry::name(&section);
    let selector = selector::read(&section);
    let per = per(&section);
    section.require("max");
    let max = section.integer("max", 0, 1_000_000).map(Amount::new);
    let limits = own_limits(&section, &per, Some(Unit::Requests));
    let ttl_ms = section.integer("ttl_ms", 1_000, 86_400_000).unwrap_or(Budget::DEFAULT_TTL_MS);
    let retry_after_ms = section.integer("retry_after_ms", 1, 3_600_000).unwrap_or(1_000);
    let enforcement = entry::mode(&section);
    let capacity = capacity(&section);
    let on_full = section.one_of("on_full", &FULLS).unwrap_or_default();
    section.finish();
    let slots = Budget {
        family: Family::Concurrency,
        selector,
        per,
        limits,
        enforcement,
        ttl_ms,
        on_expiry: OnExpiry::Release,
        capacity,
        on_full,
        ..Budget::new(name?, Unit::Requests, max?, Window::utc(Period::Total))
    };
    Some(ConcurrencyLimit { slots: Arc::new(slots), retry_after_ms })
}

/// The amounts of single keys. Without a unit its own problem is enough.
fn own_limits(
    section: &Section<'_>,
    per: &[crate::budget::Key],
    unit: Option<Unit>,
) -> BTreeMap<Box<str>, Amount> {
    section.get("limits");
    unit.map(|unit| limits(section, per, unit)).unwrap_or_default()
}

fn capacity(section: &Section<'_>) -> u32 {
    let capacity = section.integer("capacity", 1, u64::from(bucket::MAX_CAPACITY));
    capacity.map_or(Budget::DEFAULT_CAPACITY, |keys| u32::try_from(keys).unwrap_or(u32::MAX))
}
