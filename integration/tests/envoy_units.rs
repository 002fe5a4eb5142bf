//! Budgets in several units on one call, and prices from the shipped catalogue, in real Envoy.
//!
//! Needs `GENOPS_ENVOY` and `GENOPS_WASM`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each suite uses a part of it")]
mod support;

use lab::simulator::{Canned, Hold};
use lab::{Behaviour, Gate, LogRecord};
use serde_json::{Value, json};
use support::Stage;
use support::calls::{ACTUAL, CAP, INPUT, OUTPUT, RESERVED, SEARCH, chat};
use support::config::with_budgets;
use support::telemetry::{RECONCILIATION, RESERVATION, awu_id, text};

/// The time that a call is assumed to take, in seconds; [`config`] says it in milliseconds.
const ASSUMED_S: f64 = 20.0;

/// Every unit, requests first. `gpt-4o-mini` has its price from the catalogue: 0.15 and 0.60 dollars per million.
fn config() -> Value {
    let budget = |name: &str, unit: Value, limit: Value| json!({"name": name, "per": ["team"], "unit": unit, "limit": limit, "window": "total"});
    let mut config = with_budgets(json!([
        budget("calls", json!("requests"), json!(3)),
        budget("seconds", json!("compute_seconds"), json!(3_600)),
        budget("weighted", json!({"tokens": {"input": 0.5, "output": 4}}), json!(100_000)),
        budget("tokens", json!("tokens"), json!(100_000)),
        budget("dollars", json!("USD"), json!(1)),
    ]));
    config["estimation"]["compute_ms"] = json!(20_000);
    config["catalogue"] = json!("builtin");
    config
}

/// What the events of one name say of each budget, by its name.
async fn told(stage: &Stage, awu: &str, name: &str, key: &str) -> Vec<(String, f64)> {
    stage.otlp.wait_for(lab::wait::DEADLINE, |_, logs| of(logs, awu, name).len() == 5).await;
    let mut told: Vec<(String, f64)> = of(&stage.otlp.logs(), awu, name)
        .iter()
        .map(|event| {
            let budget = event.attributes["genops.budget.name"].as_str().expect("a name").to_owned();
            (budget, event.attributes[key].as_f64().expect("a double"))
        })
        .collect();
    told.sort_by(|a, b| a.0.cmp(&b.0));
    told
}

fn of(logs: &[LogRecord], awu: &str, name: &str) -> Vec<LogRecord> {
    let is_it = |event: &&LogRecord| event.event_name == name && support::telemetry::event_awu(event) == awu;
    logs.iter().filter(is_it).cloned().collect()
}

#[tokio::test]
async fn every_unit_is_reserved_and_reconciled_side_by_side_and_the_span_reports_the_first() {
    let stage = Stage::start(config()).await;
    let gate = Gate::closed();
    stage.simulator.next(Behaviour { hold: Hold::BeforeAnswer(gate.clone()), ..Behaviour::default() });
    let client = stage.http1();
    let sent = std::time::Instant::now();
    let call = tokio::spawn(async move { client.chat(&SEARCH, &chat(CAP)).await });
    stage.simulator.wait_received(1).await;
    gate.open();
    let answer = call.await.expect("no panic");
    let took = sent.elapsed().as_secs_f64();
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-genops-unit"), Some("requests"));
    assert_eq!(answer.header("x-genops-reserved"), Some("1"));

    let awu = awu_id(&answer);
    let cost = |output: u64| (INPUT * 150 + output * 600) as f64 / 1e9;
    let reserved = told(&stage, &awu, RESERVATION, "genops.accounting.reserved").await;
    let expected = [
        ("calls", 1.0),
        ("dollars", cost(CAP)),
        ("seconds", ASSUMED_S),
        ("tokens", RESERVED as f64),
        ("weighted", (INPUT / 2 + 4 * CAP) as f64),
    ];
    assert_eq!(reserved, expected.map(|(name, figure)| (name.to_owned(), figure)));

    let mut actual = told(&stage, &awu, RECONCILIATION, "genops.accounting.actual").await;
    let (_, seconds) = actual.remove(2);
    assert!(seconds > 0.0 && seconds <= took, "{seconds} s of {took} s");
    let expected = [
        ("calls", 1.0),
        ("dollars", cost(OUTPUT)),
        ("tokens", ACTUAL as f64),
        ("weighted", (INPUT / 2 + 4 * OUTPUT) as f64),
    ];
    assert_eq!(actual, expected.map(|(name, figure)| (name.to_owned(), figure)));

    let span = stage.span_of(&awu).await;
    let says = |name: &str| text(&span, name).map(str::to_owned);
    assert_eq!(says("genops.accounting.unit").as_deref(), Some("requests"));
    assert_eq!(says("genops.accounting.actual").as_deref(), Some("1"));
    assert_eq!(says("genops.accounting.complete").as_deref(), Some("true"));
    assert_eq!(says("genops.budget.remaining").as_deref(), Some("2"));
    assert_eq!(says("genops.cost.currency").as_deref(), Some("USD"));
}

#[tokio::test]
async fn a_failed_call_stays_counted_and_the_one_too_many_is_told_in_requests() {
    let stage = Stage::start(config()).await;
    let call = async || stage.http1().chat(&SEARCH, &chat(CAP)).await;
    stage.simulator.next(Behaviour { status: Some(500), ..Behaviour::default() });
    assert_eq!(call().await.status, 500);
    assert_eq!([call().await.status, call().await.status], [200, 200]);
    let refused = call().await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("x-genops-budget-name"), Some("calls"));
    assert_eq!(refused.header("x-genops-unit"), Some("requests"));
    let said = refused.text();
    assert!(said.contains("has 0 of 3 requests left; this call reserves 1."), "{said}");
    let other = stage.http1().chat(&[("x-genops-team", "ads")], &chat(CAP)).await;
    assert_eq!(other.status, 200, "another team has calls of its own");
}

#[tokio::test]
async fn a_service_tier_and_an_absurd_figure_are_billed_as_documented() {
    let mut config = config();
    let dollars = config["budgets"][4].take();
    config["budgets"] = json!([dollars]);
    let stage = Stage::start(config).await;
    let canned = |body: &Value| {
        let content_type = "application/json".to_owned();
        let pieces = vec![body.to_string().into()];
        Behaviour { canned: Some(Canned { content_type, pieces }), ..Behaviour::default() }
    };
    // 1,000 × 0.25 and 100 × 1 dollars per million: priority service.
    stage.simulator.next(canned(&json!({
        "model": "gpt-4o-mini-2024-07-18", "service_tier": "priority",
        "usage": {"prompt_tokens": 1_000, "completion_tokens": 100, "total_tokens": 1_100},
    })));
    let answer = stage.http1().chat(&SEARCH, &chat(CAP)).await;
    let reconciled = stage.event_of(&awu_id(&answer), RECONCILIATION).await;
    assert_eq!(reconciled.attributes["genops.accounting.actual"], json!(0.000_35));
    assert_eq!(reconciled.attributes["genops.accounting.complete"], json!(true));

    // 2^64 - 1 tokens: what was reserved stands, and nobody is ruined.
    stage.simulator.next(canned(&json!({
        "model": "gpt-4o-mini", "usage": {"prompt_tokens": u64::MAX, "total_tokens": u64::MAX},
    })));
    let answer = stage.http1().chat(&SEARCH, &chat(CAP)).await;
    let reconciled = stage.event_of(&awu_id(&answer), RECONCILIATION).await;
    let reserved = &reconciled.attributes["genops.accounting.reserved"];
    assert_eq!(&reconciled.attributes["genops.accounting.actual"], reserved);
    assert_eq!(reconciled.attributes["genops.accounting.complete"], json!(false));
}
