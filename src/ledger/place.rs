//! Where an account lives: which record of the store, and its exact identity inside it.
//!
//! A budget's accounts are spread by a hash of their key over a fixed number of records. The number never depends on
//! configuration and a record's name only on the budget's, so that no edit of a budget loses an account. The hash only
//! spreads: inside a record an account is found by its identity, byte for byte, so no two keys ever share one.

use crate::budget::Budget;

use super::outcome::LedgerError;

/// The longest key that an account can have.
pub const MAX_KEY_BYTES: usize = 512;

/// Records of one budget that has keys.
pub(crate) const BUCKETS: u32 = 1_024;

const PREFIX: &str = "genops/ledger/";

/// One account's home, for all windows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    bucket: Bucket,
    identity: Box<[u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bucket {
    Numbered(u32),
    Shared,
}

impl Place {
    /// Where the account of `key` belongs.
    pub(crate) fn of(budget: &Budget, key: &str) -> Result<Self, LedgerError> {
        if key.len() > MAX_KEY_BYTES {
            return Err(LedgerError::KeyTooLong);
        }
        let bucket = if budget.per.is_empty() { 0 } else { spread(key.as_bytes()) };
        Ok(Self { bucket: Bucket::Numbered(bucket), identity: identity(budget, key) })
    }

    /// Where the keys meet for which there was no room.
    pub(crate) fn shared(budget: &Budget) -> Self {
        Self { bucket: Bucket::Shared, identity: identity(budget, "") }
    }

    /// The record's name in the store.
    pub(crate) fn record(&self, budget: &Budget) -> String {
        let mut name =
            String::with_capacity(PREFIX.len().saturating_add(budget.name.len()).saturating_add(8));
        name.push_str(PREFIX);
        name.push_str(&budget.name);
        name.push('/');
        match self.bucket {
            Bucket::Shared => name.push_str("shared"),
            Bucket::Numbered(number) => {
                for shift in [8, 4, 0] {
                    name.extend(char::from_digit((number >> shift) & 15, 16));
                }
            }
        }
        name
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

/// How many accounts one record may hold so that a budget can hold `capacity` keys: the mean, and enough above it that
/// an uneven spread does not matter.
pub(crate) fn accounts_per_record(budget: &Budget) -> usize {
    // With four standard deviations above the mean, a record is too small about once in 30,000.
    let mean = budget.capacity.div_ceil(BUCKETS);
    let room = mean.saturating_add(mean.isqrt().saturating_mul(4)).saturating_add(4);
    usize::try_from(room).unwrap_or(usize::MAX).min(super::record::MAX_ACCOUNTS)
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

/// FNV-1a, folded: stable for ever, since it names where existing accounts are.
fn spread(key: &[u8]) -> u32 {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let folded = hash ^ (hash >> 32);
    u32::try_from((folded ^ (folded >> 16)) & u64::from(BUCKETS - 1)).unwrap_or(0)
}
