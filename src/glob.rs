//! Name patterns: a text in which `*` stands for anything, also for nothing.
//!
//! Matching is bounded: a pattern has a largest length and a largest number of stars. Knows no names.

use std::fmt;

/// The longest pattern, in bytes.
const LONGEST: usize = 256;
/// The most stars in one pattern.
const MOST_STARS: usize = 8;

/// One pattern.
#[derive(Clone, PartialEq, Eq)]
pub struct Glob(Box<str>);

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}

impl Glob {
    /// The rule, for error messages.
    pub const RULE: &str = "1 to 256 bytes, in which at most eight \"*\" stand for anything";

    /// Reads a pattern; `None` when it breaks [`Glob::RULE`].
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=LONGEST).contains(&text.len()) && text.matches('*').count() <= MOST_STARS;
        (fits && !text.chars().any(char::is_control)).then(|| Self(text.into()))
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `value` matches, letter by letter.
    pub fn matches(&self, value: &str) -> bool {
        matches(self.0.as_bytes(), value.as_bytes(), |a, b| a == b)
    }

    /// Whether `value` matches if ASCII letters are alike in either case.
    pub fn matches_in_any_case(&self, value: &str) -> bool {
        matches(self.0.as_bytes(), value.as_bytes(), |a, b| a.eq_ignore_ascii_case(&b))
    }
}

/// The latest star takes as much as is needed; an earlier one never has to take more than it did.
fn matches(mut pattern: &[u8], mut value: &[u8], same: impl Fn(u8, u8) -> bool) -> bool {
    // What follows the latest star, and from where on it is tried next.
    let mut retry: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern, value) {
            ([], []) => return true,
            ([b'*', after @ ..], _) => {
                if after.is_empty() {
                    return true;
                }
                retry = Some((after, value));
                pattern = after;
            }
            ([wanted, after @ ..], [found, rest @ ..]) if same(*wanted, *found) => {
                (pattern, value) = (after, rest);
            }
            _ => {
                let Some((after, [_, from @ ..])) = retry else { return false };
                retry = Some((after, from));
                (pattern, value) = (after, from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By definition, one star at a time.
    fn oracle(pattern: &[u8], value: &[u8]) -> bool {
        match (pattern, value) {
            ([], value) => value.is_empty(),
            ([b'*', after @ ..], value) => (0..=value.len()).any(|taken| oracle(after, &value[taken..])),
            ([wanted, after @ ..], [found, rest @ ..]) => wanted == found && oracle(after, rest),
            _ => false,
        }
    }

    #[test]
    fn every_short_pattern_matches_as_its_definition_says() {
        let words = |alphabet: &[u8], most: usize| {
            let mut words: Vec<Vec<u8>> = vec![Vec::new()];
            let mut last = words.clone();
            for _ in 0..most {
                last = last.iter().flat_map(|w| alphabet.iter().map(|b| [w, &[*b][..]].concat())).collect();
                words.extend(last.iter().cloned());
            }
            words
        };
        let values = words(b"ab", 5);
        for pattern in words(b"ab*", 5).iter().filter(|pattern| !pattern.is_empty()) {
            let glob = Glob::parse(std::str::from_utf8(pattern).unwrap()).unwrap();
            for value in &values {
                let value = std::str::from_utf8(value).unwrap();
                assert_eq!(glob.matches(value), oracle(pattern, value.as_bytes()), "{glob:?} {value:?}");
                assert_eq!(glob.matches_in_any_case(&value.to_uppercase()), glob.matches(value), "{glob:?}");
            }
        }
    }

    #[test]
    fn patterns_are_bounded() {
        let long = "x".repeat(LONGEST + 1);
        for bad in ["", "a*b*c*d*e*f*g*h*i*", "a\nb", &long] {
            assert_eq!(Glob::parse(bad), None, "{bad:?}");
        }
        let hard = Glob::parse("*a*a*a*a*a*a*a*b").unwrap();
        assert!(!hard.matches(&"a".repeat(100_000)), "and it ends");
    }
}
