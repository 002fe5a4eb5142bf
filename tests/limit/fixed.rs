//! Fixed windows: emptied by the clock, corrected in their own window only.

use std::sync::Arc;

use genops::amount::{Amount, Unit};
use genops::limit;
use genops::rate_limit::{Algorithm, RateLimit};
use genops::testing::MemoryStore;
use proptest::prelude::*;

use super::{START_MS, at, rate, take};

fn fixed(amount: u64, period_ms: u64) -> Arc<RateLimit> {
    let limit = RateLimit::new("calls", Unit::Tokens, Amount::new(amount), period_ms);
    Arc::new(RateLimit { algorithm: Algorithm::Fixed, ..limit })
}

#[test]
fn a_window_ends_with_the_clock_and_begins_empty() {
    // The start is the 40th second of a minute.
    assert_eq!(START_MS % 60_000, 40_000);
    let (store, limit) = (MemoryStore::default(), fixed(10, 60_000));
    assert_eq!(take(&store, 0, &limit, "", 7).unwrap().1, 3);
    assert_eq!(take(&store, 5_000, &limit, "", 4).unwrap_err(), Some(15_000));
    assert_eq!(take(&store, 19_999, &limit, "", 4).unwrap_err(), Some(1));
    assert_eq!(take(&store, 20_000, &limit, "", 4).unwrap().1, 6);
    assert_eq!(take(&store, 20_001, &limit, "", 11).unwrap_err(), None, "never: more than a window holds");
}

#[test]
fn a_late_correction_does_not_reach_the_next_window() {
    let (store, limit) = (MemoryStore::default(), fixed(10, 60_000));
    let (in_time, _) = take(&store, 0, &limit, "", 4).unwrap();
    assert_eq!(limit::settle(&store, at(1), in_time, Amount::new(1)).unwrap().remaining, Amount::new(9));
    let (late, _) = take(&store, 2, &limit, "", 5).unwrap();
    // Something is left, so that a charge would show as well as a gift.
    assert_eq!(take(&store, 20_000, &limit, "", 6).unwrap().1, 4);
    for actual in [0, 9] {
        // The same grant of a store of its own, once for each actual.
        let (other, _) = take(&MemoryStore::default(), 2, &limit, "", 5).unwrap();
        assert_eq!(other, late);
        let allowance = limit::settle(&store, at(20_001), other, Amount::new(actual)).unwrap();
        assert_eq!((allowance.remaining, allowance.full_in_ms), (Amount::new(4), Some(59_999)));
    }
}

#[test]
fn a_fixed_and_a_smooth_limit_of_one_name_have_cells_of_their_own() {
    let store = MemoryStore::default();
    assert_eq!(take(&store, 0, &fixed(10, 60_000), "", 10).unwrap().1, 0);
    assert_eq!(take(&store, 0, &rate(10, 60_000, 10), "", 10).unwrap().1, 0);
    assert!(take(&store, 0, &fixed(10, 60_000), "", 1).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The definition itself, corrections in the same window included: a window holds its amount, no more and no less.
    #[test]
    fn no_window_admits_more_than_its_amount_and_nothing_is_withheld(
        (amount, period_ms) in (1..50_u64, 1..3_000_u64),
        calls in prop::collection::vec((0..700_u64, 1..12_u64, 0..12_u64, any::<bool>()), 1..80),
    ) {
        let (store, limit) = (MemoryStore::default(), fixed(amount, period_ms));
        let (mut window, mut used, mut now_ms) = (u64::MAX, 0, 0);
        for (wait_ms, asked, actual, corrects) in calls {
            now_ms += wait_ms;
            let current = (START_MS + now_ms) / period_ms;
            if current != window {
                (window, used) = (current, 0);
            }
            let fits = used + asked <= amount;
            match take(&store, now_ms, &limit, "", asked) {
                Ok((grant, left)) => {
                    prop_assert!(fits);
                    used += asked;
                    prop_assert_eq!(left, amount - used);
                    if corrects {
                        limit::settle(&store, at(now_ms), grant, Amount::new(actual)).unwrap();
                        used = used - asked + actual;
                    }
                }
                Err(retry_after_ms) => {
                    prop_assert!(!fits);
                    let ends_in_ms = (window + 1) * period_ms - START_MS - now_ms;
                    prop_assert_eq!(retry_after_ms, (asked <= amount).then_some(ends_in_ms));
                }
            }
        }
    }
}
