//! What is told of a call: attributes on Envoy's span, typed events, and what happens when nobody listens.
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

use lab::simulator::{Canned, Hold};
use lab::{Behaviour, Collector, Gate, Span, wait};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use support::calls::{ACTUAL, CAP, INPUT, OUTPUT, PATH, RESERVED, SEARCH, chat, chat_streamed, headers};
use support::config::{LIMIT, tokens};
use support::settlement::{by, read_words, usual};
use support::telemetry::{EVALUATED, RECONCILIATION, RESERVATION, awu_id, text};
use support::{Setup, Stage};

/// Asserts text attributes of a span; `None` for one that must not be there.
fn says(span: &Span, expected: &[(&str, Option<&str>)]) {
    for (name, value) in expected {
        assert_eq!(text(span, name), *value, "{name} of {:#?}", span.attributes);
    }
}

/// What every AWU's span carries (§7.1), whatever became of it.
const IDENTITY: [(&str, Option<&str>); 6] = [
    ("genops.team", Some("search")),
    ("genops.project", Some("assistant")),
    ("genops.environment", Some("production")),
    ("genops.operation.name", Some("chat")),
    ("genops.operation.type", Some("inference")),
    ("genops.spec.version", Some("0.1.0")),
];

#[tokio::test]
async fn the_span_of_an_allowed_call_carries_decision_reservation_and_actual() {
    let stage = Stage::start(tokens()).await;
    for body in [chat(CAP), chat_streamed(CAP)] {
        let answer = stage.http1().chat(&SEARCH, &body).await;
        let span = stage.span_of(&awu_id(&answer)).await;
        says(&span, &IDENTITY);
        says(
            &span,
            &[
                ("genops.policy.result", Some("ALLOWED")),
                ("genops.policy.reason_code", None),
                ("genops.accounting.reserved", Some(RESERVED.to_string().as_str())),
                ("genops.accounting.actual", Some(ACTUAL.to_string().as_str())),
                ("genops.accounting.unit", Some("tokens")),
                ("genops.accounting.complete", Some("true")),
                ("genops.budget.name", Some("team-tokens")),
                ("genops.tokens.input", Some(INPUT.to_string().as_str())),
                ("genops.tokens.output", Some(OUTPUT.to_string().as_str())),
                ("genops.tokens.total", Some(ACTUAL.to_string().as_str())),
                ("genops.cost.model", Some("gpt-4o-mini")),
            ],
        );
        let delta: i64 =
            text(&span, "genops.accounting.reconciliation_delta").expect("a delta").parse().expect("whole");
        assert_eq!(delta, ACTUAL as i64 - RESERVED as i64);
    }
}

#[tokio::test]
async fn the_span_of_a_refused_call_carries_decision_and_reason_and_no_actual() {
    let stage = Stage::start(tokens()).await;
    let answer = stage.http1().chat(&SEARCH, &chat(LIMIT)).await;
    assert_eq!(answer.status, 429);
    let span = stage.span_of(&awu_id(&answer)).await;
    says(&span, &IDENTITY);
    says(
        &span,
        &[
            ("genops.policy.result", Some("BLOCKED")),
            ("genops.policy.reason_code", Some("BUDGET_RESERVATION_FAILED")),
            ("genops.accounting.unit", Some("tokens")),
            ("genops.accounting.reserved", None),
            ("genops.accounting.actual", None),
            ("genops.budget.name", Some("team-tokens")),
            ("genops.budget.remaining", Some(LIMIT.to_string().as_str())),
            ("http.status_code", Some("429")),
        ],
    );
    assert!(text(&span, "genops.policy.reason").is_some_and(|reason| reason.contains("team-tokens")));
    let names: Vec<_> = stage.event_names_of(&answer).await;
    assert_eq!(names, [EVALUATED], "refused before reservation (§7.2.1)");
}

#[tokio::test]
async fn the_span_of_an_aborted_call_carries_the_best_known() {
    let stage = Stage::start(tokens()).await;
    let hold = Hold::AfterChunks(5, Gate::closed());
    stage.simulator.next(Behaviour { hold, ..Behaviour::default() });
    let client = stage.http1();
    let mut stream = client.stream(PATH, &SEARCH, &chat_streamed(CAP)).await;
    read_words(&mut stream, 4).await;
    stream.abort();
    drop(client);
    let span = stage.span_of_team("search").await;
    says(&span, &IDENTITY);
    says(
        &span,
        &[
            ("genops.policy.result", Some("ALLOWED")),
            ("genops.accounting.reserved", Some(RESERVED.to_string().as_str())),
            ("genops.accounting.actual", Some((INPUT + 5).to_string().as_str())),
            ("genops.accounting.complete", Some("false")),
        ],
    );
}

#[tokio::test]
async fn optional_attribution_is_told_where_it_is_known_and_absent_where_it_is_not() {
    let stage = Stage::start(tokens()).await;
    let sent = headers(&[
        ("x-genops-customer-id", "Zürich AG"),
        ("x-genops-feature", "chat"),
        ("x-genops-cost-center", "unknown"),
    ]);
    let answer = stage.http1().chat(&sent, &chat(CAP)).await;
    let span = stage.span_of(&awu_id(&answer)).await;
    let expected = [
        ("genops.customer_id", Some("Zürich AG")),
        ("genops.feature", Some("chat")),
        ("genops.cost_center", None),
        ("genops.session_id", None),
    ];
    says(&span, &expected);
    for name in [EVALUATED, RESERVATION, RECONCILIATION] {
        let event = stage.event_of(&awu_id(&answer), name).await;
        assert_eq!(event.attributes["genops.customer_id"], "Zürich AG", "{name}");
        assert!(!event.attributes.contains_key("genops.cost_center"), "{name}");
    }
}

#[tokio::test]
async fn events_are_typed_named_timed_and_belong_to_the_server_span() {
    let mut config = tokens();
    config["telemetry"]["service_name"] = json!("gateway-7");
    let stage = Stage::start(config).await;
    let answer = stage.http1().chat(&SEARCH, &chat_streamed(CAP)).await;
    let awu = awu_id(&answer);
    let span = stage.span_of(&awu).await;
    let evaluated = stage.event_of(&awu, EVALUATED).await;
    let reserved = stage.event_of(&awu, RESERVATION).await;
    let reconciled = stage.event_of(&awu, RECONCILIATION).await;
    for event in [&evaluated, &reserved, &reconciled] {
        assert_eq!(
            (&event.trace_id, &event.span_id),
            (&span.trace_id, &span.span_id),
            "{}",
            event.event_name
        );
        // Envoy's clock and the filter's are the same; spans count in coarser grains.
        let slack = 5_000_000;
        let within = span.start_unix_nano.saturating_sub(slack)..=span.end_unix_nano + slack;
        assert!(within.contains(&event.time_unix_nano), "{} at {}", event.event_name, event.time_unix_nano);
        assert_eq!(event.resource["service.name"], "gateway-7");
        for (name, value) in IDENTITY {
            assert_eq!(event.attributes[name].as_str(), value, "{}", event.event_name);
        }
    }
    assert!(evaluated.time_unix_nano <= reconciled.time_unix_nano);
    assert!(reserved.time_unix_nano < reconciled.time_unix_nano, "each has its own time");
    assert_eq!(evaluated.attributes["genops.policy.result"], "ALLOWED");
    let double = |event: &lab::LogRecord, name: &str| {
        let value = event.attributes.get(name).unwrap_or_else(|| panic!("{name} in {:#?}", event.attributes));
        assert!(value.is_f64(), "{name} must be a double, is {value}");
        value.as_f64().expect("a double")
    };
    assert_eq!(double(&reserved, "genops.accounting.reserved"), RESERVED as f64);
    assert_eq!(double(&reserved, "genops.budget.remaining"), (LIMIT - RESERVED) as f64);
    assert_eq!(double(&reserved, "genops.budget.allocated"), LIMIT as f64);
    assert_eq!(double(&reserved, "genops.budget.consumed"), 0.0);
    assert_eq!(double(&reconciled, "genops.accounting.reserved"), RESERVED as f64);
    assert_eq!(double(&reconciled, "genops.accounting.actual"), ACTUAL as f64);
    assert_eq!(double(&reconciled, "genops.budget.remaining"), (LIMIT - ACTUAL) as f64);
    assert_eq!(reconciled.attributes["genops.accounting.complete"], json!(true));
    assert_eq!(reserved.attributes["genops.accounting.unit"], "tokens");
}

#[tokio::test]
async fn no_prompt_completion_or_credential_is_in_any_signal() {
    let mut setup = Setup::new(tokens()).await;
    setup.launch.log_level = "info";
    let stage = setup.start().await;
    let canned = Canned {
        content_type: "application/json".to_owned(),
        pieces: vec![json!({"choices": [{"message": {"content": "COMPLETION-SECRET"}}]}).to_string().into()],
    };
    stage.simulator.behave(Behaviour { canned: Some(canned), ..Behaviour::default() });
    let sent = headers(&[("authorization", "Bearer CREDENTIAL-SECRET")]);
    let mut body = chat(CAP);
    body["messages"][0]["content"] = json!("PROMPT-SECRET");
    let allowed = stage.http1().chat(&sent, &body).await;
    body["max_completion_tokens"] = json!(1_000_000);
    let refused = stage.http1().chat(&sent, &body).await;
    body["max_completion_tokens"] = json!({"PROMPT-SECRET": 1});
    let unreadable = stage.http1().chat(&sent, &body).await;
    assert_eq!([allowed.status, refused.status, unreadable.status], [200, 429, 400]);
    for answer in [&allowed, &refused, &unreadable] {
        stage.span_of(&awu_id(answer)).await;
        stage.event_of(&awu_id(answer), EVALUATED).await;
    }
    stage.event_of(&awu_id(&allowed), RECONCILIATION).await;
    let told = format!("{:?} {:?}", stage.otlp.spans(), stage.otlp.logs());
    let signals =
        [told, stage.envoy.log(), stage.envoy.stats_prometheus().await, refused.text(), unreadable.text()];
    for (number, signal) in signals.iter().enumerate() {
        assert!(!signal.contains("SECRET"), "signal {number}: {signal}");
    }
}

const DROPPED: &str = "genops_events_dropped_total{}";

/// The usual configuration with the smallest queue and a quick exporter.
fn small_queue() -> Value {
    let mut config = tokens();
    config["budgets"][0]["limit"] = json!(1_000_000);
    config["telemetry"]["otlp"] =
        json!({"cluster": "otel", "flush_interval_ms": 20, "timeout_ms": 100, "max_queue_bytes": 16_384});
    config
}

#[tokio::test]
async fn while_the_collector_is_down_events_are_dropped_and_counted_and_traffic_goes_on() {
    const CALLS: usize = 150;
    for down in [Collector::Refuse(503), Collector::Reset, Collector::Refuse(400)] {
        let stage = Stage::start(small_queue()).await;
        stage.otlp.set(down);
        let client = stage.http1();
        for _ in 0..CALLS {
            assert_eq!(usual(&client, "search").await.status, 200, "{down:?}");
        }
        // Decision, reservation and reconciliation of each call: none arrived, so all were dropped, none twice.
        let expected = (3 * CALLS) as f64;
        stage.counts(DROPPED, expected).await;
        assert!(stage.otlp.logs().is_empty());
        // What happens after the collector is back is told.
        stage.otlp.set(Collector::Up);
        let answer = usual(&client, "search").await;
        stage.event_of(&awu_id(&answer), RECONCILIATION).await;
        stage.never_died().await;
    }
}

#[tokio::test]
async fn a_collector_that_never_answers_takes_neither_memory_nor_time() {
    const CALLS: usize = 400;
    let stage = Stage::start(small_queue()).await;
    let client = stage.http1();
    assert_eq!(usual(&client, "search").await.status, 200);
    stage.otlp.set(Collector::Hang);
    let before_kib = stage.envoy.resident_kib();
    for _ in 0..CALLS {
        assert_eq!(usual(&client, "search").await.status, 200);
    }
    let counted = async || (stage.metric(DROPPED).await > 0.0).then_some(());
    assert!(wait::until(wait::DEADLINE, counted).await.is_some(), "nothing was dropped");
    let grown_mib = stage.envoy.resident_kib().saturating_sub(before_kib) / 1024;
    assert!(grown_mib < 24, "{grown_mib} MiB more");
    stage.settles_at("search", 1_000_000 - (CALLS as u64 + 1) * ACTUAL).await;
}

#[tokio::test]
async fn an_unknown_collector_cluster_costs_events_and_nothing_else() {
    let mut config = small_queue();
    config["telemetry"]["otlp"]["cluster"] = json!("nowhere");
    let stage = Stage::start(config).await;
    assert_eq!(usual(&stage.http1(), "search").await.status, 200);
    stage.counts(DROPPED, 3.0).await;
}

#[tokio::test]
async fn without_a_collector_in_the_configuration_spans_tell_all_and_no_event_is_made() {
    let mut config = tokens();
    config.as_object_mut().expect("an object").remove("telemetry");
    let stage = Stage::start(config).await;
    let answer = usual(&stage.http1(), "search").await;
    let span = stage.span_of(&awu_id(&answer)).await;
    says(&span, &IDENTITY);
    says(&span, &[("genops.accounting.actual", Some(ACTUAL.to_string().as_str()))]);
    let refused = by(&stage.http1(), "search", &chat(LIMIT)).await;
    stage.span_of(&awu_id(&refused)).await;
    assert!(stage.otlp.exports().iter().all(|export| export.path == "/v1/traces"));
}

#[tokio::test]
async fn every_awu_has_an_identity_of_its_own_also_within_one_trace() {
    let stage = Stage::start(tokens()).await;
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let mut ids = BTreeSet::new();
    for _ in 0..3 {
        let answer = stage.http1().chat(&headers(&[("traceparent", parent)]), &chat(1)).await;
        assert!(awu_id(&answer).starts_with("0af7651916cd43dd8448eb211c80319c-"));
        let span = stage.span_of(&awu_id(&answer)).await;
        assert_eq!(span.parent_span_id, "b7ad6b7169203331");
        ids.insert(awu_id(&answer));
    }
    assert_eq!(ids.len(), 3);
}
