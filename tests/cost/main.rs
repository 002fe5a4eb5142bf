//! What calls cost: figures computed by hand, properties, and every entry of the catalogue that is shipped.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(clippy::arithmetic_side_effects)]

mod catalogue;
mod properties;
mod tables;

use genops::amount::{Amount, Currency, Unit};
use genops::call::ServiceTier;
use genops::config::parse;
use genops::cost::{Consumption, Unpriced};
use genops::price::Tariff;
use genops::usage::Usage;

pub(crate) fn usd() -> Unit {
    Unit::Money(Currency::parse("USD").unwrap())
}

/// What a model costs under a configuration.
pub(crate) fn tariff(config: &str, provider: &str, model: &str) -> Tariff {
    parse(config).unwrap_or_else(|invalid| panic!("{invalid}")).prices.tariff(provider, Some(model))
}

/// What usage comes to, in billionths of a dollar.
pub(crate) fn nanos(tariff: &Tariff, usage: Usage, service_tier: ServiceTier) -> Result<u64, Unpriced> {
    Consumption { usage, service_tier, ..Consumption::default() }.amount(usd(), tariff).map(Amount::get)
}
