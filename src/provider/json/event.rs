//! What a tokenizer says, and to whom.

use super::scalar::Scalar;

/// A span of bytes, counted from the document's first fed byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// The two containers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Container {
    /// `{ … }`
    Object,
    /// `[ … ]`
    Array,
}

/// Why bytes are no JSON document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// A byte that no document has here (a byte order mark and trailing bytes are such).
    Unexpected {
        /// Where, from the first fed byte.
        at: usize,
    },
    /// Containers nested deeper than any provider's.
    TooDeep,
    /// The document ended in the middle.
    Truncated,
}

/// What a sink wants of a string value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Nothing.
    Nothing,
    /// How long it is, decoded.
    Length,
    /// Its decoded runs.
    Parts,
}

/// Receives a document's events, in order.
pub(crate) trait Sink {
    /// A container opens at `at`.
    fn begin(&mut self, container: Container, at: usize);
    /// A container closes; `at` is its closing byte.
    fn end(&mut self, container: Container, at: usize);
    /// Whether the key about to be read matters; unwanted keys are skipped, not decoded.
    fn wants_key(&self) -> bool;
    /// A decoded key; `None` when it is too long to be governed. Only when wanted.
    fn key(&mut self, key: Option<&[u8]>);
    /// A decoded run of the key, however long it is. Only when wanted.
    fn key_part(&mut self, _part: &[u8]) {}
    /// A string value begins; what of it matters.
    fn wants_string(&mut self) -> Want;
    /// A decoded run of the string value. Only when wanted.
    fn string_part(&mut self, part: &[u8]);
    /// So many more decoded bytes of the string value. Only when wanted.
    fn string_length(&mut self, bytes: usize);
    /// The string value ended; the span includes its quotes.
    fn string_end(&mut self, span: Span);
    /// A whole string value, of which so much was wanted: its one run and its end.
    fn plain_string(&mut self, want: Want, text: &[u8], span: Span) {
        match want {
            Want::Length if !text.is_empty() => self.string_length(text.len()),
            Want::Parts if !text.is_empty() => self.string_part(text),
            _ => {}
        }
        self.string_end(span);
    }
    /// Whether nothing becomes of a number or literal that comes now.
    fn ignores_scalar(&self) -> bool {
        false
    }
    /// A number or literal; `None` for a number too long to be a figure.
    fn scalar(&mut self, scalar: Option<Scalar<'_>>, span: Span);
}
