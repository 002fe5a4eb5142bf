//! Where an account lives: which record of the store, and its exact identity inside it.
//!
//! The record is the bucket of the key. The hash only spreads: inside a record an account is found by its identity, byte
//! for byte, so no two keys ever share one.

use crate::bucket::{Bucket, Failure, MAX_KEY_BYTES};
use crate::budget::Budget;

/// One account's home, for all windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The record's name in the store, made once: a reservation is resolved where it was made.
    record: String,
    identity: Box<[u8]>,
}

impl Place {
    /// Where the account of `key` belongs.
    pub(crate) fn of(budget: &Budget, key: &str) -> Result<Self, Failure> {
        if key.len() > MAX_KEY_BYTES {
            return Err(Failure::KeyTooLong);
        }
        let bucket = if budget.per.is_empty() { Bucket::Numbered(0) } else { Bucket::of(key) };
        Ok(Self::in_bucket(bucket, budget, key))
    }

    /// Where the keys meet for which there was no room.
    pub(crate) fn shared(budget: &Budget) -> Self {
        Self::in_bucket(Bucket::Shared, budget, "")
    }

    fn in_bucket(bucket: Bucket, budget: &Budget, key: &str) -> Self {
        let record = bucket.record(budget.family.as_str(), &budget.name);
        Self { record, identity: identity(budget, key) }
    }

    /// The record's name in the store.
    pub(crate) fn record(&self) -> &str {
        &self.record
    }

    /// Window definition, unit and key: equal exactly for the same account.
    pub(crate) fn identity(&self) -> &[u8] {
        &self.identity
    }

    /// The key, or the empty one of the shared account.
    pub(crate) fn key(&self) -> &str {
        key_of(&self.identity)
    }
}

/// The key inside an identity; empty for bytes that are none.
pub(crate) fn key_of(identity: &[u8]) -> &str {
    let unit_len = identity.get(4).copied().map_or(0, usize::from);
    let key = identity.get(unit_len.saturating_add(5)..).unwrap_or_default();
    std::str::from_utf8(key).unwrap_or_default()
}

/// Whether two identities differ in nothing but the key.
pub(crate) fn same_definition(one: &[u8], other: &[u8]) -> bool {
    definition_of(one) == definition_of(other)
}

fn definition_of(identity: &[u8]) -> Option<&[u8]> {
    let unit_len = usize::from(*identity.get(4)?);
    identity.get(..unit_len.saturating_add(5))
}

fn identity(budget: &Budget, key: &str) -> Box<[u8]> {
    let unit = budget.unit.as_str().as_bytes();
    let mut identity = Vec::with_capacity(key.len().saturating_add(unit.len()).saturating_add(5));
    identity.extend_from_slice(&budget.window.to_bytes());
    identity.push(u8::try_from(unit.len()).unwrap_or(u8::MAX));
    identity.extend_from_slice(unit);
    identity.extend_from_slice(key.as_bytes());
    identity.into_boxed_slice()
}
