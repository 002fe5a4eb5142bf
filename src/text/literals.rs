//! Literals: a scout for where one may begin, an automaton that knows whether it does.
//!
//! Knows neither requests nor rules. Time grows with the text alone: what is spent on beginnings that lead nowhere is
//! bounded, and after that the automaton looks once at every byte that is left.

use aho_corasick::automaton::Automaton;
use aho_corasick::nfa::contiguous::NFA;
use aho_corasick::{Anchored, BuildError, Input};

use super::changes::Folded;
use super::fuel::{Fuel, Walk};
use super::lookout::Lookout;
use super::scout::Windows;
use super::sieve::Cluster;

/// Shorter ones begin nearly everywhere.
const SHORTEST: usize = 3;

/// Such texts as a sieve takes them.
pub(super) fn clusters(spellings: &[Vec<u8>]) -> Vec<Cluster> {
    let long = spellings.iter().map(Vec::as_slice).filter(|text| text.len() >= SHORTEST);
    Lookout::clusters(&long.collect::<Vec<_>>())
}

/// Texts that are looked for together.
pub(super) struct Literals {
    short: Option<NFA>,
    long: Option<Long>,
    count: usize,
}

/// Those of at least three bytes.
pub(super) struct Long {
    lookout: Lookout,
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
            Some(windows) => {
                let texts: Vec<&[u8]> = long.iter().map(|text| text.as_slice()).collect();
                let mut builder = NFA::builder();
                let builder = builder.ascii_case_insensitive(ignore_case).prefilter(false);
                Some(Long { lookout: Lookout::of_texts(&texts, windows), automaton: builder.build(&long)? })
            }
        };
        Ok(Self { short, long, count: spellings.len() })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// In the text, or in its one spelling.
    pub(super) fn are_in(&self, text: &[u8], folded: Option<&Folded>) -> bool {
        self.long.as_ref().is_some_and(|long| long.is_in(text, folded)) || self.short_are_in(text, folded)
    }

    /// Those that a lookout is for.
    pub(super) fn begun(&self) -> Option<&Long> {
        self.long.as_ref()
    }

    /// The others.
    pub(super) fn short_are_in(&self, text: &[u8], folded: Option<&Folded>) -> bool {
        self.short.as_ref().is_some_and(|short| {
            let is_in = |text: &[u8]| {
                let found = short.try_find(&Input::new(text).earliest(true));
                found.map_or(true, |found| found.is_some())
            };
            is_in(text) || folded.is_some_and(|folded| is_in(&folded.bytes))
        })
    }
}

impl Long {
    fn is_in(&self, text: &[u8], folded: Option<&Folded>) -> bool {
        let walk = |text: &[u8], start: usize, fuel: &mut Fuel| self.is_from(text, start, fuel);
        self.lookout.search(text, folded, &walk, &|text, start| self.is_after(text, start))
    }

    /// Whether one begins here.
    pub(super) fn is_from(&self, text: &[u8], start: usize, fuel: &mut Fuel) -> Walk {
        self.walk(text, start, Anchored::Yes, fuel)
    }

    /// Whether one is somewhere from here on.
    pub(super) fn is_after(&self, text: &[u8], start: usize) -> bool {
        !matches!(self.walk(text, start, Anchored::No, &mut Fuel::endless()), Walk::Lost(_))
    }

    fn walk(&self, text: &[u8], start: usize, anchored: Anchored, fuel: &mut Fuel) -> Walk {
        self.follow(text, start, anchored, fuel).unwrap_or(Walk::Tired)
    }

    fn follow(&self, text: &[u8], start: usize, anchored: Anchored, fuel: &mut Fuel) -> Option<Walk> {
        let mut state = self.automaton.start_state(anchored).ok()?;
        fuel.begin()?;
        let mut at = start;
        for byte in text.get(start..).unwrap_or_default() {
            state = self.automaton.next_state(anchored, state, *byte);
            at = at.saturating_add(1);
            if self.automaton.is_special(state) {
                if self.automaton.is_match(state) {
                    return Some(Walk::Found);
                }
                if self.automaton.is_dead(state) {
                    return Some(Walk::Lost(at));
                }
            }
            fuel.step()?;
        }
        Some(Walk::Lost(at.saturating_add(1)))
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
            prop_assert_eq!(literals.are_in(text, None), spellings.iter().any(holds));
        }
    }

    #[test]
    fn beginnings_that_lead_nowhere_cost_no_more_than_the_text_does() {
        let long = Literals::new(&[[&b"a".repeat(1_000)[..], b"b"].concat()], true).unwrap();
        let text = b"a".repeat(1_000_000);
        let mut fuel = Fuel::for_text(&text);
        let anchored = |at: usize| long.long.as_ref().unwrap().walk(&text, at, Anchored::Yes, &mut fuel);
        assert!((0..text.len()).map(anchored).any(|walk| walk == Walk::Tired));
        assert!(!long.are_in(&text, None));
        assert!(long.are_in(&[&text[..], b"b"].concat(), None));
    }
}
