//! Literals: a scout for where one may begin, an automaton that knows whether it does.
//!
//! Knows neither requests nor rules. Time grows with the text alone: what is spent on beginnings that lead nowhere is
//! bounded, and after that the automaton looks once at every byte that is left.

use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, BuildError, Input};

use super::fuel::Fuel;
use super::scout::{Scout, Windows};

/// Shorter ones begin nearly everywhere.
const SHORTEST: usize = 3;

/// Texts that are looked for together.
pub(super) struct Literals {
    short: Option<NFA>,
    long: Option<Long>,
    count: usize,
}

struct Long {
    scout: Scout,
    automaton: NFA,
}

impl Literals {
    /// `spellings` are not empty.
    pub(super) fn new(spellings: &[Vec<u8>], ignore_case: bool) -> Result<Self, BuildError> {
        let (short, long): (Vec<_>, Vec<_>) = spellings.iter().partition(|text| text.len() < SHORTEST);
        let short = match short.as_slice() {
            [] => None,
            some => Some(NFA::builder().ascii_case_insensitive(ignore_case).build(some)?),
        };
        let shortest = long.iter().map(|text| text.len()).min();
        let windows = shortest.and_then(|shortest| Windows::new(SHORTEST, shortest));
        let long = match windows {
            None => None,
            Some(mut windows) => {
                long.iter().for_each(|text| windows.add_text(text));
                let mut builder = NFA::builder();
                let builder = builder.ascii_case_insensitive(ignore_case).prefilter(false);
                Some(Long { scout: windows.scout().tuned(), automaton: builder.build(&long)? })
            }
        };
        Ok(Self { short, long, count: spellings.len() })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn are_in(&self, text: &[u8]) -> bool {
        self.long.as_ref().is_some_and(|long| long.is_in(text))
            || self.short.as_ref().is_some_and(|short| {
                short.try_find(&Input::new(text).earliest(true)).map_or(true, |found| found.is_some())
            })
    }
}

impl Long {
    fn is_in(&self, text: &[u8]) -> bool {
        let mut fuel = Fuel::for_text(text);
        let mut from = 0;
        while let Some(start) = self.scout.next(text, from) {
            let rest = text.get(start..).unwrap_or_default();
            match self.walk(rest, Anchored::Yes, &mut fuel) {
                Some(true) => return true,
                Some(false) => from = start.saturating_add(1),
                None => return self.walk(rest, Anchored::No, &mut Fuel::endless()).unwrap_or(true),
            }
        }
        false
    }

    /// Whether one begins here (anchored), or somewhere; `None` when the fuel ended before that was known.
    fn walk(&self, text: &[u8], anchored: Anchored, fuel: &mut Fuel) -> Option<bool> {
        let mut state = self.automaton.start_state(anchored).ok()?;
        fuel.begin()?;
        for byte in text {
            state = self.automaton.next_state(anchored, state, *byte);
            if self.automaton.is_special(state) {
                if self.automaton.is_match(state) {
                    return Some(true);
                }
                if self.automaton.is_dead(state) {
                    return Some(false);
                }
            }
            fuel.step()?;
        }
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn what_is_passed_over_holds_nothing(
            texts in proptest::collection::vec("[abAé@]{1,20}", 1..40),
            text in "[abABé@ ]{0,300}",
            ignore_case: bool,
        ) {
            let spellings: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
            let literals = Literals::new(&spellings, ignore_case).unwrap();
            let spelt = |text: &[u8]| if ignore_case { text.to_ascii_lowercase() } else { text.to_vec() };
            let text = text.as_bytes();
            let holds = |one: &Vec<u8>| memchr::memmem::find(&spelt(text), &spelt(one)).is_some();
            prop_assert_eq!(literals.are_in(text), spellings.iter().any(holds));
        }
    }

    #[test]
    fn beginnings_that_lead_nowhere_cost_no_more_than_the_text_does() {
        let long = Literals::new(&[[&b"a".repeat(1_000)[..], b"b"].concat()], true).unwrap();
        let text = b"a".repeat(1_000_000);
        let mut fuel = Fuel::for_text(&text);
        let anchored = |at: usize| long.long.as_ref().unwrap().walk(&text[at..], Anchored::Yes, &mut fuel);
        assert_eq!((0..text.len()).map(anchored).find(Option::is_none), Some(None));
        assert!(!long.are_in(&text));
        assert!(long.are_in(&[&text[..], b"b"].concat()));
    }
}
