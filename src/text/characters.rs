//! Characters of a text that may be no UTF-8: what one is, where ASCII ends, and what most texts hold that is respelt.

/// The bytes are no UTF-8.
#[derive(Debug)]
pub(super) struct Broken;

/// What most texts hold that is not plain: its length, and what the table of spellings would make of it.
#[inline]
pub(super) fn frequent(rest: &[u8]) -> Option<(usize, [u8; 3], usize)> {
    Some(match rest {
        [0xC3, low @ (0x80..=0x96 | 0x98..=0x9E), ..] => (2, [0xC3, low | 0x20, 0], 2),
        [0xD0, low @ 0x90..=0x9F, ..] => (2, [0xD0, low | 0x20, 0], 2),
        [0xD0, low @ 0xA0..=0xAF, ..] => (2, [0xD1, low & 0x8F, 0], 2),
        // ASCII, as wide as Chinese.
        [0xEF, 0xBC, low @ 0x81..=0xBF, ..] => (3, [low.wrapping_sub(0x60), 0, 0], 1),
        [0xEF, 0xBD, low @ 0x80..=0x9E, ..] => (3, [low.wrapping_sub(0x20), 0, 0], 1),
        // What makes a sign a picture, and what joins pictures.
        [0xEF, 0xB8, 0x8F, ..] | [0xE2, 0x80, 0x8D, ..] => (3, [0; 3], 0),
        [0xE2, 0x80, 0xA6, ..] => (3, *b"...", 3),
        _ => return None,
    })
}

/// Whether a capital of Latin-1 or Cyrillic stands there.
pub(super) fn is_capital_at(text: &[u8], at: usize) -> bool {
    matches!(text.get(at..), Some([0xC3, 0x80..=0x9E, ..] | [0xD0, 0x80..=0xAF, ..]))
}

/// Where the ASCII that begins at `at` ends.
#[inline]
pub(super) fn after_ascii(text: &[u8], at: usize) -> usize {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut at = at;
    while let Some(word) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let high = u64::from_le_bytes(*word) & HIGH;
        if high != 0 {
            return at.saturating_add((high.trailing_zeros() / 8) as usize);
        }
        at = at.saturating_add(8);
    }
    let rest = text.get(at..).unwrap_or_default();
    at.saturating_add(rest.iter().position(|byte| !byte.is_ascii()).unwrap_or(rest.len()))
}

/// The character at `at`, and its length; `None` at the end.
pub(super) fn decode(text: &[u8], at: usize) -> Result<Option<(char, usize)>, Broken> {
    let rest = text.get(at..).unwrap_or_default();
    let low = |byte: u8| u32::from(byte & 0x3F);
    let (code, length, least) = match *rest {
        [] => return Ok(None),
        [byte @ 0..=0x7F, ..] => (u32::from(byte), 1, 0),
        [lead @ 0xC2..=0xDF, a @ 0x80..=0xBF, ..] => (u32::from(lead & 0x1F) << 6 | low(a), 2, 0x80),
        [lead @ 0xE0..=0xEF, a @ 0x80..=0xBF, b @ 0x80..=0xBF, ..] => {
            (u32::from(lead & 0xF) << 12 | low(a) << 6 | low(b), 3, 0x800)
        }
        [lead @ 0xF0..=0xF4, a @ 0x80..=0xBF, b @ 0x80..=0xBF, c @ 0x80..=0xBF, ..] => {
            (u32::from(lead & 7) << 18 | low(a) << 12 | low(b) << 6 | low(c), 4, 0x1_0000)
        }
        _ => return Err(Broken),
    };
    let character = char::from_u32(code).filter(|_| code >= least).ok_or(Broken)?;
    Ok(Some((character, length)))
}
