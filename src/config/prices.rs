//! The sections `prices`, `aliases` and `catalogue`, and the price of `failure.unpriced_model`.

use std::sync::Arc;

use serde_json::Value;

use super::section::{Section, describe};
use super::{entry, upstreams};
use crate::amount::{Amount, Currency};
use crate::call::ServiceTier;
use crate::model_pattern::ModelPattern;
use crate::price::{Alias, Catalogue, Charge, Listed, Price, PriceList, Rate};

/// Reads everything that says what models cost.
pub(super) fn read(root: &Section<'_>, fallback: Option<Arc<Price>>) -> PriceList {
    let listed = root.sections("prices").into_iter().filter_map(listed).collect();
    let wants_catalogue = root.one_of("catalogue", &[("builtin", true), ("none", false)]).unwrap_or(true);
    PriceList {
        listed,
        catalogue: Catalogue::builtin().filter(|_| wants_catalogue),
        aliases: aliases(root),
        fallback,
    }
}

fn listed(section: Section<'_>) -> Option<Listed> {
    let model = entry::model_pattern(&section);
    let provider = upstreams::provider(&section).map(|provider| provider.slug().into());
    let price = price(&section);
    section.finish();
    Some(Listed { model: model?, provider, price: Arc::new(price?) })
}

/// The price that unpriced models are assumed to have.
pub(super) fn assumed(section: Section<'_>) -> Option<Arc<Price>> {
    let price = price(&section);
    section.finish();
    price.map(Arc::new)
}

fn price(section: &Section<'_>) -> Option<Price> {
    section.require("currency");
    let currency = section.read("currency", "an ISO 4217 code such as \"USD\"", |value| {
        value.as_str().and_then(Currency::parse)
    });
    section.require(Charge::Input.key());
    section.require(Charge::Output.key());
    let mut rates = Vec::new();
    figures(section, ServiceTier::Standard, 0, &mut rates);
    for tier in section.sections("tiers") {
        self::tier(tier, &mut rates);
    }
    let has = |charge| rates.iter().any(|rate: &Rate| rate.charge == charge && rate.above_input_tokens == 0);
    (has(Charge::Input) && has(Charge::Output)).then_some(())?;
    Some(Price { currency: currency?, rates: rates.into() })
}

/// Figures for another service tier, for long inputs, or for both.
fn tier(section: Section<'_>, rates: &mut Vec<Rate>) {
    let tiers = ServiceTier::ALL.map(|tier| (tier.as_str(), tier));
    let service = section.one_of("service_tier", &tiers).unwrap_or_default();
    let above = section.integer("above_input_tokens", 0, 1_000_000_000).unwrap_or(0);
    let before = rates.len();
    figures(&section, service, above, rates);
    if service == ServiceTier::Standard && above == 0 && rates.len() > before {
        let message = "a tier needs \"above_input_tokens\" or another \"service_tier\" than \"standard\"";
        section.problem("above_input_tokens", message);
    }
    section.finish();
}

fn figures(section: &Section<'_>, service: ServiceTier, above_input_tokens: u64, rates: &mut Vec<Rate>) {
    for charge in Charge::ALL {
        let expected = if charge.is_single() { "a price for one" } else { "a price per million tokens" };
        let expected = format!("{expected}, 0 or more");
        if let Some(amount) = section.read(charge.key(), &expected, money) {
            rates.push(Rate { charge, service, above_input_tokens, amount });
        }
    }
}

/// `{"name in requests": "model"}`; a name may end in `*`.
fn aliases(root: &Section<'_>) -> Vec<Alias> {
    let Some(object) = root.read("aliases", "an object of names and models", Value::as_object) else {
        return Vec::new();
    };
    let alias = |(name, model): (&String, &Value)| {
        let path = format!("aliases.{name}");
        let model = model.as_str().filter(|model| !model.trim().is_empty()).or_else(|| {
            let message = format!("expected the name of a model, got {}", describe(model));
            root.problems().add(path.clone(), message);
            None
        });
        let pattern = ModelPattern::parse(name).or_else(|| {
            root.problems().add(path.clone(), "expected a model name, with \"*\" at the end at most");
            None
        });
        Some(Alias { name: pattern?, model: model?.into() })
    };
    object.iter().filter_map(alias).collect()
}

/// A decimal figure in whole currency units as nano-units, exactly; at most nine decimals.
pub(super) fn money(value: &Value) -> Option<Amount> {
    Amount::parse_decimal(&value.as_number()?.to_string())
}
