//! What a budget or a rate limit counts, and figures in that measure.

use serde_json::Value;

use super::prices::money;
use super::section::{Section, describe, whole_number};
use crate::amount::{Amount, Currency, TokenWeights, Unit};
use crate::price::PriceList;

/// Reads the required key `unit`: a word, a currency, or `{"tokens": {…}}` with weights.
pub(super) fn unit(section: &Section<'_>, prices: &PriceList) -> Option<Unit> {
    section.require("unit");
    if section.get("unit").is_some_and(Value::is_object) {
        return weighted(section.section("unit")?);
    }
    let expected = "\"tokens\", \"requests\", \"compute_seconds\", an ISO 4217 code such as \"USD\", \
                    or {\"tokens\": {…weights}}";
    let unit = section.read("unit", expected, |value| match value.as_str()? {
        "tokens" => Some(Unit::Tokens),
        "requests" => Some(Unit::Requests),
        "compute_seconds" => Some(Unit::ComputeSeconds),
        code => Currency::parse(code).map(Unit::Money),
    })?;
    check_currency(section, prices, unit);
    Some(unit)
}

/// Reads the required key `unit` where only what is estimated before a call makes sense: tokens, or a currency.
pub(super) fn tokens_or_money(section: &Section<'_>, prices: &PriceList) -> Option<Unit> {
    section.require("unit");
    let unit = section.read("unit", "\"tokens\" or an ISO 4217 code such as \"USD\"", |value| {
        let word = value.as_str()?;
        if word == "tokens" { Some(Unit::Tokens) } else { Currency::parse(word).map(Unit::Money) }
    })?;
    check_currency(section, prices, unit);
    Some(unit)
}

fn check_currency(section: &Section<'_>, prices: &PriceList, unit: Unit) {
    if let Unit::Money(currency) = unit
        && !prices.has_currency(currency)
    {
        let code = currency.as_str();
        section.problem("unit", format!("no price is in {code}; add prices with \"currency\": \"{code}\""));
    }
}

fn weighted(section: Section<'_>) -> Option<Unit> {
    section.require("tokens");
    let weights = section.section("tokens").map(|tokens| {
        let weights = weights(&tokens);
        tokens.finish();
        weights
    });
    section.finish();
    weights.flatten().map(Unit::WeightedTokens)
}

/// A kind of token without a weight of its own has that of the kind it is a part of.
fn weights(tokens: &Section<'_>) -> Option<TokenWeights> {
    tokens.require("input");
    tokens.require("output");
    let weight = |key| tokens.read(key, "a weight from 0 to 1,000 with at most three decimals", thousandths);
    let (input, output) = (weight("input"), weight("output"));
    let (cached_input, cache_write) = (weight("cached_input"), weight("cache_write"));
    let reasoning = weight("reasoning");
    let (input, output) = (input?, output?);
    if input == 0 && output == 0 {
        tokens.problem("input", "input and output both weigh nothing: no call would count");
        return None;
    }
    Some(TokenWeights {
        input,
        output,
        cached_input: cached_input.unwrap_or(input),
        cache_write: cache_write.unwrap_or(input),
        reasoning: reasoning.unwrap_or(output),
    })
}

fn thousandths(value: &Value) -> Option<u32> {
    const MOST: u64 = 1_000_000;
    let weight = decimal(value, 1_000_000)?;
    u32::try_from(weight).ok().filter(|weight| u64::from(*weight) <= MOST)
}

/// A decimal figure in units of `nanos` nano-units, exactly.
fn decimal(value: &Value, nanos: u64) -> Option<u64> {
    let figure = money(value)?.get();
    figure.is_multiple_of(nanos).then(|| figure.checked_div(nanos)).flatten()
}

/// What a limit in `unit` has to be, for a message.
pub(super) const fn limit_rule(unit: Unit) -> &'static str {
    match unit {
        Unit::Tokens | Unit::WeightedTokens(_) => "a whole number of tokens, 0 or more",
        Unit::Requests => "a whole number of requests, 0 or more",
        Unit::ComputeSeconds => "seconds, 0 or more, with at most three decimals",
        Unit::Money(_) => "a figure of 0 or more with at most nine decimals",
    }
}

/// A limit in `unit`'s own measure.
pub(super) fn limit(value: &Value, unit: Unit) -> Option<Amount> {
    const NANOS_PER_MILLI: u64 = 1_000_000;
    match unit {
        Unit::Tokens | Unit::WeightedTokens(_) | Unit::Requests => whole_number(value).map(Amount::new),
        Unit::ComputeSeconds => decimal(value, NANOS_PER_MILLI).map(Amount::new),
        Unit::Money(_) => money(value),
    }
}

/// The value at a path, as a message shows what is wrong with it.
pub(super) fn limit_problem(value: &Value, unit: Unit) -> String {
    format!("expected {}, got {}", limit_rule(unit), describe(value))
}
