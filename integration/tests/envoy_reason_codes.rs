//! Every reason code of §5.2, and most of the filter's own, from real traffic: the official SDK raises its own error
//! for each, and the decision is told with the code.
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
use support::calls::{PATH, SEARCH, chat_streamed};
use support::config::{prices, tokens};
use support::telemetry::EVALUATED;
use support::{Stage, application};

/// What leads to a code: sections of the configuration, calls before the one that is refused, and the SDK's error.
struct Case {
    code: &'static str,
    error: &'static str,
    config: Value,
    /// Calls with this header.
    before: Option<(usize, (&'static str, &'static str))>,
}

fn case(code: &'static str, error: &'static str, config: Value) -> Case {
    Case { code, error, config, before: None }
}

fn policy(code: &'static str, effect: Value) -> Case {
    let mut policy = json!({"name": "rule"});
    policy.as_object_mut().expect("an object").extend(effect.as_object().expect("an object").clone());
    case(code, "PermissionDeniedError", json!({"policies": [policy]}))
}

fn budget(unit: &str, limit: u64) -> Value {
    json!({"budgets": [{"name": "b", "unit": unit, "limit": limit, "window": "total"}]})
}

/// More than a key of the ledger may be long, although each value may.
fn endless_key() -> Value {
    let value = json!({"sources": [], "on_missing": {"constant": "v".repeat(128)}});
    let attributes = ["project", "environment", "customer_id", "feature", "cost_center"];
    let mut config = json!({"attribution": {}, "budgets": [
        {"name": "b", "per": attributes, "unit": "tokens", "limit": 1_000_000, "window": "total"},
    ]});
    for attribute in attributes {
        config["attribution"][attribute] = value.clone();
    }
    config
}

fn cases() -> Vec<Case> {
    let denied = "PermissionDeniedError";
    let mut unpriced = budget("USD", 5);
    unpriced["prices"] =
        json!([{"model": "another", "currency": "USD", "input_per_million": 1, "output_per_million": 1}]);
    let attributed = |attribute: &str, rule: Value| {
        let constant = json!({"sources": [], "on_missing": {"constant": "known"}});
        let mut config = json!({"attribution": {"project": constant, "environment": constant}});
        config["attribution"][attribute] = rule;
        config
    };
    let sources = json!([{"constant": "owner", "trusted": true}, {"header": "x-genops-team"}]);
    let owned = json!({"sources": sources, "on_conflict": "refuse"});
    let nobody = json!({"sources": [{"header": "x-feature"}], "on_missing": "refuse"});
    // The second slow call is the probe that a prediction lets through.
    let sla = json!({"sla": [{"tier": "t", "latency_target_ms": 20, "on_predicted": "refuse", "min_observations": 1, "deviations": 0,
        "probe_interval_ms": 3_600_000}]});
    let breaker = json!({"breakers": [{"name": "b", "consecutive": 1, "open_ms": 3_600_000, "max_open_ms": 3_600_000}]});
    vec![
        case("BUDGET_EXCEEDED", "RateLimitError", budget("tokens", 0)),
        case("BUDGET_RESERVATION_FAILED", "RateLimitError", budget("tokens", 3)),
        policy("POLICY_DENY_MODEL", json!({"models": {"deny": "*"}})),
        policy("POLICY_DENY_REGION", json!({"regions": {"allow": ["eu-*"], "unknown": "refuse"}})),
        policy("POLICY_DENY_CONTENT", json!({"content": [{"name": "any", "patterns": ["."]}]})),
        policy("x_ceiling_exceeded", json!({"ceilings": {"max_total_tokens": 1}})),
        case(
            "RATE_LIMITED",
            "RateLimitError",
            json!({"concurrency_limits": [{"name": "c", "max": 0, "retry_after_ms": 3_600_000}]}),
        ),
        Case {
            before: Some((2, ("x-sim-pause-ms", "10"))),
            ..case("SLA_LATENCY_VIOLATION", "InternalServerError", sla)
        },
        Case {
            before: Some((1, ("x-sim-status", "500"))),
            ..case("PROVIDER_ERROR_UPSTREAM", "InternalServerError", breaker)
        },
        case("ACCOUNTING_INVARIANT_VIOLATION", "InternalServerError", endless_key()),
        case("x_attribution_missing", denied, attributed("feature", nobody)),
        case("x_attribution_conflict", denied, attributed("team", owned)),
        case("x_model_unpriced", denied, unpriced),
        case(
            "x_approval_required",
            denied,
            json!({"approvals": {"gates": [{"name": "all", "unit": "tokens", "above": 0}]}}),
        ),
    ]
}

/// What the official SDK makes of one call.
async fn raised(stage: &Stage) -> Value {
    application::line(application::openai(stage, "forbidden.py")).await
}

async fn prove(Case { code, error, config, before }: Case) {
    let mut whole = tokens();
    whole["budgets"] = json!([]);
    whole["prices"] = prices();
    whole.as_object_mut().expect("an object").extend(config.as_object().expect("an object").clone());
    let stage = Stage::start(whole).await;
    let (times, header) = before.unzip();
    let times = times.unwrap_or(0);
    let headers: Vec<_> = SEARCH.into_iter().chain(header).collect();
    for _ in 0..times {
        stage.http1().post(PATH, &headers, &chat_streamed(16)).await;
    }
    let raised = raised(&stage).await;
    assert_eq!(raised["error"], error, "{code}: {raised}");
    let told = stage.otlp.events(EVALUATED, 1 + times).await;
    let codes: Vec<_> =
        told.iter().filter_map(|event| event.attributes.get("genops.policy.reason_code")).collect();
    assert!(codes.contains(&&json!(code)), "{code}: told {codes:?}");
    assert_eq!(stage.upstream_requests().await, times as u64, "{code}: nothing went upstream");
}

#[tokio::test]
async fn budgets_and_limits_give_their_codes_and_the_official_sdk_raises_its_own_error() {
    for case in cases().into_iter().filter(|case| case.error == "RateLimitError") {
        prove(case).await;
    }
}

#[tokio::test]
async fn what_is_forbidden_gives_its_code_and_the_official_sdk_raises_its_own_error() {
    for case in cases().into_iter().filter(|case| case.error == "PermissionDeniedError") {
        prove(case).await;
    }
}

#[tokio::test]
async fn what_cannot_be_done_now_gives_its_code_and_the_official_sdk_raises_its_own_error() {
    for case in cases().into_iter().filter(|case| case.error == "InternalServerError") {
        prove(case).await;
    }
}
