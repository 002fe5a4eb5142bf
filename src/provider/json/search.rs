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

/// Where the run ends. Most strings are short, and a search that is made for long ones has its price: the first bytes are
/// looked at sixteen at a time, without more ado.
pub(crate) fn quote_or_backslash(bytes: &[u8]) -> Option<usize> {
    const NEAR: usize = 8;
    let (blocks, rest) = bytes.as_chunks::<16>();
    let mut start = 0_usize;
    for block in blocks.iter().take(NEAR) {
        match in_block(*block) {
            0 => start = start.saturating_add(16),
            marks => return Some(start.saturating_add(marks.trailing_zeros() as usize)),
        }
    }
    let found = if blocks.len() > NEAR {
        memchr::memchr2(b'"', b'\\', bytes.get(start..).unwrap_or_default())
    } else {
        in_rest(rest)
    };
    found.map(|found| found.saturating_add(start))
}

/// How far a string goes that is plain but for simple escapes, and how many of these it has: up to its closing quote, an
/// escape of another kind or without its letter, or the end. Escapes may be dense, so that each is a few instructions.
pub(crate) fn measured(bytes: &[u8]) -> (usize, usize) {
    let (blocks, _) = bytes.as_chunks::<32>();
    let (mut start, mut escapes, mut next) = (0_usize, 0_usize, 0_usize);
    for block in blocks {
        let mut marks = in_block_of_32(block);
        while marks != 0 {
            let at = start.saturating_add(marks.trailing_zeros() as usize);
            marks &= marks.wrapping_sub(1);
            // The letter of an escape may be a quote or a backslash itself.
            if at >= next {
                if !is_simple_escape(bytes, at) {
                    return (at, escapes);
                }
                escapes = escapes.saturating_add(1);
                next = at.saturating_add(2);
            }
        }
        start = start.saturating_add(32);
    }
    let mut at = start.max(next);
    while let Some(byte) = bytes.get(at) {
        if matches!(byte, b'"' | b'\\') {
            if !is_simple_escape(bytes, at) {
                return (at, escapes);
            }
            escapes = escapes.saturating_add(1);
            at = at.saturating_add(1);
        }
        at = at.saturating_add(1);
    }
    (bytes.len(), escapes)
}

#[inline]
fn is_simple_escape(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at..), Some([b'\\', code, ..]) if simple_escape(*code).is_some())
}

fn in_block_of_32(block: &[u8; 32]) -> u32 {
    let (blocks, _) = block.as_chunks::<16>();
    blocks.iter().rev().fold(0, |marks, block| marks << 16 | in_block(*block))
}

/// A bit for each of sixteen bytes that is a quote or a backslash.
#[cfg(target_arch = "wasm32")]
fn in_block(block: [u8; 16]) -> u32 {
    use std::arch::wasm32::{i8x16_bitmask, i8x16_eq, i8x16_splat, u64x2, v128_or};

    let block = u128::from_le_bytes(block);
    let block = u64x2(block as u64, (block >> 64) as u64);
    let quotes = i8x16_eq(block, i8x16_splat(b'"'.cast_signed()));
    let backslashes = i8x16_eq(block, i8x16_splat(b'\\'.cast_signed()));
    u32::from(i8x16_bitmask(v128_or(quotes, backslashes)))
}

#[cfg(not(target_arch = "wasm32"))]
fn in_block(block: [u8; 16]) -> u32 {
    let is_one = |byte: &u8| matches!(byte, b'"' | b'\\');
    block.iter().rev().fold(0, |marks, byte| marks << 1 | u32::from(is_one(byte)))
}

/// Fewer than sixteen bytes.
fn in_rest(rest: &[u8]) -> Option<usize> {
    rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What [`measured`] says, one byte at a time.
    fn slowly(bytes: &[u8]) -> (usize, usize) {
        let (mut at, mut escapes) = (0, 0);
        loop {
            match &bytes[at..] {
                [b'\\', code, ..] if simple_escape(*code).is_some() => (at, escapes) = (at + 2, escapes + 1),
                [b'"' | b'\\', ..] | [] => return (at, escapes),
                _ => at += 1,
            }
        }
    }

    proptest! {
        #[test]
        fn a_string_is_measured_whatever_its_escapes(
            bytes in prop::collection::vec(prop_oneof![
                4 => Just(b'a'), 2 => Just(b'\\'), 2 => Just(b'n'), 1 => Just(b'u'), 1 => Just(b'"'), 1 => any::<u8>(),
            ], 0..80),
        ) {
            prop_assert_eq!(measured(&bytes), slowly(&bytes));
        }

        #[test]
        fn a_string_of_escapes_is_measured_to_its_end(escapes in 0..60_usize, before in 0..20_usize, cut in 0..2_usize) {
            let mut bytes = vec![b'x'; before];
            bytes.extend(br#"\\\""#.iter().cycle().take(escapes * 2 + cut));
            prop_assert_eq!(measured(&bytes), slowly(&bytes));
        }
    }

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
