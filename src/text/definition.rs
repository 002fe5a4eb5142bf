//! What folding is: NFKC without what nobody sees and without loose marks, in lower case beyond ASCII.
//!
//! Slow, and right: [`super::fold`] has short cuts, and its tests compare them with this.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;

/// More marks than this on one letter are no language's.
const MOST_MARKS: u8 = 8;

/// The definition.
pub(super) fn fold_run(run: &str, folded: &mut Vec<u8>) {
    let mut push = |character: char| {
        let mut bytes = [0; 4];
        folded.extend_from_slice(character.encode_utf8(&mut bytes).as_bytes());
    };
    let mut marks = 0_u8;
    let seen = run.chars().filter_map(visible).filter(|c| {
        let is_mark = !c.is_ascii() && canonical_combining_class(*c) != 0;
        marks = if is_mark { marks.saturating_add(1) } else { 0 };
        marks <= MOST_MARKS
    });
    for character in seen.nfkc().filter_map(visible).filter(|c| !is_loose_mark(*c)) {
        if character.is_ascii() {
            push(character);
        } else {
            character.to_lowercase().filter(|c| !is_loose_mark(*c)).for_each(&mut push);
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
