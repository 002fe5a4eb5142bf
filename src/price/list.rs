//! The prices that hold for a call: the operator's, then the catalogue's; and what an unpriced model is assumed to cost.
//!
//! Looked up once for each call. The operator's entry with the longest match wins: a dated name has its own entry, then
//! the longest beginning, then that of the name without its date.

use std::sync::Arc;

use super::name::{readings, spellings};
use super::{Catalogue, Price};
use crate::amount::Currency;
use crate::model_pattern::{ModelPattern, best_match};

/// One price of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Which models.
    pub model: ModelPattern,
    /// Whose calls alone, by the provider's slug; anybody's when absent.
    pub provider: Option<Box<str>>,
    /// What they cost.
    pub price: Arc<Price>,
}

/// Everything that is known of prices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PriceList {
    /// The operator's prices.
    pub listed: Vec<Listed>,
    /// The catalogue, unless it is not wanted.
    pub catalogue: Option<&'static Catalogue>,
    /// Other names of models.
    pub aliases: Vec<Alias>,
    /// What a model costs that nothing else prices.
    pub fallback: Option<Arc<Price>>,
}

/// Another name of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alias {
    /// The name in requests.
    pub name: ModelPattern,
    /// The model that it stands for, in the list's words; a provider may stand before it.
    pub model: Box<str>,
}

/// What one call's model costs, in each currency that it has a price in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tariff {
    prices: Vec<Arc<Price>>,
    /// The price that is assumed where there is none.
    fallback: Option<Arc<Price>>,
    /// The most output tokens of one answer, as far as the catalogue knows.
    pub max_output_tokens: Option<u64>,
}

impl Tariff {
    /// The price in `currency`: the model's own, or the one that is assumed.
    pub fn price(&self, currency: Currency) -> Option<&Price> {
        let own = self.prices.iter().find(|price| price.currency == currency);
        own.or(self.fallback.as_ref().filter(|price| price.currency == currency)).map(|price| &**price)
    }

    /// The first price there is.
    pub fn first(&self) -> Option<&Price> {
        self.prices.first().or(self.fallback.as_ref()).map(|price| &**price)
    }

    /// Whether the price in `currency` is only assumed.
    pub fn is_assumed(&self, currency: Currency) -> bool {
        self.prices.iter().all(|price| price.currency != currency) && self.price(currency).is_some()
    }
}

impl PriceList {
    /// How many prices the operator states.
    pub fn len(&self) -> usize {
        self.listed.len()
    }

    /// Whether the operator states none.
    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// Whether any price is in `currency`.
    pub fn has_currency(&self, currency: Currency) -> bool {
        self.currencies().any(|known| known == currency)
            || self.fallback.as_ref().is_some_and(|price| price.currency == currency)
    }

    /// What a call of `model` at `provider` costs.
    pub fn tariff(&self, provider: &str, model: Option<&str>) -> Tariff {
        let fallback = self.fallback.clone();
        let Some(model) = model else { return Tariff { fallback, ..Tariff::default() } };
        let alias = best_match(&self.aliases, model, |alias| &alias.name);
        let (model, is_operators) = alias.map_or((model, false), |alias| (&*alias.model, true));
        let mut prices: Vec<Arc<Price>> = Vec::new();
        if !self.listed.is_empty() {
            for currency in self.currencies() {
                if prices.iter().all(|price| price.currency != currency) {
                    prices.extend(self.listed(provider, model, is_operators, currency).cloned());
                }
            }
        }
        let known = self.catalogue.and_then(|catalogue| {
            readings(provider, model, is_operators).find_map(|(provider, name)| catalogue.get(provider, name))
        });
        if let Some(entry) = known
            && prices.iter().all(|price| price.currency != entry.price.currency)
        {
            prices.push(entry.price.clone());
        }
        Tariff { prices, fallback, max_output_tokens: known.and_then(|entry| entry.max_output_tokens) }
    }

    /// The operator's currencies in their order, then the catalogue's; some more than once.
    fn currencies(&self) -> impl Iterator<Item = Currency> {
        let listed = self.listed.iter().map(|listed| listed.price.currency);
        listed.chain(self.catalogue.map(|catalogue| catalogue.currency))
    }

    /// The operator's price: the longest match, an exact one before a beginning, one of this provider before anybody's.
    fn listed(
        &self,
        provider: &str,
        model: &str,
        is_operators: bool,
        currency: Currency,
    ) -> Option<&Arc<Price>> {
        let wanted = self.listed.iter().filter(|listed| listed.price.currency == currency);
        let mut best: Option<((usize, bool, bool), &Listed)> = None;
        for listed in wanted {
            let fits = |(reading, name): (&str, &str)| {
                let is_theirs =
                    listed.provider.as_deref().is_none_or(|wanted| wanted == reading || wanted == provider);
                let (length, is_exact) = matched(&listed.model, name).filter(|_| is_theirs)?;
                Some((length, is_exact, listed.provider.is_some()))
            };
            let own = spellings(model).map(|name| (provider, name));
            let score = own.chain(readings(provider, model, is_operators)).filter_map(fits).max();
            if let Some(score) = score
                && best.is_none_or(|(so_far, _)| score > so_far)
            {
                best = Some((score, listed));
            }
        }
        best.map(|(_, listed)| &listed.price)
    }
}

/// How much of `name` a pattern matches, and whether it is all of it.
fn matched(pattern: &ModelPattern, name: &str) -> Option<(usize, bool)> {
    match pattern {
        ModelPattern::Exact(exact) => (exact == name).then_some((name.len(), true)),
        ModelPattern::Prefix(prefix) => name.starts_with(prefix.as_str()).then_some((prefix.len(), false)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Charge, Rate};
    use super::*;
    use crate::amount::Amount;
    use crate::call::ServiceTier;

    fn listed(model: &str, provider: Option<&str>, currency: &str, nanos: u64) -> Listed {
        let rate = Rate {
            charge: Charge::Input,
            service: ServiceTier::Standard,
            above_input_tokens: 0,
            amount: Amount::new(nanos),
        };
        let currency = Currency::parse(currency).unwrap();
        Listed {
            model: ModelPattern::parse(model).unwrap(),
            provider: provider.map(Into::into),
            price: Arc::new(Price { currency, rates: [rate].into() }),
        }
    }

    fn figure(list: &PriceList, provider: &str, model: &str, currency: &str) -> Option<u64> {
        let tariff = list.tariff(provider, Some(model));
        let price = tariff.price(Currency::parse(currency).unwrap())?;
        price.rate(Charge::Input, ServiceTier::Standard, 0).map(Amount::get)
    }

    #[test]
    fn the_longest_match_in_the_wanted_currency_wins_and_a_provider_of_its_own_breaks_ties() {
        let list = PriceList {
            listed: vec![
                listed("gpt*", None, "USD", 1),
                listed("gpt-4o", None, "USD", 2),
                listed("gpt-4o-2024*", None, "USD", 3),
                listed("gpt-4o", Some("azure_openai"), "USD", 4),
                listed("gpt*", None, "EUR", 5),
            ],
            ..PriceList::default()
        };
        let usd = |provider, model| figure(&list, provider, model, "USD");
        assert_eq!(usd("openai", "gpt-3.5"), Some(1));
        assert_eq!(usd("openai", "gpt-4o"), Some(2));
        assert_eq!(usd("openai", "gpt-4o-2025-01-01"), Some(2), "its date away");
        assert_eq!(usd("openai", "gpt-4o-2024-08-06"), Some(3), "a longer beginning");
        assert_eq!(usd("azure_openai", "gpt-4o"), Some(4));
        assert_eq!(figure(&list, "openai", "gpt-4o", "EUR"), Some(5));
        assert_eq!(usd("openai", "claude"), None);
        assert_eq!(usd("openai", "openai/gpt-4o"), Some(2), "its provider away");
    }

    #[test]
    fn an_alias_names_the_model_and_may_name_its_provider() {
        let list = PriceList {
            listed: vec![listed("big", Some("anthropic"), "USD", 7)],
            aliases: vec![Alias { name: ModelPattern::Exact("prod".into()), model: "anthropic/big".into() }],
            ..PriceList::default()
        };
        assert_eq!(figure(&list, "openai", "prod", "USD"), Some(7));
        assert_eq!(figure(&list, "openai", "big", "USD"), None);
    }

    #[test]
    fn what_nothing_prices_has_the_assumed_price_and_says_so() {
        let fallback = listed("x", None, "USD", 9).price;
        let list = PriceList {
            listed: vec![listed("known", None, "USD", 1)],
            fallback: Some(fallback),
            ..PriceList::default()
        };
        let usd = Currency::parse("USD").unwrap();
        assert!(!list.tariff("openai", Some("known")).is_assumed(usd));
        assert!(list.tariff("openai", Some("other")).is_assumed(usd));
        assert!(list.tariff("openai", None).is_assumed(usd));
        assert_eq!(figure(&list, "openai", "other", "USD"), Some(9));
        assert!(!list.tariff("openai", None).is_assumed(Currency::parse("EUR").unwrap()));
    }
}
