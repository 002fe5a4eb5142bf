//! What the configuration says of prices and units: how it is read, and what is wrong with it.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use genops::amount::{Amount, TokenWeights, Unit};
use genops::bucket::MAX_CAPACITY;
use genops::config::{FailMode, Invalid, parse};

fn problems(text: &str) -> Vec<String> {
    let Invalid(problems) = parse(text).err().unwrap_or_else(|| panic!("valid: {text}"));
    problems.iter().map(ToString::to_string).collect()
}

fn budget(unit: &str, limit: &str) -> String {
    format!(r#"{{"budgets": [{{"name": "b", "unit": {unit}, "limit": {limit}, "window": "day"}}]}}"#)
}

fn price(rest: &str) -> String {
    format!(
        r#"{{"prices": [{{"model": "m", "currency": "USD", "input_per_million": 1, "output_per_million": 2{rest}}}]}}"#
    )
}

#[test]
fn each_unit_has_limits_in_its_own_measure() {
    let weights =
        TokenWeights { input: 1_000, output: 4_500, cached_input: 100, cache_write: 1_000, reasoning: 4_500 };
    let rows = [
        (r#""tokens""#, "1e6", Unit::Tokens, 1_000_000),
        (r#""requests""#, "250", Unit::Requests, 250),
        (r#""compute_seconds""#, "0.125", Unit::ComputeSeconds, 125),
        (
            r#"{"tokens": {"input": 1, "output": 4.5, "cached_input": 0.1}}"#,
            "9",
            Unit::WeightedTokens(weights),
            9,
        ),
    ];
    for (unit, limit, expected, amount) in rows {
        let config = parse(&budget(unit, limit)).unwrap_or_else(|invalid| panic!("{invalid}"));
        let [budget] = config.budgets.as_slice() else { panic!("one budget") };
        assert_eq!((budget.unit, budget.limit), (expected, Amount::new(amount)), "{unit}");
    }
    assert!(parse(&budget(r#""USD""#, "0.000000001")).is_ok(), "the catalogue is in dollars");
}

#[test]
fn each_problem_names_its_path_the_value_and_what_is_allowed() {
    let rows: Vec<(String, Vec<&str>)> = vec![
        (budget(r#""requests""#, "1.5"), vec!["budgets[0].limit: expected a whole number of requests, 0 or more, got 1.5"]),
        (
            budget(r#""compute_seconds""#, "0.0001"),
            vec!["budgets[0].limit: expected seconds, 0 or more, with at most three decimals, got 0.0001"],
        ),
        (budget(r#"{}"#, "1"), vec!["budgets[0].unit.tokens: is required"]),
        (
            budget(r#"{"tokens": {"input": 1, "output": 1000.001, "cached": 1}}"#, "1"),
            vec![
                "budgets[0].unit.tokens.output: expected a weight from 0 to 1,000 with at most three decimals, got 1000.001",
                r#"budgets[0].unit.tokens.cached: unknown key; known keys here: cache_write, cached_input, input, output, reasoning"#,
            ],
        ),
        (
            budget(r#"{"tokens": {"input": 0, "output": 0}}"#, "1"),
            vec!["budgets[0].unit.tokens.input: input and output both weigh nothing: no call would count"],
        ),
        (
            r#"{"catalogue": "none", "budgets": [{"name": "b", "unit": "USD", "limit": 1, "window": "day"}]}"#.into(),
            vec![r#"budgets[0].unit: no price is in USD; add prices with "currency": "USD""#],
        ),
        (
            price(r#", "provider": "azure_opnai""#),
            vec![r#"prices[0].provider: expected the name of a provider, got "azure_opnai", did you mean "azure_openai"?"#],
        ),
        (price(r#", "per_image": -1"#), vec!["prices[0].per_image: expected a price for one, 0 or more, got -1"]),
        (
            price(r#", "tiers": [{"input_per_million": 3}]"#),
            vec![r#"prices[0].tiers[0].above_input_tokens: a tier needs "above_input_tokens" or another "service_tier" than "standard""#],
        ),
        (
            price(r#", "tiers": [{"service_tier": "fast", "above_input_tokens": 2000000000}]"#),
            vec![
                "prices[0].tiers[0].service_tier: expected one of standard, batch, flex, priority, got \"fast\"",
                "prices[0].tiers[0].above_input_tokens: expected a whole number from 0 to 1000000000, got 2000000000",
            ],
        ),
        (
            r#"{"aliases": {"a*b": "m", "c": 1}, "catalogue": "built-in"}"#.into(),
            vec![
                r#"catalogue: expected one of builtin, none, got "built-in", did you mean "builtin"?"#,
                r#"aliases.a*b: expected a model name, with "*" at the end at most"#,
                "aliases.c: expected the name of a model, got 1",
            ],
        ),
        (
            r#"{"failure": {"unpriced_model": {"currency": "USD", "input_per_million": 1}}}"#.into(),
            vec!["failure.unpriced_model.output_per_million: is required"],
        ),
        (
            r#"{"failure": {"unpriced_model": "block"}}"#.into(),
            vec![r#"failure.unpriced_model: expected one of refuse, pass, got "block""#],
        ),
    ];
    for (text, expected) in rows {
        assert_eq!(problems(&text), expected, "{text}");
    }
}

#[test]
fn a_provider_has_one_price_under_either_of_its_names() {
    for name in ["azure_openai", "azure.ai.openai"] {
        let config = parse(&price(&format!(r#", "provider": "{name}""#)))
            .unwrap_or_else(|invalid| panic!("{invalid}"));
        assert!(config.prices.tariff("azure_openai", Some("m")).first().is_some(), "{name}");
        assert!(config.prices.tariff("openai", Some("m")).first().is_none(), "{name}");
    }
}

#[test]
fn an_assumed_price_makes_its_currency_one_that_budgets_can_count() {
    let text = r#"{"catalogue": "none",
        "failure": {"unpriced_model": {"currency": "EUR", "input_per_million": 9, "output_per_million": 9}},
        "budgets": [{"name": "b", "unit": "EUR", "limit": 1, "window": "day"}]}"#;
    let config = parse(text).unwrap_or_else(|invalid| panic!("{invalid}"));
    assert_eq!(config.failure.unpriced_model, FailMode::Refuse, "what it does not price either");
    assert!(config.prices.fallback.is_some());
}

#[test]
fn no_more_keys_can_be_asked_for_than_there_is_room_for() {
    let capacity = |capacity: u32| {
        let text = format!(
            r#"{{"budgets": [{{"name": "b", "unit": "tokens", "limit": 1, "window": "day", "capacity": {capacity}}}]}}"#
        );
        parse(&text)
    };
    assert_eq!(MAX_CAPACITY, 261_120);
    assert!(capacity(MAX_CAPACITY).is_ok());
    let Invalid(problems) = capacity(MAX_CAPACITY + 1).unwrap_err();
    let expected = "budgets[0].capacity: expected a whole number from 1 to 261120, got 261121";
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
}
