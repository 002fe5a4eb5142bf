//! The world as the core's ports.

use std::cell::Cell;
use std::rc::Rc;

use genops::ports::{Clock, Expected, Ports, Properties, Random, Store, StoreError, Version};
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
}

impl Host {
    /// As the core takes it.
    pub fn ports(&self) -> &dyn Ports {
        self
    }
}

impl Store for Host {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        match self.world.borrow().shared.get(key.as_bytes()) {
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
        self.world.borrow_mut().shared.set(key.as_bytes(), bytes, cas).map_err(|status| match status {
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
