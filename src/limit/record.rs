//! The stored cells of one bucket of a rate limit.
//!
//! Layout 1, little-endian: `1u8`, clock `u64` ns, then cells until the end, each of: key length `u16`, definition `u64`
//! (the period in ms, and in the highest bit whether it is a fixed window), backlog `u128`, as of `u64` ns, since `u64`
//! ns, the key. A cell of another definition is another cell. A cell that has drained holds nothing and is dropped by the
//! next write. Bytes that are not exactly this are unreadable, never empty.

use crate::bucket::{self, Failure, MAX_KEYS};
use crate::rate_limit::RateLimit;

use super::cell::{Cell, Definition, Terms};

const LAYOUT: u8 = 1;

/// The cells of one record.
#[derive(Debug, Default)]
pub(crate) struct Record<'a> {
    /// The latest moment that any operation on this record has seen; steps forward only.
    pub(crate) clock_ns: u64,
    cells: Vec<Stored<'a>>,
}

#[derive(Debug)]
struct Stored<'a> {
    key: &'a str,
    definition: Definition,
    cell: Cell,
}

impl<'a> Record<'a> {
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, Failure> {
        Self::read(bytes).ok_or(Failure::Corrupt)
    }

    fn read(bytes: &'a [u8]) -> Option<Self> {
        let (layout, rest) = bytes.split_first()?;
        let (clock, mut rest) = rest.split_first_chunk()?;
        let mut record = Self { clock_ns: u64::from_le_bytes(*clock), cells: Vec::with_capacity(4) };
        while !rest.is_empty() {
            let (key_len, after) = rest.split_first_chunk()?;
            let (definition, after) = after.split_first_chunk()?;
            let (backlog, after) = after.split_first_chunk()?;
            let (as_of, after) = after.split_first_chunk()?;
            let (since, after) = after.split_first_chunk()?;
            let (key, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*key_len)))?;
            let cell = Cell {
                backlog: u128::from_le_bytes(*backlog),
                as_of_ns: u64::from_le_bytes(*as_of),
                since_ns: u64::from_le_bytes(*since),
            };
            let definition = Definition::from_code(u64::from_le_bytes(*definition));
            record.cells.push(Stored { key: std::str::from_utf8(key).ok()?, definition, cell });
            rest = after;
        }
        (*layout == LAYOUT && record.cells.len() <= MAX_KEYS).then_some(record)
    }

    /// The cell of a key as of the record's clock, empty if there is none.
    pub(crate) fn cell(&self, key: &str, definition: Definition, terms: &Terms) -> Cell {
        let stored = self.cells.iter().find(|c| c.key == key && c.definition == definition);
        stored.map(|stored| stored.cell).unwrap_or_default().drain(terms, self.clock_ns)
    }

    /// Puts a cell in, if there is room. What has drained makes room.
    pub(crate) fn put(&mut self, limit: &RateLimit, key: &'a str, cell: Cell) -> bool {
        let (clock_ns, own) = (self.clock_ns, Definition::of(limit));
        self.cells.retain(|c| {
            let other = c.key != key || c.definition != own;
            other && c.cell.drain(&Terms::of(limit, c.definition, c.key), clock_ns).backlog > 0
        });
        let fits = self.cells.len() < bucket::keys_per_record(limit.capacity);
        if fits && cell.backlog > 0 {
            self.cells.push(Stored { key, definition: own, cell });
        }
        fits || cell.backlog == 0
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.cells.len().saturating_add(1).saturating_mul(72));
        bytes.push(LAYOUT);
        bytes.extend_from_slice(&self.clock_ns.to_le_bytes());
        for Stored { key, definition, cell } in &self.cells {
            bytes.extend_from_slice(&u16::try_from(key.len()).unwrap_or(u16::MAX).to_le_bytes());
            bytes.extend_from_slice(&definition.to_code().to_le_bytes());
            bytes.extend_from_slice(&cell.backlog.to_le_bytes());
            bytes.extend_from_slice(&cell.as_of_ns.to_le_bytes());
            bytes.extend_from_slice(&cell.since_ns.to_le_bytes());
            bytes.extend_from_slice(key.as_bytes());
        }
        bytes
    }
}
