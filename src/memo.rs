//! What a pure function gave for the arguments that come again and again: a model's prices, what a path is for.
//!
//! Bounded: a fixed number of places, of which each argument has one, and no argument longer than [`MAX_KEY_BYTES`] is
//! kept. So an attacker who sends a new one with every call makes nothing grow; it costs what it would without.

use std::cell::RefCell;
use std::fmt;

use crate::bytes;

/// How many answers are kept.
const PLACES: usize = 64;

/// The longest arguments whose answer is kept, all together.
const MAX_KEY_BYTES: usize = 512;

/// Answers by their arguments: `N` texts.
pub struct Memo<const N: usize, V> {
    places: RefCell<Vec<Option<Kept<V>>>>,
}

struct Kept<V> {
    /// The arguments, one after the other.
    key: Box<str>,
    answer: V,
}

impl<const N: usize, V> Default for Memo<N, V> {
    fn default() -> Self {
        Self { places: RefCell::new((0..PLACES).map(|_| None).collect()) }
    }
}

/// Shows nothing of what is kept: it came from callers.
impl<const N: usize, V> fmt::Debug for Memo<N, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memo")
    }
}

impl<const N: usize, V: Clone> Memo<N, V> {
    /// What `function` gives for `arguments`. It must depend on nothing else.
    pub fn get(&self, arguments: [&str; N], function: impl FnOnce() -> V) -> V {
        let place = place(&arguments);
        if let Some(Some(kept)) = self.places.borrow().get(place)
            && is_made_of(&kept.key, &arguments)
        {
            return kept.answer.clone();
        }
        let answer = function();
        let bytes = arguments.iter().fold(0_usize, |sum, argument| sum.saturating_add(argument.len()));
        if bytes <= MAX_KEY_BYTES
            && let Some(slot) = self.places.borrow_mut().get_mut(place)
        {
            *slot = Some(Kept { key: key(&arguments), answer: answer.clone() });
        }
        answer
    }
}

/// The arguments with their lengths between them, so that no two lists are written alike.
fn key(arguments: &[&str]) -> Box<str> {
    let mut key = String::new();
    for argument in arguments {
        key.extend(char::from_u32(u32::try_from(argument.len()).unwrap_or(u32::MAX)));
        key.push_str(argument);
    }
    key.into()
}

fn is_made_of(key: &str, arguments: &[&str]) -> bool {
    let mut rest = key;
    for argument in arguments {
        let mut letters = rest.chars();
        let length = letters.next().and_then(|length| usize::try_from(u32::from(length)).ok());
        let Some((own, after)) = letters.as_str().split_at_checked(argument.len()) else { return false };
        if length != Some(argument.len()) || !bytes::same(own.as_bytes(), argument.as_bytes()) {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

/// Where the answer for `arguments` is kept: a hash of their bytes, eight at a time.
fn place(arguments: &[&str]) -> usize {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = 0_u64;
    let mut mix = |bytes: u64| hash = (hash.rotate_left(23) ^ bytes).wrapping_mul(ODD);
    for argument in arguments {
        let (words, rest) = argument.as_bytes().as_chunks();
        words.iter().for_each(|word| mix(u64::from_le_bytes(*word)));
        mix(rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
    }
    usize::try_from(hash >> 58).unwrap_or(0)
}

const _: () = assert!(PLACES == 1 << (64 - 58));

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn an_answer_is_worked_out_once_and_for_its_own_arguments_alone() {
        let (memo, asked) = (Memo::<2, String>::default(), Cell::new(0));
        let ask = |one: &str, other: &str| {
            let answer = memo.get([one, other], || {
                asked.set(asked.get() + 1);
                format!("{one}|{other}")
            });
            assert_eq!(answer, format!("{one}|{other}"));
        };
        ask("openai", "gpt-4o");
        ask("openai", "gpt-4o");
        assert_eq!(asked.get(), 1);
        // Written without their lengths, these would be alike.
        for (one, other) in [("ab", "c"), ("a", "bc"), ("", "abc"), ("abc", ""), ("\u{1}a", "")] {
            ask(one, other);
            ask(one, other);
        }
    }

    #[test]
    fn what_never_comes_again_makes_nothing_grow() {
        let memo = Memo::<1, usize>::default();
        for number in 0..10_000 {
            let argument = format!("model-{number}");
            assert_eq!(memo.get([&argument], || number), number);
        }
        let long = "m".repeat(MAX_KEY_BYTES + 1);
        assert_eq!(memo.get([&long], || 1), 1);
        assert_eq!(memo.get([&long], || 2), 2, "it is not kept");
        assert_eq!(memo.places.borrow().len(), PLACES);
    }
}
