//! How much may be spent on beginnings that lead nowhere, before a text is searched in one go instead.

/// Steps that one beginning costs, beside its bytes.
const BEGINNING: usize = 8;
/// What short texts have.
const LEAST: usize = 256;

/// What is left.
pub(super) struct Fuel(usize);

impl Fuel {
    /// Never ends.
    pub(super) const fn endless() -> Self {
        Self(usize::MAX)
    }

    /// In proportion to the text: its search may take so much longer than one without beginnings.
    pub(super) const fn for_text(text: &[u8]) -> Self {
        Self((text.len() / 4).saturating_add(LEAST))
    }

    /// Pays for a beginning.
    pub(super) fn begin(&mut self) -> Option<()> {
        self.0 = self.0.checked_sub(BEGINNING)?;
        Some(())
    }

    /// Pays for a byte.
    pub(super) fn step(&mut self) -> Option<()> {
        self.0 = self.0.checked_sub(1)?;
        Some(())
    }
}

/// What came of following the text from a beginning on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Walk {
    Found,
    /// Nothing, and the text from here on was not read.
    Lost(usize),
    /// The fuel ended before that was known.
    Tired,
}
