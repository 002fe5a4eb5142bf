//! The core's ports over Envoy: shared data, clock, randomness, properties.

use super::raw;
use crate::ports::{Clock, Expected, Properties, Random, Store, StoreError, Version};
use crate::timestamp::Timestamp;

/// Envoy, as the core sees it during one callback.
pub(super) struct Host;

/// A CAS number that no record has: with it a write to an absent key is an atomic create-if-absent, while CAS 0 would
/// overwrite whatever another worker has just created.
const CREATE: u32 = u32::MAX;

impl Store for Host {
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

impl Clock for Host {
    fn now(&self) -> Timestamp {
        Timestamp::from_nanos(raw::now_nanos().unwrap_or_default())
    }
}

impl Random for Host {
    fn bits128(&self) -> Option<u128> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).ok()?;
        Some(u128::from_le_bytes(bytes))
    }
}

impl Properties for Host {
    fn property(&self, path: &[&str]) -> Option<Vec<u8>> {
        raw::property(&path.join("\0")).ok()
    }
}
