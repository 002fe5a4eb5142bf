//! Records of the shared store that many keys live in: their names, and how they are changed.
//!
//! Knows the [`Store`] and nothing of what records hold. The store never deletes, so keys are spread by a hash over a
//! fixed number of records; the number never depends on configuration and a name only on its owner's, so that no edit
//! of the configuration moves a key. One change of one record is one compare-and-set, tried a bounded number of times.

use crate::ports::{Expected, Store, StoreError};

/// How many numbered records one owner has at most.
pub const BUCKETS: u32 = 1_024;

/// How often one change is tried before it is [`Failure::Contended`].
pub const MAX_ATTEMPTS: u32 = 64;

/// The longest key.
pub const MAX_KEY_BYTES: usize = 512;

/// The most keys that one record holds, whatever the capacity.
pub const MAX_KEYS: usize = 255;

/// The most keys that an owner can hold: every record full. From three quarters of it on, keys spread unevenly enough
/// that some record is full before the others are.
pub const MAX_CAPACITY: u32 = 261_120;

const _: () = assert!(MAX_CAPACITY as usize == BUCKETS as usize * MAX_KEYS);

/// One record of an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// One of [`BUCKETS`].
    Numbered(u32),
    /// Where the keys meet for which there was no room.
    Shared,
}

impl Bucket {
    /// The record of `key`: FNV-1a, folded. Stable for ever, since it says where existing keys are.
    pub fn of(key: &str) -> Self {
        let hash = key.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let folded = hash ^ (hash >> 32);
        Self::Numbered(u32::try_from((folded ^ (folded >> 16)) & u64::from(BUCKETS - 1)).unwrap_or(0))
    }

    /// The record's name in the store, different for every bucket of every owner.
    pub fn record(self, family: &str, owner: &str) -> String {
        let len = family.len().saturating_add(owner.len()).saturating_add(16);
        let mut name = String::with_capacity(len);
        name.extend(["genops/", family, "/", owner, "/"]);
        match self {
            Self::Shared => name.push_str("shared"),
            Self::Numbered(number) => {
                name.extend(
                    [8, 4, 0].iter().filter_map(|shift| char::from_digit((number >> shift) & 15, 16)),
                );
            }
        }
        name
    }
}

/// How many keys one record may hold so that an owner can hold `capacity`: the mean, and enough above it that an uneven
/// spread does not matter. With four standard deviations a record is too small about once in 30,000.
pub fn keys_per_record(capacity: u32) -> usize {
    let mean = capacity.div_ceil(BUCKETS);
    let room = mean.saturating_add(mean.isqrt().saturating_mul(4)).saturating_add(4);
    usize::try_from(room).unwrap_or(usize::MAX).min(MAX_KEYS)
}

/// What an edit came to.
pub enum Step<R> {
    /// The record changed to these bytes.
    Write(Vec<u8>, R),
    /// It did not change.
    Leave(R),
}

/// Why a record cannot answer. Never that what it holds says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Other writers came first each time.
    Contended,
    /// The store failed, with the host's status code.
    Unavailable(u32),
    /// The record cannot be read. It is left as it is.
    Corrupt,
    /// It has no room for what is to be put in.
    Full,
    /// The key is longer than [`MAX_KEY_BYTES`].
    KeyTooLong,
}

impl Failure {
    /// Whether the key brought it about, and with it whoever chose the key; the store itself is well.
    pub const fn is_of_the_key(self) -> bool {
        matches!(self, Self::Full | Self::KeyTooLong)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::Contended,
            StoreError::Unavailable(status) => Self::Unavailable(status),
        }
    }
}

/// Changes the record called `name`. `edit` sees one consistent version, `None` where there is no record, and may run
/// several times.
///
/// # Errors
/// What `edit` says, or a [`Failure`]; then nothing was written, unless the store wrote and failed to say so.
pub fn update<S: Store + ?Sized, R, E: From<Failure>>(
    store: &S,
    name: &str,
    mut edit: impl FnMut(Option<&[u8]>) -> Result<Step<R>, E>,
) -> Result<R, E> {
    let mut proposal = store.recall(name);
    for _ in 0..MAX_ATTEMPTS {
        let (proposed, stored) = match proposal.take() {
            Some(proposal) => (true, Some(proposal)),
            None => match store.get(name) {
                Ok(stored) => (false, stored),
                Err(StoreError::Conflict) => continue,
                Err(error) => return Err(Failure::from(error).into()),
            },
        };
        let (bytes, expected) = match &stored {
            None => (None, Expected::Absent),
            Some((bytes, version)) => (Some(bytes.as_slice()), Expected::Version(*version)),
        };
        match edit(bytes) {
            Ok(Step::Write(changed, result)) => {
                if write(store, name, &changed, expected)? {
                    return Ok(result);
                }
            }
            // Nothing is written that would prove the proposal.
            _ if proposed => {}
            Ok(Step::Leave(result)) => return Ok(result),
            Err(error) => return Err(error),
        }
    }
    Err(Failure::Contended.into())
}

/// Whether the record was still as `expected`, and is now `bytes`.
fn write<S: Store + ?Sized>(
    store: &S,
    name: &str,
    bytes: &[u8],
    expected: Expected,
) -> Result<bool, Failure> {
    match store.compare_and_set(name, bytes, expected) {
        Ok(()) => Ok(true),
        Err(StoreError::Conflict) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
