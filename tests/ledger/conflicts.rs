//! A store that refuses on script: conflicts, outages at any call, and what the ledger makes of them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

use genops::amount::{Amount, Unit};
use genops::bucket::Failure;
use genops::budget::{Budget, Enforcement, Key};
use genops::ledger::{self, Cause, Claim, Held, MAX_ATTEMPTS, MAX_KEY_BYTES};
use genops::ports::{Expected, Store, StoreError, Version};
use genops::testing::MemoryStore;
use genops::timestamp::Timestamp;
use genops::window::{Period, Window};

const NOW: Timestamp = Timestamp::from_seconds(1_771_300_000);

/// Fails each call as scripted; `None` and everything after the script is answered.
#[derive(Default)]
struct Scripted {
    store: MemoryStore,
    script: RefCell<VecDeque<Option<StoreError>>>,
    calls: Cell<u32>,
}

impl Scripted {
    fn then(&self, script: impl IntoIterator<Item = Option<StoreError>>) {
        *self.script.borrow_mut() = script.into_iter().collect();
        self.calls.set(0);
    }

    fn turn(&self) -> Result<(), StoreError> {
        self.calls.set(self.calls.get() + 1);
        self.script.borrow_mut().pop_front().flatten().map_or(Ok(()), Err)
    }
}

impl Store for Scripted {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        self.turn()?;
        self.store.get(key)
    }

    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        self.turn()?;
        self.store.compare_and_set(key, bytes, expected)
    }
}

const DOWN: Option<StoreError> = Some(StoreError::Unavailable(10));
const LOST: Option<StoreError> = Some(StoreError::Conflict);

fn budget(name: &str) -> Arc<Budget> {
    Arc::new(Budget::new(name, Unit::Tokens, Amount::new(100), Window::utc(Period::Day)))
}

fn claim(budget: &Arc<Budget>, amount: u64) -> Claim<'_> {
    Claim { budget, key: "", amount: Amount::new(amount) }
}

fn figures(store: &dyn Store, budget: &Budget) -> (u64, u64) {
    let balance = ledger::inspect(store, NOW, budget, "").unwrap();
    (balance.consumed.get(), balance.pending.get())
}

#[test]
fn a_lost_race_is_run_again_and_an_endless_one_is_contended() {
    let (store, budget) = (Scripted::default(), budget("a"));
    store.then([None, LOST, LOST, None, LOST]);
    let mut reserved = ledger::reserve_all(&store, NOW, &[claim(&budget, 60)]).unwrap();
    assert_eq!(store.calls.get(), 7);
    assert_eq!(figures(&store, &budget), (0, 60));

    store.then((0..2 * MAX_ATTEMPTS).map(|call| if call % 2 == 0 { None } else { LOST }));
    let unsettled =
        ledger::post(&store, NOW, reserved.entries.remove(0).reservation, Amount::new(7)).unwrap_err();
    assert_eq!(unsettled.error, Failure::Contended);
    assert_eq!(store.calls.get(), 2 * MAX_ATTEMPTS);
    let settled = ledger::post(&store, NOW, unsettled.reservation, Amount::new(7)).unwrap();
    assert_eq!(settled.held, Held::Pending);
    assert_eq!(figures(&store, &budget), (7, 0));
}

#[test]
fn an_outage_is_never_an_admission_nor_an_empty_budget() {
    let (store, a, b) = (Scripted::default(), budget("a"), budget("b"));
    for call in 0..4 {
        store.then((0..call).map(|_| None).chain([DOWN]));
        let refusal = ledger::reserve_all(&store, NOW, &[claim(&b, 10), claim(&a, 10)]).unwrap_err();
        assert_eq!(refusal.cause, Cause::Failed(Failure::Unavailable(10)), "call {call}");
        assert_eq!(refusal.claim, if call < 2 { 1 } else { 0 });
        assert!(refusal.stranded.is_empty());
        assert_eq!((figures(&store, &a), figures(&store, &b)), ((0, 0), (0, 0)), "call {call}");
    }
}

#[test]
fn what_cannot_be_undone_is_handed_back() {
    let (store, a, b) = (Scripted::default(), budget("a"), budget("b"));
    store.then([None, None, DOWN, DOWN]);
    let mut refusal = ledger::reserve_all(&store, NOW, &[claim(&a, 10), claim(&b, 10)]).unwrap_err();
    assert_eq!(figures(&store, &a), (0, 10));
    let stranded = refusal.stranded.remove(0);
    assert_eq!((&*stranded.budget().name, stranded.amount()), ("a", Amount::new(10)));
    ledger::void(&store, NOW, stranded).unwrap();
    assert_eq!(figures(&store, &a), (0, 0));
}

#[test]
fn an_outage_of_a_budget_that_does_not_enforce_refuses_nothing() {
    for enforcement in [Enforcement::Warn, Enforcement::Shadow] {
        let (store, a) = (Scripted::default(), budget("a"));
        let soft = Arc::new(Budget { enforcement, ..(*budget("b")).clone() });
        store.then([None, None, DOWN]);
        let reserved = ledger::reserve_all(&store, NOW, &[claim(&soft, 10), claim(&a, 10)]).unwrap();
        assert_eq!(reserved.failed, [(0, Failure::Unavailable(10))]);
        assert_eq!(reserved.entries.len(), 1);
        assert_eq!((figures(&store, &a), figures(&store, &soft)), ((0, 10), (0, 0)));
    }
}

#[test]
fn a_key_too_long_is_refused_and_never_cut() {
    let store = MemoryStore::default();
    let per = vec![Key::Model];
    let budget = Arc::new(Budget { per, ..(*budget("a")).clone() });
    let reserve = |key: &str| {
        ledger::reserve_all(&store, NOW, &[Claim { budget: &budget, key, amount: Amount::new(100) }])
    };
    let longest = "k".repeat(MAX_KEY_BYTES);
    assert!(reserve(&longest).is_ok());
    assert_eq!(reserve(&(longest + "k")).unwrap_err().cause, Cause::Failed(Failure::KeyTooLong));
}
