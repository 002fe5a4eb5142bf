//! A small bounded byte buffer for what crosses chunk boundaries.
//!
//! Never grows: bytes past the bound are dropped and remembered as an overflow, so that a hostile document costs nothing.

/// At most `N` bytes, and whether there were more.
#[derive(Clone, Debug)]
pub(crate) struct Scratch<const N: usize> {
    bytes: [u8; N],
    len: usize,
    overflowed: bool,
}

impl<const N: usize> Scratch<N> {
    /// An empty buffer.
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; N], len: 0, overflowed: false }
    }

    /// Appends what fits; notes an overflow otherwise.
    pub(crate) fn push(&mut self, more: &[u8]) {
        let end = self.len.saturating_add(more.len());
        match self.bytes.get_mut(self.len..end) {
            Some(room) if !self.overflowed => {
                room.copy_from_slice(more);
                self.len = end;
            }
            _ => self.overflowed = true,
        }
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
