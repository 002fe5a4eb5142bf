//! Comparing short runs of bytes: wasm has no instruction for it, and its C library compares one byte at a time.

/// Whether both are the same, eight or four bytes at a time; the last of them overlap those before.
#[inline]
pub fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let (Some(last), Some(other_last)) = (one.last_chunk::<8>(), other.last_chunk::<8>()) else {
        return same_short(one, other);
    };
    let (words, other_words) = (one.as_chunks::<8>().0, other.as_chunks::<8>().0);
    same_word(last, other_last) && words.iter().zip(other_words).all(|(a, b)| same_word(a, b))
}

/// The same of less than eight bytes each, and as many.
#[inline]
fn same_short(one: &[u8], other: &[u8]) -> bool {
    match (one.first_chunk(), one.last_chunk(), other.first_chunk(), other.last_chunk()) {
        (Some(first), Some(last), Some(other_first), Some(other_last)) => {
            u32::from_le_bytes(*first) == u32::from_le_bytes(*other_first)
                && u32::from_le_bytes(*last) == u32::from_le_bytes(*other_last)
        }
        _ => one.iter().zip(other).all(|(a, b)| a == b),
    }
}

#[inline]
fn same_word(one: &[u8; 8], other: &[u8; 8]) -> bool {
    u64::from_le_bytes(*one) == u64::from_le_bytes(*other)
}

/// Whether `text` begins with `prefix`.
#[inline]
pub fn starts_with(text: &[u8], prefix: &[u8]) -> bool {
    after(text, prefix).is_some()
}

/// What follows `prefix` in a text that begins with it.
#[inline]
pub fn after<'t>(text: &'t [u8], prefix: &[u8]) -> Option<&'t [u8]> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    same(start, prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_found_wherever_it_is() {
        for length in 0..40 {
            let text = vec![b'a'; length];
            assert!(same(&text, &text.clone()));
            assert!(!same(&text, &vec![b'a'; length + 1]));
            assert!(starts_with(&vec![b'a'; length + 1], &text));
            assert!(!starts_with(&text, &vec![b'a'; length + 1]));
            for at in 0..length {
                let mut other = text.clone();
                other[at] = b'b';
                assert!(!same(&text, &other), "byte {at} of {length}");
            }
        }
    }
}
