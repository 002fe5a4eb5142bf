//! One change of one record: read, edit, compare-and-set, again if another writer came first. Bounded.

use crate::ports::{Expected, Store, StoreError};

use super::outcome::LedgerError;
use super::record::Record;

/// How often one operation tries before it is [`LedgerError::Contended`].
pub const MAX_ATTEMPTS: u32 = 64;

/// What an edit came to.
pub(crate) enum Step<R> {
    /// The record changed: write it.
    Write(R),
    /// It did not.
    Leave(R),
}

/// Edits the record called `name`. `edit` sees one consistent record and may run several times.
pub(crate) fn transact<S: Store + ?Sized, R>(
    store: &S,
    name: &str,
    mut edit: impl FnMut(&mut Record<'_>) -> Result<Step<R>, LedgerError>,
) -> Result<R, LedgerError> {
    for _ in 0..MAX_ATTEMPTS {
        let stored = match store.get(name) {
            Ok(stored) => stored,
            Err(StoreError::Conflict) => continue,
            Err(StoreError::Unavailable(status)) => return Err(LedgerError::Unavailable(status)),
        };
        let (mut record, expected, len) = match &stored {
            None => (Record::default(), Expected::Absent, 0),
            Some((bytes, version)) => (Record::decode(bytes)?, Expected::Version(*version), bytes.len()),
        };
        let result = match edit(&mut record)? {
            Step::Leave(result) => return Ok(result),
            Step::Write(result) => result,
        };
        match store.compare_and_set(name, &record.encode(len.saturating_add(128)), expected) {
            Ok(()) => return Ok(result),
            Err(StoreError::Conflict) => {}
            Err(StoreError::Unavailable(status)) => return Err(LedgerError::Unavailable(status)),
        }
    }
    Err(LedgerError::Contended)
}
