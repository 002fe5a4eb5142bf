//! The prices that the filter ships: a text, written by `genops prices import`, read once.
//!
//! One line for each model, under the provider that charges it; figures in units of the currency for a million tokens, or
//! for one search, image or second:
//!
//! ```text
//! as-of 2026-11-21
//! currency USD
//! [openai]
//! gpt-5.4 max=128000 in=2.5 out=15 cached=0.25 | >272000 in=5 out=22.5 | priority in=5 out=30
//! ```
//!
//! What stands behind a bar holds for another service tier, for longer inputs, or for both.

use std::fmt;
use std::sync::{Arc, LazyLock};

use super::{Charge, Price, Rate};
use crate::amount::{Amount, Currency};
use crate::call::ServiceTier;

/// Written by `genops prices import --format catalogue`; how exactly stands in its first lines.
const BUILTIN: &str = include_str!("catalogue.txt");

/// One model of a catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who charges it, by the provider's slug.
    pub provider: Box<str>,
    /// The model.
    pub model: Box<str>,
    /// The most output tokens of one answer, where it is known.
    pub max_output_tokens: Option<u64>,
    /// What it costs.
    pub price: Arc<Price>,
}

/// A catalogue of prices in one currency.
#[derive(Clone, PartialEq, Eq)]
pub struct Catalogue {
    /// The day of the figures, `YYYY-MM-DD`.
    pub as_of: Box<str>,
    /// The currency of all of them.
    pub currency: Currency,
    /// The models, in the order of provider and name.
    entries: Vec<Entry>,
}

/// A catalogue that cannot be read, and the line where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

/// Shows what it is, not all it holds.
impl fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Catalogue({} models, as of {})", self.entries.len(), self.as_of)
    }
}

impl Catalogue {
    /// The catalogue that was compiled in, `None` if it cannot be read, which a test excludes. A constant, although it is
    /// made on first use: all configurations of a VM share it, and nothing ever changes it.
    pub fn builtin() -> Option<&'static Self> {
        static CATALOGUE: LazyLock<Option<Catalogue>> = LazyLock::new(|| Catalogue::parse(BUILTIN).ok());
        CATALOGUE.as_ref()
    }

    /// Reads a catalogue.
    ///
    /// # Errors
    /// The first line that cannot be read, or that comes out of order.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut as_of = None;
        let mut currency = None;
        let mut provider = None;
        let mut entries: Vec<Entry> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let malformed = |problem| Malformed { line: index.saturating_add(1), problem };
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(day) = line.strip_prefix("as-of ") {
                as_of = Some(day.trim());
            } else if let Some(code) = line.strip_prefix("currency ") {
                currency = Some(Currency::parse(code.trim()).ok_or(malformed("no ISO 4217 code"))?);
            } else if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                provider = Some(name);
            } else {
                let provider = provider.ok_or(malformed("a model before any [provider]"))?;
                let currency = currency.ok_or(malformed("a model before the currency"))?;
                let entry = entry(provider, currency, line).ok_or(malformed("no model with its figures"))?;
                if entries.last().is_some_and(|last| last.key() >= entry.key()) {
                    return Err(malformed("out of order, or there already"));
                }
                entries.push(entry);
            }
        }
        let missing = |problem| Malformed { line: 1, problem };
        let as_of = as_of.ok_or(missing("no as-of"))?.into();
        Ok(Self { as_of, currency: currency.ok_or(missing("no currency"))?, entries })
    }

    /// Every model, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What `provider` charges for exactly this name.
    pub fn get(&self, provider: &str, model: &str) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.key().cmp(&(provider, model))).ok()?;
        self.entries.get(at)
    }
}

impl Entry {
    fn key(&self) -> (&str, &str) {
        (&self.provider, &self.model)
    }
}

/// One line: the model, then groups of figures between bars.
fn entry(provider: &str, currency: Currency, line: &str) -> Option<Entry> {
    let (model, figures) = line.split_once(' ')?;
    let mut max_output_tokens = None;
    let mut rates = Vec::new();
    for group in figures.split('|') {
        let mut service = ServiceTier::Standard;
        let mut above_input_tokens = 0;
        for word in group.split_ascii_whitespace() {
            if let Some(tokens) = word.strip_prefix('>') {
                above_input_tokens = tokens.parse().ok()?;
            } else if let Some((key, figure)) = word.split_once('=') {
                if key == "max" {
                    max_output_tokens = Some(figure.parse().ok()?);
                    continue;
                }
                let charge = Charge::ALL.into_iter().find(|charge| charge.short() == key)?;
                rates.push(Rate {
                    charge,
                    service,
                    above_input_tokens,
                    amount: Amount::parse_decimal(figure)?,
                });
            } else {
                service = ServiceTier::ALL.into_iter().find(|tier| tier.as_str() == word)?;
            }
        }
    }
    let price = Arc::new(Price { currency, rates: rates.into() });
    (!price.rates.is_empty()).then(|| Entry {
        provider: provider.into(),
        model: model.into(),
        max_output_tokens,
        price,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "as-of 2026-11-21\ncurrency USD\n[p]\n";

    #[test]
    fn a_line_states_figures_by_service_tier_and_length_of_input() {
        let text = format!("{HEAD}m max=9 in=2.5 out=10 | >200 in=5 | flex in=1 | priority >200 in=9");
        let catalogue = Catalogue::parse(&text).unwrap();
        let entry = catalogue.get("p", "m").unwrap();
        assert_eq!(entry.max_output_tokens, Some(9));
        let rate = |service, tokens| entry.price.rate(Charge::Input, service, tokens).unwrap().get();
        assert_eq!(rate(ServiceTier::Standard, 0), 2_500_000_000);
        assert_eq!(rate(ServiceTier::Standard, 201), 5_000_000_000);
        assert_eq!(rate(ServiceTier::Flex, 0), 1_000_000_000);
        assert_eq!(rate(ServiceTier::Priority, 201), 9_000_000_000);
        assert_eq!(
            entry.price.rate(Charge::Output, ServiceTier::Flex, 0).map(Amount::get),
            Some(10_000_000_000)
        );
        assert_eq!(catalogue.get("q", "m"), None);
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        let cases = [
            ("b in=1\na in=1", 5, "out of order"),
            ("a in=1\na in=2", 5, "twice"),
            ("a in=-1", 4, "negative"),
            ("a on=1", 4, "unknown figure"),
            ("a", 4, "no figures"),
            ("a max=1", 4, "no prices"),
            ("a cheap in=1", 4, "unknown tier"),
        ];
        for (lines, line, what) in cases {
            let result = Catalogue::parse(&format!("{HEAD}{lines}"));
            assert_eq!(result.map_err(|malformed| malformed.line), Err(line), "{what}");
        }
        assert!(Catalogue::parse("currency USD\n[p]\nm in=1").is_err(), "no date");
        assert!(Catalogue::parse("as-of 2026-11-21\n[p]\nm in=1").is_err(), "no currency");
    }
}
