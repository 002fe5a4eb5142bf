//! Small bounded byte buffers for what crosses chunk boundaries.
//!
//! Bytes past the bound are dropped and remembered as an overflow, so that a hostile document costs nothing.

use std::fmt;

/// At most `N` bytes, and whether there were more.
#[derive(Clone)]
pub(crate) struct Scratch<const N: usize> {
    bytes: [u8; N],
    len: usize,
    overflowed: bool,
}

/// Shows how much is held, never what: it may be content.
impl<const N: usize> fmt::Debug for Scratch<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scratch({} of {N} bytes)", self.len)
    }
}

impl<const N: usize> Default for Scratch<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Scratch<N> {
    /// An empty buffer.
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; N], len: 0, overflowed: false }
    }

    /// Appends what fits; notes an overflow otherwise. What is held does not depend on how it came in pieces.
    pub(crate) fn push(&mut self, more: &[u8]) {
        let room = self.bytes.get_mut(self.len..).unwrap_or_default();
        let fits = more.get(..room.len()).unwrap_or(more);
        for (slot, byte) in room.iter_mut().zip(fits) {
            *slot = *byte;
        }
        self.len = self.len.saturating_add(fits.len());
        self.overflowed |= fits.len() < more.len();
    }

    /// Empties the buffer.
    pub(crate) fn clear(&mut self) {
        self.len = 0;
        self.overflowed = false;
    }

    /// The bytes, or `None` when there were more than fit.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        if self.overflowed { None } else { self.bytes.get(..self.len) }
    }

    /// The first bytes, as many as fit.
    pub(crate) fn prefix(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    /// Whether nothing was pushed.
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0 && !self.overflowed
    }
}

/// At most `N` bytes, seldom any: they take no room before the first comes.
#[derive(Clone)]
pub(crate) struct Spill<const N: usize> {
    bytes: Vec<u8>,
    overflowed: bool,
}

/// Shows how much is held, never what: it may be content.
impl<const N: usize> fmt::Debug for Spill<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Spill({} of {N} bytes)", self.bytes.len())
    }
}

impl<const N: usize> Spill<N> {
    /// An empty buffer.
    pub(crate) const fn new() -> Self {
        Self { bytes: Vec::new(), overflowed: false }
    }

    /// Appends what fits; notes an overflow otherwise. What is held does not depend on how it came in pieces.
    pub(crate) fn push(&mut self, more: &[u8]) {
        let fits = more.get(..N.saturating_sub(self.bytes.len())).unwrap_or(more);
        self.bytes.extend_from_slice(fits);
        self.overflowed |= fits.len() < more.len();
    }

    /// Empties the buffer.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.overflowed = false;
    }

    /// The bytes, or `None` when there were more than fit.
    pub(crate) fn whole(&self) -> Option<&[u8]> {
        if self.overflowed { None } else { Some(&self.bytes) }
    }

    /// Whether nothing was pushed.
    pub(crate) const fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.overflowed
    }
}
