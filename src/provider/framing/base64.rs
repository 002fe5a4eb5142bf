//! Base64, decoded as it streams past.

/// The state between two chunks: the bits of an unfinished group.
#[derive(Clone, Debug, Default)]
pub struct Base64 {
    bits: u32,
    digits: u8,
}

impl Base64 {
    /// Decodes the next characters (standard or URL alphabet) onto `decoded`. Anything else, padding included, is passed over.
    pub fn decode(&mut self, encoded: &[u8], decoded: &mut Vec<u8>) {
        for value in encoded.iter().filter_map(|character| digit(*character)) {
            self.bits = (self.bits << 6) | u32::from(value);
            self.digits = self.digits.saturating_add(1);
            // Each digit from the second on completes a byte; what is left over carries to the next.
            let shift = match self.digits {
                2 => 4,
                3 => 2,
                4 => 0,
                _ => continue,
            };
            decoded.push((self.bits >> shift) as u8);
            if self.digits == 4 {
                *self = Self::default();
            }
        }
    }
}

const fn digit(character: u8) -> Option<u8> {
    let (first, value) = match character {
        b'A'..=b'Z' => (b'A', 0),
        b'a'..=b'z' => (b'a', 26),
        b'0'..=b'9' => (b'0', 52),
        b'+' | b'-' => return Some(62),
        b'/' | b'_' => return Some(63),
        _ => return None,
    };
    Some(character.saturating_sub(first).saturating_add(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_however_it_is_cut() {
        for (encoded, text) in
            [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("eyJhIjoxfQ==", "{\"a\":1}")]
        {
            for cut in 0..=encoded.len() {
                let mut decoded = Vec::new();
                let mut base64 = Base64::default();
                base64.decode(&encoded.as_bytes()[..cut], &mut decoded);
                base64.decode(&encoded.as_bytes()[cut..], &mut decoded);
                assert_eq!(decoded, text.as_bytes(), "{encoded} cut at {cut}");
            }
        }
    }
}
