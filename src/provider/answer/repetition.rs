//! Documents that say nothing new: the events of a stream are alike but for their text, and are read by comparison.
//!
//! A [`Pattern`] is a document that was read in full and stated nothing: its bytes but for holes where another may
//! differ from it and mean the same, which are string values that nobody takes and whole numbers that nobody reads. It
//! knows JSON's strings and digits and no field. Invariants: what fits is exactly what the tokenizer would have read with
//! the same effect, and anything that is not plainly so does not fit and is read in full; what stood in a hole, which
//! may be content, is not kept.

use std::fmt;

use crate::bytes;
use crate::provider::json::{Container, Scalar, Sink, Span, Want, measured};

/// Longer documents are no events of a stream.
const MOST_BYTES: usize = 1_024;
/// Documents with more holes are read in full.
const MOST_HOLES: usize = 32;

/// What may stand in a hole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A string that counts as text.
    Text,
    /// A string of which nothing matters.
    Ignored,
    /// A whole number of which nothing matters.
    Digits,
}

/// Where a document may differ.
#[derive(Clone, Copy)]
struct Hole {
    start: u16,
    end: u16,
    kind: Kind,
}

/// What one document looks like, and all that state the same.
#[derive(Default)]
pub(crate) struct Pattern {
    /// What stands between the holes, one piece after the other.
    fixed: Vec<u8>,
    /// In `fixed` each hole is empty: what stood there is gone.
    holes: Vec<Hole>,
    /// Bytes of text that stand outside the holes, in keys and numbers.
    fixed_text: u64,
}

/// Shows how much is kept, and of it nothing.
impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pattern({} bytes, {} holes)", self.fixed.len(), self.holes.len())
    }
}

impl Pattern {
    /// How many bytes of text `document` has, if it states the same as the pattern.
    pub(crate) fn fits(&self, document: &[u8]) -> Option<u64> {
        let (mut rest, mut at, mut text) = (document, 0, self.fixed_text);
        if self.fixed.is_empty() {
            return None;
        }
        for hole in &self.holes {
            rest = bytes::after(rest, self.fixed.get(at..hole.start.into())?)?;
            let (taken, decoded) = hole.kind.length(rest)?;
            rest = rest.get(taken..)?;
            at = hole.start.into();
            if hole.kind == Kind::Text {
                text = text.saturating_add(decoded as u64);
            }
        }
        bytes::same(rest, self.fixed.get(at..)?).then_some(text)
    }

    /// No document fits.
    pub(crate) fn forget(&mut self) {
        self.fixed.clear();
        self.holes.clear();
    }

    /// Before a document is read that may become the pattern.
    pub(crate) fn learn<S>(&mut self, sink: S) -> Learning<'_, S> {
        self.forget();
        Learning { sink, holes: &mut self.holes, kind: None, hole_text: 0, string_text: 0 }
    }

    /// The document was read and stated nothing; of its text, so much stood in the holes.
    pub(crate) fn keep(&mut self, document: &[u8], text: u64, in_holes: u64) {
        if document.len() > MOST_BYTES || self.holes.len() > MOST_HOLES {
            return self.forget();
        }
        self.fixed_text = text.saturating_sub(in_holes);
        let mut from = 0;
        for hole in &mut self.holes {
            let piece = document.get(from..hole.start.into()).unwrap_or_default();
            from = hole.end.into();
            self.fixed.extend_from_slice(piece);
            // No more than the document, which is short enough.
            hole.start = u16::try_from(self.fixed.len()).unwrap_or(u16::MAX);
            hole.end = hole.start;
        }
        self.fixed.extend_from_slice(document.get(from..).unwrap_or_default());
    }
}

impl Kind {
    /// How long what stands in the hole is, as it is written and decoded.
    fn length(self, rest: &[u8]) -> Option<(usize, usize)> {
        match self {
            Self::Text | Self::Ignored => string(rest),
            Self::Digits => digits(rest),
        }
    }
}

/// Up to the closing quote. Escapes of more than one letter are left to who decodes them.
fn string(bytes: &[u8]) -> Option<(usize, usize)> {
    let (taken, escapes) = measured(bytes);
    (bytes.get(taken) == Some(&b'"')).then(|| (taken, taken.saturating_sub(escapes)))
}

/// A whole number as JSON has it: no leading zero.
fn digits(bytes: &[u8]) -> Option<(usize, usize)> {
    const LONGEST: usize = 20;
    let taken = bytes.iter().position(|byte| !byte.is_ascii_digit())?;
    let is_number = matches!((bytes.first(), taken), (Some(b'0'), 1) | (Some(b'1'..=b'9'), 1..=LONGEST));
    is_number.then_some((taken, 0))
}

/// A sink that finds the holes while another reads.
pub(crate) struct Learning<'p, S> {
    sink: S,
    holes: &'p mut Vec<Hole>,
    /// What the string being read may become.
    kind: Option<Kind>,
    string_text: u64,
    hole_text: u64,
}

impl<S> Learning<'_, S> {
    /// Bytes of text that stood in the holes.
    pub(crate) fn text_in_holes(&self) -> u64 {
        self.hole_text
    }

    fn hole(&mut self, start: usize, end: usize, kind: Kind) {
        // Where a document is longer than a pattern can be, what its holes are does not matter.
        let place = u16::try_from(start).ok().zip(u16::try_from(end).ok());
        // One more than fits says that there were too many.
        if let Some((start, end)) = place.filter(|_| self.holes.len() <= MOST_HOLES) {
            self.holes.push(Hole { start, end, kind });
        }
    }
}

impl<S: Sink> Sink for Learning<'_, S> {
    fn begin(&mut self, container: Container, at: usize) {
        self.sink.begin(container, at);
    }

    fn end(&mut self, container: Container, at: usize) {
        self.sink.end(container, at);
    }

    fn wants_key(&self) -> bool {
        self.sink.wants_key()
    }

    fn key(&mut self, key: Option<&[u8]>) {
        self.sink.key(key);
    }

    fn wants_string(&mut self) -> Want {
        let want = self.sink.wants_string();
        self.kind = match want {
            Want::Nothing => Some(Kind::Ignored),
            Want::Length => Some(Kind::Text),
            Want::Parts => None,
        };
        self.string_text = 0;
        want
    }

    fn string_part(&mut self, part: &[u8]) {
        self.sink.string_part(part);
    }

    fn string_length(&mut self, bytes: usize) {
        self.string_text = self.string_text.saturating_add(bytes as u64);
        self.sink.string_length(bytes);
    }

    fn string_end(&mut self, span: Span) {
        if let Some(kind) = self.kind.take() {
            self.hole(span.start.saturating_add(1), span.end.saturating_sub(1), kind);
            self.hole_text = self.hole_text.saturating_add(self.string_text);
        }
        self.sink.string_end(span);
    }

    fn ignores_scalar(&self) -> bool {
        self.sink.ignores_scalar()
    }

    fn scalar(&mut self, scalar: Option<Scalar<'_>>, span: Span) {
        if let Some(Scalar::Number(raw)) = scalar
            && raw.iter().all(u8::is_ascii_digit)
            && self.sink.ignores_scalar()
        {
            self.hole(span.start, span.end, Kind::Digits);
        }
        self.sink.scalar(scalar, span);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pattern with a text at the first `_`, an ignored string at the first `~`, digits at the first `9`.
    fn pattern(example: &str) -> Pattern {
        let holes = [('_', Kind::Text), ('~', Kind::Ignored), ('9', Kind::Digits)];
        let mut holes: Vec<Hole> = holes
            .iter()
            .filter_map(|(mark, kind)| {
                let start = example.find(*mark)?;
                let start = u16::try_from(start).unwrap();
                Some(Hole { start, end: start + 1, kind: *kind })
            })
            .collect();
        holes.sort_by_key(|hole| hole.start);
        let mut pattern = Pattern { holes, ..Pattern::default() };
        pattern.keep(example.as_bytes(), 1, 1);
        assert!(!pattern.fixed.contains(&b'_'), "what stood in a hole is gone");
        pattern
    }

    #[test]
    fn only_the_holes_may_differ_and_only_as_json_does() {
        let pattern = pattern(r#"{"a":"_","n":9,"b":"~"}"#);
        let fits = |text: &str| pattern.fits(text.as_bytes());
        assert_eq!(fits(r#"{"a":"_","n":9,"b":"~"}"#), Some(1));
        assert_eq!(fits(r#"{"a":"","n":0,"b":""}"#), Some(0));
        assert_eq!(fits(r#"{"a":"line\nbreak\"","n":120,"b":"whatever \\"}"#), Some(11));
        for other in [
            r#"{"a":"","n":00,"b":""}"#,
            r#"{"a":"","n":-1,"b":""}"#,
            r#"{"a":"","n":1.5,"b":""}"#,
            r#"{"a":"","n":1}"#,
            r#"{"a":"\u0041","n":1,"b":""}"#,
            r#"{"a":"\x","n":1,"b":""}"#,
            r#"{"a":"x","n":1,"b":""} "#,
            r#"{"a":"x","n":1,"b":"","c":1}"#,
            r#"{"a":"x","n":1,"b":"y"#,
            "",
        ] {
            assert_eq!(fits(other), None, "{other}");
        }
    }

    #[test]
    fn nothing_fits_what_was_never_learnt() {
        assert_eq!(Pattern::default().fits(b""), None);
        assert_eq!(Pattern::default().fits(b"{}"), None);
    }
}
