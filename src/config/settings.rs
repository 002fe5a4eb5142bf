//! Everything but budgets: attribution, prices, estimation, fail modes, telemetry.
//!
//! Each function reads one section, resolves its defaults and reports its problems; none stops at the first.

use super::model::{
    AttributeRule, Config, Estimation, FailMode, Failure, ModelLimit, ModelPattern, OnMissing, Otlp, Price,
    Source, Telemetry,
};
use super::section::{Section, describe};
use super::{approvals, budgets, section, upstreams};
use crate::amount::{Amount, Currency};
use crate::attribute_value;
use crate::awu::Attribute;
use crate::headers::OWN_PREFIX;

/// Reads the whole configuration.
pub(super) fn read(root: Section<'_>) -> Config {
    let prices: Vec<Price> = root.sections("prices").into_iter().filter_map(price).collect();
    let config = Config {
        attribution: attribution(&root),
        forward_attribution: root.boolean("forward_attribution").unwrap_or(false),
        budgets: budgets::read(&root, &prices),
        approvals: approvals::read(root.section("approvals"), &prices),
        estimation: estimation(root.section("estimation")),
        max_request_bytes: max_request_bytes(&root),
        failure: failure(root.section("failure")),
        telemetry: telemetry(root.section("telemetry")),
        upstreams: upstreams::read(&root),
        prices,
    };
    root.finish();
    config
}

fn max_request_bytes(root: &Section<'_>) -> usize {
    const DEFAULT: u64 = 16_777_216;
    let bytes = root.integer("max_request_bytes", 1_024, 268_435_456).unwrap_or(DEFAULT);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn attribution(root: &Section<'_>) -> Vec<AttributeRule> {
    let section = root.section("attribution");
    let rules = Attribute::ALL
        .into_iter()
        .map(|attribute| {
            let rule = section.as_ref().and_then(|section| section.section(attribute.as_str()));
            attribute_rule(attribute, rule)
        })
        .collect();
    if let Some(section) = section {
        section.finish();
    }
    rules
}

fn attribute_rule(attribute: Attribute, section: Option<Section<'_>>) -> AttributeRule {
    let absent = if attribute.required() { OnMissing::Refuse } else { OnMissing::Omit };
    let Some(section) = section else {
        return AttributeRule { attribute, sources: vec![default_source(attribute)], on_missing: absent };
    };
    let sources = match section.get("sources") {
        None => vec![default_source(attribute)],
        Some(_) => section.sections("sources").into_iter().filter_map(source).collect(),
    };
    let on_missing = on_missing(&section, attribute).unwrap_or(absent);
    let states_none = section.get("sources").is_some_and(|value| value.as_array().is_some_and(Vec::is_empty));
    if states_none && on_missing == OnMissing::Refuse {
        section
            .problem("on_missing", "with no sources every call would be refused; add a source or a constant");
    }
    section.finish();
    AttributeRule { attribute, sources, on_missing }
}

/// `x-genops-<attribute>`, the header that the GenOps SDKs send.
fn default_source(attribute: Attribute) -> Source {
    Source::Header(format!("{OWN_PREFIX}{}", attribute.as_str().replace('_', "-")))
}

fn source(section: Section<'_>) -> Option<Source> {
    let name = section.required_string("header").map(str::to_ascii_lowercase);
    let valid = |name: &String| {
        name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.!#$%&'*+^`|~".contains(&b))
    };
    if let Some(bad) = name.as_ref().filter(|name| !valid(name)) {
        section.problem("header", format!("expected a header name, got {bad:?}"));
    }
    section.finish();
    name.filter(valid).map(Source::Header)
}

fn on_missing(section: &Section<'_>, attribute: Attribute) -> Option<OnMissing> {
    let value = section.get("on_missing")?;
    if value == "refuse" {
        return Some(OnMissing::Refuse);
    }
    if value == "omit" && !attribute.required() {
        return Some(OnMissing::Omit);
    }
    if let Some(object) = value.as_object().filter(|object| object.len() == 1)
        && let Some(constant) = object.get("constant").and_then(serde_json::Value::as_str)
    {
        if let Some(value) = attribute_value::meaningful(constant) {
            return Some(OnMissing::Constant(value.to_owned()));
        }
        let rule = attribute_value::RULE;
        section.problem("on_missing.constant", format!("{constant:?} is no meaningful value (§9.1): {rule}"));
        return None;
    }
    let omit = if attribute.required() { "" } else { "\"omit\", " };
    let expected = format!("expected \"refuse\", {omit}or {{\"constant\": \"…\"}}, got {}", describe(value));
    section.problem("on_missing", expected);
    None
}

fn price(section: Section<'_>) -> Option<Price> {
    let model = model_pattern(&section);
    section.require("currency");
    let currency = section.read("currency", "an ISO 4217 code such as \"USD\"", |value| {
        value.as_str().and_then(Currency::parse)
    });
    section.require("input_per_million");
    section.require("output_per_million");
    let figure = |key| section.read(key, "a price per million tokens, 0 or more", money);
    let input = figure("input_per_million");
    let output = figure("output_per_million");
    let cached = figure("cached_input_per_million");
    let cache_write = figure("cache_write_per_million");
    section.finish();
    let input = input?;
    Some(Price {
        model: model?,
        currency: currency?,
        input,
        output: output?,
        cached_input: cached.unwrap_or(input),
        cache_write: cache_write.unwrap_or(input),
    })
}

fn model_pattern(section: &Section<'_>) -> Option<ModelPattern> {
    section.require("model");
    section.read("model", "a model name, with \"*\" at the end at most", |value| {
        value.as_str().and_then(ModelPattern::parse)
    })
}

/// A decimal figure in whole currency units as nano-units, exactly; at most nine decimals.
pub(super) fn money(value: &serde_json::Value) -> Option<Amount> {
    Amount::parse_decimal(&value.as_number()?.to_string())
}

fn estimation(section: Option<Section<'_>>) -> Estimation {
    let mut estimation = Estimation {
        milli_bytes_per_token: 3_000,
        overhead_tokens: 16,
        tokens_per_image: 1_600,
        tokens_per_audio_part: 4_000,
        default_output_tokens: 4_096,
        models: Vec::new(),
    };
    let Some(section) = section else { return estimation };
    let set = |target: &mut u64, key, min, max| {
        if let Some(figure) = section.integer(key, min, max) {
            *target = figure;
        }
    };
    const MOST: u64 = 10_000_000;
    set(&mut estimation.overhead_tokens, "overhead_tokens", 0, MOST);
    set(&mut estimation.tokens_per_image, "tokens_per_image", 0, MOST);
    set(&mut estimation.tokens_per_audio_part, "tokens_per_audio_part", 0, MOST);
    set(&mut estimation.default_output_tokens, "default_output_tokens", 1, MOST);
    let ratio = section.read("bytes_per_token", "a number from 0.1 to 16", |value| {
        value.as_f64().filter(|ratio| (0.1..=16.0).contains(ratio))
    });
    if let Some(ratio) = ratio {
        estimation.milli_bytes_per_token = (ratio * 1_000.0).round() as u64;
    }
    estimation.models = section.sections("models").into_iter().filter_map(model_limit).collect();
    section.finish();
    estimation
}

fn model_limit(section: Section<'_>) -> Option<ModelLimit> {
    let model = model_pattern(&section);
    section.require("max_output_tokens");
    let max_output_tokens = section.integer("max_output_tokens", 1, 10_000_000);
    section.finish();
    Some(ModelLimit { model: model?, max_output_tokens: max_output_tokens? })
}

fn failure(section: Option<Section<'_>>) -> Failure {
    let mut failure = Failure {
        unreadable_request: FailMode::Refuse,
        ledger_unavailable: FailMode::Refuse,
        unpriced_model: FailMode::Refuse,
        unrecognised: FailMode::Pass,
    };
    let Some(section) = section else { return failure };
    let set = |target: &mut FailMode, key| {
        if let Some(mode) = section.one_of(key, &[("refuse", FailMode::Refuse), ("pass", FailMode::Pass)]) {
            *target = mode;
        }
    };
    set(&mut failure.unreadable_request, "unreadable_request");
    set(&mut failure.ledger_unavailable, "ledger_unavailable");
    set(&mut failure.unpriced_model, "unpriced_model");
    set(&mut failure.unrecognised, "unrecognised");
    section.finish();
    failure
}

fn telemetry(section: Option<Section<'_>>) -> Telemetry {
    let mut telemetry =
        Telemetry { otlp: None, attributes_without_span: false, service_name: "genops-envoy".to_owned() };
    let Some(section) = section else { return telemetry };
    telemetry.otlp = section.section("otlp").and_then(otlp);
    telemetry.attributes_without_span = section.boolean("attributes_without_span").unwrap_or(false);
    if let Some(name) = section.string("service_name") {
        name.clone_into(&mut telemetry.service_name);
    }
    section.finish();
    telemetry
}

fn otlp(section: Section<'_>) -> Option<Otlp> {
    let cluster = section.required_string("cluster");
    let authority = section.string("authority").or(cluster);
    let path = section.read("path", "a path that begins with \"/\"", |value| {
        value.as_str().filter(|path| path.starts_with('/'))
    });
    let flush_interval_ms = section.integer("flush_interval_ms", 10, 60_000).unwrap_or(1_000);
    let timeout_ms = section.integer("timeout_ms", 10, 60_000).unwrap_or(5_000);
    let max_queue_bytes = section.integer("max_queue_bytes", 16_384, 67_108_864).unwrap_or(4_194_304);
    section.finish();
    Some(Otlp {
        cluster: cluster?.to_owned(),
        authority: authority?.to_owned(),
        path: path.unwrap_or("/v1/logs").to_owned(),
        flush_interval_ms,
        timeout_ms,
        max_queue_bytes: usize::try_from(max_queue_bytes).unwrap_or(usize::MAX),
    })
}

/// A limit in `unit`'s own measure: whole tokens, or a decimal figure of the currency.
pub(super) fn limit(value: &serde_json::Value, unit: crate::amount::Unit) -> Option<Amount> {
    match unit {
        crate::amount::Unit::Tokens => section::whole_number(value).map(Amount::new),
        crate::amount::Unit::Money(_) => money(value),
    }
}
