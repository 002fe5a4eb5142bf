//! Reserve and settle over a store in memory: `cargo bench --bench ledger`.
//!
//! Nanoseconds for each whole call (reserve all, then post all); a number as argument sets the rounds. The store's own
//! share is shown beside it: the same reads and writes of records of the same size, and nothing between them.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    reason = "a benchmark reads clocks and fails by panicking"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use genops::amount::{Amount, Unit};
use genops::awu::Attribute;
use genops::budget::{Budget, Family, Key, OnExpiry};
use genops::ledger::{self, Claim};
use genops::limit::{self, Take};
use genops::ports::{Expected, Store as _};
use genops::rate_limit::{Algorithm, RateLimit};
use genops::testing::MemoryStore;
use genops::timestamp::Timestamp;
use genops::window::{Period, Window};

const ROUNDS: u64 = 31;
const CALLS: u64 = 20_000;

fn at(call: u64) -> Timestamp {
    // A thousand calls a second, so that reservations in flight spread over expiry moments as they do in service.
    Timestamp::from_millis(1_771_300_000_000 + call)
}

/// Nanoseconds of one call in the best round: on a shared machine the others measure the neighbours.
fn measure(mut call: impl FnMut(u64)) -> f64 {
    let rounds: u64 = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(ROUNDS);
    (0..rounds)
        .map(|round| {
            let start = Instant::now();
            (round * CALLS..(round + 1) * CALLS).for_each(&mut call);
            start.elapsed().as_nanos() as f64 / CALLS as f64
        })
        .fold(f64::INFINITY, f64::min)
}

fn budget(name: &str, period: Period, keyed: bool) -> Arc<Budget> {
    let mut budget = Budget::new(name, Unit::Tokens, Amount::new(u64::MAX / 2), Window::utc(period));
    if keyed {
        budget.per = vec![Key::Attribute(Attribute::CustomerId)];
    }
    budget.alert_at = vec![500, 800, 950];
    Arc::new(budget)
}

fn reserve_and_settle(name: &str, budgets: &[(Arc<Budget>, &str)], neighbours: u32) {
    let store = MemoryStore::default();
    for (budget, _) in budgets.iter().filter(|(budget, _)| !budget.per.is_empty()) {
        for neighbour in 0..neighbours {
            let key = format!("customer-{neighbour}");
            let claim = Claim { budget, key: &key, amount: Amount::new(100) };
            let _held = ledger::reserve_all(&store, at(0), &[claim]).unwrap();
        }
    }
    let claims: Vec<Claim<'_>> =
        budgets.iter().map(|(budget, key)| Claim { budget, key, amount: Amount::new(1_000) }).collect();
    // One call is left pending for each moment of expiry, as long streams do.
    let call = |number: u64| {
        let reserved = ledger::reserve_all(&store, at(number), black_box(&claims)).unwrap();
        if number.is_multiple_of(1_000) {
            return;
        }
        for entry in reserved.entries {
            black_box(ledger::post(&store, at(number), entry.reservation, Amount::new(400)).unwrap());
        }
    };
    let whole_ns = measure(call);
    let keys = store.keys();
    let used: Vec<&String> = keys.iter().filter(|key| !key.is_empty()).take(budgets.len()).collect();
    let host_ns = measure(|_| {
        for key in used.iter().chain(&used) {
            let (bytes, version) = store.get(key).unwrap().unwrap();
            store.compare_and_set(key, &bytes, Expected::Version(version)).unwrap();
        }
    });
    let own_ns = whole_ns - host_ns;
    println!("{name:<52} {whole_ns:>7.0} ns, of which the store {host_ns:>5.0}, the ledger {own_ns:>5.0}");
}

/// Takes and, if it is corrected, corrects.
fn take_and_correct(name: &str, limit: RateLimit, key: &str, actual: Option<u64>) {
    let (store, limit) = (MemoryStore::default(), Arc::new(limit));
    let takes = [Take { limit: &limit, key, amount: Amount::new(if actual.is_some() { 1_000 } else { 1 }) }];
    let whole_ns = measure(|number| {
        for entry in limit::take_all(&store, at(number), black_box(&takes)).unwrap().entries {
            if let Some(actual) = actual {
                let settled = limit::settle(&store, at(number), entry.grant, Amount::new(actual));
                assert!(black_box(settled).is_ok());
            }
        }
    });
    println!("{name:<52} {whole_ns:>7.0} ns");
}

fn occupy_and_vacate(name: &str) {
    let store = MemoryStore::default();
    let mut slots = Budget::new("flights", Unit::Requests, Amount::new(100), Window::utc(Period::Total));
    (slots.family, slots.on_expiry) = (Family::Concurrency, OnExpiry::Release);
    let slots = Arc::new(slots);
    let claims = [Claim { budget: &slots, key: "", amount: Amount::new(1) }];
    let whole_ns = measure(|number| {
        for entry in ledger::reserve_all(&store, at(number), black_box(&claims)).unwrap().entries {
            assert!(black_box(ledger::void(&store, at(number), entry.reservation)).is_ok());
        }
    });
    println!("{name:<52} {whole_ns:>7.0} ns");
}

fn main() {
    let rate = |unit| RateLimit::new("rate", unit, Amount::new(u64::MAX / 2), 60_000);
    let keyed = |unit| RateLimit { per: vec![Key::Attribute(Attribute::Team)], ..rate(unit) };
    let fixed = |unit| RateLimit { algorithm: Algorithm::Fixed, ..rate(unit) };
    take_and_correct("take + correct, a smooth rate of tokens", rate(Unit::Tokens), "", Some(400));
    take_and_correct(
        "take + correct, a smooth rate of tokens per team",
        keyed(Unit::Tokens),
        "blue",
        Some(400),
    );
    take_and_correct("take + correct, a fixed window of tokens", fixed(Unit::Tokens), "", Some(400));
    take_and_correct("take, a smooth rate of requests", rate(Unit::Requests), "", None);
    take_and_correct("take, a fixed window of requests", fixed(Unit::Requests), "", None);
    occupy_and_vacate("occupy + vacate, one slot in flight");
    let org = || (budget("organisation", Period::Month { starts_on_day: 1 }, false), "");
    let team = || (budget("team", Period::Day, true), "blue");
    let customer = || (budget("customer", Period::Hour, true), "acme");
    reserve_and_settle("reserve + settle, one budget", &[org()], 0);
    reserve_and_settle("reserve + settle, one budget of 10,000 customers", &[customer()], 10_000);
    reserve_and_settle("reserve + settle, three budgets", &[org(), team(), customer()], 0);
    reserve_and_settle(
        "reserve + settle, three budgets, 10,000 customers",
        &[org(), team(), customer()],
        10_000,
    );
}
