//! Figures computed by hand. Each table has a price in dollars for a million tokens, or for one piece.

use genops::call::ServiceTier::{self, Batch, Flex, Priority, Standard};
use genops::cost::Unpriced;
use genops::price::Tariff;
use genops::usage::Usage;

use crate::{nanos, tariff};

fn of(rest: &str) -> Tariff {
    let price = format!(r#"{{"model": "m", "currency": "USD", {rest}}}"#);
    tariff(&format!(r#"{{"catalogue": "none", "prices": [{price}]}}"#), "openai", "m")
}

fn tokens(input: u64, output: u64) -> Usage {
    Usage { input_tokens: Some(input), output_tokens: Some(output), ..Usage::default() }
}

fn check(tariff: &Tariff, rows: &[(&str, Usage, ServiceTier, u64)]) {
    for (what, usage, service, expected) in rows {
        assert_eq!(nanos(tariff, *usage, *service), Ok(*expected), "{what}");
    }
}

#[test]
fn input_and_output() {
    let tariff = of(r#""input_per_million": 0.15, "output_per_million": 0.6"#);
    check(
        &tariff,
        &[
            ("nothing", tokens(0, 0), Standard, 0),
            // 1 × 150 and 1 × 600 nano-dollars.
            ("one and one", tokens(1, 1), Standard, 750),
            ("a million each", tokens(1_000_000, 1_000_000), Standard, 750_000_000),
            (
                "a total alone is input",
                Usage { total_tokens: Some(1_000), ..Usage::default() },
                Standard,
                150_000,
            ),
            ("a service without figures", tokens(1, 1), Flex, 750),
        ],
    );
}

#[test]
fn a_fraction_of_a_nano_dollar_is_rounded_up_once() {
    let tariff = of(r#""input_per_million": 0.0001, "output_per_million": 0.0001"#);
    // A tenth of a nano-dollar each.
    check(
        &tariff,
        &[
            ("one", tokens(1, 0), Standard, 1),
            ("both parts in one rounding", tokens(4, 5), Standard, 1),
            ("exactly one", tokens(5, 5), Standard, 1),
            ("a little more", tokens(6, 5), Standard, 2),
        ],
    );
}

#[test]
fn parts_have_prices_of_their_own_and_are_counted_once() {
    let tariff = of(r#""input_per_million": 3, "output_per_million": 15, "cached_input_per_million": 0.3,
           "cache_write_per_million": 3.75, "cache_write_1h_per_million": 6, "audio_input_per_million": 40,
           "image_input_per_million": 5, "reasoning_per_million": 20, "audio_output_per_million": 80,
           "image_output_per_million": 30"#);
    let all = Usage {
        cached_input_tokens: Some(100),
        cache_write_tokens: Some(50),
        cache_write_1h_tokens: Some(20),
        audio_input_tokens: Some(10),
        image_input_tokens: Some(5),
        reasoning_tokens: Some(7),
        audio_output_tokens: Some(3),
        image_output_tokens: Some(2),
        ..tokens(1_000, 100)
    };
    // Input: 100 × 0.3 + 20 × 6 + 30 × 3.75 + 10 × 40 + 5 × 5 + 835 × 3 = 30 + 120 + 112.5 + 400 + 25 + 2505.
    // Output: 7 × 20 + 3 × 80 + 2 × 30 + 88 × 15 = 140 + 240 + 60 + 1320. In micro-dollars: 4,952.5 in all.
    let more_cached_than_input = Usage { cached_input_tokens: Some(5_000), ..tokens(1_000, 0) };
    let more_for_an_hour_than_written =
        Usage { cache_write_tokens: Some(10), cache_write_1h_tokens: Some(30), ..tokens(10, 0) };
    check(
        &tariff,
        &[
            ("everything", all, Standard, 4_952_500),
            ("1,000 × 0.3", more_cached_than_input, Standard, 300_000),
            ("10 × 6", more_for_an_hour_than_written, Standard, 60_000),
        ],
    );
}

#[test]
fn an_hour_in_a_cache_is_never_cheaper_than_minutes() {
    let tariff = of(r#""input_per_million": 3, "output_per_million": 15, "cache_write_per_million": 3.75,
           "cache_write_1h_per_million": 6,
           "tiers": [{"above_input_tokens": 100, "input_per_million": 6, "cache_write_per_million": 7.5}]"#);
    let written =
        |input| Usage { cache_write_tokens: Some(10), cache_write_1h_tokens: Some(10), ..tokens(input, 0) };
    // 10 × 6, then 10 × 7.5 and 91 × 6, since the price of an hour is stated for short inputs alone.
    check(
        &tariff,
        &[("short", written(10), Standard, 60_000), ("long", written(101), Standard, 75_000 + 546_000)],
    );
}

#[test]
fn the_whole_call_has_the_prices_of_the_longest_input_that_it_exceeds() {
    let tariff = of(
        r#""input_per_million": 2.5, "output_per_million": 15, "cached_input_per_million": 0.25, "tiers": [
           {"above_input_tokens": 272000, "input_per_million": 5, "output_per_million": 22.5},
           {"service_tier": "priority", "input_per_million": 5, "output_per_million": 30},
           {"service_tier": "priority", "above_input_tokens": 272000, "input_per_million": 10},
           {"service_tier": "batch", "input_per_million": 1.25, "output_per_million": 7.5}]"#,
    );
    let half_cached = Usage { cached_input_tokens: Some(172_001), ..tokens(272_001, 0) };
    check(
        &tariff,
        &[
            // 272,000 × 2.5 + 1,000 × 15 micro-dollars.
            ("at the length", tokens(272_000, 1_000), Standard, 695_000_000),
            // 272,001 × 5 + 1,000 × 22.5.
            ("one beyond it", tokens(272_001, 1_000), Standard, 1_382_505_000),
            // 100,000 × 5 + 172,001 × 0.25: cached tokens count towards the length and keep their price.
            ("cached tokens", half_cached, Standard, 543_000_250),
            ("priority", tokens(1_000, 1_000), Priority, 35_000_000),
            // 272,001 × 10 + 1,000 × 30: output has no figure for both, so the larger of the two.
            ("priority, long", tokens(272_001, 1_000), Priority, 2_750_010_000),
            ("batch", tokens(1_000, 1_000), Batch, 8_750_000),
            // 272,001 × 5 + 1,000 × 22.5: batch has no figures for long inputs.
            ("batch, long", tokens(272_001, 1_000), Batch, 1_382_505_000),
        ],
    );
}

#[test]
fn pieces_are_priced_one_by_one_and_unknown_numbers_of_them_are_not() {
    let free = r#""input_per_million": 0, "output_per_million": 0"#;
    let images = of(&format!(r#"{free}, "per_image": 0.04"#));
    let made = |images| Usage { images, ..Usage::default() };
    assert_eq!(nanos(&images, made(Some(3)), Standard), Ok(120_000_000));
    assert_eq!(nanos(&images, made(Some(0)), Standard), Ok(0), "none were made, and it says so");
    assert_eq!(nanos(&images, tokens(5, 0), Standard), Err(Unpriced), "how many?");
    assert_eq!(nanos(&images, Usage { search_units: Some(2), ..Usage::default() }, Standard), Err(Unpriced));

    let seconds = of(&format!(r#"{free}, "per_second": 0.0001"#));
    let heard = Usage { audio_seconds: Some(7), ..Usage::default() };
    assert_eq!(nanos(&seconds, heard, Standard), Ok(700_000));
    let searches = of(&format!(r#"{free}, "per_search": 0.002"#));
    assert_eq!(nanos(&searches, Usage { search_units: Some(3), ..tokens(9, 0) }, Standard), Ok(6_000_000));

    let by_tokens = of(r#""input_per_million": 5, "output_per_million": 40"#);
    let both = Usage { images: Some(1), ..tokens(10, 1_000) };
    assert_eq!(nanos(&by_tokens, both, Standard), Ok(40_050_000), "its images are billed as tokens");
    assert_eq!(nanos(&by_tokens, made(Some(1)), Standard), Err(Unpriced), "one image, and no tokens stated");
}

#[test]
fn the_catalogue_prices_models_under_the_names_that_requests_use() {
    let nanos =
        |provider: &str, model: &str| nanos(&tariff("{}", provider, model), tokens(1_000_000, 0), Standard);
    let rows = [
        ("openai", "gpt-4o", 2_500_000_000),
        ("openai", "gpt-4o-2024-08-06", 2_500_000_000),
        ("openai", "gpt-4o-2024-05-13", 5_000_000_000),
        ("azure_openai", "gpt-4o", 2_500_000_000),
        ("azure_openai", "gpt-4o-mini", 165_000_000),
        ("openai", "gpt-4o-mini", 150_000_000),
        ("litellm", "openai/gpt-4o", 2_500_000_000),
        ("unknown", "azure/gpt-4o-mini", 165_000_000),
        ("anthropic", "claude-opus-4-5-20251101", 5_000_000_000),
        ("vertex_ai", "claude-opus-4-5@20251101", 5_000_000_000),
        ("aws_bedrock", "anthropic.claude-opus-4-5-20251101-v1:0", 5_000_000_000),
        ("aws_bedrock", "us.anthropic.claude-opus-4-5-20251101-v1:0", 5_500_000_000),
        ("aws_bedrock", "us.amazon.nova-pro-v1:0", 800_000_000),
        (
            "aws_bedrock",
            "arn:aws:bedrock:eu-west-1:1:inference-profile/eu.amazon.nova-pro-v1:0",
            1_050_000_000,
        ),
        ("gemini", "gemini-2.5-flash", 300_000_000),
        ("vertex_ai", "gemini-2.5-flash", 300_000_000),
        ("openai", "ft:gpt-4o-2024-08-06:acme:support:1", 3_750_000_000),
    ];
    for (provider, model, expected) in rows {
        assert_eq!(nanos(provider, model), Ok(expected), "{model} at {provider}");
    }
    let strangers = [
        ("openai", "gpt-99"),
        ("azure_openai", "our-deployment"),
        ("aws_bedrock", "arn:aws:bedrock:eu-west-1:1:application-inference-profile/x1y2"),
        ("groq", "gpt-4o"),
        ("ollama", "gpt-4o"),
    ];
    for (provider, model) in strangers {
        assert_eq!(nanos(provider, model), Err(Unpriced), "{model} at {provider}");
    }
}
