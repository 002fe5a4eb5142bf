//! Rate limits under test: by examples, against the definition, and under conflicts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

mod fixed;
mod host_calls;

use std::cell::RefCell;
use std::sync::Arc;

use genops::amount::{Amount, Unit};
use genops::bucket::Failure;
use genops::budget::{Enforcement, Key, OnFull};
use genops::limit::{self, Cause, Grant, Take};
use genops::ports::Store;
use genops::rate_limit::RateLimit;
use genops::testing::{MemoryStore, Racing};
use genops::timestamp::Timestamp;
use proptest::prelude::*;

const START_MS: u64 = 1_771_300_000_000;

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(START_MS + ms)
}

fn rate(amount: u64, period_ms: u64, burst: u64) -> Arc<RateLimit> {
    let limit = RateLimit::new("calls", Unit::Tokens, Amount::new(amount), period_ms);
    Arc::new(RateLimit { burst: Amount::new(burst), ..limit })
}

/// Takes, and gives what remains or when to try again.
fn take(
    store: &dyn Store,
    ms: u64,
    limit: &Arc<RateLimit>,
    key: &str,
    amount: u64,
) -> Result<(Grant, u64), Option<u64>> {
    match limit::take_all(store, at(ms), &[Take { limit, key, amount: Amount::new(amount) }]) {
        Ok(mut taken) => {
            let entry = taken.entries.remove(0);
            Ok((entry.grant, entry.allowance.remaining.get()))
        }
        Err(refusal) => match refusal.cause {
            Cause::Limited { retry_after_ms, .. } => Err(retry_after_ms),
            Cause::Failed(error) => panic!("{error:?}"),
        },
    }
}

#[test]
fn a_burst_is_taken_at_once_and_flows_back_evenly() {
    // Three a second: a third of a second is no whole number of anything, and must not be lost.
    let (store, limit) = (MemoryStore::default(), rate(3, 1_000, 3));
    let remaining: Vec<u64> = (0..3).map(|_| take(&store, 0, &limit, "", 1).unwrap().1).collect();
    assert_eq!(remaining, [2, 1, 0]);
    assert_eq!(take(&store, 0, &limit, "", 1).unwrap_err(), Some(334));
    assert_eq!(take(&store, 333, &limit, "", 1).unwrap_err(), Some(1));
    assert!(take(&store, 334, &limit, "", 1).is_ok());
    assert_eq!(take(&store, 334, &limit, "", 3).unwrap_err(), Some(1_000));
    assert_eq!(take(&store, 1_000_000, &limit, "", 4).unwrap_err(), None, "never: more than the burst");
    assert_eq!(take(&store, 1_000_000, &limit, "", 3).unwrap().1, 0);
}

#[test]
fn what_was_not_used_is_given_back_and_what_was_used_beyond_is_taken() {
    let (store, limit) = (MemoryStore::default(), rate(600, 60_000, 600));
    let (grant, _) = take(&store, 0, &limit, "", 500).unwrap();
    assert_eq!(limit::settle(&store, at(0), grant, Amount::new(100)).unwrap().remaining, Amount::new(500));
    let (grant, _) = take(&store, 0, &limit, "", 100).unwrap();
    let allowance = limit::settle(&store, at(0), grant, Amount::new(700)).unwrap();
    assert_eq!((allowance.remaining, allowance.full_in_ms), (Amount::ZERO, Some(80_000)));
    assert_eq!(take(&store, 0, &limit, "", 10).unwrap_err(), Some(21_000));
}

#[test]
fn a_clock_that_steps_back_gives_nothing_and_costs_nothing() {
    let (store, limit) = (MemoryStore::default(), rate(10, 1_000, 10));
    assert!(take(&store, 50_000, &limit, "", 10).is_ok());
    assert_eq!(take(&store, 0, &limit, "", 1).unwrap_err(), Some(100));
    assert!(take(&store, 50_100, &limit, "", 1).is_ok());
    // Nor does a cell that was dropped meanwhile, since it held nothing.
    let store = MemoryStore::default();
    let (grant, _) = take(&store, 50_000, &limit, "", 10).unwrap();
    limit::settle(&store, at(50_000), grant, Amount::ZERO).unwrap();
    assert!(take(&store, 0, &limit, "", 10).is_ok());
    assert_eq!(take(&store, 50_000, &limit, "", 1).unwrap_err(), Some(100));
}

#[test]
fn of_several_limits_all_are_taken_or_none() {
    let store = MemoryStore::default();
    let (wide, narrow) = (
        rate(100, 1_000, 100),
        Arc::new(RateLimit { name: "narrow".into(), ..(*rate(5, 1_000, 5)).clone() }),
    );
    let takes = |amount| [&narrow, &wide].map(|limit| Take { limit, key: "", amount: Amount::new(amount) });
    let refusal = limit::take_all(&store, at(0), &takes(6)).unwrap_err();
    assert_eq!((refusal.take, refusal.stranded.len()), (0, 0));
    assert_eq!(
        limit::take_all(&store, at(0), &takes(5)).unwrap().entries[0].allowance.remaining,
        Amount::new(95)
    );
}

#[test]
fn a_limit_that_does_not_enforce_tells_and_takes_nothing() {
    let (store, limit) = (MemoryStore::default(), rate(1, 1_000, 1));
    let shadow = Arc::new(RateLimit { enforcement: Enforcement::Shadow, ..(*limit).clone() });
    let over = |ms| {
        let takes = [Take { limit: &shadow, key: "", amount: Amount::new(1) }];
        limit::take_all(&store, at(ms), &takes).unwrap().entries.remove(0).over
    };
    assert_eq!([0, 1, 2, 1_000, 1_001].map(over), [false, true, true, false, true]);
}

#[test]
fn editing_a_limit_keeps_what_was_taken() {
    let (store, limit) = (MemoryStore::default(), rate(10, 1_000, 10));
    assert!(take(&store, 0, &limit, "", 10).is_ok());
    assert_eq!(take(&store, 0, &rate(20, 1_000, 10), "", 1).unwrap_err(), Some(50));
    assert_eq!(take(&store, 0, &rate(10, 1_000, 12), "", 2).unwrap().1, 0);
    assert_eq!(
        take(&store, 0, &rate(10, 3_000, 10), "", 10).unwrap().1,
        0,
        "another period is another limit"
    );
}

#[test]
fn invented_keys_leave_memory_flat_and_drained_cells_make_room() {
    let store = MemoryStore::default();
    let limit = |on_full| {
        Arc::new(RateLimit { per: vec![Key::Model], capacity: 1, on_full, ..(*rate(10, 1_000, 10)).clone() })
    };
    let (refuse, shared) = (limit(OnFull::Refuse), limit(OnFull::SharedAccount));
    let key = |n: u32| format!("invented-{n}");
    let full = |limit: &Arc<RateLimit>, ms, n| {
        let key = key(n);
        let result = limit::take_all(&store, at(ms), &[Take { limit, key: &key, amount: Amount::new(10) }]);
        matches!(result, Err(limit::Refusal { cause: Cause::Failed(Failure::Full), .. }))
    };
    assert!((0..30_000).filter(|n| full(&refuse, 0, *n)).count() > 15_000);
    let bytes = store.bytes();
    assert!((30_000..40_000).all(|n| full(&refuse, 0, n)) && store.bytes() == bytes && bytes < 1_000_000);
    assert_eq!((40_000..40_100).filter(|n| take(&store, 0, &shared, &key(*n), 1).is_ok()).count(), 10);
    assert!((50_000..51_000).all(|n| !full(&refuse, 1_000, n)), "all others have drained");
}

#[test]
fn damaged_records_and_outages_are_failures_and_never_an_admission() {
    let (store, limit) = (MemoryStore::default(), rate(10, 1_000, 10));
    let takes = [Take { limit: &limit, key: "", amount: Amount::new(1) }];
    limit::take_all(&store, at(0), &takes).unwrap();
    let name = store.keys().remove(0);
    let sound = store.record(&name).unwrap();
    for len in (0..sound.len()).filter(|len| *len != 9) {
        store.overwrite(&name, &sound[..len]);
        let refusal = limit::take_all(&store, at(0), &takes).unwrap_err();
        assert_eq!(refusal.cause, Cause::Failed(Failure::Corrupt), "cut to {len}");
        assert_eq!(store.record(&name).unwrap(), &sound[..len]);
    }
}

#[test]
fn a_lost_race_never_admits_beyond_the_burst() {
    let limit = rate(10, 1_000, 10);
    let rivals = RefCell::new(0);
    let rival = |store: &MemoryStore| {
        *rivals.borrow_mut() += u32::from(take(store, 0, &limit, "", 2).is_ok());
    };
    let store = Racing::new(MemoryStore::default(), rival);
    assert_eq!(take(&store, 0, &limit, "", 1).unwrap_err(), Some(100));
    assert_eq!(*rivals.borrow(), 5);
}

#[test]
fn what_has_flowed_back_by_itself_is_not_given_back_once_more() {
    let (store, limit) = (MemoryStore::default(), rate(600, 60_000, 600));
    let (early, _) = take(&store, 0, &limit, "", 500).unwrap();
    // All of it has flowed back, and somebody else took it.
    let (_, left) = take(&store, 60_000, &limit, "", 600).unwrap();
    assert_eq!(left, 0);
    assert_eq!(limit::settle(&store, at(60_000), early, Amount::ZERO).unwrap().remaining, Amount::ZERO);
    // Had it used more than it took, that would count.
    let store = MemoryStore::default();
    let (early, _) = take(&store, 0, &limit, "", 500).unwrap();
    assert_eq!(take(&store, 60_000, &limit, "", 100).unwrap().1, 500);
    let allowance = limit::settle(&store, at(60_000), early, Amount::new(700)).unwrap();
    assert_eq!(allowance.remaining, Amount::new(300));
}

#[test]
fn a_key_with_an_amount_of_its_own_is_held_to_that() {
    let mut limit = (*rate(10, 1_000, 10)).clone();
    limit.per = vec![Key::Model];
    limit.limits.insert("large".into(), Amount::new(30));
    let (store, limit) = (MemoryStore::default(), Arc::new(limit));
    assert_eq!(take(&store, 0, &limit, "large", 30).unwrap().1, 0);
    assert_eq!(take(&store, 0, &limit, "large", 3).unwrap_err(), Some(100));
    assert_eq!(take(&store, 0, &limit, "small", 30).unwrap_err(), None);
    assert_eq!(take(&store, 0, &limit, "small", 10).unwrap().1, 0);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The definition itself: between any two moments no more is admitted than the burst and what flows back; and
    /// whatever is refused would have broken that, so that nothing is withheld either.
    #[test]
    fn no_stretch_of_time_admits_more_than_burst_and_rate_and_nothing_is_withheld(
        (amount, period_ms, burst) in (1..50u64, 1..5_000u64, 1..40u64),
        calls in prop::collection::vec((0..700u64, 1..12u64), 1..80),
    ) {
        let (store, limit) = (MemoryStore::default(), rate(amount, period_ms, burst));
        let mut admitted: Vec<(u64, u64)> = Vec::new();
        let mut now_ms = 0;
        for (wait_ms, asked) in calls {
            now_ms += wait_ms;
            let result = take(&store, now_ms, &limit, "", asked);
            // Would it break the definition over some stretch that ends now?
            let mut in_stretch = asked;
            let mut breaks = asked > burst;
            for (at_ms, taken) in admitted.iter().rev() {
                in_stretch += taken;
                breaks |= in_stretch * period_ms > burst * period_ms + (now_ms - at_ms) * amount;
            }
            prop_assert_eq!(result.is_err(), breaks, "{} at {} after {:?}", asked, now_ms, admitted);
            if let Err(Some(retry_after_ms)) = result {
                prop_assert!(retry_after_ms > 0);
                prop_assert!(take(&store, now_ms + retry_after_ms - 1, &limit, "", asked).is_err(), "too late");
                // A refusal writes nothing, so what a later moment would answer can be asked of a copy.
                let copy = MemoryStore::default();
                store.keys().iter().for_each(|key| copy.overwrite(key, &store.record(key).unwrap()));
                prop_assert!(take(&copy, now_ms + retry_after_ms, &limit, "", asked).is_ok(), "too early");
            }
            if result.is_ok() {
                admitted.push((now_ms, asked));
            }
        }
    }

    /// The same to the nanosecond, as callers really come: what flows in between two calls is never rounded away.
    #[test]
    fn whoever_comes_between_two_milliseconds_finds_what_has_flowed_in(
        (amount, period_ms, burst) in (1..50_000u64, 1..1_000u64, 1..40u64),
        calls in prop::collection::vec((0..900_000u64, 1..12u64), 1..80),
    ) {
        let (store, limit) = (MemoryStore::default(), rate(amount, period_ms, burst));
        let mut admitted: Vec<(u64, u64)> = Vec::new();
        let (mut now_ns, period_ns) = (START_MS * 1_000_000, u128::from(period_ms) * 1_000_000);
        for (wait_ns, asked) in calls {
            now_ns += wait_ns;
            let mut in_stretch = u128::from(asked);
            let mut breaks = asked > burst;
            for (at_ns, taken) in admitted.iter().rev() {
                in_stretch += u128::from(*taken);
                let most = u128::from(burst) * period_ns + u128::from(now_ns - at_ns) * u128::from(amount);
                breaks |= in_stretch * period_ns > most;
            }
            let takes = [Take { limit: &limit, key: "", amount: Amount::new(asked) }];
            let result = limit::take_all(&store, Timestamp::from_nanos(now_ns), &takes);
            prop_assert_eq!(result.is_err(), breaks, "{} at {} after {:?}", asked, now_ns, admitted);
            if result.is_ok() {
                admitted.push((now_ns, asked));
            }
        }
    }

    #[test]
    fn no_figures_panic(amount: u64, period_ms: u64, burst: u64, asked: u64, actual: u64, ms: u64) {
        let (store, limit) = (MemoryStore::default(), rate(amount, period_ms, burst));
        for now in [ms, 0, u64::MAX] {
            let takes = [Take { limit: &limit, key: "", amount: Amount::new(asked) }];
            if let Ok(mut taken) = limit::take_all(&store, Timestamp::from_nanos(now), &takes) {
                let grant = taken.entries.remove(0).grant;
                limit::settle(&store, Timestamp::from_nanos(now), grant, Amount::new(actual)).unwrap();
            }
        }
    }
}
