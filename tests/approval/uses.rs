//! Uses: counted among workers, remembered until the grant has expired, given back once.

use genops::approval::{self, Approval, Denied, Use};
use genops::bucket::Failure;
use genops::bucket::{BUCKETS, MAX_KEYS};
use genops::ports::Store;
use genops::testing::MemoryStore;
use genops::timestamp::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use crate::notary::{EDDSA, HOUR_S, HS256, START_S, grant, verify};
use crate::schedule::explore;

const CAPACITY: u32 = 10_000;

fn approval(id: &str, uses: u32) -> Approval {
    verify(&grant(HS256, json!({"jti": id, "uses": uses}))).unwrap()
}

fn take_at(store: &dyn Store, approval: &Approval, at_s: u64) -> Result<Use, Denied> {
    approval::take(store, Timestamp::from_seconds(at_s), approval, CAPACITY)
}

fn take(store: &dyn Store, approval: &Approval) -> Result<Use, Denied> {
    take_at(store, approval, START_S + 60)
}

/// What a worker of the exploration did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Did {
    Took,
    WasDenied,
    GaveBack,
}

/// Takes twice and gives the first use back in between.
fn takes_gives_takes(store: &dyn Store, approval: &Approval, report: &mut dyn FnMut(Did)) {
    let first = take(store, approval);
    report(if first.is_ok() { Did::Took } else { Did::WasDenied });
    if let Ok(first) = first {
        approval::give_back(store, first).unwrap();
        report(Did::GaveBack);
    }
    let second = take(store, approval);
    report(if second.is_ok() { Did::Took } else { Did::WasDenied });
}

#[test]
fn a_grant_of_n_uses_admits_n_calls_in_every_interleaving_of_three_workers() {
    for uses in 1..=4 {
        let approval = approval("counted", uses);
        let worker = |store: &dyn Store, report: &mut dyn FnMut(Did)| {
            for _ in 0..2 {
                report(if take(store, &approval).is_ok() { Did::Took } else { Did::WasDenied });
            }
        };
        let explored = explore(&[&worker, &worker, &worker], &mut |_, reports: Option<&[Vec<Did>]>| {
            let Some(reports) = reports else { return };
            let took = reports.iter().flatten().filter(|did| **did == Did::Took).count();
            assert_eq!(took, (uses as usize).min(6), "{reports:?}");
        });
        assert!(explored.ends > 1 && explored.conflicts > 1, "{explored:?}");
    }
}

#[test]
fn what_is_given_back_can_be_taken_once_more_in_every_interleaving() {
    for uses in 1..=3 {
        let approval = approval("returned", uses);
        let worker =
            |store: &dyn Store, report: &mut dyn FnMut(Did)| takes_gives_takes(store, &approval, report);
        explore(&[&worker, &worker], &mut |store, reports: Option<&[Vec<Did>]>| {
            let Some(reports) = reports else { return };
            let count = |did| reports.iter().flatten().filter(|one| **one == did).count();
            let held = count(Did::Took) - count(Did::GaveBack);
            assert!(held <= uses as usize, "{reports:?}");
            let left = std::iter::from_fn(|| take(store, &approval).ok()).take(10).count();
            assert_eq!(held + left, uses as usize, "{reports:?}");
        });
    }
}

#[test]
fn a_use_is_remembered_until_the_grant_has_expired_also_when_the_clock_steps_back() {
    let store = MemoryStore::default();
    let grant = approval("once", 1);
    let end_s = START_S + HOUR_S;
    take_at(&store, &grant, START_S).unwrap();
    assert_eq!(take_at(&store, &grant, end_s - 1), Err(Denied::Exhausted));
    // Another grant of the same record makes it forget what has expired by then.
    let mate = |n| {
        let claims = json!({"jti": format!("mate-{n}"), "exp": end_s + HOUR_S});
        verify(&crate::notary::grant(HS256, claims)).unwrap()
    };
    let shares_its_record = |mate: &Approval| {
        take_at(&store, mate, end_s).unwrap();
        store.keys().len() == 1 || {
            store.lose_everything();
            take_at(&store, &grant, START_S).unwrap();
            false
        }
    };
    assert!((0..100_000).map(mate).any(|mate| shares_its_record(&mate)));
    assert_eq!(
        take_at(&store, &grant, START_S + 60),
        Err(Denied::Expired),
        "forgotten, and not for the taking"
    );
}

#[test]
fn grants_of_two_keys_and_two_ids_do_not_share_uses() {
    let store = MemoryStore::default();
    let of = |kid, id: &str| verify(&grant(kid, json!({"jti": id}))).unwrap();
    for approval in [of(EDDSA, "a"), of(HS256, "a"), of(EDDSA, "b")] {
        assert!(take(&store, &approval).is_ok());
        assert_eq!(take(&store, &approval), Err(Denied::Exhausted));
    }
    // Signed again under the same id, more uses are more uses, and fewer are fewer.
    let again = |uses| verify(&grant(EDDSA, json!({"jti": "a", "uses": uses}))).unwrap();
    assert!(take(&store, &again(2)).is_ok());
    assert_eq!(
        [take(&store, &again(2)), take(&store, &again(1))],
        [Err(Denied::Exhausted), Err(Denied::Exhausted)]
    );
}

#[test]
fn a_full_table_refuses_and_never_forgets() {
    let store = MemoryStore::default();
    let grants: Vec<Approval> = (0..9_000).map(|n| approval(&format!("g-{n}"), 1)).collect();
    let one = |grant| approval::take(&store, Timestamp::from_seconds(START_S), grant, 1);
    let (taken, refused): (Vec<_>, Vec<_>) = grants.iter().partition(|grant| one(grant).is_ok());
    assert!(taken.len() >= BUCKETS as usize && !refused.is_empty(), "{} {}", taken.len(), refused.len());
    assert!(taken.iter().all(|grant| one(grant) == Err(Denied::Exhausted)));
    assert!(refused.iter().all(|grant| one(grant) == Err(Denied::Failed(Failure::Full))));
    let most = (BUCKETS as usize) * (MAX_KEYS * 28 + 64);
    assert!(store.bytes() < most, "{} bytes", store.bytes());
    // What was given back makes room at once.
    let store = MemoryStore::default();
    for grant in &grants {
        let taken = approval::take(&store, Timestamp::from_seconds(START_S), grant, 1).unwrap();
        approval::give_back(&store, taken).unwrap();
    }
}

#[test]
fn damaged_records_are_failures_and_never_a_use() {
    let (store, grant) = (MemoryStore::default(), approval("g", 5));
    let held = take(&store, &grant).unwrap();
    let name = store.keys().remove(0);
    let sound = store.record(&name).unwrap();
    for len in (0..sound.len()).filter(|len| *len != 9) {
        store.overwrite(&name, &sound[..len]);
        assert_eq!(take(&store, &grant), Err(Denied::Failed(Failure::Corrupt)), "cut to {len}");
        assert_eq!(store.record(&name).unwrap(), &sound[..len]);
    }
    let Err((error, held)) = approval::give_back(&store, held) else {
        panic!("a damaged record took it back")
    };
    assert_eq!(error, Failure::Corrupt);
    store.overwrite(&name, &sound);
    approval::give_back(&store, held).unwrap();
}

proptest! {
    /// Against a naive model, with grants that share records, expire, and are given back in any order.
    #[test]
    fn uses_are_those_of_a_naive_count(steps in prop::collection::vec((0_usize..6, 0_u64..2 * HOUR_S, any::<bool>()), 1..60)) {
        let store = MemoryStore::default();
        let grants: Vec<Approval> = (0..6).map(|n| approval(&format!("g-{n}"), 1 + n % 3)).collect();
        let mut held: Vec<Vec<Use>> = (0..6).map(|_| Vec::new()).collect();
        let mut now_s = START_S;
        for (which, later, give_back) in steps {
            now_s += later / 60;
            let grant = &grants[which];
            if now_s >= START_S + HOUR_S {
                break;
            }
            if give_back && !held[which].is_empty() {
                let taken = held[which].remove(0);
                approval::give_back(&store, taken).unwrap();
                continue;
            }
            let full = held[which].len() == grant.claims().uses as usize;
            match take_at(&store, grant, now_s) {
                Ok(taken) => { prop_assert!(!full); held[which].push(taken); }
                Err(denied) => { prop_assert!(full); prop_assert_eq!(denied, Denied::Exhausted); }
            }
        }
    }
}
