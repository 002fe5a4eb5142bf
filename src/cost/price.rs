//! Tokens to money, exactly: nano-units per million tokens, rounded up once.

use crate::amount::{Amount, Currency, Unit};
use crate::config::{Price, best_match};
use crate::usage::Usage;

const PER_MILLION: u128 = 1_000_000;

/// A money budget, and no price for the model in its currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unpriced;

/// The amount of `unit` that `usage` comes to.
///
/// Tokens: the total. Money: uncached input, cached input, cache writes and output, each at its own price.
///
/// # Errors
/// [`Unpriced`] when money is asked for and `price` is absent or in another currency.
pub fn amount(usage: &Usage, unit: Unit, price: Option<&Price>) -> Result<Amount, Unpriced> {
    match unit {
        Unit::Tokens => Ok(Amount::new(usage.total().unwrap_or(0))),
        Unit::Requests => Ok(Amount::new(1)),
        Unit::Money(currency) => {
            price.filter(|price| price.currency == currency).map(|price| money(usage, price)).ok_or(Unpriced)
        }
    }
}

/// The amount of `unit` that `usage` of `model` comes to under a price list.
///
/// # Errors
/// [`Unpriced`] when money is asked for and the list has no price for the model in that currency.
pub fn in_unit(usage: &Usage, unit: Unit, prices: &[Price], model: Option<&str>) -> Result<Amount, Unpriced> {
    let price = match unit {
        Unit::Tokens | Unit::Requests => None,
        Unit::Money(currency) => model.and_then(|model| price_of(prices, model, Some(currency))),
    };
    amount(usage, unit, price)
}

/// The price of `model`, in `currency` if one is wanted; the most specific entry wins.
pub fn price_of<'a>(prices: &'a [Price], model: &str, currency: Option<Currency>) -> Option<&'a Price> {
    let candidates = prices.iter().filter(|price| currency.is_none_or(|wanted| price.currency == wanted));
    best_match(candidates, model, |price| &price.model)
}

fn money(usage: &Usage, price: &Price) -> Amount {
    let input = usage.input_tokens.unwrap_or(0);
    // Some providers report more cached tokens than input tokens; a part is never larger than the whole.
    let cached = usage.cached_input_tokens.unwrap_or(0).min(input);
    let written = usage.cache_write_tokens.unwrap_or(0).min(input.saturating_sub(cached));
    let plain = input.saturating_sub(cached).saturating_sub(written);
    let parts = [
        (plain, price.input),
        (cached, price.cached_input),
        (written, price.cache_write),
        (usage.output_tokens.unwrap_or(0), price.output),
    ];
    let nanos = parts.into_iter().fold(0_u128, |sum, (tokens, per_million)| {
        sum.saturating_add(u128::from(tokens).saturating_mul(u128::from(per_million.get())))
    });
    Amount::new(u64::try_from(nanos.div_ceil(PER_MILLION)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ModelPattern;

    fn usd() -> Currency {
        Currency::parse("USD").unwrap()
    }

    fn price() -> Price {
        let per_million = |text| Amount::parse_decimal(text).unwrap();
        Price {
            model: ModelPattern::Exact("m".to_owned()),
            currency: usd(),
            input: per_million("0.15"),
            output: per_million("0.60"),
            cached_input: per_million("0.075"),
            cache_write: per_million("0.1875"),
        }
    }

    #[test]
    fn each_kind_of_token_has_its_own_price_and_cached_tokens_are_not_counted_twice() {
        let usage = Usage {
            input_tokens: Some(1_000),
            cached_input_tokens: Some(400),
            cache_write_tokens: Some(100),
            output_tokens: Some(200),
            ..Usage::default()
        };
        // 500 × 150 + 400 × 75 + 100 × 187.5 + 200 × 600 nano-dollars.
        let expected = 75_000 + 30_000 + 18_750 + 120_000;
        assert_eq!(amount(&usage, Unit::Money(usd()), Some(&price())), Ok(Amount::new(expected)));
    }

    #[test]
    fn a_fraction_of_a_nano_unit_rounds_up_once() {
        let usage = Usage { input_tokens: Some(1), cached_input_tokens: Some(1), ..Usage::default() };
        let mut cheap = price();
        cheap.cached_input = Amount::new(1);
        assert_eq!(amount(&usage, Unit::Money(usd()), Some(&cheap)), Ok(Amount::new(1)));
    }

    #[test]
    fn an_unpriced_model_is_never_free() {
        let usage = Usage { total_tokens: Some(9), ..Usage::default() };
        assert_eq!(amount(&usage, Unit::Money(usd()), None), Err(Unpriced));
        let eur = Currency::parse("EUR").unwrap();
        assert_eq!(amount(&usage, Unit::Money(eur), Some(&price())), Err(Unpriced));
        assert_eq!(amount(&usage, Unit::Tokens, None), Ok(Amount::new(9)));
    }

    #[test]
    fn more_cached_than_input_is_clamped() {
        let usage = Usage { input_tokens: Some(10), cached_input_tokens: Some(50), ..Usage::default() };
        assert_eq!(amount(&usage, Unit::Money(usd()), Some(&price())), Ok(Amount::new(10 * 75)));
    }

    #[test]
    fn the_most_specific_price_in_the_wanted_currency_wins() {
        let mut prefix = price();
        prefix.model = ModelPattern::Prefix("gpt".to_owned());
        let mut longer = price();
        longer.model = ModelPattern::Prefix("gpt-4o".to_owned());
        let mut euro = price();
        euro.model = ModelPattern::Prefix("gpt".to_owned());
        euro.currency = Currency::parse("EUR").unwrap();
        let prices = [prefix.clone(), longer.clone(), euro.clone()];
        assert_eq!(price_of(&prices, "gpt-4o-mini", Some(usd())), Some(&longer));
        assert_eq!(price_of(&prices, "gpt-3.5", None), Some(&prefix));
        assert_eq!(price_of(&prices, "gpt-4o-mini", Some(euro.currency)), Some(&euro));
        assert_eq!(price_of(&prices, "claude", None), None);
    }
}
