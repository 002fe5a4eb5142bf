//! Envoy's shared data: one store for all VMs, with compare-and-set, and faults on demand.
//!
//! As in proxy-wasm's host: CAS numbers rise over all keys, a number of 0 overwrites unconditionally, and any number
//! creates an absent key. Nothing is ever deleted.

use std::collections::BTreeMap;

/// Shared data and what is wrong with it.
#[derive(Debug, Default)]
pub struct SharedData {
    records: BTreeMap<Vec<u8>, (Vec<u8>, u32)>,
    last_cas: u32,
    /// The status that every call gets instead of an answer.
    pub refuses: Option<u32>,
    /// How many writes still find that another worker came first.
    pub conflicts: u32,
}

/// `NOT_FOUND`.
pub const NOT_FOUND: u32 = 1;
/// `CAS_MISMATCH`.
pub const CAS_MISMATCH: u32 = 8;

impl SharedData {
    /// The record at `key` with its CAS number.
    pub fn get(&self, key: &[u8]) -> Result<(Vec<u8>, u32), u32> {
        match self.refuses {
            Some(status) => Err(status),
            None => self.records.get(key).cloned().ok_or(NOT_FOUND),
        }
    }

    /// Writes a record.
    pub fn set(&mut self, key: &[u8], value: &[u8], cas: u32) -> Result<(), u32> {
        if let Some(status) = self.refuses {
            return Err(status);
        }
        if self.conflicts > 0 {
            self.conflicts -= 1;
            // Somebody else wrote in between; what they wrote is what stood there.
            if let Some((_, current)) = self.records.get_mut(key) {
                self.last_cas += 1;
                *current = self.last_cas;
            }
            return Err(CAS_MISMATCH);
        }
        if let Some((_, current)) = self.records.get(key)
            && cas != 0
            && cas != *current
        {
            return Err(CAS_MISMATCH);
        }
        self.last_cas += 1;
        self.records.insert(key.to_vec(), (value.to_vec(), self.last_cas));
        Ok(())
    }

    /// Overwrites every record with bytes that no ledger wrote.
    pub fn corrupt(&mut self) {
        for (bytes, cas) in self.records.values_mut() {
            *bytes = b"\xde\xad\xbe\xef".to_vec();
            self.last_cas += 1;
            *cas = self.last_cas;
        }
    }

    /// Forgets everything, as a restart does.
    pub fn lose_everything(&mut self) {
        self.records.clear();
    }
}
