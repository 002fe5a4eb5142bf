//! The `budgets` and `reservation` sections.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::section::{Section, describe};
use super::unit::{limit, limit_problem, limit_rule, unit};
use super::{entry, selector};
use crate::amount::{Amount, Unit};
use crate::awu::Attribute;
use crate::bucket;
use crate::budget::{self, Budget, Debt, Key, OnExpiry, OnFull};
use crate::price::PriceList;
use crate::window::{Period, Weekday, Window};

pub(super) const WEEKDAYS: [(&str, Weekday); 7] = [
    ("monday", Weekday::Monday),
    ("tuesday", Weekday::Tuesday),
    ("wednesday", Weekday::Wednesday),
    ("thursday", Weekday::Thursday),
    ("friday", Weekday::Friday),
    ("saturday", Weekday::Saturday),
    ("sunday", Weekday::Sunday),
];

/// What can happen to a key for which there is no room.
pub(super) const FULLS: [(&str, OnFull); 2] =
    [("refuse", OnFull::Refuse), ("shared_account", OnFull::SharedAccount)];

/// How long reservations live and what becomes of those nobody settles.
struct Reservation {
    ttl_ms: u64,
    on_expiry: OnExpiry,
}

/// Reads every budget; names must be unique, since they name the accounts.
pub(super) fn read(root: &Section<'_>, prices: &PriceList) -> Vec<Arc<Budget>> {
    let reservation = reservation(root.section("reservation"));
    let budgets = entry::named(
        root,
        "budgets",
        "budget",
        |budget: &Budget| &budget.name,
        |section| budget(section, &reservation, prices),
    );
    budgets.into_iter().map(Arc::new).collect()
}

fn reservation(section: Option<Section<'_>>) -> Reservation {
    let mut reservation = Reservation { ttl_ms: Budget::DEFAULT_TTL_MS, on_expiry: OnExpiry::default() };
    let Some(section) = section else { return reservation };
    const SECOND: u64 = 1_000;
    const DAY: u64 = 86_400_000;
    if let Some(ttl_ms) = section.integer("ttl_ms", SECOND, DAY) {
        reservation.ttl_ms = ttl_ms;
    }
    let choices = [("consume", OnExpiry::Consume), ("release", OnExpiry::Release)];
    if let Some(on_expiry) = section.one_of("on_expiry", &choices) {
        reservation.on_expiry = on_expiry;
    }
    section.finish();
    reservation
}

fn budget(section: Section<'_>, reservation: &Reservation, prices: &PriceList) -> Option<Budget> {
    let name = entry::name(&section);
    let selector = selector::read(&section);
    let per = per(&section);
    let unit = unit(&section, prices);
    section.require("limit");
    let figure = |value: &Value| limit(value, unit?);
    // Without a unit its own problem is enough; the limit cannot be judged.
    let limit = unit.and_then(|unit| section.read("limit", limit_rule(unit), figure));
    let limits = unit.map(|unit| limits(&section, &per, unit));
    section.get("limit");
    section.get("limits");
    let window = window(&section);
    let enforcement = entry::mode(&section);
    let debt =
        section.one_of("debt", &[("carry", Debt::Carry), ("forgive", Debt::Forgive)]).unwrap_or_default();
    let alert_at = alert_at(&section);
    let capacity = section.integer("capacity", 1, u64::from(bucket::MAX_CAPACITY));
    let on_full = section.one_of("on_full", &FULLS).unwrap_or_default();
    section.finish();
    Some(Budget {
        selector,
        per,
        limits: limits?,
        enforcement,
        ttl_ms: reservation.ttl_ms,
        on_expiry: reservation.on_expiry,
        debt,
        alert_at,
        capacity: capacity.map_or(Budget::DEFAULT_CAPACITY, |n| u32::try_from(n).unwrap_or(u32::MAX)),
        on_full,
        ..Budget::new(name?, unit?, limit?, window?)
    })
}

pub(super) fn per(section: &Section<'_>) -> Vec<Key> {
    let mut keys = Vec::new();
    for (path, value) in section.list("per") {
        match value.as_str().and_then(key) {
            Some(key) if keys.contains(&key) => section.problems().add(path, "is in the list already"),
            Some(key) => keys.push(key),
            None => {
                let known: Vec<&str> = Attribute::ALL.iter().map(|attribute| attribute.as_str()).collect();
                let known = known.join(", ");
                let message = format!("expected one of {known}, model, provider, got {}", describe(value));
                section.problems().add(path, message);
            }
        }
    }
    keys
}

fn key(word: &str) -> Option<Key> {
    match word {
        "model" => Some(Key::Model),
        "provider" => Some(Key::Provider),
        attribute => Attribute::parse(attribute).map(Key::Attribute),
    }
}

pub(super) fn limits(section: &Section<'_>, per: &[Key], unit: Unit) -> BTreeMap<Box<str>, Amount> {
    let Some(object) = section.read("limits", "an object of key values and limits", Value::as_object) else {
        return BTreeMap::new();
    };
    if per.is_empty() {
        section.problem("limits", "needs \"per\": without keys there is one account only");
    }
    let mut limits = BTreeMap::new();
    for (key, value) in object {
        let path = format!("{}.{key}", section.path_of("limits"));
        let folded = budget::fold(per, key);
        match limit(value, unit) {
            Some(_) if limits.contains_key(&*folded) => {
                let message = format!("is {folded:?} once more: models are alike in any case of letters");
                section.problems().add(path, message);
            }
            Some(limit) => _ = limits.insert(folded.into(), limit),
            None => section.problems().add(path, limit_problem(value, unit)),
        }
    }
    limits
}

/// The parts of the limit that are worth an alert, per mille, ascending.
fn alert_at(section: &Section<'_>) -> Vec<u16> {
    let mut all = Vec::new();
    for (path, value) in section.list("alert_at") {
        match value.as_f64().and_then(per_mille) {
            Some(at) if all.contains(&at) => section.problems().add(path, "is in the list already"),
            Some(at) => all.push(at),
            None => {
                let message = format!(
                    "expected a part of the limit from 0.001 to 10 with at most three decimals, got {}",
                    describe(value)
                );
                section.problems().add(path, message);
            }
        }
    }
    all.sort_unstable();
    all
}

/// A part as thousandths, if it is no finer.
fn per_mille(part: f64) -> Option<u16> {
    const NEAR: f64 = 1e-6;
    let thousandths = part * 1_000.0;
    let exact = (thousandths - thousandths.round()).abs() < NEAR;
    (exact && (1.0..=10_000.0).contains(&thousandths.round())).then(|| thousandths.round() as u16)
}

/// `"month"`, or `{"period": "month", "starts_on_day": 15, "utc_offset_minutes": 60}`.
fn window(section: &Section<'_>) -> Option<Window> {
    section.require("window");
    let value = section.get("window")?;
    if value.is_string() {
        return period(section, "window", None).map(Window::utc);
    }
    let inner = section.section("window")?;
    inner.require("period");
    let period = period(&inner, "period", Some(&inner));
    let utc_offset_minutes = entry::utc_offset_minutes(&inner);
    for key in ["starts_on", "starts_on_day"] {
        inner.get(key);
    }
    inner.finish();
    Some(Window { period: period?, utc_offset_minutes })
}

fn period(section: &Section<'_>, key: &'static str, anchor: Option<&Section<'_>>) -> Option<Period> {
    let starts_on =
        anchor.and_then(|anchor| anchor.one_of("starts_on", &WEEKDAYS)).unwrap_or(Weekday::Monday);
    let day = anchor.and_then(|anchor| anchor.integer("starts_on_day", 1, 31)).unwrap_or(1);
    let starts_on_day = u8::try_from(day).unwrap_or(1);
    let choices = [
        ("minute", Period::Minute),
        ("hour", Period::Hour),
        ("day", Period::Day),
        ("week", Period::Week { starts_on }),
        ("month", Period::Month { starts_on_day }),
        ("total", Period::Total),
    ];
    section.one_of(key, &choices)
}
