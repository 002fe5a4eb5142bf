//! What an operation asks of the store: each is a host call, and dearer than all that is computed.

use std::cell::Cell;

use genops::amount::Amount;
use genops::limit::{self, Take};
use genops::ports::{Expected, Store, StoreError, Version};
use genops::testing::MemoryStore;

use super::{at, rate, take};

#[derive(Default)]
struct Counting {
    store: MemoryStore,
    reads: Cell<u32>,
    writes: Cell<u32>,
}

impl Counting {
    /// Reads and writes since the last call.
    fn asked(&self) -> (u32, u32) {
        (self.reads.take(), self.writes.take())
    }
}

impl Store for Counting {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        self.reads.set(self.reads.get() + 1);
        self.store.get(key)
    }

    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        self.writes.set(self.writes.get() + 1);
        self.store.compare_and_set(key, bytes, expected)
    }
}

#[test]
fn each_phase_is_one_read_and_one_write_and_what_changes_nothing_writes_nothing() {
    let (store, limit) = (Counting::default(), rate(10, 1_000, 10));
    let (grant, _) = take(&store, 0, &limit, "", 8).unwrap();
    assert_eq!(store.asked(), (1, 1), "taken");
    let takes = [Take { limit: &limit, key: "", amount: Amount::new(3) }];
    assert!(limit::take_all(&store, at(0), &takes).is_err());
    assert_eq!(store.asked(), (1, 0), "refused");
    limit::settle(&store, at(0), grant, Amount::new(5)).unwrap();
    assert_eq!(store.asked(), (1, 1), "corrected");
    let (grant, _) = take(&store, 0, &limit, "", 1).unwrap();
    store.asked();
    limit::settle(&store, at(0), grant, Amount::new(1)).unwrap();
    assert_eq!(store.asked(), (1, 0), "as it was taken");
    assert!(limit::take_all(&store, at(0), &[]).is_ok());
    assert_eq!(store.asked(), (0, 0), "no limit");
}
