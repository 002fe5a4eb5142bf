//! Fakes of the ports that hold state, for tests, benchmarks and the command line; native only.
//!
//! [`MemoryStore`] behaves as Envoy's shared data does: versions rise over all keys, nothing is ever deleted, a write against
//! any version but the current one is a conflict, and one against any version creates what is absent. [`Racing`] lets another worker come in between, and [`Still`] makes all ports of
//! a store.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use crate::ports::{Clock, Expected, Properties, Random, Store, StoreError, Version};
use crate::timestamp::Timestamp;

/// A store in memory. Clones share what they hold, as workers share a host's store.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    records: Rc<RefCell<Records>>,
}

#[derive(Debug, Default)]
struct Records {
    /// Bytes and version of each.
    by_key: BTreeMap<String, (Vec<u8>, u32)>,
    /// The version that was given last, to whatever record.
    last_version: u32,
}

impl Records {
    fn put(&mut self, key: &str, bytes: &[u8]) {
        self.last_version = self.last_version.wrapping_add(1);
        match self.by_key.get_mut(key) {
            Some((stored, version)) => {
                stored.clear();
                stored.extend_from_slice(bytes);
                *version = self.last_version;
            }
            None => {
                self.by_key.insert(key.to_owned(), (bytes.to_owned(), self.last_version));
            }
        }
    }
}

impl MemoryStore {
    /// The record at `key`.
    pub fn record(&self, key: &str) -> Option<Vec<u8>> {
        self.records.borrow().by_key.get(key).map(|(bytes, _)| bytes.clone())
    }

    /// Overwrites the record at `key`, as a fault or another program would.
    pub fn overwrite(&self, key: &str, bytes: &[u8]) {
        self.records.borrow_mut().put(key, bytes);
    }

    /// Forgets everything, as a host that restarts does.
    pub fn lose_everything(&self) {
        self.records.borrow_mut().by_key.clear();
    }

    /// The keys of all records.
    pub fn keys(&self) -> Vec<String> {
        self.records.borrow().by_key.keys().cloned().collect()
    }

    /// How many bytes all keys and records take.
    pub fn bytes(&self) -> usize {
        let records = self.records.borrow();
        records
            .by_key
            .iter()
            .fold(0, |sum, (key, (bytes, _))| sum.saturating_add(key.len()).saturating_add(bytes.len()))
    }
}

impl Store for MemoryStore {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let records = self.records.borrow();
        Ok(records.by_key.get(key).map(|(bytes, version)| (bytes.clone(), Version(*version))))
    }

    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        let mut records = self.records.borrow_mut();
        let version = records.by_key.get(key).map(|(_, version)| Version(*version));
        if version.is_some_and(|version| Expected::Version(version) != expected) {
            return Err(StoreError::Conflict);
        }
        records.put(key, bytes);
        Ok(())
    }
}

/// A store on which another worker acts between every read and the write after it.
pub struct Racing<F> {
    store: MemoryStore,
    rival: RefCell<F>,
}

impl<F: FnMut(&MemoryStore)> Racing<F> {
    /// `rival` acts on the same `store`, before each write.
    pub fn new(store: MemoryStore, rival: F) -> Self {
        Self { store, rival: RefCell::new(rival) }
    }
}

impl<F: FnMut(&MemoryStore)> Store for Racing<F> {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        self.store.get(key)
    }

    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        (self.rival.borrow_mut())(&self.store);
        self.store.compare_and_set(key, bytes, expected)
    }
}

/// All ports over a store, at a moment that does not pass, before a proxy that knows nothing.
#[derive(Clone, Debug)]
pub struct Still<S> {
    /// The store.
    pub store: S,
    /// The moment.
    pub now: Timestamp,
}

impl<S: Store> Store for Still<S> {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        self.store.get(key)
    }

    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        self.store.compare_and_set(key, bytes, expected)
    }
}

impl<S> Clock for Still<S> {
    fn now(&self) -> Timestamp {
        self.now
    }
}

impl<S> Random for Still<S> {
    fn bits128(&self) -> Option<u128> {
        Some(7)
    }
}

impl<S> Properties for Still<S> {
    fn property(&self, _path: &[&str]) -> Option<Vec<u8>> {
        None
    }
}
