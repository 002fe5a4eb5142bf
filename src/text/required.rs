//! What every match of an expression contains.
//!
//! Reads the parsed expression alone. Both answers are on the safe side: no match is without one of the required texts,
//! and none holds a byte that is not among its bytes.

use regex_syntax::hir::{Class, Hir, HirKind};

/// More texts than this tell nothing apart.
const MOST: usize = 32;

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bytes([u64; 4]);

impl Bytes {
    pub(super) fn insert_all(&mut self, first: u8, last: u8) {
        for byte in first..=last {
            if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
                *word |= 1 << (byte & 63);
            }
        }
    }

    pub(super) fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| (word >> (byte & 63)) & 1 == 1)
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
    }

    /// As a scout takes them: letters in either case alike, and some signs.
    pub(super) fn folded(&self) -> Self {
        Self(self.0.map(|word| (word | word << 32) & 0xFFFF_FFFF_0000_0000))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u8> + '_ {
        (0..=u8::MAX).filter(|byte| self.has(*byte))
    }
}

fn class_bytes(class: &Class) -> Bytes {
    let mut bytes = Bytes::default();
    match class {
        Class::Bytes(class) => class.iter().for_each(|range| bytes.insert_all(range.start(), range.end())),
        // Expressions are parsed without Unicode, so there is none; if there were, it could be anything.
        Class::Unicode(_) => bytes.insert_all(0, u8::MAX),
    }
    bytes
}

/// Every byte that a match can hold.
pub(super) fn bytes(expression: &Hir) -> Bytes {
    let mut all = Bytes::default();
    match expression.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(literal) => literal.0.iter().for_each(|byte| all.insert_all(*byte, *byte)),
        HirKind::Class(class) => all = class_bytes(class),
        HirKind::Repetition(repetition) => all = bytes(&repetition.sub),
        HirKind::Capture(capture) => all = bytes(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().for_each(|part| all.add(&bytes(part)));
        }
    }
    all
}

/// Texts of which every match holds at least one, letters in either case alike; `None` where there are none.
pub(super) fn texts(expression: &Hir) -> Option<Vec<Vec<u8>>> {
    match expression.kind() {
        HirKind::Empty | HirKind::Look(_) => None,
        HirKind::Literal(literal) => Some(vec![literal.0.to_ascii_lowercase()]),
        HirKind::Class(class) => letter(class).map(|letter| vec![vec![letter]]),
        HirKind::Repetition(repetition) if repetition.min > 0 => texts(&repetition.sub),
        HirKind::Repetition(_) => None,
        HirKind::Capture(capture) => texts(&capture.sub),
        HirKind::Concat(parts) => of_parts(parts),
        HirKind::Alternation(parts) => {
            let mut all = Vec::new();
            for part in parts {
                all.extend(texts(part)?);
            }
            (all.len() <= MOST).then_some(all)
        }
    }
}

/// The best of what the parts require, adjacent letters taken together.
fn of_parts(parts: &[Hir]) -> Option<Vec<Vec<u8>>> {
    let mut best: Option<Vec<Vec<u8>>> = None;
    let mut offer = |texts: Vec<Vec<u8>>| {
        if best.as_ref().is_none_or(|best| worth(&texts) > worth(best)) {
            best = Some(texts);
        }
    };
    let mut run = Vec::new();
    for part in parts {
        match part.kind() {
            HirKind::Literal(literal) => run.extend(literal.0.to_ascii_lowercase()),
            // What takes no room does not part what stands around it.
            HirKind::Look(_) => {}
            HirKind::Class(class) if letter(class).is_some() => run.extend(letter(class)),
            _ => {
                if !run.is_empty() {
                    offer(vec![std::mem::take(&mut run)]);
                }
                if let Some(texts) = texts(part) {
                    offer(texts);
                }
            }
        }
    }
    if !run.is_empty() {
        offer(vec![run]);
    }
    best
}

/// The one byte that a class is, letters in either case alike.
fn letter(class: &Class) -> Option<u8> {
    let bytes = class_bytes(class);
    let mut members = bytes.iter();
    let first = members.next()?;
    let same = |other: u8| other.eq_ignore_ascii_case(&first);
    members.all(same).then_some(first.to_ascii_lowercase())
}

/// How seldom one of the texts is found: by the shortest of them.
fn worth(texts: &[Vec<u8>]) -> (usize, bool, std::cmp::Reverse<usize>) {
    let shortest = texts.iter().map(Vec::len).min().unwrap_or(0);
    let seldom = texts.iter().all(|text| text.iter().any(|byte| is_seldom(*byte)));
    // Any text of several bytes is worth more than a byte, unless that is one which few texts hold.
    let length = if shortest == 1 && seldom { 3 } else { shortest };
    (length, seldom, std::cmp::Reverse(texts.len()))
}

/// Whether few texts hold this byte.
pub(super) const fn is_seldom(byte: u8) -> bool {
    matches!(byte, b'@' | b'#' | b'$' | b'%' | b'&' | b'=' | b'+' | b'<' | b'>' | b'^' | b'~' | b'|' | b'\\')
}

#[cfg(test)]
mod tests {
    use regex_syntax::ParserBuilder;

    use super::*;

    fn parsed(pattern: &str) -> Hir {
        ParserBuilder::new().unicode(false).utf8(false).case_insensitive(true).build().parse(pattern).unwrap()
    }

    #[test]
    fn what_every_match_holds_is_found() {
        for (pattern, expected) in [
            (r"[\w.+-]+@[\w-]+\.\w{2,}", Some(vec!["@"])),
            (r"\w+ \bFalcon\d", Some(vec![" falcon"])),
            (r"x?(?:password|passwd|secret)\s*[:=]\s*\S+", Some(vec!["password", "passwd", "secret"])),
            (r"(ab|cd)+e", Some(vec!["ab", "cd"])),
            (r"(ab)?\d+", None),
            (r"\d{3}", None),
            (r"(a|\d)b?", None),
        ] {
            let found = texts(&parsed(pattern));
            let found = found.map(|texts| texts.into_iter().map(|t| String::from_utf8(t).unwrap()).collect());
            let expected = expected.map(|texts| texts.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(found, expected, "{pattern}");
        }
    }

    #[test]
    fn no_match_holds_another_byte() {
        let held = bytes(&parsed(r"\b(?:\d[ -]?){15}(a|é)$"));
        for byte in 0..=u8::MAX {
            let expected = matches!(byte, b'0'..=b'9' | b' ' | b'-' | b'a' | b'A' | 0xC3 | 0xA9);
            assert_eq!(held.has(byte), expected, "{byte}");
        }
    }
}
