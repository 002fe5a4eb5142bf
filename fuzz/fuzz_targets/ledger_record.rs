//! A stored record of any bytes: nothing panics, and a record that cannot be read is left as it is.
#![no_main]

use genops::{amount::{Amount, Unit}, bucket, budget::Budget, ledger, testing::MemoryStore, timestamp::Timestamp};
use genops::window::{Period, Window};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let budget = Budget::new("b", Unit::Tokens, Amount::new(1_000), Window::utc(Period::Day)).into();
    let (store, now) = (MemoryStore::default(), Timestamp::from_seconds(1_771_300_000));
    store.overwrite("genops/ledger/b/000", bytes);
    let claim = ledger::Claim { budget: &budget, key: "", amount: Amount::new(10) };
    match ledger::reserve_all(&store, now, &[claim]) {
        Ok(reserved) => for entry in reserved.entries {
            ledger::post(&store, now, entry.reservation, Amount::new(7)).unwrap();
        },
        Err(refusal) if refusal.cause == ledger::Cause::Failed(bucket::Failure::Corrupt) => {
            assert_eq!(store.record("genops/ledger/b/000").as_deref(), Some(bytes));
        }
        Err(_) => {}
    }
});
