//! What a worker remembers of the records that it wrote last, so that it need not read them again.
//!
//! A read is the dearest thing that a filter asks of Envoy, some four times a write. What a worker wrote stands until
//! somebody else writes there; only the version under which it stands is not told to the writer. A store that numbers
//! all its writes in one sequence, as Envoy's does, lets it be guessed: one more than the highest number known. One read
//! after a write tells a worker where the sequence is; from then on it counts its own writes, and is lost again as soon
//! as a guess is wrong, since others write too. The more often it is, the longer it goes on without guessing.
//!
//! Invariant: a wrong guess is never taken for a right one. A number is known to have been given before the write, so
//! the write got at least the next one, which is the guess, and every later write of that record a higher one. A record
//! stands under the guess only if the worker's own write got just that number and nobody wrote there since. What is
//! remembered is therefore no more than a proposal: only a compare-and-set under its version that succeeds proves it.
//! Numbers start again after 2³² writes, so a worker that rests forgets ([`Recall::rest`]): it must not wake up to numbers
//! that have come round.
//!
//! Knows a [`Store`] and nothing of what records hold.

use std::cell::RefCell;

use crate::bytes;
use crate::ports::{Expected, Store, StoreError, Version};

/// How many records a worker remembers.
const MAX_RECORDS: usize = 32;

/// The longest record that is remembered. A copy of a long one costs what reading it does.
const MAX_RECORD_BYTES: usize = 2_048;

/// The longest pause between two guesses is of so many powers of two: 255 writes.
const MAX_DOUBT: u32 = 8;

/// Writes after a rest until the worker looks where the sequence is: for a few it is not worth it.
const PAUSE_AFTER_REST: u32 = 3;

/// One worker's memory.
#[derive(Debug)]
pub struct Recall(RefCell<Memory>);

impl Default for Recall {
    fn default() -> Self {
        let memory = Memory {
            highest: None,
            lost: true,
            doubt: 0,
            pause: 0,
            guessed: false,
            distrusted: false,
            rests: false,
            records: Vec::new(),
            oldest: 0,
        };
        Self(RefCell::new(memory))
    }
}

impl Recall {
    /// To be called every few seconds at most: a worker that has written nothing since the last time forgets everything.
    pub fn rest(&self) {
        let mut memory = self.0.borrow_mut();
        if std::mem::replace(&mut memory.rests, true) {
            (memory.highest, memory.lost, memory.pause) = (None, true, PAUSE_AFTER_REST);
            memory.records.clear();
        }
    }
}

#[derive(Debug)]
struct Memory {
    /// A number that the store has given, as high as is known.
    highest: Option<u32>,
    /// Whether others have given numbers since: nothing is proposed.
    lost: bool,
    /// Two for each wrong guess, less one for each right one.
    doubt: u32,
    /// Writes until the worker looks where the sequence is.
    pause: u32,
    /// Whether what comes next proves or refutes a guess.
    guessed: bool,
    /// Whether the store was seen to number its writes in any other way.
    distrusted: bool,
    /// Whether nothing was written since the last call of [`Recall::rest`].
    rests: bool,
    records: Vec<Remembered>,
    /// Which record is forgotten next.
    oldest: usize,
}

#[derive(Debug)]
struct Remembered {
    key: String,
    bytes: Vec<u8>,
    /// `None`: not remembered any more.
    version: Option<u32>,
}

/// A store with one worker's memory of it.
#[derive(Clone, Copy, Debug)]
pub struct Recalling<'a, S: ?Sized> {
    /// The store.
    pub store: &'a S,
    /// The worker's memory.
    pub recall: &'a Recall,
}

impl<S: Store + ?Sized> Store for Recalling<'_, S> {
    fn get(&self, key: &str) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        let read = self.store.get(key);
        self.recall.0.borrow_mut().read(key, read.as_ref().ok().and_then(Option::as_ref));
        read
    }

    fn compare_and_set(&self, key: &str, bytes: &[u8], expected: Expected) -> Result<(), StoreError> {
        let written = self.store.compare_and_set(key, bytes, expected);
        let mut memory = self.recall.0.borrow_mut();
        match written {
            Ok(()) => {
                let version = memory.looks().then(|| self.version_of(key, bytes)).flatten();
                memory.wrote(key, bytes, version);
            }
            Err(StoreError::Conflict) => memory.conflicted(),
            Err(StoreError::Unavailable(_)) => memory.guessed = false,
        }
        written
    }

    fn recall(&self, key: &str) -> Option<(Vec<u8>, Version)> {
        self.recall.0.borrow_mut().recall(key)
    }
}

impl<S: Store + ?Sized> Recalling<'_, S> {
    /// The version of what was just written, unless somebody else has written since.
    fn version_of(&self, key: &str, bytes: &[u8]) -> Option<u32> {
        let (stored, Version(version)) = self.store.get(key).ok()??;
        bytes::same(&stored, bytes).then_some(version)
    }
}

impl Memory {
    fn recall(&mut self, key: &str) -> Option<(Vec<u8>, Version)> {
        if self.lost {
            return None;
        }
        let record = self.records.iter_mut().find(|record| record.is(key))?;
        let version = record.version.take()?;
        self.guessed = true;
        Some((std::mem::take(&mut record.bytes), Version(version)))
    }

    fn read(&mut self, key: &str, record: Option<&(Vec<u8>, Version)>) {
        self.guessed = false;
        let Some((bytes, Version(version))) = record else { return };
        if self.highest.is_none_or(|highest| precedes(highest, *version)) {
            self.highest = Some(*version);
        }
        // A proposal that came to nothing is as good as before, and this one is no guess.
        if !self.lost
            && bytes.len() <= MAX_RECORD_BYTES
            && let Some(remembered) = self.records.iter_mut().find(|remembered| remembered.is(key))
        {
            remembered.is_now(key, bytes, Some(*version));
        }
    }

    /// Whether the worker, after a write, looks which number that got.
    fn looks(&mut self) -> bool {
        let due = self.lost && self.pause == 0 && !self.distrusted;
        self.pause = self.pause.saturating_sub(1);
        due
    }

    /// `version` is the number that the write got, where it is known.
    fn wrote(&mut self, key: &str, bytes: &[u8], version: Option<u32>) {
        self.rests = false;
        if std::mem::take(&mut self.guessed) {
            self.doubt = self.doubt.saturating_sub(1);
        }
        if let (Some(version), Some(highest)) = (version, self.highest)
            && !precedes(highest, version)
        {
            (self.distrusted, self.lost) = (true, true);
        } else if version.is_some() {
            self.lost = false;
        }
        self.highest = version.or(self.highest.map(next));
        let version = self.highest.filter(|_| !self.lost && bytes.len() <= MAX_RECORD_BYTES);
        self.remember(key, bytes, version);
    }

    fn remember(&mut self, key: &str, bytes: &[u8], version: Option<u32>) {
        let known = self.records.iter().position(|record| record.is(key));
        let position = match known {
            Some(position) => position,
            None if version.is_none() => return,
            None if self.records.len() < MAX_RECORDS => {
                self.records.push(Remembered { key: key.to_owned(), bytes: Vec::new(), version });
                self.records.len().saturating_sub(1)
            }
            None => {
                let position = self.oldest;
                self.oldest = position.wrapping_add(1) % MAX_RECORDS;
                position
            }
        };
        if let Some(record) = self.records.get_mut(position) {
            record.is_now(key, bytes, version);
        }
    }

    fn conflicted(&mut self) {
        if std::mem::take(&mut self.guessed) {
            self.lost = true;
            self.records.clear();
            self.doubt = self.doubt.saturating_add(2).min(MAX_DOUBT);
            self.pause = (1_u32 << self.doubt).saturating_sub(1);
        }
    }
}

impl Remembered {
    fn is(&self, key: &str) -> bool {
        bytes::same(self.key.as_bytes(), key.as_bytes())
    }

    fn is_now(&mut self, key: &str, bytes: &[u8], version: Option<u32>) {
        if !self.is(key) {
            key.clone_into(&mut self.key);
        }
        self.version = version;
        self.bytes.clear();
        if version.is_some() {
            self.bytes.extend_from_slice(bytes);
        }
    }
}

/// The number after `version`. Numbers start again after the last, and none is 0: Envoy takes that for "whatever stands".
fn next(version: u32) -> u32 {
    version.checked_add(1).unwrap_or(1)
}

/// Whether `one` was given before `other`, of numbers that start again after the last.
fn precedes(one: u32, other: u32) -> bool {
    other.wrapping_sub(one).wrapping_sub(1) < u32::MAX / 2
}
