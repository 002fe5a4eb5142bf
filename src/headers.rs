//! A read-only view of a message's headers, as the wire delivered them.
//!
//! Names are lower case (Envoy normalises them); values are bytes, not necessarily UTF-8. Knows nothing of meaning.

use crate::bytes;

/// The prefix that belongs to this filter, on requests and responses.
pub const OWN_PREFIX: &str = "x-genops-";

/// Header pairs in wire order.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a> {
    pairs: &'a [(&'a [u8], &'a [u8])],
    /// The [`mark`]s of all names: most names that are asked for are not there.
    marks: u64,
}

/// One of 64 bits for a name. Names differ in length or at their end; few begin differently.
fn mark(name: &[u8]) -> u64 {
    let last = name.last().copied().map_or(0, usize::from);
    1 << (name.len().wrapping_mul(5).wrapping_add(last) & 63)
}

impl<'a> Headers<'a> {
    /// A view of `pairs`.
    pub fn new(pairs: &'a [(&'a [u8], &'a [u8])]) -> Self {
        Self { pairs, marks: pairs.iter().fold(0, |marks, (name, _)| marks | mark(name)) }
    }

    /// Every value of `name`, in wire order.
    pub fn all(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let name = name.as_bytes();
        let may_be = move |key: &[u8]| key.len() == name.len() && key.last() == name.last();
        let pairs = if self.marks & mark(name) == 0 { &[] } else { self.pairs };
        pairs.iter().filter(move |(key, _)| may_be(key) && bytes::same(key, name)).map(|(_, value)| *value)
    }

    /// The value of `name` when it is present exactly once and is UTF-8; an ambiguous header has no value.
    pub fn unique(self, name: &str) -> Option<&'a str> {
        let mut values = self.all(name);
        let value = values.next()?;
        if values.next().is_some() {
            return None;
        }
        std::str::from_utf8(value).ok()
    }

    /// Every pair, in wire order.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.pairs.iter().copied()
    }

    /// Names that carry this filter's own prefix; one entry per occurrence.
    pub fn own(self) -> impl Iterator<Item = &'a str> {
        self.pairs
            .iter()
            .filter(|(key, _)| bytes::starts_with(key, OWN_PREFIX.as_bytes()))
            .filter_map(|(key, _)| std::str::from_utf8(key).ok())
    }
}
