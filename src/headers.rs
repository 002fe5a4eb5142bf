//! A read-only view of a message's headers, as the wire delivered them.
//!
//! Names are lower case (Envoy normalises them); values are bytes, not necessarily UTF-8. Knows nothing of meaning.

use crate::bytes;

/// The prefix that belongs to this filter, on requests and responses.
pub const OWN_PREFIX: &str = "x-genops-";

/// Header pairs in wire order, and where to look for a name.
#[derive(Debug)]
pub struct HeaderPairs<'a> {
    pairs: &'a [(&'a [u8], &'a [u8])],
    /// Before which place no name of a [`mark`] stands, counted from 1; 0 where there is none.
    first: [u8; MARKS],
    /// A bit for each mark of which more may stand behind that place.
    shared: u64,
}

/// How many marks there are.
const MARKS: usize = 64;

/// One of [`MARKS`] for a name. Names differ in length or at their end; few begin differently.
fn mark(name: &[u8]) -> usize {
    let last = name.last().copied().map_or(0, usize::from);
    name.len().wrapping_mul(33).wrapping_add(last) % MARKS
}

impl<'a> HeaderPairs<'a> {
    /// The map of `pairs`.
    pub fn new(pairs: &'a [(&'a [u8], &'a [u8])]) -> Self {
        let (mut first, mut shared) = ([0; MARKS], 0);
        for ((name, _), place) in pairs.iter().zip(1_usize..) {
            let mark = mark(name);
            match (first.get_mut(mark), u8::try_from(place)) {
                (Some(slot @ 0), Ok(place)) => *slot = place,
                (Some(slot), _) => {
                    *slot = (*slot).max(1);
                    shared |= 1 << mark;
                }
                (None, _) => {}
            }
        }
        Self { pairs, first, shared }
    }

    /// The pairs among which a name would be.
    fn candidates(&self, name: &[u8]) -> &'a [(&'a [u8], &'a [u8])] {
        let mark = mark(name);
        let before = self.first.get(mark).and_then(|place| usize::from(*place).checked_sub(1));
        let candidates = before.and_then(|before| self.pairs.get(before..)).unwrap_or_default();
        if self.shared & 1 << mark == 0 { candidates.get(..1).unwrap_or_default() } else { candidates }
    }
}

/// A view of a header map.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a>(&'a HeaderPairs<'a>);

impl<'a> Headers<'a> {
    /// A view of `map`.
    pub const fn of(map: &'a HeaderPairs<'a>) -> Self {
        Self(map)
    }

    /// Every value of `name`, in wire order.
    #[inline(never)] // Whoever asks for all values seldom finds one: not worth a copy of the search in each place.
    pub fn all(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let name = name.as_bytes();
        let candidates = self.0.candidates(name).iter();
        candidates.filter(move |(key, _)| *key == name).map(|(_, value)| *value)
    }

    /// The value of `name` when it is present exactly once and is UTF-8; an ambiguous header has no value.
    pub fn unique(self, name: &str) -> Option<&'a str> {
        let mut unique = None;
        for (key, value) in self.0.candidates(name.as_bytes()) {
            if bytes::same(key, name.as_bytes()) && unique.replace(*value).is_some() {
                return None;
            }
        }
        std::str::from_utf8(unique?).ok()
    }

    /// Every pair, in wire order.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.0.pairs.iter().copied()
    }

    /// Names that carry this filter's own prefix; one entry per occurrence.
    pub fn own(self) -> impl Iterator<Item = &'a [u8]> {
        self.iter().map(|(name, _)| name).filter(|name| bytes::starts_with(name, OWN_PREFIX.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_header_is_found_however_many_there_are(
            names in prop::collection::vec("[ab]{0,3}|[a-z-]{1,30}", 0..400),
            asked in prop::collection::vec("[ab]{0,3}|[a-z-]{1,30}", 0..20),
        ) {
            let values: Vec<String> = (0..names.len()).map(|at| at.to_string()).collect();
            let pairs: Vec<(&[u8], &[u8])> =
                names.iter().zip(&values).map(|(name, value)| (name.as_bytes(), value.as_bytes())).collect();
            let map = HeaderPairs::new(&pairs);
            let headers = Headers::of(&map);
            for name in names.iter().chain(&asked) {
                let expected: Vec<&[u8]> =
                    pairs.iter().filter(|(key, _)| *key == name.as_bytes()).map(|(_, value)| *value).collect();
                prop_assert_eq!(headers.all(name).collect::<Vec<_>>(), expected);
            }
        }
    }
}
