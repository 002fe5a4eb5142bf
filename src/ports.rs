//! What the core needs from the world: a shared store, a clock, randomness.
//!
//! The WebAssembly edge implements these over Envoy; tests implement them over memory. Nothing here knows a host.

use crate::timestamp::Timestamp;

/// The version of a stored record, as the store gave it; opaque.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version(pub u32);

/// What a record must still be for a write to succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The record does not exist: an atomic create-if-absent.
    Absent,
    /// The record still has the version that was read.
    Version(Version),
}

/// Why the store did not do as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// Another writer came first; read again.
    Conflict,
    /// The store cannot answer; the host's status code, for the log.
    Unavailable(u32),
}

/// Shared bytes with compare-and-set: Envoy shared data, a fake, or a distributed store.
pub trait Store {
    /// The record at `key` and its version, `None` when there never was one.
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError>;

    /// Writes `bytes` at `key` if the record is still as `expected`.
    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError>;

    /// What probably stands at `key`, without asking: a proposal, given once, which only a [`Store::compare_and_set`]
    /// under its version proves. A store that never knows has none.
    fn recall(&self, _key: &str) -> Option<(Vec<u8>, Version)> {
        None
    }
}

/// The wall clock.
pub trait Clock {
    /// Now. May step backwards.
    fn now(&self) -> Timestamp;
}

/// Names for what has none yet.
pub trait Random {
    /// 128 bits that no other call on any worker gets; not a secret. `None` when the source fails.
    fn bits128(&self) -> Option<u128>;
}

/// What the proxy knows of the exchange and its surroundings.
pub trait Properties {
    /// The attribute at `path` (`["response", "code_details"]`), as the proxy serialises it; `None` when it has none.
    fn property(&self, path: &[&str]) -> Option<Vec<u8>>;
}

/// Everything the core may ask while it handles one event.
pub trait Ports: Store + Clock + Random + Properties {}

impl<T: Store + Clock + Random + Properties> Ports for T {}
