//! What a worker remembers of records saves reads, and never costs a change that somebody else made.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use genops::bucket::{self, Failure, Step};
use genops::ports::{Expected, Store, StoreError, Version};
use genops::recall::{Recall, Recalling};
use genops::testing::MemoryStore;
use proptest::prelude::*;

/// Counts what is asked of a store.
#[derive(Default)]
struct Counting<S> {
    store: S,
    reads: Cell<u32>,
    conflicts: Cell<u32>,
}

impl<S: Store> Store for Counting<S> {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        self.reads.set(self.reads.get() + 1);
        self.store.get(key)
    }

    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        let written = self.store.compare_and_set(key, bytes, expected);
        self.conflicts.set(self.conflicts.get() + u32::from(written.is_err()));
        written
    }
}

/// A store whose numbers are of another kind, or that are about to start again.
struct Numbered {
    records: RefCell<BTreeMap<String, (Vec<u8>, u32)>>,
    /// The last number given; `None`: each record has numbers of its own, from 1 on.
    last: Option<Cell<u32>>,
}

impl Numbered {
    fn each_record() -> Self {
        Self { records: RefCell::default(), last: None }
    }

    fn from(last: u32) -> Self {
        Self { records: RefCell::default(), last: Some(Cell::new(last)) }
    }
}

impl Store for Numbered {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        Ok(self.records.borrow().get(key).map(|(bytes, number)| (bytes.clone(), Version(*number))))
    }

    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        let mut records = self.records.borrow_mut();
        let current = records.get(key).map(|(_, number)| *number);
        if let (Some(current), Expected::Version(Version(number))) = (current, expected) {
            // As in Envoy: 0 overwrites whatever stands.
            assert_ne!(number, 0);
            if number != current {
                return Err(StoreError::Conflict);
            }
        } else if current.is_some() {
            return Err(StoreError::Conflict);
        }
        let number = match &self.last {
            None => current.unwrap_or(0) + 1,
            Some(last) => {
                last.set(last.get().checked_add(1).unwrap_or(1));
                last.get()
            }
        };
        records.insert(key.to_owned(), (bytes.to_vec(), number));
        Ok(())
    }
}

/// Adds one to the number in a record, unless `most` is reached; gives the number then.
fn add(store: &impl Store, key: &str, most: u64) -> u64 {
    let added = bucket::update(store, key, |bytes| {
        let number = number(bytes);
        Ok::<_, Failure>(match number < most {
            true => Step::Write((number + 1).to_le_bytes().to_vec(), number + 1),
            false => Step::Leave(number),
        })
    });
    added.unwrap()
}

fn number(bytes: Option<&[u8]>) -> u64 {
    bytes.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
}

fn read(store: &impl Store, key: &str) -> u64 {
    number(store.get(key).unwrap().as_ref().map(|(bytes, _)| bytes.as_slice()))
}

#[test]
fn a_worker_alone_reads_each_record_once() {
    let (store, recall) = (Counting::<MemoryStore>::default(), Recall::default());
    let worker = Recalling { store: &store, recall: &recall };
    for _ in 0..100 {
        for key in ["a", "b", "c"] {
            add(&worker, key, u64::MAX);
        }
    }
    assert_eq!(["a", "b", "c"].map(|key| read(&store.store, key)), [100; 3]);
    // And once more, to see where the sequence is.
    assert_eq!(store.reads.get(), 4);
    assert_eq!(store.conflicts.get(), 0);
}

#[test]
fn what_is_left_as_it_is_was_read() {
    let (store, recall) = (MemoryStore::default(), Recall::default());
    let worker = Recalling { store: &store, recall: &recall };
    (1..=3).for_each(|added| assert_eq!(add(&worker, "a", u64::MAX), added));
    store.overwrite("a", &1_u64.to_le_bytes());
    assert_eq!(add(&worker, "a", 2), 2, "the worker remembers 3, which would be no room");
    store.overwrite("a", &9_u64.to_le_bytes());
    assert_eq!(add(&worker, "a", 2), 9);
}

/// A store in which another worker comes in between a write and the next read.
struct Meddled {
    store: MemoryStore,
    meddles: Cell<bool>,
}

impl Store for Meddled {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        if self.meddles.get() {
            add(&self.store, key, u64::MAX);
        }
        self.store.get(key)
    }

    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        self.store.compare_and_set(key, bytes, expected)
    }
}

#[test]
fn what_another_wrote_in_between_is_not_taken_for_ones_own() {
    let (store, recall) = (MemoryStore::default(), Recall::default());
    let meddled = Meddled { store: store.clone(), meddles: Cell::new(true) };
    let worker = Recalling { store: &meddled, recall: &recall };
    // The other adds one before the worker reads, and one before it looks which number its write got.
    assert_eq!(add(&worker, "a", u64::MAX), 2);
    meddled.meddles.set(false);
    assert_eq!(add(&worker, "a", u64::MAX), 4);
    assert_eq!(read(&store, "a"), 4);
}

#[test]
fn where_others_write_all_the_time_guesses_grow_rare() {
    let (store, [one, other]) = (Counting::<MemoryStore>::default(), [Recall::default(), Recall::default()]);
    for _ in 0..10_000 {
        for recall in [&one, &other] {
            add(&Recalling { store: &store, recall }, "a", u64::MAX);
        }
    }
    assert_eq!(read(&store.store, "a"), 20_000);
    assert!(store.conflicts.get() < 100, "{} conflicts", store.conflicts.get());
    // Once it is alone again, it soon goes without reading.
    let before = store.reads.get();
    for _ in 0..1_000 {
        add(&Recalling { store: &store, recall: &one }, "a", u64::MAX);
    }
    assert!(store.reads.get() - before <= 300, "{} reads", store.reads.get() - before);
}

#[test]
fn a_long_record_and_one_of_too_many_are_read_again() {
    let (store, recall) = (Counting::<MemoryStore>::default(), Recall::default());
    let worker = Recalling { store: &store, recall: &recall };
    let reads = |act: &mut dyn FnMut()| {
        let before = store.reads.get();
        act();
        store.reads.get() - before
    };
    let write = |key: &str, bytes: usize| {
        let written = bucket::update(&worker, key, |_| Ok::<_, Failure>(Step::Write(vec![7; bytes], ())));
        written.unwrap();
    };
    (0..2).for_each(|_| write("a", 2_048));
    assert_eq!(reads(&mut || write("a", 2_049)), 0);
    assert_eq!(reads(&mut || write("a", 8)), 1);
    assert_eq!(reads(&mut || write("a", 8)), 0);
    for other in 0..32 {
        write(&format!("other {other}"), 8);
    }
    assert_eq!(reads(&mut || write("a", 8)), 1);
    assert_eq!(reads(&mut || write("other 31", 8)), 0);
}

#[test]
fn numbers_start_again_and_nothing_is_lost() {
    let (store, [one, other]) = (Numbered::from(u32::MAX - 50), [Recall::default(), Recall::default()]);
    for step in 0..200_u64 {
        // Alone for a while, then in turns.
        let recall = if step / 20 % 2 == 0 || step % 2 == 0 { &one } else { &other };
        assert_eq!(add(&Recalling { store: &store, recall }, "a", u64::MAX), step + 1);
    }
}

/// Several workers, each with a memory of its own, over one store; each change is the next number.
fn nothing_is_lost(store: &impl Store, steps: &[(usize, usize, u64)]) {
    let recalls: [Recall; 3] = Default::default();
    let keys = ["a", "b", "c"];
    let mut expected = [0_u64; 3];
    for (worker, key, most) in steps {
        let found = add(&Recalling { store, recall: &recalls[*worker] }, keys[*key], *most);
        if expected[*key] < *most {
            expected[*key] += 1;
        }
        assert_eq!(found, expected[*key], "worker {worker}, record {}", keys[*key]);
    }
    assert_eq!(keys.map(|key| read(store, key)), expected);
}

fn any_steps() -> impl Strategy<Value = Vec<(usize, usize, u64)>> {
    // A worker often comes several times in a row, as it must for a guess to be right.
    let turn = (
        0..3_usize,
        prop::collection::vec((0..3_usize, prop_oneof![3 => Just(u64::MAX), 1 => 0..20_u64]), 1..8),
    );
    let turns = prop::collection::vec(turn, 1..40);
    turns.prop_map(|turns| {
        let steps = turns
            .into_iter()
            .flat_map(|(worker, changes)| changes.into_iter().map(move |(key, most)| (worker, key, most)));
        steps.collect()
    })
}

proptest! {
    #[test]
    fn no_change_of_another_worker_is_lost(steps in any_steps()) {
        nothing_is_lost(&MemoryStore::default(), &steps);
    }

    #[test]
    fn nor_when_numbers_start_again(steps in any_steps(), before in 0..60_u32) {
        nothing_is_lost(&Numbered::from(u32::MAX - before), &steps);
    }
}

/// A store that numbers the writes of each record by themselves: a number that does not follow the highest one known ends
/// all guessing. Others could have reached the guess before; Envoy is not of this kind.
#[test]
fn a_store_with_other_numbers_is_not_trusted_once_it_is_known() {
    let (store, recall) = (Numbered::each_record(), Recall::default());
    let worker = Recalling { store: &store, recall: &recall };
    for key in ["a", "a", "a", "a", "a", "b", "b", "b", "c", "d", "e"] {
        add(&worker, key, u64::MAX);
    }
    add(&store, "e", u64::MAX);
    assert_eq!(add(&worker, "e", u64::MAX), 3);
}

#[test]
fn what_was_left_as_it_is_need_not_be_read_again() {
    let (store, recall) = (Counting::<MemoryStore>::default(), Recall::default());
    let worker = Recalling { store: &store, recall: &recall };
    (1..=3).for_each(|added| assert_eq!(add(&worker, "a", u64::MAX), added));
    let before = store.reads.get();
    assert_eq!(add(&worker, "a", 3), 3);
    assert_eq!(store.reads.get() - before, 1, "what is decided without a write is decided on what was read");
    assert_eq!(add(&worker, "a", u64::MAX), 4);
    assert_eq!((store.reads.get() - before, store.conflicts.get()), (1, 0));
}

#[test]
fn a_worker_that_rests_forgets() {
    let (store, recall) = (Counting::<MemoryStore>::default(), Recall::default());
    let worker = Recalling { store: &store, recall: &recall };
    let reads = |writes: u32| {
        let before = store.reads.get();
        (0..writes).for_each(|_| _ = add(&worker, "a", u64::MAX));
        store.reads.get() - before
    };
    assert_eq!(reads(5), 2);
    recall.rest();
    assert_eq!(reads(5), 0, "it has written since");
    recall.rest();
    recall.rest();
    // Three writes, then one more and a look.
    assert_eq!(reads(4), 5);
    assert_eq!(reads(5), 0);
}

/// What a worker knows of the sequence must not outlive a whole turn of it.
#[test]
fn numbers_that_have_come_round_are_not_taken_for_old_ones() {
    let (store, recall) = (Numbered::from(100), Recall::default());
    let worker = Recalling { store: &store, recall: &recall };
    add(&store, "k", u64::MAX);
    add(&worker, "a", u64::MAX);
    // Nearly a whole turn of others, in which the worker rests.
    recall.rest();
    recall.rest();
    store.last.as_ref().unwrap().set(91);
    add(&store, "k", u64::MAX);
    assert_eq!(add(&worker, "k", u64::MAX), 3);
    // Up to the number that would follow the highest one before the turn.
    for added in 4..=13 {
        assert_eq!(add(&store, "k", u64::MAX), added);
    }
    assert_eq!(add(&worker, "k", u64::MAX), 14);
}
