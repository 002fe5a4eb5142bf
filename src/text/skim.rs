//! Passes over what is plain, sixteen bytes at a time.
//!
//! Two kernels for what most texts beyond ASCII are written in: letters of two bytes (Latin-1, Cyrillic) and characters
//! of three (Chinese, Japanese, Korean), either among ASCII. Each judges every byte by those before it, without a branch,
//! so that compilers make vectors of it. Invariant, tested: what they pass over is plain and valid UTF-8.

const WIDTH: usize = 16;

/// Where the plain text that begins at `at`, a character's boundary, ends: some of it may be left.
#[inline]
pub(super) fn after_plain(text: &[u8], at: usize) -> usize {
    match text.get(at) {
        Some(0xE3..=0xEC) => after(text, at, threes),
        Some(_) => after(text, at, twos),
        None => at,
    }
}

#[inline]
fn after(text: &[u8], from: usize, judge: impl Fn(&[u8; WIDTH + 2]) -> [u8; WIDTH]) -> usize {
    // Every byte is judged by the two before it, of the text before `from` too: those end there.
    let window = |at: usize| text.get(at.checked_sub(2)?..)?.first_chunk();
    let mut at = from;
    while let Some(window) = window(at) {
        let good = u128::from_le_bytes(judge(window));
        if good != u128::MAX {
            at = at.saturating_add((good.trailing_ones() / 8) as usize);
            break;
        }
        at = at.saturating_add(WIDTH);
    }
    // Back to the boundary: a character whose end was not seen, or was not plain.
    match text.get(from..at).unwrap_or_default() {
        [.., 0xC0..=0xFF] => at.saturating_sub(1),
        [.., 0xE0..=0xFF, 0x80..=0xBF] => at.saturating_sub(2),
        _ => at,
    }
}

/// Latin-1's and Cyrillic's small letters, and ASCII.
#[inline]
fn twos(window: &[u8; WIDTH + 2]) -> [u8; WIDTH] {
    let [_, before @ .., _] = window;
    let [_, _, bytes @ ..] = window;
    let mut good = [0; WIDTH];
    for ((good, byte), before) in good.iter_mut().zip(bytes).zip(before) {
        let (byte, before) = (*byte, *before);
        let lead = byte == 0xC3 || byte == 0xD0 || byte == 0xD1;
        let follows = before == 0xC3 || before == 0xD0 || before == 0xD1;
        let is_good = (before == 0xD0) & (byte & 0xF0 == 0xB0)
            | (before == 0xD1) & (byte & 0xE0 == 0x80)
            | (before == 0xC3) & (byte & 0xE0 == 0xA0)
            | !follows & ((byte < 0x80) | lead);
        *good = u8::from(is_good).wrapping_neg();
    }
    good
}

/// Ideographs, kana, most syllables of Hangul, and ASCII.
#[inline]
fn threes(window: &[u8; WIDTH + 2]) -> [u8; WIDTH] {
    let [two_before @ .., _, _] = window;
    let [_, before @ .., _] = window;
    let [_, _, bytes @ ..] = window;
    let mut good = [0; WIDTH];
    for (((good, byte), before), two_before) in good.iter_mut().zip(bytes).zip(before).zip(two_before) {
        let (byte, before, two_before) = (*byte, *before, *two_before);
        // Of all leads, those whose every character is plain.
        let leads = |byte: u8| (byte.wrapping_sub(0xE4) < 6) | (byte.wrapping_sub(0xEB) < 2);
        let follows = leads(before) | leads(two_before);
        let follows_kana = (before == 0xE3) | (two_before == 0xE3);
        let is_kana = (byte.wrapping_sub(0x81) < 0x16) | (byte.wrapping_sub(0xA0) < 0x1F) & (before != 0x80);
        let is_good = follows & (byte & 0xC0 == 0x80)
            | (before == 0xE3) & (byte & 0xFC == 0x80)
            | (two_before == 0xE3) & is_kana
            | !(follows | follows_kana) & ((byte < 0x80) | leads(byte) | (byte == 0xE3));
        *good = u8::from(is_good).wrapping_neg();
    }
    good
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::spelling;

    /// Every lead with every byte after it, and every third byte of characters of three, among others and at either end.
    #[test]
    fn what_is_passed_over_is_plain_and_whole() {
        let ends: [&[u8]; 5] = [b"", b"a", "é".as_bytes(), "中".as_bytes(), "か".as_bytes()];
        let mut passed_something = 0;
        for lead in 0x80..=0xFF {
            for middle in 0x7F..=0xC1_u8 {
                for last in if lead < 0xE0 { 0x41..=0x41 } else { 0x7F..=0xC1_u8 } {
                    for end in ends {
                        let text = [b"ab", end, &[lead, middle, last], end, b"0123456789abcdefgh"].concat();
                        let passed = &text[2..after_plain(&text, 2)];
                        let whole = std::str::from_utf8(passed);
                        let is_plain = whole.is_ok_and(|whole| whole.chars().all(spelling::is_plain));
                        assert!(is_plain, "{text:X?}: {passed:X?}");
                        passed_something += usize::from(passed.len() > end.len());
                    }
                }
            }
        }
        assert!(passed_something > 10_000, "{passed_something}");
    }
}
