//! The holder of the caller's key, by its SHA-256.
//!
//! The key is hashed where it stands and goes nowhere else: not into a value, an error or a log. All entries are compared
//! in full, whichever matches, so that the time it takes tells nothing of the digests.

use std::hint::black_box;

use sha2::{Digest, Sha256};

use crate::config::ApiKey;
use crate::headers::Headers;

/// Headers that hold nothing but a key.
const KEY_HEADERS: [&str; 3] = ["x-api-key", "api-key", "x-goog-api-key"];

/// The entry of the caller's key.
pub(super) fn holder<'k>(known: &'k [ApiKey], headers: Headers<'_>) -> Option<&'k ApiKey> {
    let digest: [u8; 32] = Sha256::digest(credential(headers)?).into();
    known.get(position(known, &digest)?)
}

/// The one key that the caller presents, wherever and however often. Two different ones name nobody: the provider may
/// take one and this filter the other.
fn credential(headers: Headers<'_>) -> Option<&[u8]> {
    let bearer = headers.all("authorization").filter_map(bearer_token);
    let bare = KEY_HEADERS.into_iter().flat_map(|name| headers.all(name));
    let mut presented = bearer.chain(bare).filter(|key| !key.is_empty());
    let first = presented.next()?;
    presented.all(|other| other == first).then_some(first)
}

/// The token of `Bearer <token>`, the scheme in any case.
fn bearer_token(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

/// Where `digest` stands, in a time that depends on the number of entries alone.
fn position(known: &[ApiKey], digest: &[u8; 32]) -> Option<usize> {
    let mut found = 0_usize;
    for (next, entry) in (1_usize..).zip(known) {
        let difference = entry.sha256.iter().zip(digest).fold(0_u8, |sum, (a, b)| sum | (a ^ b));
        // All ones where nothing differs, else zero.
        let same = usize::from(black_box(difference)).wrapping_sub(1) >> (usize::BITS - 1);
        found |= same.wrapping_neg() & next;
    }
    found.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::awu::{Attribute, Attribution};
    use crate::headers::HeaderPairs;

    fn known(keys: &[&str]) -> Vec<ApiKey> {
        let entry = |key: &&str| ApiKey {
            sha256: Sha256::digest(key.as_bytes()).into(),
            attributes: Attribution::new([(Attribute::Team, (*key).into())]),
        };
        keys.iter().map(entry).collect()
    }

    fn team(pairs: &[(&str, &str)]) -> Option<String> {
        let known = known(&["sk-one", "sk-two", "sk-three"]);
        let pairs: Vec<(&[u8], &[u8])> = pairs.iter().map(|(k, v)| (k.as_bytes(), v.as_bytes())).collect();
        holder(&known, Headers::of(&HeaderPairs::new(&pairs)))?
            .attributes
            .get(Attribute::Team)
            .map(str::to_owned)
    }

    #[test]
    fn the_holder_is_found_by_the_key_wherever_it_stands() {
        for (name, value, expected) in [
            ("authorization", "Bearer sk-one", Some("sk-one")),
            ("authorization", "bEARER   sk-two ", Some("sk-two")),
            ("x-api-key", "sk-three", Some("sk-three")),
            ("api-key", "sk-one", Some("sk-one")),
            ("x-goog-api-key", "sk-two", Some("sk-two")),
            ("authorization", "Basic sk-one", None),
            ("authorization", "Bearer", None),
            ("authorization", "Bearer ", None),
            ("authorization", "sk-one", None),
            ("x-api-key", "sk-on", None),
            ("x-api-key", "sk-one ", None),
            ("x-key", "sk-one", None),
        ] {
            assert_eq!(team(&[(name, value)]).as_deref(), expected, "{name}: {value}");
        }
    }

    #[test]
    fn two_different_keys_name_nobody() {
        let (one, two) = (("authorization", "Bearer sk-one"), ("x-api-key", "sk-two"));
        assert_eq!(team(&[one, two]), None);
        assert_eq!(team(&[one, ("api-key", "garbage")]), None);
        assert_eq!(team(&[("x-api-key", "sk-one"), ("x-api-key", "sk-two")]), None);
        assert_eq!(team(&[one, ("x-api-key", "sk-one")]).as_deref(), Some("sk-one"));
    }

    #[test]
    fn every_position_is_found_and_nothing_else() {
        let known = known(&["a", "b", "c", "d", "e"]);
        for (position, entry) in known.iter().enumerate() {
            assert_eq!(super::position(&known, &entry.sha256), Some(position));
            for bit in 0..256 {
                let mut other = entry.sha256;
                other[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(super::position(&known, &other), None);
            }
        }
        assert_eq!(super::position(&[], &[0; 32]), None);
    }
}
