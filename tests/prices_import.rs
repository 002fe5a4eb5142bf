//! `genops prices import` as an operator meets it: what it takes of a list, what it says it did not, and what the
//! filter then charges.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod command;

use genops::amount::{Amount, Currency, Unit};
use genops::call::ServiceTier;
use genops::cost::Consumption;
use genops::price::{Catalogue, Charge};
use genops::usage::Usage;
use serde_json::{Value, json};

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/litellm_sample.json");

/// Exit code, output, errors.
fn genops(arguments: &[&str]) -> (i32, String, String) {
    let ran = command::run(command::genops().args(arguments), b"");
    (ran.code, ran.output, ran.errors)
}

fn import(options: &[&str]) -> (String, String) {
    let (code, output, errors) = genops(&[&["prices", "import", SAMPLE], options].concat());
    assert_eq!(code, 0, "{errors}");
    (output, errors)
}

fn prices(options: &[&str]) -> Vec<Value> {
    let output: Value = serde_json::from_str(&import(options).0).unwrap();
    output["prices"].as_array().unwrap().clone()
}

fn price(model: &str) -> Value {
    let found: Vec<Value> = prices(&[]).into_iter().filter(|price| price["model"] == model).collect();
    found.first().unwrap_or_else(|| panic!("no {model}")).clone()
}

#[test]
fn every_figure_has_its_place_and_its_measure() {
    let large = price("acme-large");
    assert_eq!(
        large,
        json!({
            "model": "acme-large", "provider": "azure_openai", "currency": "USD",
            "input_per_million": 2.5, "output_per_million": 10
        }),
        "in the order of providers; a figure may be text"
    );
    let large = prices(&["--provider", "openai", "--models", "acme-large"]);
    assert_eq!(
        large,
        [json!({
            "model": "acme-large", "provider": "openai", "currency": "USD",
            "input_per_million": 2.5, "output_per_million": 10, "cached_input_per_million": 0.25,
            "cache_write_per_million": 3.125, "cache_write_1h_per_million": 5,
            "tiers": [
                {"above_input_tokens": 272_000, "input_per_million": 5, "output_per_million": 22.5},
                {"service_tier": "batch", "input_per_million": 1.25, "output_per_million": 5},
                {"service_tier": "priority", "input_per_million": 5},
                {"service_tier": "priority", "above_input_tokens": 272_000, "input_per_million": 10}
            ]
        })]
    );
    assert_eq!(price("acme-thirds")["input_per_million"], json!(0.333_333_334), "rounded up");
    assert_eq!(price("acme-embed")["output_per_million"], json!(0));
    let image = price("acme-image");
    assert_eq!((&image["output_per_million"], &image["per_image"]), (&json!(40), &Value::Null), "not both");
    assert_eq!(price("acme-picture")["per_image"], json!(0.04));
    assert_eq!(price("acme-hears")["per_second"], json!(0.0001));
    assert_eq!(price("acme-rank")["per_search"], json!(0.002));
}

#[test]
fn what_is_not_taken_is_counted_by_its_reason() {
    let (_, errors) = import(&["--as-of", "2026-11-21"]);
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(
        lines,
        [
            "10 models taken",
            "1 not taken: models: of a provider that the filter does not know",
            "1 not taken: models: priced for one region, size or contract, which a request's model does not name",
            "1 not taken: models: retired by that day",
            "1 not taken: models: for something that the filter does not measure (video, speech by character, pages …)",
            "1 not taken: models: with prices graduated in a way of their own (tiered_pricing)",
            "1 not taken: models: without a price for input or output",
            "1 not taken: models: listed at no cost, which the list also says where it knows none",
            "1 not taken: figures: lower for long inputs than for short ones",
            "1 not taken: figures: finer than nine decimals per million, rounded up",
            "1 not taken: figures: for tools, sessions, videos, characters, cached audio",
        ]
    );
}

#[test]
fn models_are_chosen_by_patterns_exceptions_and_providers() {
    let names = |options: &[&str]| -> Vec<String> {
        prices(options).iter().map(|price| price["model"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&["--models", "*large"]), ["acme-large", "acme-large"]);
    assert_eq!(names(&["--models", "azure/*"]), ["acme-large"], "as listed");
    assert_eq!(names(&["--models", "acme-*r*n*"]), ["acme-rank"]);
    assert_eq!(names(&["--provider", "cohere", "--provider", "azure_openai"]), ["acme-large", "acme-rank"]);
    assert_eq!(
        names(&["--models", "acme-large*", "--except", "*-20*", "--provider", "openai"]),
        ["acme-large"]
    );
}

#[test]
fn the_filter_reads_what_was_written_and_charges_by_it() {
    let (output, _) = import(&[]);
    let config = genops::config::parse(&output).unwrap_or_else(|invalid| panic!("{invalid}"));
    let cost = |provider: &str, model: &str, usage: Usage| {
        let usd = Unit::Money(Currency::parse("USD").unwrap());
        let consumption = Consumption { usage, service_tier: ServiceTier::Batch, ..Consumption::default() };
        consumption.amount(usd, &config.prices.tariff(provider, Some(model))).map(Amount::get)
    };
    let usage = Usage { input_tokens: Some(1_000), output_tokens: Some(100), ..Usage::default() };
    assert_eq!(cost("openai", "acme-large", usage), Ok(1_250_000 + 500_000));
    assert_eq!(cost("azure_openai", "acme-large", usage), Ok(2_500_000 + 1_000_000));
    let searched = Usage { search_units: Some(2), ..Usage::default() };
    assert_eq!(cost("cohere", "acme-rank", searched), Ok(4_000_000));
}

#[test]
fn the_catalogue_leaves_out_what_another_entry_answers_for() {
    let (output, errors) =
        import(&["--format", "catalogue", "--as-of", "2026-11-21", "--models", "*acme-large*"]);
    assert!(errors.starts_with("4 models taken, 2 of them needed\n"), "{errors}");
    let catalogue = Catalogue::parse(&output).unwrap_or_else(|malformed| panic!("{malformed}\n{output}"));
    assert_eq!(&*catalogue.as_of, "2026-11-21");
    let names: Vec<(&str, &str)> =
        catalogue.entries().iter().map(|entry| (&*entry.provider, &*entry.model)).collect();
    assert_eq!(names, [("openai", "acme-large"), ("openai", "acme-large-2025-01-01")]);
    let large = catalogue.get("openai", "acme-large").unwrap();
    assert_eq!(large.max_output_tokens, Some(32_000));
    let rate = large.price.rate(Charge::Input, ServiceTier::Priority, 272_001);
    assert_eq!(rate, Some(Amount::new(10_000_000_000)));
    assert!(
        output
            .starts_with("# Prices by `genops prices import --format catalogue --as-of 2026-11-21 --models")
    );
}

#[test]
fn a_wrong_command_says_what_is_wrong() {
    let cases: [(&[&str], &str); 6] = [
        (&["prices"], "prices: import FILE"),
        (&["prices", "import"], "prices: import which FILE?"),
        (&["prices", "import", "/nowhere.json"], "/nowhere.json: "),
        (&["prices", "import", SAMPLE, "--format", "yaml"], "prices: no format \"yaml\""),
        (&["prices", "import", SAMPLE, "--format", "catalogue"], "prices: the catalogue needs --as-of"),
        (&["prices", "export", SAMPLE], "unexpected argument"),
    ];
    for (arguments, expected) in cases {
        let (code, output, errors) = genops(arguments);
        assert_ne!(code, 0, "{arguments:?}");
        assert_eq!(output, "", "{arguments:?}");
        assert!(errors.contains(expected), "{arguments:?}: {errors}");
    }
}
