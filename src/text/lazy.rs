//! An automaton for expressions, whose states are made when a text first asks for them, in a cache of a bounded size.
//!
//! A text that keeps overflowing the cache could take long: the search gives up then, and what was not searched counts
//! as found.

use std::cell::RefCell;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::nfa::thompson::NFA;
use regex_automata::{Anchored, Input, MatchKind};

use super::fuel::{Fuel, Walk};

/// What the states may take at a time.
const CACHE_BYTES: usize = 1 << 20;
/// A search that emptied the cache so often, for so few bytes of text per state, takes too long.
const MOST_CLEARED: usize = 32;
const LEAST_BYTES_PER_STATE: usize = 4;

pub(super) struct Lazy {
    automaton: DFA,
    cache: RefCell<Cache>,
}

impl Lazy {
    /// `None` where it is too large for any automaton.
    pub(super) fn new(nfa: NFA) -> Option<Self> {
        let config = Config::new()
            .match_kind(MatchKind::All)
            .cache_capacity(CACHE_BYTES)
            .skip_cache_capacity_check(true)
            .minimum_cache_clear_count(Some(MOST_CLEARED))
            .minimum_bytes_per_state(Some(LEAST_BYTES_PER_STATE));
        let automaton = DFA::builder().configure(config).build_from_nfa(nfa).ok()?;
        let cache = RefCell::new(automaton.create_cache());
        Some(Self { automaton, cache })
    }

    /// Whether an expression matches between `start` and `end`, with what stands around as its context.
    pub(super) fn is_within(&self, text: &[u8], start: usize, end: usize) -> bool {
        let Ok(mut cache) = self.cache.try_borrow_mut() else {
            // Nothing searches while it searches; nothing else would be let through.
            return true;
        };
        let input = Input::new(text).range(start..end).earliest(true);
        self.automaton
            .try_search_fwd(&mut cache, &input)
            .or_else(|_| {
                // The cache may have been worn by earlier texts: this one gets a new one, once.
                cache.reset(&self.automaton);
                self.automaton.try_search_fwd(&mut cache, &input)
            })
            .map_or(true, |found| found.is_some())
    }

    /// Whether an expression matches from `start` on; tired too when the cache ended before that was known.
    pub(super) fn is_from(&self, text: &[u8], start: usize, fuel: &mut Fuel) -> Walk {
        self.walk(text, start, fuel).unwrap_or(Walk::Tired)
    }

    fn walk(&self, text: &[u8], start: usize, fuel: &mut Fuel) -> Option<Walk> {
        let mut cache = self.cache.try_borrow_mut().ok()?;
        let input = Input::new(text).range(start..).anchored(Anchored::Yes);
        let mut state = self.automaton.start_state_forward(&mut cache, &input).ok()?;
        fuel.begin()?;
        let mut at = start;
        for byte in text.get(start..).unwrap_or_default() {
            state = self.automaton.next_state(&mut cache, state, *byte).ok()?;
            at = at.saturating_add(1);
            if let Some(known) = verdict(state) {
                return Some(if known? { Walk::Found } else { Walk::Lost(at) });
            }
            fuel.step()?;
        }
        state = self.automaton.next_eoi_state(&mut cache, state).ok()?;
        let found = verdict(state).unwrap_or(Some(false))?;
        Some(if found { Walk::Found } else { Walk::Lost(at.saturating_add(1)) })
    }
}

/// What a state says of the search: nothing yet; or whether it found something, if that can be known.
fn verdict(state: LazyStateID) -> Option<Option<bool>> {
    if !state.is_tagged() {
        return None;
    }
    if state.is_match() {
        Some(Some(true))
    } else if state.is_dead() {
        Some(Some(false))
    } else if state.is_quit() {
        Some(None)
    } else {
        None
    }
}
