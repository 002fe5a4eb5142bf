//! How often each grant was used: counts in the shared store, taken and given back by compare-and-set.
//!
//! A grant is known by a hash of its key's name and its `jti`. Layout 1 of a record, little-endian: `1u8`, `forgotten` `u64`
//! s, then for each grant: 16 bytes of hash, `exp` `u64` s, uses taken `u32`. A grant that has expired is forgotten by the
//! next write, and `forgotten` is the latest `exp` of those: a clock that steps back finds them expired nevertheless. Bytes
//! that are not exactly this are unreadable, never empty.

use sha2::{Digest as _, Sha256};

use super::Approval;
use crate::bucket::{self, Bucket, Failure, MAX_KEYS, Step};
use crate::ports::Store;
use crate::timestamp::Timestamp;

const LAYOUT: u8 = 1;

/// Hash, `exp`, uses.
const ENTRY_BYTES: usize = 28;

/// One use of a grant, taken. Dropping it leaves it taken.
#[derive(Debug, PartialEq, Eq)]
pub struct Use {
    grant: Hash,
    bucket: Bucket,
}

type Hash = [u8; 16];

/// Why no use was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// All of them were taken.
    Exhausted,
    /// It has expired, by a clock that has stepped back since.
    Expired,
    /// The store cannot answer.
    Failed(Failure),
}

impl From<Failure> for Denied {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Takes one use.
///
/// # Errors
/// [`Denied`]; then none was taken, unless the store wrote and failed to say so.
pub fn take<S: Store + ?Sized>(
    store: &S,
    now: Timestamp,
    approval: &Approval,
    capacity: u32,
) -> Result<Use, Denied> {
    let (grant, bucket) = identify(approval);
    let claims = approval.claims();
    bucket::update(store, &record_of(bucket), |bytes| {
        let mut record = Record::open(bytes).ok_or(Denied::Failed(Failure::Corrupt))?;
        record.forget_expired(now.as_seconds());
        let full = record.entries.len() >= bucket::keys_per_record(capacity);
        match record.entries.iter_mut().find(|entry| entry.grant == grant) {
            Some(entry) if entry.taken >= claims.uses => return Err(Denied::Exhausted),
            Some(entry) => {
                entry.taken = entry.taken.saturating_add(1);
                // Whoever signs one id twice gets no second life out of it.
                entry.expires_s = entry.expires_s.max(claims.expires_s);
            }
            None if claims.expires_s <= record.forgotten_s => return Err(Denied::Expired),
            None if full => return Err(Denied::Failed(Failure::Full)),
            None => record.entries.push(Entry { grant, expires_s: claims.expires_s, taken: 1 }),
        }
        Ok(Step::Write(record.encode(), Use { grant, bucket }))
    })
}

/// Gives a use back that came to nothing. A grant that was forgotten meanwhile has expired, and nothing is left to give.
///
/// # Errors
/// Gives the use back with the reason.
pub fn give_back<S: Store + ?Sized>(store: &S, taken: Use) -> Result<(), (Failure, Use)> {
    let given = bucket::update(store, &record_of(taken.bucket), |bytes| {
        let mut record = Record::open(bytes).ok_or(Failure::Corrupt)?;
        let Some(entry) = record.entries.iter_mut().find(|entry| entry.grant == taken.grant) else {
            return Ok(Step::Leave(()));
        };
        entry.taken = entry.taken.saturating_sub(1);
        // What was never used needs no remembering.
        record.entries.retain(|entry| entry.taken > 0);
        Ok(Step::Write(record.encode(), ()))
    });
    given.map_err(|error| (error, taken))
}

fn identify(approval: &Approval) -> (Hash, Bucket) {
    // A kid has no blank, so no two pairs make the same text.
    let key = format!("{} {}", approval.kid(), approval.claims().id);
    let digest: [u8; 32] = Sha256::digest(key.as_bytes()).into();
    let mut grant = Hash::default();
    grant.iter_mut().zip(digest).for_each(|(byte, of)| *byte = of);
    (grant, Bucket::of(&key))
}

fn record_of(bucket: Bucket) -> String {
    bucket.record("approval", "uses")
}

#[derive(Debug, Default)]
struct Record {
    forgotten_s: u64,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    grant: Hash,
    expires_s: u64,
    taken: u32,
}

impl Record {
    fn open(bytes: Option<&[u8]>) -> Option<Self> {
        let Some(bytes) = bytes else { return Some(Self::default()) };
        let (layout, rest) = bytes.split_first()?;
        let (forgotten, rest) = rest.split_first_chunk()?;
        let entries: Option<Vec<Entry>> = rest.chunks(ENTRY_BYTES).map(Entry::read).collect();
        let record = Self { forgotten_s: u64::from_le_bytes(*forgotten), entries: entries? };
        (*layout == LAYOUT && record.entries.len() <= MAX_KEYS).then_some(record)
    }

    fn forget_expired(&mut self, now_s: u64) {
        let forgotten = self.entries.iter().map(|entry| entry.expires_s).filter(|exp| *exp <= now_s).max();
        self.forgotten_s = self.forgotten_s.max(forgotten.unwrap_or(0));
        self.entries.retain(|entry| entry.expires_s > now_s);
    }

    fn encode(&self) -> Vec<u8> {
        let len = self.entries.len().saturating_mul(ENTRY_BYTES).saturating_add(9);
        let mut bytes = Vec::with_capacity(len);
        bytes.push(LAYOUT);
        bytes.extend_from_slice(&self.forgotten_s.to_le_bytes());
        for entry in &self.entries {
            bytes.extend_from_slice(&entry.grant);
            bytes.extend_from_slice(&entry.expires_s.to_le_bytes());
            bytes.extend_from_slice(&entry.taken.to_le_bytes());
        }
        bytes
    }
}

impl Entry {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (grant, rest) = bytes.split_first_chunk()?;
        let (expires, rest) = rest.split_first_chunk()?;
        let taken = rest.try_into().ok()?;
        let (expires_s, taken) = (u64::from_le_bytes(*expires), u32::from_le_bytes(taken));
        Some(Self { grant: *grant, expires_s, taken })
    }
}
