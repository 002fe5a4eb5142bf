//! One change of one record: decoded, edited, encoded, within [`bucket::update`].

use crate::bucket::{self, Failure};
use crate::ports::Store;

use super::record::Record;

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
    mut edit: impl FnMut(&mut Record<'_>) -> Result<Step<R>, Failure>,
) -> Result<R, Failure> {
    bucket::update(store, name, |bytes| {
        let mut record = bytes.map_or(Ok(Record::default()), Record::decode)?;
        Ok(match edit(&mut record)? {
            Step::Leave(result) => bucket::Step::Leave(result),
            Step::Write(result) => {
                let about = bytes.map_or(0, <[u8]>::len).saturating_add(128);
                bucket::Step::Write(record.encode(about), result)
            }
        })
    })
}
