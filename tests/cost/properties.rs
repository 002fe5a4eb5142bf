//! What holds for any price and any usage.

use genops::amount::{TokenWeights, Unit};
use genops::call::ServiceTier;
use genops::cost::{Consumption, Unpriced};
use genops::price::Tariff;
use genops::usage::Usage;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{nanos, tariff};

const MOST: u64 = 1_000_000_000;

/// A price whose long inputs are no cheaper than its short ones, as everywhere.
fn prices() -> impl Strategy<Value = Value> {
    let figure = 0_u64..100_000;
    (figure.clone(), figure.clone(), figure.clone(), figure.clone(), figure.clone(), figure, 1_u64..500_000)
        .prop_map(|(input, output, cached, dearer, reasoning, more, above)| {
            let dollars = |thousandths: u64| json!(thousandths as f64 / 1_000.0);
            json!({
                "model": "m", "currency": "USD",
                "input_per_million": dollars(input), "output_per_million": dollars(output),
                "cached_input_per_million": dollars(cached.min(input)),
                "cache_write_per_million": dollars(input + dearer),
                "audio_input_per_million": dollars(input + more),
                "reasoning_per_million": dollars(output + reasoning),
                "tiers": [
                    {"above_input_tokens": above, "input_per_million": dollars(input + more),
                     "output_per_million": dollars(output + more),
                     "cached_input_per_million": dollars(cached.min(input) + more),
                     "cache_write_per_million": dollars(input + dearer + more)},
                    {"service_tier": "priority", "input_per_million": dollars(input * 2)},
                    {"service_tier": "flex", "input_per_million": dollars(input / 2)},
                ],
            })
        })
}

fn listed(price: &Value) -> Tariff {
    tariff(&json!({"catalogue": "none", "prices": [price]}).to_string(), "openai", "m")
}

fn services() -> impl Strategy<Value = ServiceTier> {
    prop::sample::select(ServiceTier::ALL.to_vec())
}

fn usages() -> impl Strategy<Value = Usage> {
    let figure = || prop::option::of(prop_oneof![0..2_000_000_u64, 0..=MOST]);
    (figure(), figure(), figure(), figure(), figure(), figure(), figure()).prop_map(
        |(input, output, cached, written, hour, audio, reasoning)| Usage {
            input_tokens: input,
            output_tokens: output,
            cached_input_tokens: cached,
            cache_write_tokens: written,
            cache_write_1h_tokens: hour,
            audio_input_tokens: audio,
            reasoning_tokens: reasoning,
            ..Usage::default()
        },
    )
}

/// How many tokens there are of each kind: plain, cached, written to a cache, audio; plain output, reasoning.
type Counts = [u64; 6];

fn counted([plain, cached, written, audio, said, thought]: Counts) -> Usage {
    Usage {
        input_tokens: Some(plain + cached + written + audio),
        cached_input_tokens: Some(cached),
        cache_write_tokens: Some(written),
        audio_input_tokens: Some(audio),
        output_tokens: Some(said + thought),
        reasoning_tokens: Some(thought),
        ..Usage::default()
    }
}

fn counts() -> impl Strategy<Value = Counts> {
    prop::array::uniform6(prop_oneof![0..100_000_u64, 0..MOST])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_more_token_of_any_kind_never_costs_less(
        price in prices(), counts in counts(), service in services(), kind in 0..6_usize, more in 1..MOST,
    ) {
        let tariff = listed(&price);
        let mut larger = counts;
        larger[kind] += more;
        let cost = |counts| nanos(&tariff, counted(counts), service).unwrap();
        prop_assert!(cost(larger) >= cost(counts), "{kind}");
    }

    #[test]
    fn a_token_of_a_dearer_kind_never_costs_less(price in prices(), counts in counts(), kind in 2..4_usize) {
        let tariff = listed(&price);
        let is_short = |counts: Counts| {
            counts[..4].iter().sum::<u64>() <= price["tiers"][0]["above_input_tokens"].as_u64().unwrap()
        };
        // Audio has a figure for short inputs alone, and is no longer dearer beyond.
        prop_assume!(kind != 3 || is_short(counts));
        let mut dearer = counts;
        dearer[kind] += std::mem::take(&mut dearer[0]);
        let cost = |counts| nanos(&tariff, counted(counts), ServiceTier::Standard).unwrap();
        prop_assert!(cost(dearer) >= cost(counts), "{kind}");
    }

    #[test]
    fn whatever_is_stated_more_input_or_output_never_costs_less(
        price in prices(), usage in usages(), service in services(), more in 1..MOST,
    ) {
        let tariff = listed(&price);
        let cost = |usage| nanos(&tariff, usage, service).unwrap();
        let grown = |tokens: Option<u64>| Some(tokens.unwrap_or(0) + more);
        let more_input = Usage { input_tokens: grown(usage.input_tokens), ..usage };
        let more_output = Usage { output_tokens: grown(usage.output_tokens), ..usage };
        prop_assert!(cost(more_input) >= cost(usage));
        prop_assert!(cost(more_output) >= cost(usage));
    }

    /// An oracle that knows no parts: each token of input and output in turn.
    #[test]
    fn the_whole_is_the_sum_of_its_parts_rounded_up_once(
        price in prices(), input in 0..3_000_u64, output in 0..3_000_u64, cached in 0..4_000_u64,
        written in 0..4_000_u64, reasoning in 0..4_000_u64,
    ) {
        let tariff = listed(&price);
        let tier = &price["tiers"][0];
        let is_long = input > tier["above_input_tokens"].as_u64().unwrap();
        let rate = |key: &str| {
            let figure = if is_long { tier.get(key) } else { None };
            let dollars = figure.or(price.get(key)).unwrap().as_f64().unwrap();
            (dollars * 1_000.0).round() as u128
        };
        let mut thousandths = 0;
        for token in 0..input {
            thousandths += match token {
                t if t < cached => rate("cached_input_per_million"),
                t if t < cached.saturating_add(written) => rate("cache_write_per_million"),
                _ => rate("input_per_million"),
            };
        }
        for token in 0..output {
            let key = if token < reasoning { "reasoning_per_million" } else { "output_per_million" };
            thousandths += rate(key);
        }
        let usage = Usage {
            input_tokens: Some(input), output_tokens: Some(output), cached_input_tokens: Some(cached),
            cache_write_tokens: Some(written), reasoning_tokens: Some(reasoning), ..Usage::default()
        };
        // A thousandth of a dollar for a million tokens is a nano-dollar for a token.
        prop_assert_eq!(nanos(&tariff, usage, ServiceTier::Standard), Ok(u64::try_from(thousandths).unwrap()));
    }

    #[test]
    fn an_unpriced_model_never_costs_a_figure(usage in usages(), service in services()) {
        prop_assert_eq!(nanos(&Tariff::default(), usage, service), Err(Unpriced));
    }

    #[test]
    fn what_a_model_is_billed_by_is_never_free(
        tokens in 1..MOST, pieces in 1..MOST, nanos_each in 1..1_000_000_u64,
    ) {
        let price = json!({"model": "m", "currency": "USD", "input_per_million": 0, "output_per_million": 0,
            "per_search": nanos_each as f64 / 1e9});
        let tariff = listed(&price);
        let searched = Usage { search_units: Some(pieces), ..Usage::default() };
        prop_assert!(nanos(&tariff, searched, ServiceTier::Standard).unwrap() > 0);
        let unsaid = Usage { input_tokens: Some(tokens), ..Usage::default() };
        prop_assert_eq!(nanos(&tariff, unsaid, ServiceTier::Standard), Err(Unpriced));
    }

    #[test]
    fn equal_weights_count_tokens_and_larger_ones_never_less(usage in usages(), weight in 0..1_000_000_u32) {
        let weights = |all: u32| TokenWeights {
            input: all, output: all, cached_input: all, cache_write: all, reasoning: all,
        };
        let amount = |unit| Consumption { usage, ..Consumption::default() }.amount(unit, &Tariff::default()).unwrap();
        prop_assert_eq!(amount(Unit::WeightedTokens(weights(1_000))), amount(Unit::Tokens));
        let (light, heavy) = (weights(weight), TokenWeights { output: weight + 1, ..weights(weight) });
        prop_assert!(amount(Unit::WeightedTokens(heavy)) >= amount(Unit::WeightedTokens(light)));
    }

    /// Each token by the weight of its kind, and one rounding for all.
    #[test]
    fn weighted_tokens_are_added_up_and_rounded_up_once(
        counts in counts(), weights in prop::array::uniform5(0..10_000_u32),
    ) {
        let [plain, cached, written, audio, said, thought] = counts;
        let [input, output, cached_input, cache_write, reasoning] = weights;
        let kinds = [
            (plain + audio, input), (cached, cached_input), (written, cache_write), (said, output), (thought, reasoning),
        ];
        let thousandths: u64 = kinds.iter().map(|(tokens, weight)| tokens * u64::from(*weight)).sum();
        let unit = Unit::WeightedTokens(TokenWeights { input, output, cached_input, cache_write, reasoning });
        let consumption = Consumption { usage: counted(counts), ..Consumption::default() };
        let amount = consumption.amount(unit, &Tariff::default()).unwrap();
        prop_assert_eq!(amount.get(), thousandths.div_ceil(1_000));
    }
}
