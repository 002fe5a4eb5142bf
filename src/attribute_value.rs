//! What counts as a meaningful attribute value (§9.1(8)): no null, empty or placeholder values.
//!
//! One rule for every source, configuration constants included. Values are compared byte for byte and never normalised,
//! so whatever looks like another value without being it is no value where that can be told from the text alone:
//! characters that nobody sees, marks that compose, forms made for compatibility, and scripts mixed with Latin whose
//! letters look Latin. A word written in one such script altogether is a value, and another one than its twin.

/// The longest value, in bytes.
pub const MAX_BYTES: usize = 128;

/// The rule, for error messages.
pub const RULE: &str = "1 to 128 bytes without control, invisible or disguised characters, and no placeholder such as \"unknown\" or \"n/a\"";

/// Words that mean that nobody said anything; the last three lines are those of the earlier GenOps SDK.
const PLACEHOLDERS: [&str; 15] = [
    "-",
    "none",
    "null",
    "nil",
    "undefined",
    "n/a",
    "na",
    "tbd",
    "todo",
    "placeholder",
    "anonymous",
    "unknown",
    "default",
    "default-team",
    "auto-instrumented",
];

/// `text` without surrounding blanks, when it is a meaningful value.
pub fn meaningful(text: &str) -> Option<&str> {
    let value = match text.as_bytes() {
        [b' ', ..] | [.., b' '] => text.trim_matches(' '),
        _ => text,
    };
    let fits = !value.is_empty() && value.len() <= MAX_BYTES && is_legible(value);
    let placeholder =
        PLACEHOLDERS.iter().any(|word| word.len() == value.len() && value.eq_ignore_ascii_case(word));
    (fits && !placeholder).then_some(value)
}

/// Whether a reader sees what is there.
fn is_legible(value: &str) -> bool {
    if value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return true;
    }
    let mut script = None;
    value.chars().all(|letter| {
        let mixed = match (script, Lookalike::of(letter)) {
            (Some(before), Some(now)) => before != now,
            (None, now) => {
                script = now;
                false
            }
            (Some(_), None) => false,
        };
        !mixed && !letter.is_control() && !is_deceptive(letter)
    })
}

/// Scripts with letters that look like another's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lookalike {
    Latin,
    Greek,
    Cyrillic,
    Armenian,
    Cherokee,
}

impl Lookalike {
    const fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'a'..='z' | 'A'..='Z' | '\u{aa}' | '\u{ba}' | '\u{c0}'..='\u{d6}' => Self::Latin,
            '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2af}' | '\u{1d00}'..='\u{1d7f}' => Self::Latin,
            '\u{1e00}'..='\u{1eff}' | '\u{2c60}'..='\u{2c7f}' | '\u{a720}'..='\u{a7ff}' => Self::Latin,
            '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Self::Greek,
            '\u{400}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' | '\u{a640}'..='\u{a69f}' => Self::Cyrillic,
            '\u{530}'..='\u{58f}' => Self::Armenian,
            '\u{13a0}'..='\u{13ff}' | '\u{ab70}'..='\u{abbf}' => Self::Cherokee,
            _ => return None,
        })
    }
}

/// Invisible, reordering, composing or compatibility characters, and those that mean nothing in particular.
const fn is_deceptive(letter: char) -> bool {
    match letter {
        // Blanks other than the space, and letters that are blank.
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => true,
        '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' => true,
        // Zero width, direction, separators, tags: the format characters.
        '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' => true,
        '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => true,
        '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{ffff}' => true,
        '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e0fff}' => true,
        // Marks that compose with any letter: the same word would have two spellings.
        '\u{300}'..='\u{34e}' | '\u{350}'..='\u{36f}' | '\u{483}'..='\u{489}' => true,
        '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' => true,
        '\u{fe20}'..='\u{fe2f}' => true,
        // Other forms of plain letters, digits and punctuation.
        '\u{2100}'..='\u{218f}' | '\u{2460}'..='\u{24ff}' | '\u{fb00}'..='\u{fb06}' => true,
        '\u{ff00}'..='\u{ff9f}' | '\u{1d400}'..='\u{1d7ff}' | '\u{1f100}'..='\u{1f1ff}' => true,
        // Private use.
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{10ffff}' => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s9_1_8_placeholders_blanks_and_control_characters_are_no_values() {
        let long = "x".repeat(MAX_BYTES + 1);
        for bad in ["", "  ", "unknown", "DEFAULT", "N/A", "default-team", "a\nb", "a\u{0}b", "\tx", &long] {
            assert_eq!(meaningful(bad), None, "{bad:?}");
        }
        for (raw, value) in
            [(" search ", "search"), ("Zürich-1", "Zürich-1"), ("unknown-things", "unknown-things")]
        {
            assert_eq!(meaningful(raw), Some(value));
        }
    }

    #[test]
    fn what_only_looks_like_another_value_is_no_value() {
        let tricks = [
            "sea\u{200b}rch",  // zero-width space
            "search\u{feff}",  // byte order mark
            "\u{202e}hcraes",  // right-to-left override
            "\u{2066}search",  // isolate
            "se\u{ad}arch",    // soft hyphen
            "search\u{a0}",    // no-break space
            "a\u{3000}b",      // ideographic space
            "s\u{435}arch",    // Cyrillic е among Latin
            "\u{3b1}ds",       // Greek α among Latin
            "\u{ff53}earch",   // fullwidth s
            "\u{1d42c}earch",  // mathematical bold s
            "Zu\u{308}rich",   // u with a combining diaeresis
            "search\u{fe0f}",  // variation selector
            "search\u{e0061}", // tag
            "\u{115f}",        // a letter that is blank
            "\u{e000}",        // private use
            "team\u{2028}b",   // line separator
            "\u{13a0}a",       // Cherokee Ꭰ beside Latin
            "\u{fb01}nance",   // the ligature ﬁ
        ];
        for trick in tricks {
            assert_eq!(meaningful(trick), None, "{trick:?}");
        }
    }

    #[test]
    fn words_of_any_one_script_are_values() {
        let words = [
            "поиск",
            "αναζήτηση",
            "検索 2",
            "बिल्डर",
            "فريق",
            "équipe n° 1",
            "Đội-7",
            "команда-7",
            "팀",
            "R&D/€",
        ];
        for word in words {
            assert_eq!(meaningful(word), Some(word));
        }
    }
}
