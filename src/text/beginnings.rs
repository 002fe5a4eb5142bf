//! How matches of expressions begin: which pairs of bytes may stand where.
//!
//! Walks the automaton's instructions from their start, all at once, as far as a window goes.

use regex_automata::nfa::thompson::{NFA, State};
use regex_automata::util::primitives::StateID;

use super::required::Bytes;

/// Each pair of bytes that a match may hold, and at which of its first offsets: letters in small letters, as scouts and
/// sieves take them.
pub(super) fn pairs(nfa: &NFA, offsets: usize, mut add: impl FnMut(usize, u8, u8)) {
    let mut firsts: Vec<Option<Bytes>> = vec![None; nfa.states().len()];
    let mut now = closure(nfa, [nfa.start_anchored()]);
    for offset in 0..offsets {
        let mut pairs = vec![Bytes::default(); 256];
        let mut next = Vec::new();
        for (first, last, to) in now.iter().flat_map(|state| own_steps(nfa, *state)) {
            let Some(known) = firsts.get_mut(to.as_usize()) else { continue };
            let seconds = *known.get_or_insert_with(|| first_bytes(nfa, to));
            let mut range = Bytes::default();
            range.insert_all(first, last);
            for first in range.folded().iter() {
                if let Some(pairs) = pairs.get_mut(usize::from(first)) {
                    pairs.add(&seconds);
                }
            }
            next.push(to);
        }
        for (first, seconds) in (0..=u8::MAX).zip(&pairs) {
            seconds.folded().iter().for_each(|second| add(offset, first, second));
        }
        now = closure(nfa, next);
    }
}

/// The bytes that may come at a state.
fn first_bytes(nfa: &NFA, state: StateID) -> Bytes {
    let mut bytes = Bytes::default();
    for state in closure(nfa, [state]) {
        for (first, last, _) in own_steps(nfa, state) {
            bytes.insert_all(first, last);
        }
    }
    bytes
}

/// What a state does with bytes: a range, and where it leads.
fn own_steps(nfa: &NFA, state: StateID) -> Vec<(u8, u8, StateID)> {
    match nfa.state(state) {
        State::ByteRange { trans } => vec![(trans.start, trans.end, trans.next)],
        State::Sparse(sparse) => sparse.transitions.iter().map(|t| (t.start, t.end, t.next)).collect(),
        State::Dense(dense) => {
            (0..=u8::MAX).zip(dense.transitions.iter()).map(|(byte, next)| (byte, byte, *next)).collect()
        }
        _ => Vec::new(),
    }
}

/// Every state that is reached without a byte, conditions taken as met; those that take bytes alone.
fn closure(nfa: &NFA, from: impl IntoIterator<Item = StateID>) -> Vec<StateID> {
    let mut open: Vec<StateID> = from.into_iter().collect();
    let mut seen = vec![false; nfa.states().len()];
    let mut taking = Vec::new();
    while let Some(state) = open.pop() {
        if seen.get_mut(state.as_usize()).is_none_or(|seen| std::mem::replace(seen, true)) {
            continue;
        }
        let mut reach = |next: StateID| open.push(next);
        match nfa.state(state) {
            State::ByteRange { .. } | State::Sparse(_) | State::Dense(_) => taking.push(state),
            State::Look { next, .. } | State::Capture { next, .. } => reach(*next),
            State::Union { alternates } => alternates.iter().copied().for_each(reach),
            State::BinaryUnion { alt1, alt2 } => [*alt1, *alt2].into_iter().for_each(reach),
            State::Fail | State::Match { .. } => {}
        }
    }
    taking
}
