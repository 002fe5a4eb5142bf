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
}

impl<'a> Headers<'a> {
    /// A view of `pairs`.
    pub const fn new(pairs: &'a [(&'a [u8], &'a [u8])]) -> Self {
        Self { pairs }
    }

    /// Every value of `name`, in wire order.
    pub fn all(self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let name = name.as_bytes();
        // Names differ in length or at their end; few begin differently.
        let may_be = move |key: &[u8]| key.len() == name.len() && key.last() == name.last();
        self.pairs
            .iter()
            .filter(move |(key, _)| may_be(key) && bytes::same(key, name))
            .map(|(_, value)| *value)
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
            .filter(|(key, _)| key.starts_with(OWN_PREFIX.as_bytes()))
            .filter_map(|(key, _)| std::str::from_utf8(key).ok())
    }
}
