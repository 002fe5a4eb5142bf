//! A world whose store fails when it is told to, in the middle of an operation, too.

use std::cell::{Cell, RefCell};

use genops::ports::{Clock, Expected, Properties, Random, Store, StoreError, Version};
use genops::testing::MemoryStore;
use genops::timestamp::Timestamp;

pub(crate) const START_MS: u64 = 1_771_243_200_000;

/// A world whose store fails when it is told to.
pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) now_ms: Cell<u64>,
    pub(crate) fault: Cell<Option<StoreError>>,
    /// How many calls still succeed before the fault shows.
    pub(crate) fault_after: Cell<u32>,
    pub(crate) attributes: RefCell<Vec<(&'static str, Vec<u8>)>>,
}

impl World {
    fn fault(&self) -> Option<StoreError> {
        let fault = self.fault.get()?;
        let calls = self.fault_after.get();
        self.fault_after.set(calls.saturating_sub(1));
        (calls == 0).then_some(fault)
    }
}

impl Store for World {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        match self.fault() {
            Some(StoreError::Unavailable(status)) => Err(StoreError::Unavailable(status)),
            _ => self.store.get(key),
        }
    }

    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        self.fault().map_or_else(|| self.store.compare_and_set(key, bytes, expected), Err)
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms.get())
    }
}

impl Random for World {
    fn bits128(&self) -> Option<u128> {
        Some(7)
    }
}

impl Properties for World {
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        let path = path.join(".");
        let attributes = self.attributes.borrow();
        attributes.iter().find(|(name, _)| *name == path).map(|(_, value)| value.clone())
    }
}
