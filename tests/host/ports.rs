//! The world as the core's ports.

use std::cell::Cell;
use std::rc::Rc;

use genops::ports::{Clock, Expected, Ports, Properties, Random, Store, StoreError, Version};
use genops::recall::{Recall, Recalling};
use genops::timestamp::Timestamp;

use super::store::{CAS_MISMATCH, NOT_FOUND};
use super::world::{SharedWorld, random_bytes};

/// The world as the core's ports, for one stream.
pub struct Host {
    /// The world.
    pub world: SharedWorld,
    /// The stream whose attributes are asked for.
    pub stream: u32,
    /// How many ids the root has given: they follow one another from the host's random bytes on.
    pub ids_given: Rc<Cell<u128>>,
    /// What the root's worker remembers of the store.
    pub recall: Rc<Recall>,
}

impl Host {
    /// As the core takes it.
    pub fn ports(&self) -> &dyn Ports {
        self
    }
}

impl Host {
    fn with_store<R>(&self, act: impl FnOnce(&Recalling<'_, Shared<'_>>) -> R) -> R {
        act(&Recalling { store: &Shared(&self.world), recall: &self.recall })
    }
}

impl Store for Host {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        self.with_store(|store| store.get(key))
    }

    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        self.with_store(|store| store.compare_and_set(key, bytes, expected))
    }

    fn recall(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        self.with_store(|store| store.recall(key))
    }
}

/// The records that all workers share.
struct Shared<'w>(&'w SharedWorld);

impl Store for Shared<'_> {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        match self.0.borrow().shared.get(key.as_bytes()) {
            Ok((bytes, cas)) => Ok(Some((bytes, Version(cas)))),
            Err(NOT_FOUND) => Ok(None),
            Err(status) => Err(StoreError::Unavailable(status)),
        }
    }

    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        let cas = match expected {
            Expected::Absent => u32::MAX,
            Expected::Version(Version(cas)) => cas,
        };
        self.0.borrow_mut().shared.set(key.as_bytes(), bytes, cas).map_err(|status| match status {
            CAS_MISMATCH => StoreError::Conflict,
            status => StoreError::Unavailable(status),
        })
    }
}

impl Clock for Host {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(self.world.borrow().now().unwrap_or_default())
    }
}

impl Random for Host {
    fn bits128(&self) -> Option<u128> {
        let mut bytes = [0; 16];
        random_bytes(&mut bytes);
        Some(u128::from_le_bytes(bytes) + self.ids_given.replace(self.ids_given.get() + 1))
    }
}

impl Properties for Host {
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        self.world.borrow().attribute(self.stream, path.join("\0").as_bytes()).ok()
    }
}
