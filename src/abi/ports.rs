//! The core's ports over Envoy: shared data, clock, randomness, properties.

use std::cell::Cell;

use super::raw;
use crate::ports::{Clock, Expected, Properties, Random, Store, StoreError, Version};
use crate::recall::{Recall, Recalling};
use crate::timestamp::Timestamp;

/// Envoy, as the core sees it during one callback.
pub(super) struct Host<'v> {
    pub(super) ids: &'v Ids,
    pub(super) recall: &'v Recall,
}

impl Host<'_> {
    fn store(&self) -> Recalling<'_, SharedData> {
        Recalling { store: &SharedData, recall: self.recall }
    }
}

/// The records that all workers share.
pub(super) struct SharedData;

/// Ids that no other VM gives: a random start, drawn once per configuration, and then one after the other. They are
/// names, not secrets, and a host call per request for each would be the dearest part of it.
pub(super) struct Ids(Cell<u128>);

impl Ids {
    /// A sequence of its own; `None` when the host has no randomness.
    pub(super) fn new() -> Option<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).ok()?;
        Some(Self(Cell::new(u128::from_le_bytes(bytes))))
    }

    fn next(&self) -> u128 {
        let id = self.0.get();
        self.0.set(id.wrapping_add(1));
        id
    }
}

/// A CAS number that no record has: with it a write to an absent key is an atomic create-if-absent, while CAS 0 would
/// overwrite whatever another worker has just created.
const CREATE: u32 = u32::MAX;

impl Store for SharedData {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        match raw::shared_data(key) {
            Ok((bytes, cas)) => Ok(Some((bytes, Version(cas)))),
            Err(error) if error == raw::NOT_FOUND => Ok(None),
            Err(error) => Err(StoreError::Unavailable(error.0)),
        }
    }

    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        let cas = match expected {
            Expected::Absent => CREATE,
            Expected::Version(Version(cas)) => cas,
        };
        raw::set_shared_data(key, bytes, cas).map_err(|error| {
            if error == raw::CAS_MISMATCH { StoreError::Conflict } else { StoreError::Unavailable(error.0) }
        })
    }
}

impl Store for Host<'_> {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        self.store().get(key)
    }

    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        self.store().compare_and_set(key, bytes, expected)
    }

    fn recall(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        self.store().recall(key)
    }
}

impl Clock for Host<'_> {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(raw::now_nanos().unwrap_or_default())
    }
}

impl Random for Host<'_> {
    fn bits128(&self) -> Option<u128> {
        Some(self.ids.next())
    }
}

impl Properties for Host<'_> {
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        raw::property(&path.join("\0")).ok()
    }
}
