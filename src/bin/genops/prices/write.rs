//! Price lists as text: a configuration's `prices`, and the catalogue.

use std::fmt::Write as _;

use genops::amount::{Amount, Currency, Display, Unit};
use genops::call::ServiceTier;
use genops::price::Rate;
use serde_json::{Map, Number, Value, json};

use super::entry::Model;

/// The list's currency.
const USD: &str = "USD";

/// A configuration that has these prices and nothing else.
pub(crate) fn configuration(models: &[Model]) -> Value {
    json!({"prices": models.iter().map(price).collect::<Vec<_>>()})
}

fn price(model: &Model) -> Value {
    let mut object = Map::new();
    object.insert("model".to_owned(), json!(model.name));
    object.insert("provider".to_owned(), json!(model.provider));
    object.insert("currency".to_owned(), json!(USD));
    let mut tiers = Vec::new();
    for group in model.groups() {
        let Some(first) = group.first() else { continue };
        if first.service == ServiceTier::Standard && first.above_input_tokens == 0 {
            object.extend(figures(group));
            continue;
        }
        let mut tier = Map::new();
        if first.service != ServiceTier::Standard {
            tier.insert("service_tier".to_owned(), json!(first.service.as_str()));
        }
        if first.above_input_tokens > 0 {
            tier.insert("above_input_tokens".to_owned(), json!(first.above_input_tokens));
        }
        tier.extend(figures(group));
        tiers.push(Value::Object(tier));
    }
    if !tiers.is_empty() {
        object.insert("tiers".to_owned(), Value::Array(tiers));
    }
    Value::Object(object)
}

fn figures(group: &[Rate]) -> impl Iterator<Item = (String, Value)> {
    group.iter().map(|rate| (rate.charge.key().to_owned(), number(rate.amount)))
}

/// The figure as a JSON number: whole where it can be, else in digits that read back the same.
fn number(amount: Amount) -> Value {
    let text = decimal(amount);
    let number = text.parse::<u64>().map(Number::from).ok();
    let number = number.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64));
    number.map_or(Value::Null, Value::Number)
}

/// The figure in whole units of the currency.
fn decimal(amount: Amount) -> String {
    let unit = Currency::parse(USD).map_or(Unit::Tokens, Unit::Money);
    Display(amount, unit).to_string()
}

/// The catalogue that the filter compiles in.
pub(crate) fn catalogue(models: &[Model], as_of: &str, choice: &str) -> String {
    let mut text = format!(
        "# Prices by `genops prices import --format catalogue --as-of {as_of}{choice}`\n\
         # from LiteLLM's public list: figures, in units of the currency for a million tokens or for one piece.\n\
         # An entry is left out where another one answers for it, without date, region or provider.\n\
         as-of {as_of}\ncurrency {USD}\n"
    );
    let mut provider = "";
    for model in models {
        // Writing to a string cannot fail.
        if model.provider != provider {
            provider = model.provider;
            let _ = writeln!(text, "[{provider}]");
        }
        text.push_str(&model.name);
        if let Some(tokens) = model.max_output_tokens {
            let _ = write!(text, " max={tokens}");
        }
        for group in model.groups() {
            let Some(first) = group.first() else { continue };
            let is_base = first.service == ServiceTier::Standard && first.above_input_tokens == 0;
            text.push_str(if is_base { "" } else { " |" });
            if first.service != ServiceTier::Standard {
                let _ = write!(text, " {}", first.service.as_str());
            }
            if first.above_input_tokens > 0 {
                let _ = write!(text, " >{}", first.above_input_tokens);
            }
            for rate in group {
                let _ = write!(text, " {}={}", rate.charge.short(), decimal(rate.amount));
            }
        }
        text.push('\n');
    }
    text
}
