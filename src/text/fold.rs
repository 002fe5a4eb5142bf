//! One spelling for what reads alike: compatibility forms, invisible characters, marks, case beyond ASCII.
//!
//! Folding is NFKC, without what a reader does not see and without marks that belong to no letter, in lower case beyond
//! ASCII. It does not know which letters of different scripts look alike.

use super::changes::{Changes, Folded, spare};
use super::characters::{Broken, after_ascii, decode, frequent, is_capital_at};
use super::definition::fold_run;
use super::escapes::unescape;
use super::skim::{self, Script};
use super::spelling::{self, Spelling, is_plain_in};

/// So much is copied at once between changes.
const SHORT: usize = 64;

/// The text in one spelling; `None` when it already is.
pub fn fold(text: &[u8]) -> Option<Vec<u8>> {
    Folded::of(text).map(|mut folded| std::mem::take(&mut folded.bytes))
}

impl Folded {
    /// The text in one spelling; `None` when it already is.
    pub fn of(text: &[u8]) -> Option<Self> {
        let escape = memchr::memchr(b'\\', text).and_then(|at| text.get(at..));
        let escaped = escape.is_some_and(|rest| memchr::memmem::find(rest, b"\\u").is_some());
        if escaped {
            let plain = unescape(&String::from_utf8_lossy(text)).into_bytes();
            let folded = fold_valid(&plain).map_or(plain, |mut folded| std::mem::take(&mut folded.bytes));
            return (folded != text).then_some(Self { bytes: folded, changes: None });
        }
        if text.is_ascii() { None } else { fold_valid(text) }
    }
}

/// Folds what may be no UTF-8: then a copy of it that is.
fn fold_valid(text: &[u8]) -> Option<Folded> {
    match Folding::new(text).whole() {
        Ok(folded) => folded.filter(|folded| folded.bytes != text),
        Err(Broken) => {
            let repaired = String::from_utf8_lossy(text).into_owned().into_bytes();
            let folded = Folding::new(&repaired).whole().ok().flatten();
            let bytes = folded.map_or(repaired, |mut folded| std::mem::take(&mut folded.bytes));
            Some(Folded { bytes, changes: None })
        }
    }
}

/// A text on its way. What is plain is copied as it stands; what a table respells is respelt; any other character is
/// folded by the definition, together with the one before it, which may be what marks belong to.
struct Folding<'t> {
    text: &'t [u8],
    folded: Vec<u8>,
    /// The text from here on is not in `folded` yet.
    kept: usize,
    /// Where in `folded` the text up to `kept` ends.
    place: usize,
    changes: Changes,
}

impl<'t> Folding<'t> {
    fn new(text: &'t [u8]) -> Self {
        Self { text, folded: Vec::new(), kept: 0, place: 0, changes: Changes::default() }
    }

    /// The text in one spelling; `None` where nothing had to be respelt.
    fn whole(mut self) -> Result<Option<Folded>, Broken> {
        let mut at = 0;
        while at < self.text.len() {
            at = after_ascii(self.text, at);
            at = match self.text.get(at..).unwrap_or_default() {
                // Quotation marks, symbols and pictures stand alone among ASCII.
                [0xE2, middle @ 0x80..=0xBF, low @ 0x80..=0xBF, ..]
                    if is_plain_in(2 << 6 | usize::from(middle & 0x3F), *low) =>
                {
                    at.saturating_add(3)
                }
                [0xF0, 0x9F, middle @ 0x80..=0xBF, low @ 0x80..=0xBF, ..]
                    if spelling::is_picture_in(*middle, *low) =>
                {
                    at.saturating_add(4)
                }
                rest => match self.frequent(at) {
                    Some(after) => after,
                    None => match rest.first().copied().and_then(Script::of) {
                        Some(script) => self.script(script, at)?,
                        None => self.one(at)?,
                    },
                },
            };
        }
        if self.kept == 0 {
            return Ok(None);
        }
        self.keep_to(self.text.len());
        Ok(Some(Folded {
            bytes: self.folded,
            changes: u32::try_from(self.text.len().saturating_mul(2)).is_ok().then_some(self.changes),
        }))
    }

    /// Folds what is written in one script. Gives where another begins, or the text ends.
    fn script(&mut self, script: Script, at: usize) -> Result<usize, Broken> {
        let (mut at, mut block) = (at, at);
        let mut odd = [0; skim::WIDTH];
        while block < self.text.len() {
            script.judge(self.text, block, &mut odd);
            let mut judged = 0;
            while let Some(found) = skim::first_odd(&odd, judged) {
                let place = block.saturating_add(found);
                let before = self.text.get(at..place).unwrap_or_default();
                let character = place.saturating_sub(skim::cut(before));
                let other = match self.text.get(character..).unwrap_or_default() {
                    // Punctuation of all of them.
                    [0xE3, 0x80, ..] => None,
                    rest => rest.first().copied().and_then(Script::of),
                };
                if other.is_some_and(|other| script.is_ended_by(other)) {
                    return Ok(character);
                }
                at = match self.frequent(character) {
                    Some(after) => after,
                    None => self.one(character)?,
                };
                judged = at.saturating_sub(block);
            }
            block = block.saturating_add(skim::WIDTH).max(at);
        }
        let end = self.text.len();
        Ok(end.saturating_sub(skim::cut(self.text.get(at..end).unwrap_or_default())))
    }

    /// Folds the character at `at`, if it is not plain. Gives where the text goes on.
    fn one(&mut self, at: usize) -> Result<usize, Broken> {
        let rest = self.text.get(at..).unwrap_or_default();
        Ok(match rest {
            [] => at,
            [0..=0x7F, ..] => at.saturating_add(1),
            [lead @ 0xC2..=0xDF, low @ 0x80..=0xBF, ..] if is_plain_in(usize::from(lead & 0x1F), *low) => {
                at.saturating_add(2)
            }
            [lead @ 0xE0..=0xEF, middle @ 0x80..=0xBF, low @ 0x80..=0xBF, ..]
                if is_plain_in(usize::from(lead & 0xF) << 6 | usize::from(middle & 0x3F), *low) =>
            {
                at.saturating_add(3)
            }
            [0xF0, 0x9F, middle @ 0x80..=0xBF, low @ 0x80..=0xBF, ..]
                if spelling::is_picture_in(*middle, *low) =>
            {
                at.saturating_add(4)
            }
            _ => match self.frequent(at) {
                Some(after) => after,
                None => match decode(self.text, at)? {
                    Some((character, length)) if spelling::is_plain(character) => at.saturating_add(length),
                    Some((character, _)) => self.respell(character, at)?,
                    None => at,
                },
            },
        })
    }

    /// Respells the character at `at`, if it is one that many texts hold and stands alone. Gives where the text goes on.
    #[inline]
    fn frequent(&mut self, at: usize) -> Option<usize> {
        let rest = self.text.get(at..)?;
        let (length, spelt, count) = frequent(rest)?;
        let after = at.saturating_add(length);
        let is_alone = match rest.get(length..)? {
            // Many capitals are folded together.
            [0xC3, 0x80..=0x9E, ..] | [0xD0, 0x80..=0xAF, ..] => length > 2,
            [] | [0..=0x7F | 0xD0 | 0xD1 | 0xE4..=0xE9, ..] => true,
            _ => self.is_mark_free(after).ok()?,
        };
        if !is_alone {
            return None;
        }
        self.keep_to(at);
        match (count, spelt) {
            (0, _) => {}
            (1, [byte, ..]) => self.folded.push(byte),
            (2, [first, second, _]) => self.folded.extend_from_slice(&[first, second]),
            (_, all) => self.folded.extend_from_slice(&all),
        }
        self.respelt(at, after);
        Some(after)
    }

    /// Folds the character at `odd`, which is not plain, and what belongs to it. Gives where the text goes on.
    fn respell(&mut self, character: char, odd: usize) -> Result<usize, Broken> {
        let after = odd.saturating_add(character.len_utf8());
        if is_capital_at(self.text, odd) && is_capital_at(self.text, after) {
            let after = self.make_small(odd)?;
            if after > odd {
                return Ok(after);
            }
        }
        let stands_alone = self.is_mark_free(after)?;
        match spelling::of(character) {
            Spelling::Other(other) if stands_alone => {
                self.keep_to(odd);
                let mut bytes = [0; 4];
                self.folded.extend_from_slice(other.encode_utf8(&mut bytes).as_bytes());
            }
            Spelling::Ellipsis if stands_alone => {
                self.keep_to(odd);
                self.folded.extend_from_slice(b"...");
            }
            Spelling::Gone if stands_alone => self.keep_to(odd),
            Spelling::Plain | Spelling::Mark if stands_alone => return Ok(after),
            _ => return self.define(odd, after),
        }
        self.respelt(odd, after);
        Ok(after)
    }

    /// Folds letters many at a time, if there are many. Gives where the text goes on.
    fn make_small(&mut self, odd: usize) -> Result<usize, Broken> {
        let mut at = odd;
        let mut small = [0; skim::WIDTH];
        while is_capital_at(self.text, at) {
            let mut length = skim::in_small(self.text, at, &mut small);
            if !self.is_mark_free(at.saturating_add(length))? {
                // The last letter is what marks belong to.
                let passed = small.get(..length).unwrap_or_default();
                length = passed.iter().rposition(|byte| byte & 0xC0 != 0x80).unwrap_or(0);
            }
            if length == 0 {
                break;
            }
            self.keep_to(at);
            self.folded.extend_from_slice(small.get(..length).unwrap_or_default());
            let after = at.saturating_add(length);
            self.respelt(at, after);
            at = after;
        }
        Ok(at)
    }

    /// Folds by the definition: from the character before `odd` to the next that stands for itself.
    fn define(&mut self, odd: usize, after: usize) -> Result<usize, Broken> {
        let before = self.text.get(self.kept..odd).unwrap_or_default();
        let base = before.iter().rposition(|byte| byte & 0xC0 != 0x80).unwrap_or(0);
        let base = self.kept.saturating_add(base);
        let mut end = after;
        while let Some((character, length)) = decode(self.text, end)? {
            if matches!(spelling::of(character), Spelling::Plain | Spelling::Other(_) | Spelling::Ellipsis) {
                break;
            }
            end = end.saturating_add(length);
        }
        self.keep_to(base);
        let run = std::str::from_utf8(self.text.get(base..end).unwrap_or_default()).map_err(|_| Broken)?;
        fold_run(run, &mut self.folded);
        self.respelt(base, end);
        Ok(end)
    }

    /// Whether what comes at `at` has no part in what stands before it.
    #[inline]
    fn is_mark_free(&self, at: usize) -> Result<bool, Broken> {
        match self.text.get(at..).unwrap_or_default() {
            // Ideographs and Cyrillic letters. What is broken is found where the text goes on.
            [] | [0..=0x7F | 0xD0 | 0xD1 | 0xE4..=0xE9, ..] => return Ok(true),
            [0xF0, 0x9F, middle @ 0x80..=0xBF, low @ 0x80..=0xBF, ..]
                if spelling::is_picture_in(*middle, *low) =>
            {
                return Ok(true);
            }
            _ => {}
        }
        let spelling = decode(self.text, at)?.map(|(character, _)| spelling::of(character));
        Ok(matches!(spelling, None | Some(Spelling::Plain | Spelling::Other(_) | Spelling::Ellipsis)))
    }

    /// Adds what was left as it stands before `end`.
    #[inline]
    fn keep_to(&mut self, end: usize) {
        if self.folded.capacity() == 0 {
            (self.folded, self.changes) = spare();
            self.folded.reserve(self.text.len().saturating_add(SHORT));
        }
        let length = end.saturating_sub(self.kept);
        match self.text.get(self.kept..).and_then(|rest| rest.first_chunk::<SHORT>()) {
            // As many bytes whatever their number: faster than exactly as many.
            Some(short) if length <= SHORT => {
                let place = self.folded.len();
                self.folded.extend_from_slice(short);
                self.folded.truncate(place.saturating_add(length));
            }
            _ => self.folded.extend_from_slice(self.text.get(self.kept..end).unwrap_or_default()),
        }
        self.place = self.folded.len();
    }

    #[inline]
    /// What was added since, stands for the text between these places.
    fn respelt(&mut self, from: usize, to: usize) {
        self.changes.add(from..to, self.place..self.folded.len());
        self.kept = to;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn folded(text: &str) -> String {
        fold(text.as_bytes()).map_or(text.to_owned(), |folded| String::from_utf8(folded).unwrap())
    }

    #[test]
    fn what_reads_alike_is_spelt_alike() {
        for (written, read) in [
            ("bo\u{200B}mb", "bomb"),
            ("b\u{AD}o\u{2060}m\u{FEFF}b", "bomb"),
            ("ｂｏｍｂ", "bomb"),
            ("𝐛𝕠𝓶𝔟", "bomb"),
            ("Ⓑⓞⓜⓑ", "Bomb"),
            ("b\u{336}o\u{336}m\u{336}b\u{336}", "bomb"),
            ("x\u{E0062}\u{E006F}\u{E006D}\u{E0062}", "xbomb"),
            ("a\u{A0}b\u{3000}c\u{2009}d", "a b c d"),
            ("e\u{301}t\u{E9}", "\u{E9}t\u{E9}"),
            ("CAFÉ", "CAFé"),
            ("ﬁle", "file"),
            ("\\u0062omb \\ud83d\\ude00 \\uZZ", "bomb 😀 \\uZZ"),
            ("plain ASCII", "plain ASCII"),
            ("日本語テキスト", "日本語テキスト"),
            ("", ""),
        ] {
            assert_eq!(folded(written), read, "{written:?}");
        }
    }

    /// The definition, without short cuts.
    fn oracle(text: &[u8]) -> Vec<u8> {
        let mut folded = Vec::new();
        fold_run(&unescape(&String::from_utf8_lossy(text)), &mut folded);
        folded
    }

    #[test]
    fn every_character_is_spelt_as_the_definition_says() {
        let marks = ["", "\u{301}", "\u{3099}", "\u{11A8}", "\u{200D}", "\u{FE0F}", "\u{94D}", "x", "Ⅳ", "Ä"];
        for character in (0x80..0x1_FFFF).filter_map(char::from_u32) {
            let spelling = spelling::of(character);
            // Of the large scripts every so many.
            let is_sampled = spelling != Spelling::Plain
                || u32::from(character) < 0x3400
                || u32::from(character) % 31 == 0;
            for mark in if is_sampled && spelling != Spelling::Unknown { &marks[..] } else { &marks[..1] } {
                let text = format!("a{character}{mark}{character}z{character}");
                let folded = fold(text.as_bytes()).unwrap_or(text.clone().into_bytes());
                assert_eq!(folded, oracle(text.as_bytes()), "{character:?} {mark:?}: {spelling:?}");
            }
        }
    }

    /// What takes every turn of the short cuts, and their neighbours.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let text = |choices: &'static [&'static str]| {
            proptest::sample::select(choices).prop_map(|t| t.as_bytes().to_vec())
        };
        prop_oneof![
            text(&["a", "Z", " ", "plain text ", "\\u0301", "\\ud83d\\ude00", "\\u"]),
            text(&[
                "ä", "Ä", "ß", "И", "и", "ї", "Ї", "Σ", "İ", "é", "ǅ", "中", "，", "が", "か", "한", "각",
                "का"
            ]),
            text(&[
                "😀",
                "❤\u{FE0F}",
                "👩\u{200D}💻",
                "\u{200B}",
                "\u{AD}",
                "\u{A0}",
                "…",
                "\u{E0062}",
                "½",
                "ﬁ"
            ]),
            text(&[
                "\u{301}", "\u{308}", "\u{3099}", "\u{11A8}", "\u{1161}", "\u{94D}", "\u{93C}", "\u{E48}",
                "\u{5BC}"
            ]),
            text(&[
                "СЪЕШЬ ЖЕ ЕЩЁ",
                "ÜBERMÄSSIG",
                "МЯГКИХ ФРАНЦУЗСКИХ БУЛОК",
                "“—”",
                "« »",
                "プログラムを",
                "、。！",
                "这是一个",
                "Żółć"
            ]),
            any::<char>().prop_map(|c| c.to_string().into_bytes()),
            any::<u8>().prop_map(|byte| vec![byte]),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn short_cuts_lead_where_the_definition_does(pieces in proptest::collection::vec(piece(), 0..40)) {
            let text = pieces.concat();
            let folded = fold(&text);
            prop_assert_ne!(folded.as_ref(), Some(&text));
            let folded = folded.unwrap_or_else(|| text.clone());
            let defined = oracle(&text);
            prop_assert_eq!(String::from_utf8_lossy(&folded), String::from_utf8_lossy(&defined));
        }
    }

    #[test]
    fn what_it_does_not_claim_to_fold_stays() {
        assert_eq!(folded("b\u{43E}mb"), "b\u{43E}mb", "a Cyrillic letter");
        assert_eq!(folded("bömb"), "bömb", "another letter");
    }

    #[test]
    fn folding_twice_changes_nothing_more() {
        for text in ["Ⓑ\u{336}ö\u{301}mb", "ÅÅ한글\u{1100}\u{1161}", "ǅ İ ẞ", "ﬃ½Ⅳ"] {
            let once = folded(text);
            assert_eq!(folded(&once), once, "{text:?}");
        }
    }

    #[test]
    fn heaps_of_marks_and_broken_text_end() {
        let heap = format!("b{}omb", "\u{301}\u{591}".repeat(200_000));
        assert!(folded(&heap).len() < 64);
        assert!(fold(b"\xff\xfe bomb \xf0").is_some());
    }
}
