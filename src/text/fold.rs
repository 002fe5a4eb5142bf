//! One spelling for what reads alike: compatibility forms, invisible characters, marks, case beyond ASCII.
//!
//! Folding is NFKC, without what a reader does not see and without marks that belong to no letter, in lower case beyond
//! ASCII. It does not know which letters of different scripts look alike.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// More marks than this on one letter are no language's.
const MOST_MARKS: u8 = 8;

/// The text in one spelling; `None` when it already is.
pub fn fold(text: &[u8]) -> Option<Vec<u8>> {
    let escaped = memchr::memmem::find(text, b"\\u").is_some();
    if text.is_ascii() && !escaped {
        return None;
    }
    let readable = String::from_utf8_lossy(text);
    let plain = if escaped { Cow::Owned(unescape(&readable)) } else { readable };
    let folded = match (clusters(&plain), plain) {
        (Some(folded), _) => folded,
        (None, Cow::Owned(plain)) => plain,
        (None, Cow::Borrowed(_)) => return None,
    };
    (folded.as_bytes() != text).then(|| folded.into_bytes())
}

/// Folds what is not plain, each run together with the character before it, which may be what marks belong to; `None`
/// when everything is plain.
fn clusters(text: &str) -> Option<String> {
    let mut folded = String::new();
    let mut from = 0;
    while let Some((base, odd)) = odd_after(text, from) {
        folded.push_str(text.get(from..base).unwrap_or_default());
        let run = text.get(odd..).unwrap_or_default();
        let length = run.char_indices().find(|(_, c)| is_plain(*c)).map_or(run.len(), |(at, _)| at);
        let end = odd.saturating_add(length);
        fold_run(text.get(base..end).unwrap_or_default(), &mut folded);
        from = end;
    }
    if from == 0 {
        return None;
    }
    folded.push_str(text.get(from..).unwrap_or_default());
    Some(folded)
}

/// Where the first character that is not plain begins, and the one before it, if there is one since `from`.
fn odd_after(text: &str, from: usize) -> Option<(usize, usize)> {
    let mut base = from;
    for (at, character) in text.get(from..).unwrap_or_default().char_indices() {
        let at = at.saturating_add(from);
        if !is_plain(character) {
            return Some((base, at));
        }
        base = at;
    }
    None
}

/// Whether the character is its own spelling, as long as no mark follows it: most of what is written. A subset will do.
const fn is_plain(character: char) -> bool {
    match character as u32 {
        0..=0x7F => true,
        // Small letters of Latin, Greek and Cyrillic; capitals are not in lower case.
        0xDF..=0xF6 | 0xF8..=0xFF | 0x3AC..=0x3CE | 0x430..=0x45F => true,
        code @ (0x100..=0x12F | 0x134..=0x137 | 0x14A..=0x177) => code & 1 == 1,
        code @ (0x13A..=0x13E | 0x142..=0x148 | 0x17A..=0x17E) => code & 1 == 0,
        // Hebrew and Arabic letters.
        0x5D0..=0x5EA | 0x621..=0x63A | 0x641..=0x64A => true,
        // Dashes and quotation marks.
        0x2012..=0x2015 | 0x2018..=0x201F | 0x20AC => true,
        // Chinese, Japanese and Korean.
        0x3001..=0x3003 | 0x3008..=0x3011 | 0x3041..=0x3096 | 0x30A1..=0x30FC => true,
        0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xAC00..=0xD7A3 => true,
        // Pictures.
        0x1F300..=0x1F64F | 0x1F680..=0x1F6D7 | 0x1F900..=0x1F9FF => true,
        _ => false,
    }
}

fn fold_run(run: &str, folded: &mut String) {
    let mut marks = 0_u8;
    let seen = run.chars().filter_map(visible).filter(|c| {
        let is_mark = !c.is_ascii() && canonical_combining_class(*c) != 0;
        marks = if is_mark { marks.saturating_add(1) } else { 0 };
        marks <= MOST_MARKS
    });
    for character in seen.nfkc().filter_map(visible).filter(|c| !is_loose_mark(*c)) {
        if character.is_ascii() {
            folded.push(character);
        } else {
            folded.extend(character.to_lowercase().filter(|c| !is_loose_mark(*c)));
        }
    }
}

/// The character as a reader, or a model, takes it; `None` when nobody sees it.
fn visible(character: char) -> Option<char> {
    match character {
        // Tags: an invisible copy of ASCII that models read.
        '\u{E0020}'..='\u{E007E}' => u8::try_from(u32::from(character) & 0x7F).ok().map(char::from),
        '\u{AD}'
        | '\u{34F}'
        | '\u{61C}'
        | '\u{115F}'
        | '\u{1160}'
        | '\u{17B4}'
        | '\u{17B5}'
        | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}'
        | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}'
        | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}'
        | '\u{FEFF}'
        | '\u{FFA0}'
        | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}'
        | '\u{E0000}'..='\u{E0FFF}' => None,
        blank if !blank.is_ascii() && blank.is_whitespace() => Some(' '),
        seen => Some(seen),
    }
}

/// Marks that composed with no letter: struck out, underlined, dotted.
const fn is_loose_mark(character: char) -> bool {
    matches!(
        character,
        '\u{300}'..='\u{36F}' | '\u{483}'..='\u{489}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}'
            | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}'
    )
}

/// Resolves `\uXXXX` where JSON was quoted in JSON (the arguments of tool calls); halves of pairs find each other.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = memchr::memmem::find(rest.as_bytes(), b"\\u") {
        let (before, escape) = rest.split_at_checked(at).unwrap_or((rest, ""));
        plain.push_str(before);
        let (character, length) = escaped(escape).unwrap_or(('\\', 1));
        plain.push(character);
        rest = escape.get(length..).unwrap_or_default();
    }
    plain.push_str(rest);
    plain
}

/// The character that an escape stands for, and the escape's length.
fn escaped(escape: &str) -> Option<(char, usize)> {
    let unit = |from: usize| {
        let escape = escape.get(from..)?.strip_prefix("\\u")?;
        u16::from_str_radix(escape.get(..4)?, 16).ok()
    };
    let first = unit(0)?;
    if let Ok(character) = char::try_from(u32::from(first)) {
        return Some((character, 6));
    }
    char::decode_utf16([first, unit(6)?]).next()?.ok().map(|character| (character, 12))
}

#[cfg(test)]
mod tests {
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
    fn oracle(text: &str) -> String {
        let mut folded = String::new();
        fold_run(text, &mut folded);
        folded
    }

    #[test]
    fn short_cuts_lead_where_the_definition_does() {
        let marks = ["", "\u{301}", "\u{3099}", "\u{11A8}", "\u{200D}", "\u{FE0F}", "x", "Ⅳ"];
        // Every character of the alphabets, and every so many of the large scripts.
        for code in (0x80..0x3400).chain((0x3400..=0x1_FFFF).step_by(31)) {
            let Some(character) = char::from_u32(code) else { continue };
            for mark in if is_plain(character) { &marks[..] } else { &marks[..1] } {
                let text = format!("a{character}{mark}{character}z");
                assert_eq!(folded(&text), oracle(&text), "U+{code:04X} {mark:?}");
            }
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
