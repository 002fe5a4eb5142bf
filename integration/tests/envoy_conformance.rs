//! The specification, rule by rule: one test per MUST, named by its §, judged on telemetry of one run through real Envoy.
//!
//! Needs `GENOPS_ENVOY` and `GENOPS_WASM`. What the run consists of stands in `support/capture.rs`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each suite uses a part of it")]
mod support;

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use support::awu::{Awu, awu, awus, figure, text};
use support::calls::RESERVED;
use support::capture::{LIMIT, capture};
use support::telemetry::{EVALUATED, RECONCILIATION, RESERVATION};

const RESULT: &str = "genops.policy.result";
const REASON: &str = "genops.policy.reason_code";

#[tokio::test]
async fn s1_3_every_attribute_of_an_event_is_genops_own_and_none_redefines_another_convention() {
    for awu in awus().await {
        for (name, _, attributes) in &awu.events {
            let foreign: Vec<_> = attributes.keys().filter(|key| !key.starts_with("genops.")).collect();
            assert!(foreign.is_empty(), "{} {name}: {foreign:?}", awu.name);
        }
        assert!(awu.span.keys().all(|key| !key.starts_with("gen_ai.")), "{}", awu.name);
    }
}

#[tokio::test]
async fn s2_2_every_awu_has_an_id_of_its_own_that_is_never_reused() {
    let awus = awus().await;
    let ids: BTreeSet<_> = awus.iter().map(|awu| awu.headers["x-genops-awu-id"].to_string()).collect();
    assert_eq!(ids.len(), awus.len());
    assert!(awus.len() >= 20, "the run is a mixed one");
}

#[tokio::test]
async fn s2_2_the_id_is_the_same_on_the_answer_the_span_and_every_event() {
    // By its id a call finds its span and its events at all; what is left is that a client cannot choose it.
    for awu in awus().await {
        assert!(!awu.events.is_empty(), "{}", awu.name);
        for (name, attributes) in awu.signals().skip(1) {
            let id = attributes.get("genops.awu.id");
            assert!(id.is_none_or(|id| *id == awu.headers["x-genops-awu-id"]), "{} {name}: {id:?}", awu.name);
        }
    }
    let forged = awu("forged").await;
    assert_ne!(forged.headers["x-genops-awu-id"], "mine");
}

#[tokio::test]
async fn s2_3_every_awu_carries_team_project_and_environment() {
    for awu in awus().await {
        for (signal, attributes) in awu.signals() {
            for name in ["genops.team", "genops.project", "genops.environment"] {
                // The one exception is the refusal that says just this; a made-up value would break §9.1(8).
                let is_missing =
                    name == "genops.team" && text(&awu.span, REASON) == Some("x_attribution_missing");
                assert_eq!(attributes.contains_key(name), !is_missing, "{} {signal}: {name}", awu.name);
            }
        }
    }
}

#[tokio::test]
async fn s2_3_attribution_never_changes_from_the_first_signal_to_the_last() {
    let names = ["team", "project", "environment", "customer_id", "feature", "session_id", "cost_center"];
    for awu in awus().await {
        for (signal, attributes) in awu.signals() {
            for name in names.map(|name| format!("genops.{name}")) {
                assert_eq!(attributes.get(&name), awu.span.get(&name), "{} {signal}: {name}", awu.name);
            }
        }
    }
    assert_eq!(text(&awu("chat").await.span, "genops.customer_id"), Some("c-17"));
}

#[tokio::test]
async fn s2_4_telemetry_comes_from_all_phases_of_an_executed_awu_and_from_the_first_alone_otherwise() {
    for awu in awus().await {
        let has = |name: &str| !awu.events(name).is_empty();
        let phases = (has(EVALUATED), has(RESERVATION), has(RECONCILIATION));
        let expected = match awu.fate.as_str() {
            "executed" => (true, true, true),
            "voided" => (true, true, false),
            _ => (true, false, false),
        };
        assert_eq!(phases, expected, "{}", awu.name);
    }
}

#[tokio::test]
async fn s2_4_the_phases_come_in_order() {
    for awu in awus().await {
        let first = |wanted: &str| awu.events.iter().find(|(name, ..)| name == wanted).map(|event| event.1);
        let last = |wanted: &str| awu.events.iter().rfind(|(name, ..)| name == wanted).map(|event| event.1);
        if let Some(reconciled) = first(RECONCILIATION) {
            let before = [last(EVALUATED), last(RESERVATION)].map(|at| at.expect("an earlier phase"));
            assert!(before.iter().all(|at| *at <= reconciled), "{}", awu.name);
        }
    }
}

#[tokio::test]
async fn s3_2_a_unit_is_declared_on_every_awu_that_reaches_reservation() {
    for awu in awus().await.into_iter().filter(Awu::reached_reservation) {
        let unit = text(&awu.span, "genops.accounting.unit");
        assert_eq!(unit, Some("tokens"), "{}", awu.name);
        for name in [RESERVATION, RECONCILIATION] {
            for event in awu.events(name) {
                assert_eq!(text(event, "genops.accounting.unit"), unit, "{} {name}", awu.name);
            }
        }
    }
}

#[tokio::test]
async fn s3_3_every_executed_awu_was_reserved_first_and_reconciled_once_for_each_budget() {
    for awu in awus().await.into_iter().filter(Awu::is_executed) {
        let budgets = |name: &str| {
            let mut names: Vec<_> =
                awu.events(name).iter().map(|event| event["genops.budget.name"].to_string()).collect();
            names.sort();
            names
        };
        let reserved = budgets(RESERVATION);
        assert!(!reserved.is_empty(), "{}", awu.name);
        assert_eq!(reserved, budgets(RECONCILIATION), "{}", awu.name);
        let unique: BTreeSet<_> = reserved.iter().collect();
        assert_eq!(unique.len(), reserved.len(), "{}: each once", awu.name);
    }
}

#[tokio::test]
async fn s3_3_a_reconciliation_compares_the_actual_with_what_was_reserved() {
    for awu in awus().await.into_iter().filter(Awu::is_executed) {
        let (reservation, reconciliation) = (awu.event(RESERVATION), awu.event(RECONCILIATION));
        let reserved = figure(reservation, "genops.accounting.reserved").expect("reserved");
        let actual = figure(reconciliation, "genops.accounting.actual").expect("actual");
        assert_eq!(figure(reconciliation, "genops.accounting.reserved"), Some(reserved), "{}", awu.name);
        let delta = figure(reconciliation, "genops.accounting.reconciliation_delta");
        assert_eq!(delta, Some(actual - reserved), "{}", awu.name);
        assert_eq!(figure(&awu.span, "genops.accounting.reserved"), Some(reserved), "{}", awu.name);
        assert_eq!(figure(&awu.span, "genops.accounting.actual"), Some(actual), "{}", awu.name);
    }
}

#[tokio::test]
async fn s3_5_an_awu_whose_reservation_cannot_be_fulfilled_does_not_execute() {
    let executed = awus().await.iter().filter(|awu| awu.is_executed()).count();
    let all = capture().await;
    assert_eq!(
        all["reached"].as_u64(),
        Some(executed as u64),
        "the provider saw what was executed, and no more"
    );
    for awu in awus().await.iter().filter(|awu| awu.fate == "refused") {
        assert_eq!(text(&awu.span, RESULT), Some("BLOCKED"), "{}", awu.name);
        assert!(text(&awu.span, REASON).is_some(), "{}", awu.name);
    }
}

#[tokio::test]
async fn s3_5_a_reconciliation_without_the_providers_statement_is_emitted_and_flagged_incomplete() {
    let incomplete = ["reset", "without usage", "aborted"];
    for awu in awus().await.into_iter().filter(Awu::is_executed) {
        let complete = awu.event(RECONCILIATION)["genops.accounting.complete"].as_bool();
        assert_eq!(complete, Some(!incomplete.contains(&awu.name.as_str())), "{}", awu.name);
    }
}

#[tokio::test]
async fn s3_5_the_same_call_in_the_same_state_has_the_same_outcome() {
    let (one, two) = (awu("twin one").await, awu("twin two").await);
    for name in [RESULT, "genops.accounting.reserved", "genops.budget.remaining", "genops.accounting.actual"]
    {
        assert_eq!(one.span.get(name), two.span.get(name), "{name}");
    }
    let (first, again) = (awu("too little left").await, awu("too little left, tried again").await);
    for name in [RESULT, REASON, "genops.budget.remaining", "genops.policy.reason"] {
        assert_eq!(first.span.get(name), again.span.get(name), "{name}");
    }
}

#[tokio::test]
async fn s4_1_the_result_is_one_of_the_four() {
    let mut seen = BTreeSet::new();
    for awu in awus().await {
        let result = text(&awu.span, RESULT).expect("a result").to_owned();
        assert!(["ALLOWED", "BLOCKED", "WARNING", "RATE_LIMITED"].contains(&result.as_str()), "{result}");
        assert_eq!(text(awu.event(EVALUATED), RESULT), Some(result.as_str()), "{}", awu.name);
        assert_eq!(awu.headers["x-genops-policy-result"], result, "{}", awu.name);
        seen.insert(result);
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["ALLOWED", "BLOCKED", "WARNING"], "the run has them");
}

#[tokio::test]
async fn s4_2_reason_code_is_present_exactly_when_the_result_is_not_allowed() {
    for awu in awus().await {
        let allowed = text(&awu.span, RESULT) == Some("ALLOWED");
        assert_eq!(awu.span.contains_key(REASON), !allowed, "{} span", awu.name);
        assert_eq!(awu.event(EVALUATED).contains_key(REASON), !allowed, "{} event", awu.name);
        assert_eq!(awu.headers.get("x-genops-reason-code").is_some(), !allowed, "{} answer", awu.name);
        assert_eq!(awu.span.get(REASON), awu.event(EVALUATED).get(REASON), "{}", awu.name);
    }
}

#[tokio::test]
async fn s4_3_a_decision_is_made_once_and_never_changed() {
    for awu in awus().await {
        assert_eq!(awu.events(EVALUATED).len(), 1, "{}", awu.name);
        let decided = awu.event(EVALUATED);
        for (signal, attributes) in awu.signals() {
            for name in [RESULT, REASON] {
                let said = attributes.get(name);
                assert!(said.is_none() || said == decided.get(name), "{} {signal}: {said:?}", awu.name);
            }
        }
    }
}

#[tokio::test]
async fn s4_3_a_call_that_the_client_repeats_is_another_awu_with_a_decision_of_its_own() {
    for (first, again) in [("chat", "chat again"), ("too little left", "too little left, tried again")] {
        let (first, again) = (awu(first).await, awu(again).await);
        assert_ne!(first.headers["x-genops-awu-id"], again.headers["x-genops-awu-id"]);
        assert_eq!(again.events(EVALUATED).len(), 1);
    }
}

#[tokio::test]
async fn s4_4_there_is_no_decision_without_its_awu() {
    let all = capture().await;
    let known: BTreeSet<_> =
        all["calls"].as_array().expect("calls").iter().map(|call| call["awu"].to_string()).collect();
    for event in all["events"].as_array().expect("events") {
        assert!(known.contains(&event["awu"].to_string()), "{event}");
    }
}

#[tokio::test]
async fn s5_2_exceeded_means_nothing_left_and_reservation_failed_means_too_little_left() {
    let mut seen = BTreeMap::new();
    for awu in awus().await.into_iter().filter(|awu| awu.fate == "refused") {
        let Some(left) = figure(&awu.span, "genops.budget.remaining") else { continue };
        let code = text(&awu.span, REASON).expect("a code").to_owned();
        match code.as_str() {
            "BUDGET_EXCEEDED" => assert!(left <= 0.0, "{}: {left}", awu.name),
            "BUDGET_RESERVATION_FAILED" => assert!(left > 0.0, "{}: {left}", awu.name),
            other => panic!("{}: {other} names a budget", awu.name),
        }
        *seen.entry(code).or_insert(0) += 1;
    }
    assert_eq!(seen.len(), 2, "the run has both: {seen:?}");
}

#[tokio::test]
async fn s5_every_reason_code_is_of_the_taxonomy_or_a_legal_extension() {
    const CODES: [&str; 9] = [
        "BUDGET_EXCEEDED",
        "BUDGET_RESERVATION_FAILED",
        "POLICY_DENY_MODEL",
        "POLICY_DENY_REGION",
        "POLICY_DENY_CONTENT",
        "RATE_LIMITED",
        "SLA_LATENCY_VIOLATION",
        "PROVIDER_ERROR_UPSTREAM",
        "ACCOUNTING_INVARIANT_VIOLATION",
    ];
    let extension = |code: &str| {
        let rest = code.strip_prefix("x_").unwrap_or_default();
        !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    for awu in awus().await {
        for (signal, attributes) in awu.signals() {
            let Some(code) = attributes.get(REASON) else { continue };
            let code = code.as_str().expect("a string");
            assert!(CODES.contains(&code) || extension(code), "{} {signal}: {code}", awu.name);
        }
    }
}

#[tokio::test]
async fn s6_an_sla_boundary_is_told_whole_or_not_at_all() {
    for awu in awus().await {
        for (signal, attributes) in awu.signals() {
            let told = attributes.keys().filter(|key| key.starts_with("genops.sla.")).count();
            assert!(told == 0 || told == 4, "{} {signal}: {told} of 4", awu.name);
        }
    }
}

#[tokio::test]
async fn s7_1_attributes_of_events_have_the_specified_types() {
    let strings = [
        "team",
        "project",
        "environment",
        "operation.name",
        "operation.type",
        "accounting.unit",
        "policy.result",
        "policy.reason_code",
        "spec.version",
        "budget.name",
        "budget.period",
        "cost.currency",
    ];
    let doubles = [
        "accounting.reserved",
        "accounting.actual",
        "accounting.reconciliation_delta",
        "budget.allocated",
        "budget.consumed",
        "budget.remaining",
        "cost.total",
    ];
    let integers = ["tokens.input", "tokens.output", "tokens.total"];
    for awu in awus().await {
        for (name, _, attributes) in &awu.events {
            let all = |names: &[&str], right: fn(&Value) -> bool| {
                for key in names.iter().map(|name| format!("genops.{name}")) {
                    let value = attributes.get(&key);
                    assert!(value.is_none_or(right), "{} {name}: {key} is {value:?}", awu.name);
                }
            };
            all(&strings, Value::is_string);
            all(&doubles, Value::is_f64);
            all(&integers, Value::is_i64);
        }
    }
}

#[tokio::test]
async fn s7_1_operation_name_and_type_are_on_every_awu() {
    for awu in awus().await {
        let kind = if awu.name == "embeddings" { "embedding" } else { "inference" };
        for (signal, attributes) in awu.signals() {
            assert_eq!(text(attributes, "genops.operation.type"), Some(kind), "{} {signal}", awu.name);
            assert!(text(attributes, "genops.operation.name").is_some(), "{} {signal}", awu.name);
        }
    }
}

#[tokio::test]
async fn s7_1_reserved_is_there_once_reservation_is_reached_and_actual_once_execution_completed() {
    for awu in awus().await {
        let reserved = awu.span.contains_key("genops.accounting.reserved");
        assert_eq!(reserved, awu.reached_reservation(), "{}", awu.name);
        assert_eq!(awu.span.contains_key("genops.accounting.actual"), awu.is_executed(), "{}", awu.name);
        let figures = ["genops.accounting.reserved", "genops.accounting.actual"];
        for name in figures.into_iter().filter(|name| awu.span.contains_key(*name)) {
            assert!(figure(&awu.span, name).is_some_and(|value| value >= 0.0), "{}: {name}", awu.name);
        }
    }
    assert_eq!(figure(&awu("chat").await.span, "genops.accounting.reserved"), Some(RESERVED as f64));
}

#[tokio::test]
async fn s7_2_every_decision_is_told_with_its_result() {
    for awu in awus().await {
        assert!(text(awu.event(EVALUATED), RESULT).is_some(), "{}", awu.name);
    }
}

#[tokio::test]
async fn s7_2_every_reservation_and_reconciliation_event_has_its_required_attributes() {
    for awu in awus().await {
        for event in awu.events(RESERVATION) {
            assert!(figure(event, "genops.accounting.reserved").is_some(), "{}", awu.name);
            assert!(text(event, "genops.accounting.unit").is_some(), "{}", awu.name);
        }
        for event in awu.events(RECONCILIATION) {
            for name in ["genops.accounting.actual", "genops.accounting.reserved"] {
                assert!(figure(event, name).is_some(), "{}: {name}", awu.name);
            }
            assert!(text(event, "genops.accounting.unit").is_some(), "{}", awu.name);
        }
    }
}

#[tokio::test]
async fn s7_2_1_an_awu_refused_before_reservation_emits_its_decision_alone() {
    for awu in awus().await.iter().filter(|awu| awu.fate == "refused") {
        let names: Vec<_> = awu.events.iter().map(|event| event.0.as_str()).collect();
        assert_eq!(names, [EVALUATED], "{}", awu.name);
    }
}

#[tokio::test]
async fn s7_2_1_an_awu_that_did_not_execute_emits_no_reconciliation() {
    let unconnected = awu("unconnected").await;
    assert_eq!(unconnected.fate, "voided");
    assert!(!unconnected.events(RESERVATION).is_empty());
    assert!(unconnected.events(RECONCILIATION).is_empty());
}

#[tokio::test]
async fn s8_a_cost_that_is_told_has_its_total_and_currency() {
    let mut told = 0;
    for awu in awus().await {
        for event in awu.events("genops.cost.calculated") {
            assert!(figure(event, "genops.cost.total").is_some_and(|total| total >= 0.0), "{}", awu.name);
            assert_eq!(text(event, "genops.cost.currency"), Some("USD"), "{}", awu.name);
            assert!(awu.is_executed(), "{}: only what was executed costs", awu.name);
            told += 1;
        }
    }
    assert!(told > 0);
    // 10 tokens in at one and 16 out at two dollars per million.
    let chat = awu("chat").await;
    assert_eq!(figure(chat.event("genops.cost.calculated"), "genops.cost.total"), Some(0.000_042));
}

#[tokio::test]
async fn s9_1_8_no_value_is_null_empty_or_a_placeholder() {
    let placeholders = ["", "-", "none", "null", "n/a", "unknown", "default", "undefined", "default-team"];
    for awu in awus().await {
        for (signal, attributes) in awu.signals() {
            for (name, value) in attributes.iter().filter(|(name, _)| name.starts_with("genops.")) {
                assert!(!value.is_null(), "{} {signal}: {name}", awu.name);
                let placeholder = value
                    .as_str()
                    .is_some_and(|text| placeholders.contains(&text.trim().to_ascii_lowercase().as_str()));
                assert!(!placeholder, "{} {signal}: {name} is {value}", awu.name);
            }
        }
    }
}

#[tokio::test]
async fn s9_4_the_books_can_be_kept_from_telemetry_alone() {
    // Each team made its calls one after the other, so every event's remaining follows from those before it.
    let mut events = Vec::new();
    for awu in awus().await.iter().filter(|awu| awu.name != "unconnected") {
        for (name, at, attributes) in &awu.events {
            if attributes.get("genops.budget.name").is_some_and(|budget| budget == "team-tokens") {
                events.push((*at, name.clone(), attributes.clone()));
            }
        }
    }
    events.sort_by_key(|event| event.0);
    let mut left: BTreeMap<String, f64> = BTreeMap::new();
    for (_, name, attributes) in &events {
        let team = text(attributes, "genops.team").expect("a team").to_owned();
        let left = left.entry(team.clone()).or_insert(LIMIT as f64);
        let figure =
            |name: &str| figure(attributes, name).unwrap_or_else(|| panic!("{name}: {attributes:#?}"));
        match name.as_str() {
            RESERVATION => *left -= figure("genops.accounting.reserved"),
            RECONCILIATION => *left -= figure("genops.accounting.reconciliation_delta"),
            _ => {}
        }
        assert_eq!(figure("genops.budget.remaining"), *left, "{team} after {name}");
    }
    assert!(events.len() > 20);
}

#[tokio::test]
async fn s11_3_the_specifications_version_is_on_every_awu_also_on_refused_ones() {
    for awu in awus().await {
        for (signal, attributes) in awu.signals() {
            assert_eq!(text(attributes, "genops.spec.version"), Some("0.1.0"), "{} {signal}", awu.name);
        }
    }
}
