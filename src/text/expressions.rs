//! Expressions: searched where a match may be, by what every match begins with or contains.
//!
//! Three kinds, an automaton for each that occurs: those whose beginning tells them from ordinary text are looked for
//! there; those that contain a text are looked for around it, as far as a match can reach; the others are searched in
//! all of the text. Time grows with the text alone, whatever expressions and text are.

use regex_automata::nfa::thompson::{Compiler, Config, NFA, WhichCaptures};
use regex_syntax::hir::Hir;

use super::beginnings;
use super::changes::Folded;
use super::fuel::Fuel;
use super::lazy::Lazy;
use super::lookout::Lookout;
use super::required::{self, Bytes};
use super::scout::{Scout, Windows};
use super::sieve::{self, Cluster};

/// The largest set of expressions, as their automaton's instructions, in bytes.
pub(super) const MOST_BYTES: usize = 1 << 16;

/// Bytes of a required text's blocks.
const BLOCK: usize = 2;

/// Compiled expressions.
pub(super) struct Expressions {
    beginning: Option<(Lookout, Lazy)>,
    containing: Option<(Contained, Lazy)>,
    other: Option<Lazy>,
    /// Of those with a beginning, until somebody takes them.
    clusters: Vec<Cluster>,
    count: usize,
}

/// What every match contains.
struct Contained {
    needle: Needle,
    /// No match holds another byte.
    bytes: Bytes,
}

enum Needle {
    /// One of up to three bytes.
    Byte(Vec<u8>),
    Text(Scout),
}

/// All of them together are too large an automaton.
pub(super) struct TooLarge;

impl Expressions {
    pub(super) fn new(expressions: &[Hir]) -> Result<Self, TooLarge> {
        // The bound is on all of them together.
        compile(expressions)?;
        let (beginning, rest): (Vec<Hir>, Vec<Hir>) =
            expressions.iter().cloned().partition(|one| seldom_begins(std::slice::from_ref(one)).is_some());
        let (beginning, vague) = apart(beginning);
        let (containing, other): (Vec<Hir>, Vec<Hir>) = [rest, vague]
            .concat()
            .into_iter()
            .partition(|one| Contained::of(std::slice::from_ref(one)).is_some());
        let contained = Contained::of(&containing);
        // Each may tell something, and all of them together nothing.
        let (containing, other) = if contained.is_some() {
            (containing, other)
        } else {
            (Vec::new(), [containing, other].concat())
        };
        Ok(Self {
            beginning: seldom_begins(&beginning).zip(lazy(&beginning)?),
            containing: contained.zip(lazy(&containing)?),
            other: lazy(&other)?,
            clusters: begun(&beginning).map(|(_, clusters)| clusters).unwrap_or_default(),
            count: expressions.len(),
        })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// In the text, or in its one spelling.
    pub(super) fn are_in(&self, text: &[u8], folded: Option<&Folded>) -> bool {
        self.beginning.as_ref().is_some_and(|(lookout, lazy)| {
            let walk = |text: &[u8], start: usize, fuel: &mut Fuel| lazy.is_from(text, start, fuel);
            lookout.search(text, folded, &walk, &|text, start| lazy.is_within(text, start, text.len()))
        }) || self.others_are_in(text, folded)
    }

    /// Those that a lookout is for.
    pub(super) fn begun(&self) -> Option<&Lazy> {
        self.beginning.as_ref().map(|(_, lazy)| lazy)
    }

    /// The others.
    pub(super) fn others_are_in(&self, text: &[u8], folded: Option<&Folded>) -> bool {
        let either = |search: &dyn Fn(&[u8]) -> bool| {
            search(text) || folded.is_some_and(|folded| search(&folded.bytes))
        };
        self.containing.as_ref().is_some_and(|(contained, lazy)| either(&|text| contained.is_in(text, lazy)))
            || self.other.as_ref().is_some_and(|lazy| either(&|text| lazy.is_within(text, 0, text.len())))
    }

    /// Those that a lookout is for, as a sieve takes them.
    pub(super) fn take_clusters(&mut self) -> Vec<Cluster> {
        std::mem::take(&mut self.clusters)
    }
}

impl Contained {
    fn of(expressions: &[Hir]) -> Option<Self> {
        let mut texts = Vec::new();
        for expression in expressions {
            texts.extend(required::texts(expression)?);
        }
        let shortest = texts.iter().map(Vec::len).min()?;
        let needle = if shortest >= BLOCK {
            let mut windows = Windows::new(BLOCK, shortest)?;
            texts.iter().for_each(|text| windows.add_text(text));
            Some(windows.scout()).filter(|scout| !scout.is_busy()).map(|scout| Needle::Text(scout.tuned()))
        } else {
            seldom_bytes(&texts).map(Needle::Byte)
        };
        let mut bytes = Bytes::default();
        expressions.iter().for_each(|expression| bytes.add(&required::bytes(expression)));
        Some(Self { needle: needle?, bytes })
    }

    /// Searches around each needle, from the nearest byte before it that no match holds to the next one after it.
    fn is_in(&self, text: &[u8], lazy: &Lazy) -> bool {
        let mut from = 0;
        while let Some(at) = self.needle.next(text, from) {
            let is_foreign = |byte: &u8| !self.bytes.has(*byte);
            let before = text.get(from..at).unwrap_or_default();
            let start = before.iter().rposition(is_foreign).map_or(0, |last| last.saturating_add(1));
            let after = text.get(at..).unwrap_or_default();
            let end = after.iter().position(is_foreign).unwrap_or(after.len());
            let end = at.saturating_add(end);
            if lazy.is_within(text, from.saturating_add(start), end) {
                return true;
            }
            // What is foreign itself is no needle: a scout may have taken it for one.
            from = end.max(at.saturating_add(1));
        }
        false
    }
}

/// A byte of each text that few texts hold.
fn seldom_bytes(texts: &[Vec<u8>]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for text in texts {
        bytes.push(text.iter().copied().find(|byte| required::is_seldom(*byte))?);
    }
    bytes.sort_unstable();
    bytes.dedup();
    (bytes.len() <= 3).then_some(bytes)
}

impl Needle {
    fn next(&self, text: &[u8], from: usize) -> Option<usize> {
        let bytes = match self {
            Self::Text(scout) => return scout.next(text, from),
            Self::Byte(bytes) => bytes.as_slice(),
        };
        let rest = text.get(from..)?;
        let found = match *bytes {
            [a] => memchr::memchr(a, rest),
            [a, b] => memchr::memchr2(a, b, rest),
            [a, b, c, ..] => memchr::memchr3(a, b, c, rest),
            [] => None,
        };
        found.map(|found| from.saturating_add(found))
    }
}

/// The expressions whose beginnings together tell them from ordinary text, and the others: the shortest tell least.
fn apart(expressions: Vec<Hir>) -> (Vec<Hir>, Vec<Hir>) {
    let mut telling = expressions;
    telling.sort_by_key(|one| std::cmp::Reverse(shortest(std::slice::from_ref(one))));
    let mut vague = Vec::new();
    while !telling.is_empty() && seldom_begins(&telling).is_none() {
        vague.extend(telling.split_off(telling.len() / 2));
    }
    (telling, vague)
}

/// Where one of them may begin, if that is seldom in ordinary text.
fn seldom_begins(expressions: &[Hir]) -> Option<Lookout> {
    let (windows, clusters) = begun(expressions)?;
    Some(Lookout::new(windows, clusters)).filter(|lookout| !lookout.is_busy())
}

/// How they begin, as scouts and sieves take it.
fn begun(expressions: &[Hir]) -> Option<(Windows, Vec<Cluster>)> {
    let mut windows = Windows::new(BLOCK, shortest(expressions))?;
    let mut clusters = Vec::new();
    for one in expressions {
        let nfa = compile(std::slice::from_ref(one)).ok()?;
        let length = shortest(std::slice::from_ref(one));
        let mut cluster = Cluster::new(length.saturating_sub(1));
        beginnings::pairs(&nfa, windows.offsets().max(length.min(sieve::REACH)), |offset, first, second| {
            if offset < windows.offsets() {
                windows.add(offset, &[first, second]);
            }
            cluster.add(offset, first, second);
        });
        clusters.push(cluster);
    }
    Some((windows, clusters))
}

fn shortest(expressions: &[Hir]) -> usize {
    expressions.iter().filter_map(|one| one.properties().minimum_len()).min().unwrap_or(0)
}

fn compile(expressions: &[Hir]) -> Result<NFA, TooLarge> {
    let config =
        Config::new().utf8(false).which_captures(WhichCaptures::None).nfa_size_limit(Some(MOST_BYTES));
    Compiler::new().configure(config).build_many_from_hir(expressions).map_err(|_| TooLarge)
}

fn lazy(expressions: &[Hir]) -> Result<Option<Lazy>, TooLarge> {
    if expressions.is_empty() {
        return Ok(None);
    }
    Lazy::new(compile(expressions)?).map(Some).ok_or(TooLarge)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_syntax::ParserBuilder;

    use super::*;
    use crate::text::fuel::Walk;

    fn parsed(pattern: &str) -> Hir {
        ParserBuilder::new().unicode(false).utf8(false).case_insensitive(true).build().parse(pattern).unwrap()
    }

    /// Every kind, and what is nearly another.
    const PATTERNS: &[&str] = &[
        r"\b\d{3}-\d{2}-\d{4}\b",
        r"\b(?:\d[ -]?){15}\d\b",
        r"[\w.+-]+@[\w-]+\.\w{2,}",
        r"AKIA[0-9A-Z]{4}",
        r"\w+ \bab\b",
        r"(?:ab|ba)\s*[:=]\s*\S+",
        r"^a.*b$",
        r"(?m)^ab$",
        r"a[^b]*@b",
        r"\d\d",
        r"é.{0,3}a",
        r"(?-i:B)a+@?",
        r"\B@\B",
        r"a|bb|@@@",
        r"[^a]{5}",
    ];

    proptest! {
        #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]
        /// Few different bytes, so that there is much to find and much that is nearly it.
        #[test]
        fn what_is_passed_over_holds_nothing(
            chosen in proptest::sample::subsequence(PATTERNS, 1..5),
            texts in proptest::collection::vec(r"([abk@.: =\n1é-]|AKIA|12-|4111 |ab|\.[a-z]{2}){0,60}", 4),
        ) {
            let parsed: Vec<Hir> = chosen.iter().map(|pattern| parsed(pattern)).collect();
            let expressions = Expressions::new(&parsed).ok().unwrap();
            let plain = lazy(&parsed).ok().unwrap().unwrap();
            for text in &texts {
                let text = text.as_bytes();
                prop_assert_eq!(expressions.are_in(text, None), plain.is_within(text, 0, text.len()), "{:?}", chosen);
            }
        }
    }

    #[test]
    fn each_kind_is_searched_in_its_way() {
        let kinds = |pattern: &str| {
            let some = Expressions::new(&[parsed(pattern)]).ok().unwrap();
            (some.beginning.is_some(), some.containing.is_some(), some.other.is_some())
        };
        assert_eq!(kinds(r"\b(?:\d[ -]?){15}\d\b"), (true, false, false));
        assert_eq!(kinds(r"[\w.+-]+@[\w-]+\.\w{2,}"), (false, true, false));
        assert_eq!(kinds(r"\w+ \w+ing falcon"), (false, true, false));
        assert_eq!(kinds(r"[a-z]+\s[a-z]+"), (false, false, true));
    }

    #[test]
    fn beginnings_that_lead_nowhere_cost_no_more_than_the_text_does() {
        let expressions = Expressions::new(&[parsed("ab[abc]{40}d[abc]*e")]).ok().unwrap();
        assert!(expressions.beginning.is_some());
        let text = b"abcab".repeat(200_000);
        let mut fuel = Fuel::for_text(&text);
        let (_, lazy) = expressions.beginning.as_ref().unwrap();
        assert!((0..text.len()).any(|at| lazy.is_from(&text, at, &mut fuel) == Walk::Tired));
        assert!(!expressions.are_in(&text, None));
        let found = [&text[..], &b"ab".repeat(21), b"dabce"].concat();
        assert!(expressions.are_in(&found, None));
    }
}
