//! Memory is bounded whatever keys a client invents, and nobody else's account is touched.

use std::sync::Arc;

use genops::amount::{Amount, Unit};
use genops::awu::Attribute;
use genops::bucket::Failure;
use genops::budget::{Budget, Debt, Enforcement, Key, OnFull};
use genops::ledger::{self, Cause, Claim, Held, Reservation, Shortage};
use genops::testing::MemoryStore;
use genops::timestamp::Timestamp;
use genops::window::{Period, Window};

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_seconds(1_771_300_000 + seconds)
}

fn per_customer(capacity: u32, on_full: OnFull, period: Period) -> Arc<Budget> {
    let per = vec![Key::Attribute(Attribute::CustomerId)];
    let budget = Budget::new("customers", Unit::Tokens, Amount::new(100), Window::utc(period));
    Arc::new(Budget { per, capacity, on_full, ..budget })
}

/// Reserves and posts.
fn spend(
    store: &MemoryStore,
    now: Timestamp,
    budget: &Arc<Budget>,
    key: &str,
    amount: u64,
) -> Result<(), Cause> {
    let amount = Amount::new(amount);
    let reserved =
        ledger::reserve_all(store, now, &[Claim { budget, key, amount }]).map_err(|refusal| refusal.cause)?;
    for entry in reserved.entries {
        ledger::post(store, now, entry.reservation, amount).unwrap();
    }
    Ok(())
}

#[test]
fn a_budget_holds_as_many_keys_as_it_was_given_capacity_for() {
    for capacity in [1, 100, 10_000] {
        let (store, budget) = (MemoryStore::default(), per_customer(capacity, OnFull::Refuse, Period::Day));
        for customer in 0..capacity {
            let key = format!("customer-{customer}");
            assert_eq!(spend(&store, at(0), &budget, &key, 60), Ok(()), "{key} of {capacity}");
        }
        for customer in (0..capacity).step_by(97) {
            let key = format!("customer-{customer}");
            assert_eq!(
                ledger::inspect(&store, at(1), &budget, &key).unwrap().consumed,
                Amount::new(60),
                "{key}"
            );
        }
    }
}

#[test]
fn invented_customers_leave_memory_flat_and_others_untouched() {
    let (store, budget) = (MemoryStore::default(), per_customer(500, OnFull::Refuse, Period::Day));
    assert_eq!(spend(&store, at(0), &budget, "acme", 70), Ok(()));
    let flood = |from: u32, to: u32| {
        (from..to).filter(|n| spend(&store, at(1), &budget, &format!("invented-{n}"), 1).is_err()).count()
    };
    assert!(flood(0, 60_000) > 50_000, "most do not fit");
    let (records, bytes) = (store.keys().len(), store.bytes());
    assert!(flood(60_000, 100_000) > 39_900);
    let grown = store.bytes() - bytes;
    println!("{records} records, {bytes} bytes after 60,000 invented keys, {grown} more after 100,000");
    assert_eq!(store.keys().len(), records);
    assert!(bytes < 1_000_000 && grown < bytes / 100, "{bytes} bytes, then {grown} more");

    assert_eq!(
        spend(&store, at(2), &budget, "acme", 31),
        Err(short(&store, &budget, Shortage::Insufficient))
    );
    assert_eq!(spend(&store, at(2), &budget, "acme", 30), Ok(()));
    assert_eq!(spend(&store, at(2), &budget, "zeta-is-late", 1), Err(Cause::Failed(Failure::Full)));
    // A new day closes every account, and each is recycled when its room is wanted.
    let tomorrow = 86_400;
    assert_eq!(spend(&store, at(tomorrow), &budget, "zeta-is-late", 100), Ok(()));
    assert!((0..1_000).all(|n| spend(&store, at(tomorrow), &budget, &format!("real-{n}"), 1).is_ok()));
    assert!(store.bytes() < bytes + bytes / 10);
}

fn short(store: &MemoryStore, budget: &Arc<Budget>, shortage: Shortage) -> Cause {
    Cause::Short(shortage, ledger::inspect(store, at(2), budget, "acme").unwrap())
}

#[test]
fn keys_beyond_the_room_share_one_account() {
    let (store, budget) = (MemoryStore::default(), per_customer(1, OnFull::SharedAccount, Period::Total));
    let spend_as = |n: u32, amount| spend(&store, at(0), &budget, &format!("customer-{n}"), amount);
    // Until every record is full each customer has 100 of its own; then one more gets 60 of the shared 100.
    let admitted = (0..40_000).filter(|n| spend_as(*n, 60).is_ok()).count();
    let accounts = store.keys().len() - 1;
    assert_eq!((accounts, admitted % accounts), (1_024, 1), "{admitted} admitted");
    assert!(
        (40_000..41_000).all(|n| matches!(spend_as(n, 41), Err(Cause::Short(Shortage::Insufficient, _))))
    );
    assert!((41_000..41_040).all(|n| spend_as(n, 1).is_ok()));
    assert!((41_040..41_050).all(|n| matches!(spend_as(n, 1), Err(Cause::Short(Shortage::Exceeded, _)))));
}

#[test]
fn accounts_that_hold_nothing_give_their_room_in_an_open_window_too() {
    let (store, budget) = (MemoryStore::default(), per_customer(1, OnFull::Refuse, Period::Total));
    for customer in 0..30_000 {
        let key = format!("customer-{customer}");
        let claim = Claim { budget: &budget, key: &key, amount: Amount::new(1) };
        let mut reserved = ledger::reserve_all(&store, at(0), &[claim]).unwrap();
        ledger::void(&store, at(0), reserved.entries.remove(0).reservation).unwrap();
    }
}

/// Reserves for `acme` alone and gives what it holds.
fn hold(store: &MemoryStore, now: Timestamp, budget: &Arc<Budget>, amount: u64) -> Reservation {
    let claim = Claim { budget, key: "acme", amount: Amount::new(amount) };
    ledger::reserve_all(store, now, &[claim]).unwrap().entries.remove(0).reservation
}

/// Wants room in every record, so that whatever may be recycled is.
fn flood(store: &MemoryStore, now: Timestamp, budget: &Arc<Budget>) {
    let refused =
        (0..20_000).filter(|n| spend(store, now, budget, &format!("invented-{n}"), 1).is_err()).count();
    assert!(refused > 5_000, "only {refused} did not fit");
}

const DAY_S: u64 = 86_400;

#[test]
fn an_account_with_a_call_in_flight_outlives_its_window() {
    let (store, budget) = (MemoryStore::default(), per_customer(1, OnFull::Refuse, Period::Day));
    let budget = Arc::new(Budget { ttl_ms: 3 * DAY_S * 1_000, ..(*budget).clone() });
    let held = hold(&store, at(0), &budget, 50);
    flood(&store, at(DAY_S), &budget);
    let settled = ledger::post(&store, at(DAY_S + 1), held, Amount::new(20)).unwrap();
    assert_eq!(settled.held, Held::Pending);
    assert_eq!(settled.balance.unwrap().consumed, Amount::new(20));
}

#[test]
fn a_call_in_flight_keeps_its_account_for_more_windows_than_one() {
    let (store, budget) = (MemoryStore::default(), per_customer(1, OnFull::Refuse, Period::Day));
    let budget = Arc::new(Budget { ttl_ms: 5 * DAY_S * 1_000, ..(*budget).clone() });
    let oldest = hold(&store, at(0), &budget, 50);
    for day in 1..=2 {
        let spent = hold(&store, at(day * DAY_S), &budget, 10);
        ledger::post(&store, at(day * DAY_S), spent, Amount::new(10)).unwrap();
    }
    let settled = ledger::post(&store, at(2 * DAY_S + 1), oldest, Amount::new(20)).unwrap();
    assert_eq!(settled.held, Held::Pending);
    assert_eq!(settled.balance.unwrap().consumed, Amount::new(20));
}

fn carrying(ttl_s: u64) -> Arc<Budget> {
    let budget = per_customer(1, OnFull::Refuse, Period::Day);
    Arc::new(Budget { debt: Debt::Carry, ttl_ms: ttl_s * 1_000, ..(*budget).clone() })
}

fn consumed(store: &MemoryStore, now: Timestamp, budget: &Budget) -> u64 {
    ledger::inspect(store, now, budget, "acme").unwrap().consumed.get()
}

#[test]
fn debt_that_no_later_window_has_taken_over_keeps_its_account() {
    let (store, budget) = (MemoryStore::default(), carrying(1_000));
    let spent = hold(&store, at(0), &budget, 60);
    ledger::post(&store, at(1), spent, Amount::new(160)).unwrap();
    flood(&store, at(DAY_S), &budget);
    assert_eq!(consumed(&store, at(DAY_S + 1), &budget), 60);
}

#[test]
fn debt_that_a_late_settlement_makes_outlives_the_account_that_made_it() {
    let (store, budget) = (MemoryStore::default(), carrying(2 * DAY_S));
    let yesterday = hold(&store, at(0), &budget, 60);
    let _today = hold(&store, at(DAY_S), &budget, 10);
    ledger::post(&store, at(DAY_S + 1), yesterday, Amount::new(160)).unwrap();
    flood(&store, at(DAY_S + 2), &budget);
    assert_eq!(consumed(&store, at(DAY_S + 3), &budget), 60);
}

#[test]
fn debt_that_an_expiry_makes_outlives_the_account_that_made_it() {
    let (store, budget) = (MemoryStore::default(), carrying(1_000));
    let midnight_s = 72_800;
    let (spent, lost) =
        (hold(&store, at(midnight_s - 500), &budget, 50), hold(&store, at(midnight_s - 500), &budget, 50));
    ledger::post(&store, at(midnight_s - 499), spent, Amount::new(120)).unwrap();
    let today = hold(&store, at(midnight_s + 1), &budget, 10);
    assert_eq!(consumed(&store, at(midnight_s + 2), &budget), 20);
    // Whoever wants the room finds the expiry.
    flood(&store, at(midnight_s + 3_000), &budget);
    assert!(ledger::void(&store, at(midnight_s + 3_001), lost).unwrap().balance.is_none(), "recycled");
    ledger::void(&store, at(midnight_s + 3_002), today).unwrap();
    assert_eq!(consumed(&store, at(midnight_s + 3_003), &budget), 70);
}

#[test]
fn what_is_pending_beyond_64_bits_is_no_room_and_never_cut() {
    // An enforced budget refuses long before; one that warns would have to hold it.
    let budget = per_customer(1, OnFull::Refuse, Period::Day);
    let budget = Arc::new(Budget { enforcement: Enforcement::Warn, ..(*budget).clone() });
    let store = MemoryStore::default();
    let all = hold(&store, at(0), &budget, u64::MAX);
    let claim = Claim { budget: &budget, key: "acme", amount: Amount::new(2) };
    let reserved = ledger::reserve_all(&store, at(0), &[claim]).unwrap();
    assert_eq!((reserved.entries.len(), reserved.failed), (0, vec![(0, Failure::Full)]));
    let after = ledger::void(&store, at(1), all).unwrap().balance.unwrap();
    assert_eq!(after.pending, Amount::ZERO);
}

#[test]
fn an_account_tells_a_bounded_number_of_expiry_moments_apart() {
    let (store, budget) = (MemoryStore::default(), per_customer(1, OnFull::Refuse, Period::Total));
    let (mut held, mut ttl_ms) = (Vec::new(), 1_000);
    let refused = loop {
        // A life that is a fifth longer each time is another moment each time: an eighth is what is rounded up.
        ttl_ms = ttl_ms * 6 / 5;
        let edited = Arc::new(Budget { ttl_ms, ..(*budget).clone() });
        let claim = Claim { budget: &edited, key: "acme", amount: Amount::new(1) };
        match ledger::reserve_all(&store, at(0), &[claim]) {
            Ok(reserved) => held.extend(reserved.entries),
            Err(refusal) => break refusal.cause,
        }
    };
    assert_eq!((refused, held.len()), (Cause::Failed(Failure::Full), 32));
    for entry in held {
        assert_eq!(ledger::void(&store, at(0), entry.reservation).unwrap().held, Held::Pending);
    }
    assert_eq!(consumed(&store, at(0), &budget), 0);
}
