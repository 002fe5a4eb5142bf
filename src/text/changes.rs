//! A text in one spelling, and where that differs from the text as it was written.
//!
//! What is found in the one spelling and not in the text has to do with a place where they differ: nobody has to look
//! elsewhere twice. Invariant: what stands between two changes stands in both, byte for byte, and so do both ends.

use std::cell::Cell;
use std::ops::Range;

/// Changes that are nearer to each other than this are one.
const NEAR: u32 = 4;

/// Room that is kept for the next text: no more than this, in bytes and in changes.
const MOST_SPARE: usize = 1 << 20;
const MOST_SPARE_CHANGES: usize = 1 << 16;

thread_local! {
    /// Room that the last text left.
    static SPARE: Cell<(Vec<u8>, Changes)> = const { Cell::new((Vec::new(), Changes(Vec::new()))) };
}

/// Room for a text in one spelling, and for its changes.
pub(super) fn spare() -> (Vec<u8>, Changes) {
    SPARE.try_with(Cell::take).unwrap_or_default()
}

/// Leaves its room to the next one.
impl Drop for Folded {
    fn drop(&mut self) {
        let Some(mut changes) = self.changes.take() else { return };
        let mut bytes = std::mem::take(&mut self.bytes);
        if bytes.capacity() <= MOST_SPARE && changes.0.capacity() <= MOST_SPARE_CHANGES {
            bytes.clear();
            changes.0.clear();
            // Where threads end, there is no next one.
            let _ = SPARE.try_with(|spare| spare.set((bytes, changes)));
        }
    }
}

/// A text in one spelling.
#[derive(Clone, Debug)]
pub struct Folded {
    pub(super) bytes: Vec<u8>,
    /// `None` where the text was repaired or unescaped before.
    pub(super) changes: Option<Changes>,
}

/// What stands in the text as it was written, and for what in the one spelling. No text is longer than four gigabytes: a
/// filter's memory is not.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    written: Range<u32>,
    folded: Range<u32>,
}

/// From the first one to the last.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes(Vec<Change>);

impl Changes {
    /// Adds one behind all others.
    #[inline]
    pub(super) fn add(&mut self, written: Range<usize>, folded: Range<usize>) {
        let (written, folded) = (narrow(written), narrow(folded));
        match self.0.last_mut() {
            Some(last) if written.start < last.written.end.saturating_add(NEAR) => {
                last.written.end = written.end;
                last.folded.end = folded.end;
            }
            _ => self.0.push(Change { written, folded }),
        }
    }

    /// Where each is in the one spelling.
    pub(super) fn in_folded(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.0.iter().map(|change| change.folded.start as usize..change.folded.end as usize)
    }

    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// Where in the one spelling stands what begins at `start` in the text, if something changed in or right around what
    /// was read of it, which ends at `end`; `None` too where the beginning itself changed. `seen` is where it was asked
    /// for the last time, for a place before this one.
    #[inline]
    pub(super) fn moved(&self, seen: &mut usize, start: usize, end: usize) -> Option<usize> {
        let (start, end) = (start as u32, end as u32);
        let mut ahead = self.0.get(*seen..).unwrap_or_default();
        // One that ends right before the beginning touches it.
        while let [change, after @ ..] = ahead
            && change.written.end < start
        {
            ahead = after;
            *seen = seen.saturating_add(1);
        }
        let (first, second) = (ahead.first()?, ahead.get(1));
        if first.written.start > end {
            return None;
        }
        let last = if first.written.end == start {
            Some(first).filter(|_| second.is_none_or(|second| second.written.start > start))?
        } else if first.written.start <= start {
            return None;
        } else {
            match seen.checked_sub(1).and_then(|last| self.0.get(last)) {
                Some(last) => last,
                None => return Some(start as usize),
            }
        };
        Some(start.saturating_sub(last.written.end).saturating_add(last.folded.end) as usize)
    }
}

fn narrow(range: Range<usize>) -> Range<u32> {
    range.start as u32..range.end as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn what_stands_between_changes_stands_in_both(
            pieces in proptest::collection::vec("[a-c ]{1,9}|[ÄЯａ，…]|e\u{301}|\u{200B}|[中é]{1,30}", 0..30),
        ) {
            let text = pieces.concat();
            let Some(folded) = Folded::of(text.as_bytes()) else { return Ok(()) };
            let changes = folded.changes.clone().unwrap();
            let (mut written, mut spelt) = (0, 0);
            for change in &changes.0 {
                let kept = &text.as_bytes()[written..change.written.start as usize];
                prop_assert_eq!(kept, &folded.bytes[spelt..change.folded.start as usize]);
                (written, spelt) = (change.written.end as usize, change.folded.end as usize);
            }
            prop_assert_eq!(&text.as_bytes()[written..], &folded.bytes[spelt..]);
        }
    }

    #[test]
    fn a_beginning_moves_with_what_changed_before_it() {
        let mut changes = Changes::default();
        changes.add(10..13, 10..11);
        changes.add(20..22, 18..24);
        for (start, end, expected) in [
            (0, 9, None),
            (0, 10, Some(0)),
            (5, 12, Some(5)),
            (10, 15, None),
            (12, 15, None),
            (13, 15, Some(11)),
            (14, 19, None),
            (14, 20, Some(12)),
            (22, 23, Some(24)),
            (23, 99, None),
        ] {
            assert_eq!(changes.moved(&mut 0, start, end), expected, "{start}..{end}");
        }
    }
}
