//! Where something that is looked for may begin: found in that of two ways which costs ordinary text least.
//!
//! A [`Scout`] looks at a block here and there, and is best for what is long and unlike ordinary text; a [`Sieve`] looks
//! at every second pair, and is best for many things at once. Invariant: no beginning is missed.

use std::ops::Range;

use super::changes::{Changes, Folded};
use super::fuel::{Fuel, Walk};
use super::scout::{ORDINARY, Scout, Windows};
use super::sieve::{self, Cluster, Sieve};

/// What it costs to look at a byte by a sieve: tenths of a nanosecond.
const SIFT: usize = 3;
/// What it costs to begin to look closely.
const FIND: usize = 300;
const SELDOM: usize = 40;
/// Clusters beyond this number are not worth telling apart before they are joined.
const MOST_CLUSTERS: usize = 16;

/// Changes that are further from each other than this, on average, are looked at one by one.
const APART: usize = 96;

/// One way at least.
pub(super) struct Lookout {
    scout: Option<Scout>,
    sieve: Option<Sieve>,
}

/// The way that is taken for a text.
#[derive(Clone, Copy)]
enum Way<'l> {
    Scout(&'l Scout),
    Sieve(&'l Sieve),
}

impl Lookout {
    /// For texts of which each has at least three bytes.
    pub(super) fn of_texts(texts: &[&[u8]], windows: Windows) -> Self {
        let mut windows = windows;
        texts.iter().for_each(|text| windows.add_text(text));
        Self::new(windows, Self::clusters(texts))
    }

    /// Such texts for a sieve.
    pub(super) fn clusters(texts: &[&[u8]]) -> Vec<Cluster> {
        // A cluster is looked at only as far as its shortest text goes.
        let longer = |least: usize| texts.iter().filter(move |text| text.len().min(sieve::REACH) == least);
        let sorted: Vec<&[u8]> = (0..=sieve::REACH).flat_map(longer).copied().collect();
        let size = sorted.len().div_ceil(MOST_CLUSTERS).max(1);
        sorted.chunks(size).map(Cluster::of_texts).collect()
    }

    /// For everything at once by a sieve; `None` where it would find too much in ordinary text.
    pub(super) fn of_all(clusters: Vec<Cluster>) -> Option<Self> {
        let sieve = Sieve::new(clusters, ORDINARY.as_bytes());
        Some(Self { scout: None, sieve: Some(sieve) }).filter(|all| !all.is_busy())
    }

    /// What is cheaper for ASCII; for other texts a sieve that passes over most of them.
    pub(super) fn new(windows: Windows, clusters: Vec<Cluster>) -> Self {
        let text = ORDINARY.as_bytes();
        let (scout, sieve) = (windows.scout().tuned(), Sieve::new(clusters, text));
        let found = Way::Sieve(&sieve).finds(text);
        let sifted = text.len().saturating_mul(SIFT).saturating_add(found.saturating_mul(FIND));
        let is_cheaper = sifted < scout.own_cost();
        let is_worth_both = sieve.is_ascii() && found.saturating_mul(SELDOM) < text.len();
        Self {
            scout: Some(scout).filter(|_| !is_cheaper),
            sieve: Some(sieve).filter(|_| is_cheaper || is_worth_both),
        }
    }

    /// The way for texts that are ASCII, or for others.
    fn way(&self, is_ascii: bool) -> Option<Way<'_>> {
        let (scout, sieve) = (self.scout.as_ref().map(Way::Scout), self.sieve.as_ref().map(Way::Sieve));
        if is_ascii { scout.or(sieve) } else { sieve.or(scout) }
    }

    /// Whether it finds something in ordinary text oftener than once in so many bytes.
    pub(super) fn is_busy(&self) -> bool {
        let text = ORDINARY.as_bytes();
        self.way(true).is_none_or(|way| way.finds(text).saturating_mul(SELDOM) >= text.len())
    }

    /// Whether something begins in the text, or in its one spelling. `walk` follows it from a beginning, `whole` searches
    /// from a place on, in one go.
    pub(super) fn search(
        &self,
        text: &[u8],
        folded: Option<&Folded>,
        walk: &dyn Fn(&[u8], usize, &mut Fuel) -> Walk,
        whole: &dyn Fn(&[u8], usize) -> bool,
    ) -> bool {
        let Some(way) = self.way(folded.is_none()) else {
            return whole(text, 0) || folded.is_some_and(|folded| whole(&folded.bytes, 0));
        };
        let alone = |text: &[u8]| {
            let mut fuel = Fuel::for_text(text);
            way.first(text, 0..text.len(), &mut |start| match walk(text, start, &mut fuel) {
                Walk::Lost(_) => None,
                Walk::Found => Some(true),
                Walk::Tired => Some(whole(text, start)),
            })
        };
        let Some(Folded { bytes: folded, changes }) = folded else { return alone(text) == Some(true) };
        let Some(changes) = changes.as_ref().filter(|changes| way.is_worth(changes, text.len())) else {
            return alone(text) == Some(true) || alone(folded) == Some(true);
        };
        let mut fuel = Fuel::for_text(text);
        let mut seen = 0;
        let either = |start: usize| whole(text, start) || whole(folded, 0);
        let in_text = way.first(text, 0..text.len(), &mut |start| match walk(text, start, &mut fuel) {
            Walk::Found => Some(true),
            Walk::Tired => Some(either(start)),
            // In the one spelling it may go on otherwise.
            Walk::Lost(end) => match walk(folded, changes.moved(&mut seen, start, end)?, &mut fuel) {
                Walk::Found => Some(true),
                Walk::Tired => Some(either(start)),
                Walk::Lost(_) => None,
            },
        });
        in_text.unwrap_or_else(|| {
            let new = way.first_new(folded, changes, &mut |start| match walk(folded, start, &mut fuel) {
                Walk::Lost(_) => None,
                Walk::Found => Some(true),
                Walk::Tired => Some(whole(folded, 0)),
            });
            new == Some(true)
        })
    }
}

impl Way<'_> {
    fn finds(self, text: &[u8]) -> usize {
        let mut found = 0_usize;
        self.each(text, 0..text.len(), &mut |_| {
            found = found.saturating_add(1);
            false
        });
        found
    }

    /// How many bytes from a beginning decide whether it may be one.
    fn reach(self) -> usize {
        match self {
            Self::Scout(scout) => scout.reach(),
            Self::Sieve(_) => sieve::REACH,
        }
    }

    /// Whether nothing begins where there are not two adjacent bytes of ASCII.
    fn is_ascii(self) -> bool {
        matches!(self, Self::Sieve(sieve) if sieve.is_ascii())
    }

    /// Shows each place of `among` where something may begin, the first one first, until `look` has seen enough: whether
    /// it has.
    fn each(self, text: &[u8], among: Range<usize>, look: &mut dyn FnMut(usize) -> bool) -> bool {
        match self {
            Self::Sieve(sieve) => sieve.each(text, among.start, among.end, look),
            Self::Scout(scout) => {
                let end = among.end.saturating_add(scout.reach()).min(text.len());
                let text = text.get(..end).unwrap_or_default();
                let mut from = among.start;
                while let Some(start) = scout.next(text, from).filter(|start| *start < among.end) {
                    if look(start) {
                        return true;
                    }
                    from = start.saturating_add(1);
                }
                false
            }
        }
    }

    /// What `look` has to say of the first beginning of which it says something.
    fn first(
        self,
        text: &[u8],
        among: Range<usize>,
        look: &mut dyn FnMut(usize) -> Option<bool>,
    ) -> Option<bool> {
        let mut said = None;
        self.each(text, among, &mut |start| {
            said = look(start);
            said.is_some()
        });
        said
    }

    /// Whether it is less to look around the changes than everywhere.
    fn is_worth(self, changes: &Changes, length: usize) -> bool {
        self.is_ascii() || changes.count().saturating_mul(APART) < length
    }

    /// The same for beginnings of which something is new in the one spelling.
    fn first_new(
        self,
        folded: &[u8],
        changes: &Changes,
        look: &mut dyn FnMut(usize) -> Option<bool>,
    ) -> Option<bool> {
        let before = self.reach().saturating_sub(1);
        let mut seen = 0;
        for change in changes.in_folded() {
            let among = change.start.saturating_sub(before).max(seen)..change.end.saturating_add(1);
            if self.is_ascii() && !has_ascii_pair(folded, &change) {
                continue;
            }
            seen = among.end;
            let said = self.first(folded, among, look);
            if said.is_some() {
                return said;
            }
        }
        None
    }
}

/// Whether two adjacent bytes are ASCII, in what is new or with one of what stands around it.
#[inline]
fn has_ascii_pair(folded: &[u8], new: &Range<usize>) -> bool {
    let around = new.start.saturating_sub(1)..new.end.saturating_add(1).min(folded.len());
    match folded.get(around).unwrap_or_default() {
        [] | [_] => false,
        [first, second] => first.is_ascii() && second.is_ascii(),
        more => more.windows(2).any(<[u8]>::is_ascii),
    }
}
