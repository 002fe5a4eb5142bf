//! Latency targets: measured, told, and predicted.
//!
//! Needs `GENOPS_ENVOY` and `GENOPS_WASM`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each suite uses a part of it")]
mod support;

use lab::{Behaviour, LogRecord, wait};
use serde_json::{Value, json};
use std::time::Duration;
use support::Stage;
use support::calls::{CAP, PATH, RESULT, chat, chat_streamed, seen};
use support::config::tokens;
use support::settlement::{by, read_words, usual};
use support::telemetry::{EVALUATED, awu_id, text};

const EVALUATION: &str = "genops.evaluation.complete";

/// The usual configuration with one target.
fn bound(sla: Value) -> Value {
    let mut config = tokens();
    config["sla"] = json!([sla]);
    config
}

/// The provider takes some time over each event of a stream.
fn slowly(pause_ms: u64) -> Behaviour {
    Behaviour { pause: Duration::from_millis(pause_ms), ..Behaviour::default() }
}

/// The later decision of an AWU, once it is there.
async fn second_decision(stage: &Stage, awu: &str) -> LogRecord {
    let decisions = || {
        let events = stage.events_of(awu).into_iter();
        events.filter(|event| event.event_name == EVALUATED).collect::<Vec<_>>()
    };
    wait::for_condition("a second decision", || decisions().len() == 2).await;
    decisions().remove(1)
}

#[tokio::test]
async fn s6_a_target_that_was_met_is_on_the_span_and_in_an_event() {
    let target = json!({"tier": "gold", "match": {"team": ["search", "ads"]}, "latency_target_ms": 60000});
    let stage = Stage::start(bound(target)).await;
    stage.simulator.behave(slowly(5));
    let answer = by(&stage.http1(), "search", &chat_streamed(CAP)).await;
    let awu = awu_id(&answer);
    let span = stage.span_of(&awu).await;
    assert_eq!(text(&span, "genops.sla.tier"), Some("gold"));
    assert_eq!(text(&span, "genops.sla.latency_target_ms"), Some("60000"));
    assert_eq!(text(&span, "genops.sla.met"), Some("true"));
    let event = stage.event_of(&awu, EVALUATION).await;
    let of = |name: &str| event.attributes[name].clone();
    assert_eq!((of("genops.sla.met"), of("genops.sla.tier")), (json!(true), json!("gold")));
    assert_eq!((of("genops.eval.passed"), of("genops.eval.threshold")), (json!(true), json!(60000.0)));
    let actual = of("genops.sla.actual_latency_ms").as_i64().expect("an integer");
    let first = of("genops.sla.time_to_first_token_ms").as_i64().expect("an integer");
    // Sixteen words and as many pauses lie between the first byte and the last.
    assert!((50..60_000).contains(&actual) && first + 50 <= actual, "{first} of {actual}");
    assert_eq!(of("genops.eval.score"), json!(actual as f64));
    assert_eq!(text(&span, "genops.sla.actual_latency_ms"), Some(actual.to_string().as_str()));
    assert_eq!(text(&span, "genops.sla.time_to_first_token_ms"), Some(first.to_string().as_str()));
    // Another team has no target.
    let other = by(&stage.http1(), "other", &chat(CAP)).await;
    assert_eq!(text(&stage.span_of(&awu_id(&other)).await, "genops.sla.tier"), None);
}

#[tokio::test]
async fn s6_a_target_that_was_missed_is_a_later_decision_of_its_own() {
    let stage = Stage::start(bound(json!({"tier": "gold", "latency_target_ms": 20}))).await;
    stage.simulator.behave(slowly(5));
    let answer = by(&stage.http1(), "search", &chat_streamed(CAP)).await;
    assert_eq!(seen(&answer, &RESULT), [Some("ALLOWED"), None]);
    let awu = awu_id(&answer);
    let span = stage.span_of(&awu).await;
    // The first decision stands (§4.3).
    assert_eq!(text(&span, "genops.policy.result"), Some("ALLOWED"));
    assert_eq!(text(&span, "genops.sla.met"), Some("false"));
    let later = second_decision(&stage, &awu).await;
    assert_eq!(later.attributes["genops.policy.result"], "WARNING");
    assert_eq!(later.attributes["genops.policy.reason_code"], "SLA_LATENCY_VIOLATION");
    assert_eq!(later.attributes["genops.policy.name"], "gold");
    assert_eq!(later.attributes["genops.sla.met"], json!(false));
}

#[tokio::test]
async fn a_client_that_leaves_late_leaves_the_violation_on_the_span() {
    let stage = Stage::start(bound(json!({"tier": "gold", "latency_target_ms": 20}))).await;
    stage.simulator.behave(slowly(10));
    let client = stage.http1();
    let mut stream = client.stream(PATH, &[("x-genops-team", "leaving")], &chat_streamed(CAP)).await;
    read_words(&mut stream, 10).await;
    stream.abort();
    let span = stage.span_of_team("leaving").await;
    assert_eq!(text(&span, "genops.sla.met"), Some("false"));
    assert_eq!(text(&span, "genops.accounting.complete"), Some("false"));
}

#[tokio::test]
async fn a_prediction_refuses_until_a_probe_finds_the_provider_fast_again() {
    let sla = json!({"tier": "gold", "latency_target_ms": 150, "on_predicted": "refuse", "min_observations": 3,
                     "deviations": 0, "probe_interval_ms": 2000});
    let mut config = bound(sla);
    // A slow machine makes many calls until the prediction is as it must be.
    config["budgets"][0]["limit"] = json!(1_000_000);
    let stage = Stage::start(config).await;
    stage.simulator.behave(slowly(20));
    let client = stage.http1();
    let call = async || by(&client, "search", &chat_streamed(CAP)).await;
    for _ in 0..3 {
        assert_eq!(seen(&call().await, &RESULT), [Some("ALLOWED"), None]);
    }
    let probe = call().await;
    assert_eq!(seen(&probe, &RESULT), [Some("WARNING"), Some("SLA_LATENCY_VIOLATION")]);
    let refused = async || Some(call().await).filter(|answer| answer.status == 503);
    let refused = wait::until(wait::DEADLINE, refused).await.expect("a refusal");
    assert_eq!(seen(&refused, &RESULT), [Some("BLOCKED"), Some("SLA_LATENCY_VIOLATION")]);
    assert!(["1", "2"].map(Some).contains(&refused.header("retry-after")));
    let span = stage.span_of(&awu_id(&refused)).await;
    assert_eq!(text(&span, "genops.sla.tier"), None, "a call that was not executed took no time");
    assert_eq!(text(&span, "genops.policy.name"), Some("gold"));
    stage.simulator.behave(Behaviour::default());
    let allowed = async || {
        let answer = call().await;
        (answer.header("x-genops-policy-result") == Some("ALLOWED")).then_some(())
    };
    assert!(wait::until(wait::DEADLINE, allowed).await.is_some(), "it refuses for ever");
    stage.never_died().await;
}

#[tokio::test]
async fn a_prediction_that_warns_lets_through() {
    let sla = json!({"tier": "gold", "latency_target_ms": 100, "on_predicted": "warn", "min_observations": 1,
                     "deviations": 0});
    let stage = Stage::start(bound(sla)).await;
    stage.simulator.behave(slowly(15));
    let client = stage.http1();
    assert_eq!(
        by(&client, "search", &chat_streamed(CAP)).await.header("x-genops-policy-result"),
        Some("ALLOWED")
    );
    let warned = usual(&client, "search").await;
    assert_eq!(seen(&warned, &RESULT), [Some("WARNING"), Some("SLA_LATENCY_VIOLATION")]);
    let span = stage.span_of(&awu_id(&warned)).await;
    assert_eq!(text(&span, "genops.policy.warnings"), Some("SLA_LATENCY_VIOLATION:gold"));
}
