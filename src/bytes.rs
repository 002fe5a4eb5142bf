//! Comparing short runs of bytes: wasm has no instruction for it, and its C library compares one byte at a time.

/// Whether both are the same, eight bytes at a time.
#[inline]
pub fn same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let (words, rest) = one.as_chunks::<8>();
    let (other_words, other_rest) = other.as_chunks::<8>();
    let equal_words =
        words.iter().zip(other_words).all(|(a, b)| u64::from_le_bytes(*a) == u64::from_le_bytes(*b));
    equal_words && rest.iter().zip(other_rest).all(|(a, b)| a == b)
}

/// Whether `text` begins with `prefix`.
#[inline]
pub fn starts_with(text: &[u8], prefix: &[u8]) -> bool {
    text.get(..prefix.len()).is_some_and(|start| same(start, prefix))
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
