//! Tells what is not plain, and makes capitals small, sixty-four bytes at a time.
//!
//! Kernels for what most texts beyond ASCII are written in: letters of two bytes (Latin-1, Cyrillic) and characters of
//! three (Chinese, Japanese, Korean), each among ASCII. They judge every byte by those around it, without a branch, so
//! that compilers make vectors of them. Invariant, tested: what they do not call odd is plain and valid UTF-8.

pub(super) const WIDTH: usize = 64;
/// What is judged, and two bytes before or around it.
type Window = [u8; WIDTH + 2];
/// A byte for each byte.
pub(super) type Judged = [u8; WIDTH];

/// A script, by how its characters are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    /// Latin-1 and Cyrillic.
    Letters,
    /// These, and the rest of Europe's Latin.
    MoreLetters,
    Kana,
    Ideographs,
    Hangul,
}

impl Script {
    /// That of the character which begins with this byte.
    #[inline]
    pub(super) const fn of(lead: u8) -> Option<Self> {
        match lead {
            0xC3 | 0xD0 | 0xD1 => Some(Self::Letters),
            0xC4 | 0xC5 => Some(Self::MoreLetters),
            0xE3 => Some(Self::Kana),
            0xE4..=0xE9 => Some(Self::Ideographs),
            0xEB | 0xEC => Some(Self::Hangul),
            _ => None,
        }
    }

    /// Whether a character of the other script ends a text in this one.
    #[inline]
    pub(super) fn is_ended_by(self, other: Self) -> bool {
        other != self && (self, other) != (Self::MoreLetters, Self::Letters)
    }

    /// Marks those of the bytes at `at` that are not of plain characters of the script, or ASCII; behind the text's end
    /// stand zeros.
    pub(super) fn judge(self, text: &[u8], at: usize, odd: &mut Judged) {
        with_window(text, at, 2, |window| match self {
            Self::MoreLetters => twos::<true>(window, odd),
            Self::Letters => twos::<false>(window, odd),
            Self::Kana => threes::<0xE3, 7>(window, odd),
            Self::Ideographs => threes::<0xE4, 6>(window, odd),
            Self::Hangul => threes::<0xEB, 2>(window, odd),
        });
    }
}

/// The window whose judged bytes begin at `at`, so many bytes before it; zeros where there is no text.
#[inline]
fn with_window<T>(text: &[u8], at: usize, before: usize, act: impl FnOnce(&Window) -> T) -> T {
    if let Some(window) = at.checked_sub(before).and_then(|start| text.get(start..)?.first_chunk()) {
        return act(window);
    }
    let mut window = [0; WIDTH + 2];
    let missing = before.saturating_sub(at);
    let there = text.get(at.saturating_sub(before)..).unwrap_or_default();
    window.iter_mut().skip(missing).zip(there).for_each(|(byte, there)| *byte = *there);
    act(&window)
}

/// The first mark at or after `from`.
#[inline]
pub(super) fn first_odd(odd: &Judged, from: usize) -> Option<usize> {
    let (words, _) = odd.as_chunks::<8>();
    let mut mask = u64::MAX.checked_shl((from as u32 & 7) << 3).unwrap_or(0);
    for (index, word) in words.iter().enumerate().skip(from >> 3) {
        let marks = u64::from_le_bytes(*word) & mask;
        if marks != 0 {
            return Some((index << 3).saturating_add((marks.trailing_zeros() >> 3) as usize));
        }
        mask = u64::MAX;
    }
    None
}

/// How many bytes at the end are of a character whose end was not seen, or was not plain.
#[inline]
pub(super) fn cut(passed: &[u8]) -> usize {
    match passed {
        [.., 0xC0..=0xFF] => 1,
        [.., 0xE0..=0xFF, 0x80..=0xBF] => 2,
        _ => 0,
    }
}

const fn is_two(lead: u8) -> bool {
    (lead == 0xC3) | (lead & 0xFE == 0xD0)
}

const fn is_more(lead: u8) -> bool {
    lead & 0xFE == 0xC4
}

/// Letters that stand in pairs, the small one at an odd code (ą, ę, ś) or at an even one (ł, ň, ż).
#[inline]
const fn is_more_small(lead: u8, low: u8) -> bool {
    let (first, is_odd) = (lead == 0xC4, low & 1 == 1);
    let at_odd = first & (low.wrapping_sub(0x80) < 0x30) | !first & (low.wrapping_sub(0x8A) < 0x2E);
    let at_even = first & (low.wrapping_sub(0xB9) < 6)
        | !first & ((low.wrapping_sub(0x81) < 8) | (low.wrapping_sub(0xB9) < 6));
    is_odd & at_odd | !is_odd & at_even
}

/// Latin-1's and Cyrillic's small letters, dashes and quotation marks, and ASCII; with `MORE`, the rest of Europe's
/// Latin.
#[inline]
fn twos<const MORE: bool>(window: &Window, odd: &mut Judged) {
    let [two_before @ .., _, _] = window;
    let [_, before @ .., _] = window;
    let [_, _, bytes @ ..] = window;
    for (((odd, byte), before), two_before) in odd.iter_mut().zip(bytes).zip(before).zip(two_before) {
        let (byte, before, two_before) = (*byte, *before, *two_before);
        let is_sign = (byte.wrapping_sub(0x92) < 0x12) & (byte != 0x97);
        let is_good = (before == 0xD0) & (byte & 0xF0 == 0xB0)
            | (before == 0xD1) & (byte & 0xE0 == 0x80)
            | (before == 0xC3) & (byte.wrapping_sub(0x9F) < 0x21)
            | MORE & (is_more(before) & is_more_small(before, byte))
            | (before == 0xE2) & (byte == 0x80)
            | (two_before == 0xE2) & (before == 0x80) & is_sign
            | !(is_two(before) | MORE & is_more(before) | (before == 0xE2) | (two_before == 0xE2))
                & ((byte < 0x80) | is_two(byte) | MORE & is_more(byte) | (byte == 0xE2));
        *odd = u8::from(!is_good).wrapping_neg();
    }
}

/// The text at `at`, a character's boundary, in small letters, and how many bytes of it: as long as it is letters of
/// Latin-1 and Cyrillic, and ASCII. Nothing of it is a mark.
pub(super) fn in_small(text: &[u8], at: usize, small: &mut Judged) -> usize {
    let mut odd = [0; WIDTH];
    with_window(text, at, 1, |window| make_small(window, small, &mut odd));
    let length = first_odd(&odd, 0).unwrap_or(WIDTH).min(text.len().saturating_sub(at));
    let spelt = text.get(at..at.saturating_add(length)).unwrap_or_default();
    length.saturating_sub(cut(spelt))
}

#[inline]
fn make_small(window: &Window, small: &mut Judged, odd: &mut Judged) {
    let [before @ .., _, _] = window;
    let [_, bytes @ .., _] = window;
    let [_, _, next @ ..] = window;
    let spelt = small.iter_mut().zip(odd.iter_mut());
    for ((((small, odd), byte), before), next) in spelt.zip(bytes).zip(before).zip(next) {
        let (byte, before, next) = (*byte, *before, *next);
        let (latin, russian, russian_too) = (before == 0xC3, before == 0xD0, before == 0xD1);
        // × and ß are no capitals.
        let capital =
            latin & (byte & 0xE0 == 0x80) & (byte != 0x97) & (byte != 0x9F) | russian & (byte & 0xF0 == 0x90);
        let up = |is: bool, by: u8| u8::from(is).wrapping_neg() & by;
        let first = russian & (byte & 0xF0 == 0x80);
        let second = russian & (byte & 0xF0 == 0xA0);
        // These have another lead in small letters.
        let lead = (byte == 0xD0) & (next & 0xD0 == 0x80);
        *small = byte
            .wrapping_add(up(capital, 0x20))
            .wrapping_add(up(first, 0x10))
            .wrapping_add(up(second, 0xE0))
            .wrapping_add(up(lead, 1));
        let is_good = (latin | russian) & (byte & 0xC0 == 0x80)
            | russian_too & (byte & 0xE0 == 0x80)
            | !is_two(before) & ((byte < 0x80) | is_two(byte));
        *odd = u8::from(!is_good).wrapping_neg();
    }
}

/// Characters of three bytes that begin with `FIRST` or one of the next, and ASCII: ideographs, kana, most syllables of
/// Hangul.
#[inline]
fn threes<const FIRST: u8, const COUNT: u8>(window: &Window, odd: &mut Judged) {
    let [two_before @ .., _, _] = window;
    let [_, before @ .., _] = window;
    let [_, _, bytes @ ..] = window;
    for (((odd, byte), before), two_before) in odd.iter_mut().zip(bytes).zip(before).zip(two_before) {
        let (byte, before, two_before) = (*byte, *before, *two_before);
        let leads = |byte: u8| byte.wrapping_sub(FIRST) < COUNT;
        let follows = leads(before) | leads(two_before);
        // Of the first lead of all, what is no kana and no punctuation: blanks, marks, what is spelt otherwise.
        let strange = (FIRST == 0xE3)
            & ((before == 0xE3) & (byte & 0xFC != 0x80)
                | (two_before == 0xE3)
                    & ((byte == 0x80) & (before < 0x82)
                        | (before == 0x80) & (byte > 0xA0)
                        | (before == 0x82) & (byte.wrapping_sub(0x97) < 9)
                        | (before == 0x83) & (byte == 0xBF)));
        let is_good = follows & (byte & 0xC0 == 0x80) & !strange | !follows & ((byte < 0x80) | leads(byte));
        *odd = u8::from(!is_good).wrapping_neg();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::spelling;

    const ALL: [Script; 5] =
        [Script::Letters, Script::MoreLetters, Script::Kana, Script::Ideographs, Script::Hangul];

    /// Every lead with every byte after it, and what can come third, among others.
    #[test]
    fn what_is_not_odd_is_plain_and_whole() {
        let mut passed_something = 0;
        for lead in 0x80..=0xFF {
            for middle in 0x7F..=0xC1_u8 {
                let all: Vec<u8> = (0x7F..=0xC1).collect();
                let lasts =
                    if matches!(lead, 0xE2 | 0xE3) { &all[..] } else { &[0x41, 0x80, 0x99, 0xBF, 0xC1] };
                for (last, end) in lasts.iter().flat_map(|last| [(last, "é"), (last, "か"), (last, "中")])
                {
                    let text = [b"a", end.as_bytes(), &[lead, middle, *last], end.as_bytes(), b"z"].concat();
                    for script in ALL {
                        let mut odd = [0; WIDTH];
                        script.judge(&text, 0, &mut odd);
                        let passed = first_odd(&odd, 0).unwrap_or(text.len()).min(text.len());
                        let passed = &text[..passed - cut(&text[..passed])];
                        let is_plain = |whole: &str| whole.chars().all(spelling::is_plain);
                        assert!(
                            std::str::from_utf8(passed).is_ok_and(is_plain),
                            "{script:?} {text:X?}: {passed:X?}"
                        );
                        passed_something += usize::from(passed.len() > 4);
                    }
                }
            }
        }
        assert!(passed_something > 2_000, "{passed_something}");
    }

    #[test]
    fn a_character_of_a_script_is_not_odd_in_it() {
        for (script, text) in [
            (Script::Letters, "größe ёжик „ab“ – ÿ"),
            (Script::MoreLetters, "zażółć gęślą jaźń ůňťďěščřž ğşő"),
            (Script::Kana, "むたプぽ、「」漢字ー"),
            (Script::Ideographs, "中文abc鼠"),
            (Script::Hangul, "뷁 뷁"),
        ] {
            let mut odd = [0; WIDTH];
            script.judge(text.as_bytes(), 0, &mut odd);
            assert_eq!(first_odd(&odd, 0), None, "{text}");
        }
    }
}
