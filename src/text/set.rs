//! Literals and expressions, compiled into automata that look once at each byte.
//!
//! Expressions become automata whose states are made when a text first asks for them, in a cache of a bounded size. A
//! text that keeps overflowing the cache could take long: the search gives up then, and what was not searched counts as
//! found. Classes (`\w`, `.`, `[a-z]`) are of bytes.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use aho_corasick::AhoCorasick;
use regex_automata::hybrid::dfa::{Cache, Config, DFA};
use regex_automata::nfa::thompson::{Compiler, Config as NfaConfig, NFA, WhichCaptures};
use regex_automata::{Input, MatchKind};
use regex_syntax::ParserBuilder;
use regex_syntax::hir::Hir;

use super::fold;

/// The largest set of expressions, as their automaton's instructions, in bytes.
const MOST_BYTES: usize = 1 << 16;
/// What the states of one set may take at a time.
const CACHE_BYTES: usize = 1 << 20;
/// A search that emptied the cache so often, for so few bytes of text per state, takes too long.
const MOST_CLEARED: usize = 32;
const LEAST_BYTES_PER_STATE: usize = 4;
/// How deep groups may nest.
const MOST_NESTING: u32 = 32;

/// What a set looks for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Texts.
    pub literals: &'a [&'a str],
    /// Regular expressions.
    pub patterns: &'a [&'a str],
    /// Whether ASCII letters are alike in either case.
    pub ignore_case: bool,
}

/// Why an expression is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern {
    /// Which one; `None` for all of them together.
    pub index: Option<usize>,
    /// What is wrong with it.
    pub message: String,
}

/// A compiled set. Clones share it.
#[derive(Clone)]
pub struct TextSet(Rc<Compiled>);

struct Compiled {
    literals: Option<AhoCorasick>,
    expressions: Option<Expressions>,
}

struct Expressions {
    automaton: DFA,
    cache: RefCell<Cache>,
}

/// Shows how large it is, not what it looks for.
impl fmt::Debug for TextSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let literals = self.0.literals.as_ref().map_or(0, AhoCorasick::patterns_len);
        let patterns = self.0.expressions.as_ref().map_or(0, |some| some.automaton.pattern_len());
        write!(f, "TextSet({literals} spellings of literals, {patterns} patterns)")
    }
}

impl TextSet {
    /// Compiles everything that any of `wanted` looks for into one set.
    ///
    /// # Errors
    /// The first expression that is none, that finds nothing in particular, or that makes the automaton too large.
    pub fn compile(wanted: &[Wanted<'_>]) -> Result<Self, BadPattern> {
        let mut expressions = Vec::new();
        for wanted in wanted {
            for (index, pattern) in wanted.patterns.iter().enumerate() {
                let parsed = parse(pattern, wanted.ignore_case);
                expressions.push(parsed.map_err(|message| BadPattern { index: Some(index), message })?);
            }
        }
        Ok(Self(Rc::new(Compiled {
            literals: literals(wanted)?,
            expressions: if expressions.is_empty() { None } else { Some(automaton(&expressions)?) },
        })))
    }

    /// Whether anything of it is in `text`, as it stands.
    pub fn is_in(&self, text: &[u8]) -> bool {
        self.0.literals.as_ref().is_some_and(|literals| literals.is_match(text))
            || self.0.expressions.as_ref().is_some_and(|expressions| expressions.are_in(text))
    }
}

impl Expressions {
    fn are_in(&self, text: &[u8]) -> bool {
        let Ok(mut cache) = self.cache.try_borrow_mut() else {
            // Nothing searches while it searches; nothing else would be let through.
            return true;
        };
        let input = Input::new(text).earliest(true);
        self.automaton
            .try_search_fwd(&mut cache, &input)
            .or_else(|_| {
                // The cache may have been worn by earlier texts: this one gets a new one, once.
                cache.reset(&self.automaton);
                self.automaton.try_search_fwd(&mut cache, &input)
            })
            .map_or(true, |found| found.is_some())
    }
}

/// Each literal as it is written and in the one spelling that text is folded to.
fn literals(wanted: &[Wanted<'_>]) -> Result<Option<AhoCorasick>, BadPattern> {
    let mut spellings: Vec<Vec<u8>> = Vec::new();
    for literal in wanted.iter().flat_map(|wanted| wanted.literals) {
        spellings.extend(fold(literal.as_bytes()).filter(|folded| !folded.is_empty()));
        spellings.push(literal.as_bytes().to_vec());
    }
    if spellings.is_empty() {
        return Ok(None);
    }
    // Several sets together are asked before each is: taking any case finds what each of them does.
    let ignore_case = wanted.iter().any(|wanted| wanted.ignore_case);
    let built = AhoCorasick::builder().ascii_case_insensitive(ignore_case).build(&spellings);
    built.map(Some).map_err(|error| BadPattern { index: None, message: error.to_string() })
}

fn parse(pattern: &str, ignore_case: bool) -> Result<Hir, String> {
    let mut parser = ParserBuilder::new()
        .unicode(false)
        .utf8(false)
        .case_insensitive(ignore_case)
        .nest_limit(MOST_NESTING)
        .build();
    let parsed = parser.parse(pattern).map_err(|error| match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        error => error.to_string(),
    })?;
    if parsed.properties().minimum_len().is_none_or(|least| least == 0) {
        return Err("it finds something in every text, or in none".to_owned());
    }
    Ok(parsed)
}

fn automaton(expressions: &[Hir]) -> Result<Expressions, BadPattern> {
    let too_large = || BadPattern {
        index: None,
        message: format!("their automaton would take more than {MOST_BYTES} bytes; simplify or split them"),
    };
    let config =
        NfaConfig::new().utf8(false).which_captures(WhichCaptures::None).nfa_size_limit(Some(MOST_BYTES));
    let nfa: NFA =
        Compiler::new().configure(config).build_many_from_hir(expressions).map_err(|_| too_large())?;
    let config = Config::new()
        .match_kind(MatchKind::All)
        .cache_capacity(CACHE_BYTES)
        .skip_cache_capacity_check(true)
        .minimum_cache_clear_count(Some(MOST_CLEARED))
        .minimum_bytes_per_state(Some(LEAST_BYTES_PER_STATE));
    let automaton = DFA::builder().configure(config).build_from_nfa(nfa).map_err(|_| too_large())?;
    let cache = RefCell::new(automaton.create_cache());
    Ok(Expressions { automaton, cache })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(literals: &[&str], patterns: &[&str], ignore_case: bool) -> TextSet {
        TextSet::compile(&[Wanted { literals, patterns, ignore_case }]).unwrap()
    }

    #[test]
    fn literals_and_expressions_are_found_wherever_they_are() {
        let set = set(&["Project Falcon", "Größe"], &[r"\b\d{3}-\d{2}-\d{4}\b", "^secret:"], true);
        for (text, found) in [
            ("about project falcon.", true),
            ("PROJECT FALCON", true),
            ("größe", true),
            ("GRÖSSE", false),
            ("ssn 123-45-6789", true),
            ("ssn 0123-45-6789", false),
            ("SECRET: x", true),
            ("no secret: x", false),
            ("", false),
        ] {
            let folded = fold(text.as_bytes());
            let seen = set.is_in(text.as_bytes()) || folded.is_some_and(|folded| set.is_in(&folded));
            assert_eq!(seen, found, "{text:?}");
        }
        let exact = super::tests::set(&["Falcon"], &["[A-Z]{4}"], false);
        assert!(exact.is_in(b"Falcon") && !exact.is_in(b"falcon") && exact.is_in(b"xABCDx"));
        assert!(!exact.is_in(b"abcd"));
    }

    #[test]
    fn several_sets_together_find_what_each_of_them_does() {
        let wanted = [
            Wanted { literals: &["Falcon"], patterns: &[], ignore_case: false },
            Wanted { literals: &["eagle"], patterns: &["k{3}"], ignore_case: true },
        ];
        let all = TextSet::compile(&wanted).unwrap();
        for text in ["Falcon", "EAGLE", "KKK", "kKk"] {
            assert!(all.is_in(text.as_bytes()), "{text}");
        }
        assert!(!all.is_in(b"sparrow"));
    }

    #[test]
    fn an_expression_that_says_nothing_or_grows_too_large_is_refused() {
        for (pattern, index, words) in [
            ("(", Some(0), "unclosed group"),
            ("a*", Some(0), "every text"),
            ("^", Some(0), "every text"),
            (r"\p{Greek}", Some(0), "Unicode"),
            (r"(a)\1", Some(0), "backreferences"),
            ("a(?=b)", Some(0), "look-around"),
            ("((((a{50}){50}){50}){50}){50}", None, "simplify"),
        ] {
            let bad = TextSet::compile(&[Wanted { literals: &[], patterns: &[pattern], ignore_case: true }]);
            let bad = bad.unwrap_err();
            assert_eq!(bad.index, index, "{pattern}: {}", bad.message);
            assert!(bad.message.contains(words), "{pattern}: {}", bad.message);
        }
    }

    #[test]
    fn a_text_that_wears_the_automaton_out_ends_and_counts_as_found() {
        let hard = set(&[], &["[ab]*a[ab]{60}c"], false);
        let mut random = 7_u64;
        let text: Vec<u8> = (0..2_000_000)
            .map(|_| {
                random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                if random >> 63 == 0 { b'a' } else { b'b' }
            })
            .collect();
        assert!(hard.is_in(&text), "it cannot be known");
        assert!(!hard.is_in(&text[..20_000]), "it can be known, and the next text is searched anew");
        assert!(hard.is_in(&[&[b'a'; 61][..], b"c"].concat()));
    }

    #[test]
    fn no_set_shows_what_it_looks_for() {
        assert_eq!(
            format!("{:?}", set(&["falcon"], &["eagle"], true)),
            "TextSet(1 spellings of literals, 1 patterns)"
        );
    }
}
