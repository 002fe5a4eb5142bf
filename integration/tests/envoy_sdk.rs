//! The official `openai` SDK, unchanged: what an application experiences, and how often Envoy saw it try.
//!
//! Needs `GENOPS_ENVOY`, `GENOPS_WASM` and `GENOPS_PYTHON`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each suite uses a part of it")]
mod support;

use serde_json::{Value, json};
use support::calls::{ACTUAL, INPUT};
use support::config::{LIMIT, tokens};
use support::telemetry::RECONCILIATION;
use support::{Stage, application};

/// What the application printed, by call.
async fn printed(stage: &Stage) -> Vec<Value> {
    application::lines(application::openai(stage, "calls.py")).await
}

#[tokio::test]
async fn the_official_sdk_works_unchanged_and_tries_a_refused_call_once() {
    let stage = Stage::start(tokens()).await;
    let calls = printed(&stage).await;
    let of =
        |name: &str| calls.iter().find(|call| call["call"] == name).unwrap_or_else(|| panic!("{calls:#?}"));
    for name in ["chat", "chat_streamed", "responses", "responses_streamed"] {
        assert_eq!(of(name)["total"], json!(ACTUAL), "{name}: {}", of(name));
        assert_eq!(of(name)["text"], "word ".repeat(16), "{name}");
    }
    assert_eq!(of("chat_left_early")["text"], "word ");
    assert_eq!(of("embeddings")["total"], json!(INPUT));
    // Over budget: the SDK's own error, which applications know how to handle.
    let refused = of("too_large");
    assert_eq!((&refused["error"], &refused["status"]), (&json!("RateLimitError"), &json!(429)), "{refused}");
    assert_eq!(refused["code"], "insufficient_quota");
    assert!(refused["message"].as_str().is_some_and(|text| text.contains("team-tokens")), "{refused}");
    let nameless = of("nameless");
    assert_eq!((&nameless["error"], &nameless["status"]), (&json!("PermissionDeniedError"), &json!(403)));
    assert_eq!(nameless["code"], "x_attribution_missing");
    // One attempt each: eight requests came to Envoy, six went on.
    assert_eq!(stage.envoy.stat("http.ingress.downstream_rq_total").await, Some(8));
    assert_eq!(stage.upstream_requests().await, 6);
    assert_eq!(stage.simulator.received().len(), 6);
    // The five calls that ran to their end are billed exactly; the one left early by what is known of it.
    let reconciled = stage.otlp.events(RECONCILIATION, 6).await;
    let actual =
        |event: &lab::LogRecord| event.attributes["genops.accounting.actual"].as_f64().expect("a double");
    let complete = |event: &&lab::LogRecord| event.attributes["genops.accounting.complete"] == json!(true);
    let exact: f64 = reconciled.iter().filter(complete).map(actual).sum();
    assert_eq!(reconciled.iter().filter(complete).count(), 5, "{reconciled:#?}");
    assert_eq!(exact, (4 * ACTUAL + INPUT) as f64);
    let all: f64 = reconciled.iter().map(actual).sum();
    stage.settles_at("search", LIMIT - all as u64).await;
}
