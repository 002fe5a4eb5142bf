//! Literals and expressions, compiled together: whether anything of them is in a text.
//!
//! Time grows with the text alone, whatever the set and the text are; classes (`\w`, `.`, `[a-z]`) are of bytes.

use std::fmt;
use std::rc::Rc;

use regex_syntax::ParserBuilder;
use regex_syntax::hir::Hir;

use super::changes::Folded;
use super::expressions::{Expressions, MOST_BYTES, TooLarge};
use super::fold;
use super::fuel::{Fuel, Walk};
use super::literals::{self, Literals};
use super::lookout::Lookout;

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
    literals: Option<Literals>,
    expressions: Option<Expressions>,
    /// Where any of both may begin, if both have beginnings.
    both: Option<Lookout>,
}

impl Compiled {
    /// What is looked for with one lookout, where that is less than with two: it finds, and so does what it leaves.
    fn together(&self, text: &[u8], folded: Option<&Folded>) -> Option<bool> {
        // ASCII is full of what may begin something: there two tell more.
        folded?;
        let (both, literals, expressions) =
            (self.both.as_ref()?, self.literals.as_ref()?, self.expressions.as_ref()?);
        let (long, lazy) = (literals.begun()?, expressions.begun()?);
        let walk = |text: &[u8], start: usize, fuel: &mut Fuel| match long.is_from(text, start, fuel) {
            Walk::Lost(end) => match lazy.is_from(text, start, fuel) {
                Walk::Lost(other) => Walk::Lost(end.max(other)),
                known => known,
            },
            known => known,
        };
        let whole =
            |text: &[u8], start: usize| long.is_after(text, start) || lazy.is_within(text, start, text.len());
        Some(
            both.search(text, folded, &walk, &whole)
                || literals.short_are_in(text, folded)
                || expressions.others_are_in(text, folded),
        )
    }
}

/// Shows how large it is, not what it looks for.
impl fmt::Debug for TextSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let literals = self.0.literals.as_ref().map_or(0, Literals::count);
        let patterns = self.0.expressions.as_ref().map_or(0, Expressions::count);
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
        let spellings = spellings(wanted);
        let literals = literals(wanted, &spellings)?;
        let mut expressions = if expressions.is_empty() { None } else { Some(compiled(&expressions)?) };
        let mut clusters = expressions.as_mut().map(Expressions::take_clusters).unwrap_or_default();
        let begun = literals.as_ref().and_then(Literals::begun);
        let both = begun.filter(|_| !clusters.is_empty()).and_then(|_| {
            clusters.extend(literals::clusters(&spellings));
            Lookout::of_all(clusters)
        });
        Ok(Self(Rc::new(Compiled { literals, expressions, both })))
    }

    /// Whether anything of it is in `text`, as it stands.
    pub fn is_in(&self, text: &[u8]) -> bool {
        self.is_in_either(text, None)
    }

    /// Whether anything of it is in `text`, as it stands or in its one spelling, where that is another.
    pub fn is_in_either(&self, text: &[u8], folded: Option<&Folded>) -> bool {
        self.0.together(text, folded).unwrap_or_else(|| {
            self.0.literals.as_ref().is_some_and(|literals| literals.are_in(text, folded))
                || self.0.expressions.as_ref().is_some_and(|expressions| expressions.are_in(text, folded))
        })
    }
}

/// Each literal as it is written and in the one spelling that text is folded to.
fn spellings(wanted: &[Wanted<'_>]) -> Vec<Vec<u8>> {
    let mut spellings: Vec<Vec<u8>> = Vec::new();
    for literal in wanted.iter().flat_map(|wanted| wanted.literals) {
        spellings.extend(fold(literal.as_bytes()).filter(|folded| !folded.is_empty()));
        spellings.push(literal.as_bytes().to_vec());
    }
    spellings
}

fn literals(wanted: &[Wanted<'_>], spellings: &[Vec<u8>]) -> Result<Option<Literals>, BadPattern> {
    if spellings.is_empty() {
        return Ok(None);
    }
    // Several sets together are asked before each is: taking any case finds what each of them does.
    let ignore_case = wanted.iter().any(|wanted| wanted.ignore_case);
    Literals::new(spellings, ignore_case)
        .map(Some)
        .map_err(|error| BadPattern { index: None, message: error.to_string() })
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

fn compiled(expressions: &[Hir]) -> Result<Expressions, BadPattern> {
    Expressions::new(expressions).map_err(|TooLarge| BadPattern {
        index: None,
        message: format!("their automaton would take more than {MOST_BYTES} bytes; simplify or split them"),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

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

    /// What is found across places that the one spelling changes, and nearly so.
    const LITERALS: &[&str] =
        &["abc", "bac cab", "ab", "caﬁb", "größe", "aab…", "b, c", "cabbage patch", "12"];
    const PATTERNS: &[&str] = &[
        r"\b(?:\d[ -]?){7}\d\b",
        r"ab[^b]*\bc",
        r"(?:abc|bca)\s*[:=]\s*\S+",
        r"[ab]{2}\d{2}[abc0-9]{3,9}\b",
        r"^ab|bc$",
        r"c\Wb.a",
        r"[\w.]+@\w{2,}",
        r"[\x80-\xFF]{4}a",
    ];

    /// Each alone, and several at once.
    fn sets() -> Vec<TextSet> {
        let mut sets =
            vec![set(LITERALS, &[], true), set(&[], PATTERNS, true), set(LITERALS, PATTERNS, false)];
        sets.extend(LITERALS.iter().map(|literal| set(&[*literal], &[], true)));
        sets.extend(PATTERNS.iter().map(|pattern| set(&[], &[*pattern], true)));
        sets.push(set(&LITERALS[1..4], &PATTERNS[..1], true));
        sets
    }

    #[test]
    fn looking_around_changes_finds_what_searching_twice_does() {
        let sets = sets();
        let pieces = "[abc12]{1,4}|[ ,:=@-]|ａ|ｂ|ｃ|１|，|\u{200B}|\u{AD}|\u{301}|Ä|Я|…|ﬁ|é|中文|[ab]{9,30}|[яé]{9,30}";
        let texts = proptest::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat());
        let config = ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() };
        let found_only_folded = std::cell::Cell::new(0);
        let outcome = TestRunner::new(config).run(&texts, |text| {
            let text = text.as_bytes();
            let folded = Folded::of(text);
            for set in &sets {
                let only_folded = folded.as_ref().is_some_and(|folded| set.is_in(&folded.bytes));
                let twice = set.is_in(text) || only_folded;
                found_only_folded.set(found_only_folded.get() + usize::from(only_folded && !set.is_in(text)));
                prop_assert_eq!(set.is_in_either(text, folded.as_ref()), twice, "{:?}", set);
            }
            Ok(())
        });
        outcome.unwrap();
        assert!(found_only_folded.get() > 50, "{found_only_folded:?}");
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
