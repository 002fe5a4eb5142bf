//! Name patterns: a text in which `*` stands for anything, also for nothing.
//!
//! Matching is bounded: a pattern has a largest length and a largest number of stars. What most patterns are, a name or the
//! beginning of one, is compared as such. Knows no names.

use std::fmt;

/// The longest pattern, in bytes: so long can a model's name be (Bedrock's ARNs).
const LONGEST: usize = 2_048;
/// The most stars in one pattern.
const MOST_STARS: usize = 8;

/// One pattern.
#[derive(Clone, PartialEq, Eq)]
pub struct Glob {
    /// As it was written; without its star where that is all there is at its end.
    text: Box<str>,
    shape: Shape,
}

/// What has to be done to compare.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// No star: this name.
    Exact,
    /// One star, at the end: any name that begins so.
    Prefix,
    /// Anything else.
    Stars,
}

impl fmt::Debug for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.shape == Shape::Prefix { "*" } else { "" };
        write!(f, "{:?}", format!("{}{star}", self.text))
    }
}

impl Glob {
    /// The rule, for error messages.
    pub const RULE: &str = "1 to 2048 bytes, in which at most eight \"*\" stand for anything";

    /// Reads a pattern; `None` when it breaks [`Glob::RULE`].
    pub fn parse(text: &str) -> Option<Self> {
        let fits = (1..=LONGEST).contains(&text.len()) && text.matches('*').count() <= MOST_STARS;
        let (text, shape) = match text.strip_suffix('*') {
            Some(beginning) if !beginning.contains('*') => (beginning, Shape::Prefix),
            _ if text.contains('*') => (text, Shape::Stars),
            _ => (text, Shape::Exact),
        };
        (fits && !text.chars().any(char::is_control)).then(|| Self { text: text.into(), shape })
    }

    /// Whether `value` matches, letter by letter.
    pub fn matches(&self, value: &str) -> bool {
        match self.shape {
            Shape::Exact => *self.text == *value,
            Shape::Prefix => value.starts_with(&*self.text),
            Shape::Stars => matches(self.text.as_bytes(), value.as_bytes(), |a, b| a == b),
        }
    }

    /// Whether `value` matches if ASCII letters are alike in either case.
    pub fn matches_in_any_case(&self, value: &str) -> bool {
        let (text, value) = (self.text.as_bytes(), value.as_bytes());
        match self.shape {
            Shape::Exact => text.eq_ignore_ascii_case(value),
            Shape::Prefix => {
                value.get(..text.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(text))
            }
            Shape::Stars => matches(text, value, |a, b| a.eq_ignore_ascii_case(&b)),
        }
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
        for good in ["*", "a", "a*", "*a", "a\"b*"] {
            assert_eq!(format!("{:?}", Glob::parse(good).unwrap()), format!("{good:?}"));
        }
        let hard = Glob::parse("*a*a*a*a*a*a*a*b").unwrap();
        assert!(!hard.matches(&"a".repeat(100_000)), "and it ends");
    }
}
