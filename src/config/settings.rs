//! Everything but attribution, budgets and prices: estimation, fail modes, telemetry.
//!
//! Each function reads one section, resolves its defaults and reports its problems; none stops at the first.

use std::sync::Arc;

use super::model::{Config, Estimation, FailMode, Failure, ModelLimit, Otlp, Telemetry, Upgrade};
use super::section::Section;
use super::{
    OutputCaps, approvals, attribution, breaker, budgets, edits, entry, policies, prices, rate_limits, sla,
    upstreams,
};
use crate::price::Price;
use crate::selector::Selector;

/// Reads the whole configuration.
pub(super) fn read(root: Section<'_>) -> Config {
    let (failure, fallback) = failure(root.section("failure"));
    let prices = prices::read(&root, fallback);
    let (estimation, output_caps) = estimation(root.section("estimation"));
    let mut config = Config {
        attribution: attribution::read(&root),
        forward_attribution: root.boolean("forward_attribution").unwrap_or(false),
        budgets: budgets::read(&root, &prices),
        rate_limits: rate_limits::read(&root),
        rate_limit_headers: root.boolean("rate_limit_headers").unwrap_or(true),
        concurrency_limits: rate_limits::read_concurrency(&root),
        estimation,
        output_caps,
        streams: edits::streams(root.section("streams")),
        approvals: approvals::read(root.section("approvals"), &prices),
        policies: policies::read(&root, &prices),
        max_request_bytes: max_request_bytes(&root),
        failure,
        telemetry: telemetry(root.section("telemetry")),
        upstreams: upstreams::read(&root),
        sla: sla::read(&root),
        breakers: breaker::read(&root),
        prices,
        asks_for_route: false,
    };
    config.asks_for_route = asks_for_route(&config);
    root.finish();
    config
}

/// Whether any entry is about single routes.
fn asks_for_route(config: &Config) -> bool {
    let policies = config.policies.list.iter().map(|policy| &policy.selector);
    let gates = config.approvals.gates.iter().map(|gate| &gate.selector);
    let sla = config.sla.iter().map(|sla| &sla.selector);
    let breakers = config.breakers.iter().map(|breaker| &breaker.selector);
    let budgets = config.budgets.iter().map(|budget| &budget.selector);
    let rates = config.rate_limits.iter().map(|limit| &limit.selector);
    let slots = config.concurrency_limits.iter().map(|limit| &limit.slots.selector);
    let limits = budgets.chain(rates).chain(slots);
    policies.chain(gates).chain(sla).chain(breakers).chain(limits).any(Selector::asks_for_route)
}

fn max_request_bytes(root: &Section<'_>) -> usize {
    const DEFAULT: u64 = 16_777_216;
    let bytes = root.integer("max_request_bytes", 1_024, 268_435_456).unwrap_or(DEFAULT);
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn estimation(section: Option<Section<'_>>) -> (Estimation, OutputCaps) {
    let mut estimation = Estimation {
        milli_bytes_per_token: 3_000,
        overhead_tokens: 16,
        tokens_per_image: 1_600,
        tokens_per_audio_part: 4_000,
        default_output_tokens: None,
        audio_seconds: 60,
        compute_ms: 30_000,
        models: Vec::new(),
    };
    let Some(section) = section else { return (estimation, OutputCaps::default()) };
    let set = |target: &mut u64, key, min, max| {
        if let Some(figure) = section.integer(key, min, max) {
            *target = figure;
        }
    };
    const MOST: u64 = 10_000_000;
    set(&mut estimation.overhead_tokens, "overhead_tokens", 0, MOST);
    set(&mut estimation.tokens_per_image, "tokens_per_image", 0, MOST);
    set(&mut estimation.tokens_per_audio_part, "tokens_per_audio_part", 0, MOST);
    set(&mut estimation.audio_seconds, "audio_seconds", 1, 86_400);
    set(&mut estimation.compute_ms, "compute_ms", 1, 86_400_000);
    estimation.default_output_tokens = section.integer("default_output_tokens", 1, MOST);
    let ratio = section.read("bytes_per_token", "a number from 0.1 to 16", |value| {
        value.as_f64().filter(|ratio| (0.1..=16.0).contains(ratio))
    });
    if let Some(ratio) = ratio {
        estimation.milli_bytes_per_token = (ratio * 1_000.0).round() as u64;
    }
    let mut caps = edits::output_caps(&section);
    let models = section.sections("models").into_iter();
    estimation.models = models.filter_map(|model| model_limit(model, &mut caps)).collect();
    section.finish();
    (estimation, caps)
}

fn model_limit(section: Section<'_>, caps: &mut OutputCaps) -> Option<ModelLimit> {
    let model = entry::model_pattern(&section);
    section.require("max_output_tokens");
    let max_output_tokens = section.integer("max_output_tokens", 1, 10_000_000);
    if let (Some(model), Some(mode)) = (&model, edits::mode(&section)) {
        caps.models.push((model.clone(), mode));
    }
    section.finish();
    Some(ModelLimit { model: model?, max_output_tokens: max_output_tokens? })
}

/// The fail modes, and what an unpriced model is assumed to cost.
fn failure(section: Option<Section<'_>>) -> (Failure, Option<Arc<Price>>) {
    let mut failure = Failure {
        unreadable_request: FailMode::Refuse,
        ledger_unavailable: FailMode::Refuse,
        unpriced_model: FailMode::Refuse,
        unrecognised: FailMode::Pass,
        upgrade: Upgrade::Refuse,
    };
    let Some(section) = section else { return (failure, None) };
    let set = |target: &mut FailMode, key| {
        if let Some(mode) = section.one_of(key, &[("refuse", FailMode::Refuse), ("pass", FailMode::Pass)]) {
            *target = mode;
        }
    };
    set(&mut failure.unreadable_request, "unreadable_request");
    set(&mut failure.ledger_unavailable, "ledger_unavailable");
    set(&mut failure.unrecognised, "unrecognised");
    let assumes = section.get("unpriced_model").is_some_and(serde_json::Value::is_object);
    let fallback = if assumes {
        section.section("unpriced_model").and_then(prices::assumed)
    } else {
        set(&mut failure.unpriced_model, "unpriced_model");
        None
    };
    failure.upgrade = upgrade(&section).unwrap_or(Upgrade::Refuse);
    section.finish();
    (failure, fallback)
}

/// `"refuse"`, `"pass"`, or `{"reserve": 50000}`.
fn upgrade(section: &Section<'_>) -> Option<Upgrade> {
    let value = section.get("upgrade")?;
    if value.is_string() {
        return section.one_of("upgrade", &[("refuse", Upgrade::Refuse), ("pass", Upgrade::Pass)]);
    }
    let inner = section.section("upgrade")?;
    inner.require("reserve");
    let tokens = inner.integer("reserve", 1, 1_000_000_000);
    inner.finish();
    tokens.map(Upgrade::Reserve)
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
