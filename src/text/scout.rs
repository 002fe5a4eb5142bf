//! Finds where something that is looked for may begin, by a few bytes of the text out of many.
//!
//! Whatever is looked for begins with a window of so many bytes. A table says of each block (two or three adjacent
//! bytes, letters in either case alike) at which offsets of a window it may stand. Looking at one block of every
//! `stride` is enough to meet each window; where a block may stand in one, its neighbours are looked at too. Most of a
//! text is ruled out so without any automaton. Invariant: a window is never missed; the work for a text is bounded by
//! its length, whatever the text.

/// A window has at most so many blocks: a bit each.
pub(super) const MOST_OFFSETS: usize = 15;
/// How many entries tables have.
const SMALL: usize = 1 << 12;
const LARGE: usize = 1 << 15;
/// More blocks than this would fill a small one.
const MOST_IN_SMALL: usize = 1_024;
/// Letters in either case are alike, and some signs.
const FOLD: u32 = 0x2020_2020;
const FOLD_WORD: u64 = 0x2020_2020_2020_2020;

/// What is looked at together.
const WORD: usize = 8;

/// What people write: where much of it looks like a beginning, the beginning tells nothing.
pub(super) const ORDINARY: &str = "Please compare the two reports line by line, and tell me which of them is right: the one of \
     March 2024 says that Acme's revenue grew by 12.5% (to $3,400), but I've read elsewhere that it did not. \
     {\"id\": \"a1f\", \"items\": [1, 20, 300]} Dear Mr. O'Neill, thank you for the well-written e-mail; we'll \
     answer by 5pm. Schöne Grüße aus München, und vielen Dank! Съешь же ещё этих мягких французских булок. \
     {\"created\": 1732212345, \"sku\": \"X-100-22\", \"price\": 12.50, \"total\": 9870, \"sha\": \"9f86d081884c\"} ";
const SELDOM: usize = 40;
/// How many offsets windows may be met at.
const STRIDES: [usize; 8] = [1, 2, 3, 4, 5, 8, 11, 14];
/// So many at most are looked at several at a time.
const MOST_SKIMMED: usize = 5;
/// What it costs to look at a block, alone or with others, to begin to look at its neighbours, and to find something:
/// tenths of a nanosecond.
const LOOK: usize = 8;
const LOOK_ALONE: usize = 15;
const CONFIRM: usize = 60;
const FIND: usize = 600;

/// Of each block, by its hash, the offsets at which it may stand in a window: a bit each.
enum Table {
    Small(Box<[u16; SMALL]>),
    Large(Box<[u16; LARGE]>),
}

/// The table of one set, and how a text is looked at.
pub(super) struct Scout {
    table: Table,
    /// Which bytes are a block.
    block: u32,
    offsets: usize,
    /// The least offset at which blocks are met, and at how many.
    least: usize,
    stride: usize,
}

/// What becomes a [`Scout`].
pub(super) struct Windows {
    /// Bytes of a block: 2 or 3.
    block: usize,
    offsets: usize,
    /// A block, and at which offset of a window it may stand.
    entries: Vec<(u32, u32)>,
}

impl Windows {
    /// Windows of at least `shortest` bytes; `None` when that is less than a block.
    pub(super) fn new(block: usize, shortest: usize) -> Option<Self> {
        let offsets = shortest.checked_sub(block)?.saturating_add(1).min(MOST_OFFSETS);
        Some(Self { block, offsets, entries: Vec::new() })
    }

    /// How many blocks a window has.
    pub(super) fn offsets(&self) -> usize {
        self.offsets
    }

    /// The block may stand at `offset`.
    pub(super) fn add(&mut self, offset: usize, block: &[u8]) {
        let block = block.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
        self.entries.push((block | FOLD, offset as u32));
    }

    /// Something begins with these bytes.
    pub(super) fn add_text(&mut self, text: &[u8]) {
        for (offset, block) in text.windows(self.block).take(self.offsets).enumerate() {
            self.add(offset, block);
        }
    }

    pub(super) fn scout(mut self) -> Scout {
        let mask = u32::MAX >> (32_usize.saturating_sub(self.block.saturating_mul(8)) & 31);
        self.entries.iter_mut().for_each(|(block, _)| *block &= mask);
        self.entries.sort_unstable();
        self.entries.dedup();
        let table = if self.entries.len() <= MOST_IN_SMALL {
            Table::Small(filled(&self.entries))
        } else {
            Table::Large(filled(&self.entries))
        };
        Scout { table, block: mask, offsets: self.offsets, least: 0, stride: self.offsets }
    }
}

fn filled<const SIZE: usize>(entries: &[(u32, u32)]) -> Box<[u16; SIZE]> {
    let mut table = Box::new([0_u16; SIZE]);
    for (block, offset) in entries {
        if let Some(slot) = table.get_mut(slot::<SIZE>(*block)) {
            *slot |= 1 << (offset & 15);
        }
    }
    table
}

/// Where a block, folded, stands in a table.
#[inline]
const fn slot<const SIZE: usize>(block: u32) -> usize {
    (block.wrapping_mul(0x9E37_79B1) >> 32_u32.saturating_sub(SIZE.ilog2())) as usize
}

/// The offsets at which the block that begins with `four` may stand.
#[inline]
fn look<const SIZE: usize>(table: &[u16; SIZE], four: u32, block: u32) -> u16 {
    // The hash is below the size, whatever is hashed: nothing is checked here.
    table.get(slot::<SIZE>(four & block)).copied().unwrap_or(u16::MAX)
}

impl Scout {
    /// Meets windows where ordinary text has them least often: where the first blocks of a window are common, by those
    /// behind them, and only by as many as are rare.
    pub(super) fn tuned(mut self) -> Self {
        let all = self.offsets;
        let ways = (0..all).flat_map(|least| STRIDES.map(|stride| (least, stride)));
        let ways = ways.filter(|(least, stride)| least.saturating_add(*stride) <= all);
        if let Some((least, stride)) = ways.min_by_key(|(least, stride)| self.cost(*least, *stride)) {
            (self.least, self.stride) = (least, stride);
        }
        self
    }

    /// What it costs to search an ordinary text as it is tuned: tenths of a nanosecond.
    pub(super) fn own_cost(&self) -> usize {
        self.cost(self.least, self.stride)
    }

    /// How many bytes from a beginning decide whether it may be one.
    pub(super) fn reach(&self) -> usize {
        self.offsets.saturating_add(2)
    }

    /// The offsets at which the block at `at` may stand.
    #[inline]
    fn offsets_at(&self, text: &[u8], at: usize) -> u16 {
        let four = match text.get(at..).and_then(|rest| rest.first_chunk::<4>()) {
            Some(bytes) => u32::from_le_bytes(*bytes),
            None => last_block(text, at),
        };
        match &self.table {
            Table::Small(table) => look(table, four | FOLD, self.block),
            Table::Large(table) => look(table, four | FOLD, self.block),
        }
    }

    /// What it costs to search an ordinary text so.
    fn cost(&self, least: usize, stride: usize) -> usize {
        let text = ORDINARY.as_bytes();
        let met = lowest(stride) << least;
        let looks = (0..text.len()).step_by(stride).map(|at| match self.offsets_at(text, at) & met {
            0 if stride <= MOST_SKIMMED => LOOK,
            0 => LOOK_ALONE,
            starts => match self.confirm(text, at, starts) {
                (0, looks) => looks.saturating_mul(LOOK_ALONE).saturating_add(CONFIRM),
                _ => FIND,
            },
        });
        looks.sum()
    }

    /// Whether it finds something in ordinary text oftener than once in so many bytes.
    pub(super) fn is_busy(&self) -> bool {
        let text = ORDINARY.as_bytes();
        let mut from = 0;
        let mut found = 0_usize;
        while let Some(at) = self.next(text, from) {
            found = found.saturating_add(1);
            from = at.saturating_add(1);
        }
        found.saturating_mul(SELDOM) >= text.len()
    }

    /// The first place at or after `from` where something may begin.
    pub(super) fn next(&self, text: &[u8], from: usize) -> Option<usize> {
        let (least, stride) = (self.least, self.stride);
        let met = lowest(stride) << least;
        let lead = least.saturating_add(stride);
        let mut at = from.saturating_add(lead).saturating_sub(1);
        // No window begins in the text that has its last block behind it.
        let end = text.len().saturating_add(lead);
        while at < end {
            at = match &self.table {
                Table::Small(table) => self.skim_any(table, text, at),
                Table::Large(table) => self.skim_any(table, text, at),
            };
            // What was met is among the next few, or the text ends.
            for _ in 0..WORD {
                let starts = self.offsets_at(text, at) & met;
                if starts != 0 {
                    let (starts, _) = self.confirm(text, at, starts);
                    // The window that begins first has its block at the largest offset.
                    if let Some(offset) = starts.checked_ilog2() {
                        let start = at.saturating_sub(offset as usize);
                        return (start < text.len()).then_some(start);
                    }
                }
                at = at.saturating_add(stride);
            }
        }
        None
    }

    fn skim_any<const SIZE: usize>(&self, table: &[u16; SIZE], text: &[u8], at: usize) -> usize {
        match self.stride {
            1 => self.skim::<SIZE, 1>(table, text, at),
            2 => self.skim::<SIZE, 2>(table, text, at),
            3 => self.skim::<SIZE, 3>(table, text, at),
            4 => self.skim::<SIZE, 4>(table, text, at),
            5 => self.skim::<SIZE, 5>(table, text, at),
            _ => at,
        }
    }

    /// Passes over words in which no block is possible, several blocks at a time.
    fn skim<const SIZE: usize, const STRIDE: usize>(
        &self,
        table: &[u16; SIZE],
        text: &[u8],
        from: usize,
    ) -> usize {
        let met = lowest(STRIDE) << self.least;
        let mut at = from;
        while let Some(bytes) = text.get(at..).and_then(|rest| rest.first_chunk::<WORD>()) {
            let word = u64::from_le_bytes(*bytes) | FOLD_WORD;
            let mut starts = 0;
            let mut next = 0_usize;
            while next <= WORD - 3 {
                starts |= look(table, (word >> (next << 3)) as u32, self.block);
                next = next.saturating_add(STRIDE);
            }
            if starts & met != 0 {
                break;
            }
            at = at.saturating_add(next);
        }
        at
    }

    /// Those of `starts` (bit *n*: the window begins *n* before `at`) whose every block may be there, and how many blocks
    /// were looked at.
    fn confirm(&self, text: &[u8], at: usize, starts: u16) -> (u16, usize) {
        let mut starts = starts;
        let offsets = self.offsets;
        let all = lowest(offsets);
        for ahead in (1..offsets).rev() {
            let possible = self.offsets_at(text, at.saturating_add(ahead)) | !all;
            starts &= possible >> ahead | !(all >> ahead);
            if starts == 0 {
                return (0, offsets.saturating_sub(ahead));
            }
        }
        for behind in 1..offsets.min(at.saturating_add(1)) {
            if starts >> behind == 0 {
                break;
            }
            let possible = self.offsets_at(text, at.saturating_sub(behind));
            let free = lowest(behind);
            starts &= possible << behind | free;
            if starts == 0 {
                return (0, offsets.saturating_add(behind));
            }
        }
        (starts, offsets.saturating_add(offsets))
    }
}

/// So many of the lowest bits, one to fifteen.
const fn lowest(count: usize) -> u16 {
    u16::MAX >> (16_usize.saturating_sub(count) & 15)
}

/// The block at the text's end, and nothing after it.
#[cold]
fn last_block(text: &[u8], at: usize) -> u32 {
    let rest = text.get(at..).unwrap_or_default();
    rest.iter().take(4).rev().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        /// Few letters, so that there is much to find and much that is nearly it.
        #[test]
        fn no_window_is_missed(
            needles in proptest::collection::vec("[abAé]{3,24}", 1..6),
            text in "[abAé ]{0,200}",
            block in 2_usize..4,
        ) {
            let shortest = needles.iter().map(String::len).min().unwrap();
            let mut windows = Windows::new(block, shortest).unwrap();
            needles.iter().for_each(|needle| windows.add_text(needle.as_bytes()));
            let scout = windows.scout().tuned();
            let text = text.as_bytes();
            for from in 0..=text.len() {
                let first = (from..text.len())
                    .find(|at| needles.iter().any(|needle| text[*at..].starts_with(needle.as_bytes())));
                let found = scout.next(text, from);
                prop_assert!(found.is_none_or(|found| found >= from && found < text.len()));
                if let Some(first) = first {
                    prop_assert!(found.is_some_and(|found| found <= first), "{found:?} > {first}");
                }
            }
        }
    }

    #[test]
    fn most_of_a_text_is_ruled_out() {
        let mut windows = Windows::new(3, 14).unwrap();
        windows.add_text(b"project falcon");
        let scout = windows.scout().tuned();
        let text = b"The projector of Project Falke projects a falcon. project Falcon";
        assert_eq!(scout.next(text, 0), Some(50));
        assert_eq!(scout.next(text, 51), None);
        assert!(Windows::new(3, 2).is_none());
    }
}
