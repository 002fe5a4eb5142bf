//! Finds where a token's bytes begin and end, many at a time.

/// What a backslash and one character stand for.
pub(crate) const fn simple_escape(code: u8) -> Option<u8> {
    match code {
        b'n' => Some(b'\n'),
        b't' => Some(b'\t'),
        b'r' => Some(b'\r'),
        b'b' => Some(0x08),
        b'f' => Some(0x0C),
        b'"' | b'\\' | b'/' => Some(code),
        _ => None,
    }
}

/// JSON's white space, which is not ASCII's.
pub(super) fn after_blanks(bytes: &[u8]) -> &[u8] {
    if bytes.first().is_some_and(|first| *first > b' ') {
        return bytes;
    }
    let blanks = bytes.iter().position(|b| !matches!(b, b' ' | b'\n' | b'\r' | b'\t'));
    bytes.get(blanks.unwrap_or(bytes.len())..).unwrap_or_default()
}

/// Where the run ends. Most strings are short, and a vector search has its price: the first bytes are searched eight at
/// a time in a plain register.
pub(crate) fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    const NEAR: usize = 8;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().take(NEAR).enumerate() {
        if let Some(found) = in_word(u64::from_le_bytes(*word)) {
            return Some(index.saturating_mul(8).saturating_add(found));
        }
    }
    let (start, far) = if words.len() <= NEAR {
        (words.len().saturating_mul(8), rest)
    } else {
        (NEAR.saturating_mul(8), bytes.get(NEAR.saturating_mul(8)..).unwrap_or_default())
    };
    let found = if far.len() < 16 {
        far.iter().position(|b| matches!(b, b'"' | b'\\'))
    } else {
        memchr::memchr2(b'"', b'\\', far)
    };
    found.map(|found| found.saturating_add(start))
}

/// The first quote or backslash among eight bytes. A byte that is neither can only be mistaken for one after the first
/// that is (the borrow of a subtraction runs upwards), so that the lowest mark is right.
const fn in_word(word: u64) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let quote = word ^ ONES.wrapping_mul(b'"' as u64);
    let backslash = word ^ ONES.wrapping_mul(b'\\' as u64);
    let zero = (quote.wrapping_sub(ONES) & !quote) | (backslash.wrapping_sub(ONES) & !backslash);
    match zero & HIGH {
        0 => None,
        marks => Some((marks.trailing_zeros() / 8) as usize),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_quote_or_backslash_is_found_wherever_it_is() {
        for length in 0..200 {
            // Bytes that a careless mask would mistake, the high ones among them.
            let filler: Vec<u8> =
                (0..length).map(|i| [b'#', b'!', b']', b'[', 0xA2, 0xDC, 0, 0xFF][i % 8]).collect();
            assert_eq!(quote_or_backslash(&filler), None, "length {length}");
            for at in 0..length {
                for byte in [b'"', b'\\'] {
                    let mut bytes = filler.clone();
                    bytes[at] = byte;
                    assert_eq!(quote_or_backslash(&bytes), Some(at), "length {length}");
                }
            }
        }
    }
}
