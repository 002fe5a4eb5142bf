//! Latency predictions under test: by examples, and under conflicts.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use std::cell::RefCell;
use std::sync::Arc;

use genops::bucket::Failure;
use genops::config::{self, Sla};
use genops::ports::Store;
use genops::sla::{self, Forecast};
use genops::testing::{MemoryStore, Racing};
use genops::timestamp::Timestamp;
use proptest::prelude::*;

const KEY: &str = "cluster|openai|gpt-4o|chat";

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(1_771_300_000_000 + ms)
}

fn tier(keys: &str) -> Arc<Sla> {
    let text = format!(r#"{{"sla": [{{"tier": "gold", "latency_target_ms": 1000, {keys}}}]}}"#);
    config::parse(&text).unwrap().sla.remove(0)
}

fn measured(store: &dyn Store, latencies: &[u64]) {
    for ms in latencies {
        sla::observe(store, at(0), KEY, *ms, false).unwrap();
    }
}

#[test]
fn nothing_is_predicted_from_too_little() {
    let (store, gold) = (MemoryStore::default(), tier(r#""on_predicted": "warn", "min_observations": 3"#));
    let forecast = || sla::forecast(&store, at(0), &gold, KEY).unwrap();
    for _ in 0..2 {
        measured(&store, &[5_000]);
        assert_eq!(forecast(), Forecast::Unknown);
    }
    measured(&store, &[5_000]);
    assert_eq!(forecast(), Forecast::Misses { predicted_ms: 5_000, probe_in_ms: 0 });
    assert_eq!(sla::forecast(&store, at(0), &gold, "another model").unwrap(), Forecast::Unknown);
}

#[test]
fn deviations_make_a_prediction_careful() {
    let store = MemoryStore::default();
    measured(&store, &[700, 900].repeat(20));
    let with = |deviations: u32| {
        let keys = format!(r#""on_predicted": "warn", "deviations": {deviations}"#);
        sla::forecast(&store, at(0), &tier(&keys), KEY).unwrap()
    };
    assert_eq!(with(0), Forecast::Meets);
    assert!(matches!(with(4), Forecast::Misses { predicted_ms: 1_001..=1_400, .. }), "{:?}", with(4));
}

#[test]
fn where_predictions_refuse_one_call_in_an_interval_finds_out() {
    let keys = r#""on_predicted": "refuse", "min_observations": 5, "probe_interval_ms": 2000"#;
    let (store, gold) = (MemoryStore::default(), tier(keys));
    measured(&store, &[8_000; 20]);
    let forecast = |ms| sla::forecast(&store, at(ms), &gold, KEY).unwrap();
    assert_eq!(forecast(0), Forecast::Probe { predicted_ms: 8_000 });
    assert_eq!(forecast(500), Forecast::Misses { predicted_ms: 8_000, probe_in_ms: 1_500 });
    // It never came back; the next one is due all the same.
    assert_eq!(forecast(2_000), Forecast::Probe { predicted_ms: 8_000 });
    sla::observe(&store, at(2_900), KEY, 900, true).unwrap();
    assert_eq!(forecast(2_900), Forecast::Meets, "what the probe took replaces what was known");
    // And one that is slow again is believed at once.
    sla::observe(&store, at(3_000), KEY, 9_000, false).unwrap();
    assert!(matches!(forecast(3_000), Forecast::Misses { .. }));
}

#[test]
fn a_probe_that_went_nowhere_leaves_its_turn_to_the_next_call() {
    let keys = r#""on_predicted": "refuse", "min_observations": 1, "probe_interval_ms": 2000"#;
    let (store, gold) = (MemoryStore::default(), tier(keys));
    measured(&store, &[8_000]);
    let forecast = |ms| sla::forecast(&store, at(ms), &gold, KEY).unwrap();
    for ms in [0, 1, 2] {
        assert_eq!(forecast(ms), Forecast::Probe { predicted_ms: 8_000 });
        sla::withdraw(&store, at(ms), KEY).unwrap();
    }
    assert_eq!(forecast(3), Forecast::Probe { predicted_ms: 8_000 });
    assert!(matches!(forecast(4), Forecast::Misses { probe_in_ms: 1_999, .. }), "still one at a time");
}

#[test]
fn a_clock_that_steps_back_does_not_keep_probes_away() {
    let keys = r#""on_predicted": "refuse", "min_observations": 1, "probe_interval_ms": 2000"#;
    let (store, gold) = (MemoryStore::default(), tier(keys));
    measured(&store, &[8_000]);
    let forecast = |ms| sla::forecast(&store, at(ms), &gold, KEY).unwrap();
    assert!(matches!(forecast(3_600_000), Forecast::Probe { .. }));
    assert!(matches!(forecast(0), Forecast::Probe { .. }), "an hour too early is no reason to wait an hour");
    assert!(matches!(forecast(0), Forecast::Misses { probe_in_ms: 2_000, .. }));
}

#[test]
fn invented_models_leave_memory_flat_and_damaged_records_are_failures() {
    let store = MemoryStore::default();
    let observe = |n: u32| sla::observe(&store, at(n.into()), &format!("c|p|model-{n}|chat"), 5, false);
    (0..20_000).for_each(|n| observe(n).unwrap());
    let bytes = store.bytes();
    (20_000..40_000).for_each(|n| observe(n).unwrap());
    assert!(store.bytes() < bytes + bytes / 50 && bytes < 1_500_000, "{bytes} then {}", store.bytes());
    assert_eq!(sla::observe(&store, at(0), &"k".repeat(513), 5, false), Err(Failure::KeyTooLong));
    let store = MemoryStore::default();
    measured(&store, &[5]);
    let name = store.keys().remove(0);
    let sound = store.record(&name).unwrap();
    // Cut to its first byte a record is one without estimates.
    for len in (0..sound.len()).filter(|len| *len != 1) {
        store.overwrite(&name, &sound[..len]);
        assert_eq!(sla::observe(&store, at(0), KEY, 5, false), Err(Failure::Corrupt), "cut to {len}");
        assert_eq!(store.record(&name).unwrap(), &sound[..len]);
    }
}

#[test]
fn of_two_workers_at_once_one_probes() {
    let gold = tier(r#""on_predicted": "refuse", "min_observations": 1"#);
    let store = MemoryStore::default();
    measured(&store, &[8_000]);
    let probes = RefCell::new(0);
    let is_probe = |store: &dyn Store| {
        matches!(sla::forecast(store, at(0), &gold, KEY).unwrap(), Forecast::Probe { .. })
    };
    let rival = |store: &MemoryStore| *probes.borrow_mut() += usize::from(is_probe(store));
    let racing = Racing::new(store, rival);
    let own = usize::from(is_probe(&racing));
    assert_eq!(own + *probes.borrow(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The estimate lies between the extremes, and the same measurements give the same one.
    #[test]
    fn a_prediction_without_deviations_lies_within_what_was_measured(
        latencies in prop::collection::vec(1_u64..100_000, 1..60),
    ) {
        let gold = tier(r#""on_predicted": "warn", "min_observations": 1, "deviations": 0"#);
        let forecast = || {
            let store = MemoryStore::default();
            measured(&store, &latencies);
            sla::forecast(&store, at(0), &gold, KEY).unwrap()
        };
        let (least, most) = (latencies.iter().min().unwrap(), latencies.iter().max().unwrap());
        match forecast() {
            Forecast::Meets => prop_assert!(*least <= 1_000),
            Forecast::Misses { predicted_ms, .. } => prop_assert!((*least..=*most).contains(&predicted_ms)),
            other => prop_assert!(false, "{other:?}"),
        }
        prop_assert_eq!(forecast(), forecast());
    }
}
