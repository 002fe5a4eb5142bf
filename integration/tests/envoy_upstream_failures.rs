//! Providers that fail, fall silent or are not there: what was consumed is posted, what was not is given back.
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

use lab::bootstrap::Retries;
use lab::simulator::{Cut, Hold};
use lab::{Behaviour, Gate};
use serde_json::json;
use std::time::Duration;
use support::calls::{ACTUAL, CAP, INPUT, PATH, RESERVED, chat, chat_streamed};
use support::config::tokens;
use support::settlement::{by, read_words};
use support::telemetry::{RESERVATION, awu_id};
use support::{Setup, Stage};

#[tokio::test]
async fn a_failure_that_the_provider_states_costs_nothing_and_is_complete() {
    let stage = Stage::start(tokens()).await;
    let client = stage.http1();
    for (status, team) in [(400, "refused"), (401, "unknown-key"), (429, "limited"), (500, "broken")] {
        stage.simulator.next(Behaviour { status: Some(status), ..Behaviour::default() });
        let answer = by(&client, team, &chat(CAP)).await;
        assert_eq!(answer.status, status);
        // The provider's own words, and ours in the headers.
        assert_eq!(answer.json()["error"]["message"], format!("simulated provider error {status}"));
        assert_eq!(answer.header("x-genops-policy-result"), Some("ALLOWED"));
        stage.settled(team, 0, true).await;
    }
}

#[tokio::test]
async fn a_provider_that_resets_is_paid_by_what_is_known_and_marked_incomplete() {
    let stage = Stage::start(tokens()).await;
    let cut = |cut| stage.simulator.next(Behaviour { cut, ..Behaviour::default() });
    let client = stage.http1();
    // Nothing was answered, but the provider had the request.
    cut(Cut::BeforeAnswer);
    let answer = by(&client, "before", &chat(CAP)).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("x-genops-policy-result"), Some("ALLOWED"));
    stage.settled("before", RESERVED, false).await;
    // A stream that breaks: what passed is the best known.
    let whole = by(&client, "whole", &chat_streamed(CAP)).await.text();
    let third_word = whole.match_indices("word ").nth(2).expect("three words").0;
    cut(Cut::AfterBytes(whole[third_word..].find("\n\n").expect("the event's end") + third_word + 2));
    let mut stream = client.stream(PATH, &[("x-genops-team", "midway")], &chat_streamed(CAP)).await;
    while let Ok(Some(_)) = stream.next().await {}
    drop(stream);
    // Three words are 15 bytes: four tokens.
    stage.settled("midway", INPUT + 4, false).await;
    // A JSON body that breaks before its usage, in the middle of its text.
    cut(Cut::AfterBytes(40));
    let broken = client.try_post(PATH, &[("x-genops-team", "json")], &chat(CAP)).await;
    assert!(broken.is_err(), "a cut body must not look whole");
    stage.settled("json", RESERVED, false).await;
}

#[tokio::test]
async fn a_timeout_of_the_route_counts_as_spent() {
    let mut setup = Setup::new(tokens()).await;
    setup.options.route_timeout = Duration::from_millis(300);
    let stage = setup.start().await;
    stage.simulator.hold(&Gate::closed());
    let answer = by(&stage.http1(), "slow", &chat(CAP)).await;
    assert_eq!(answer.status, 504);
    assert_eq!(answer.header("x-genops-policy-result"), Some("ALLOWED"));
    stage.settled("slow", RESERVED, false).await;
}

#[tokio::test]
async fn a_stream_that_falls_silent_is_settled_when_envoy_ends_it() {
    let mut setup = Setup::new(tokens()).await;
    setup.options.stream_idle_timeout = Some(Duration::from_millis(500));
    let stage = setup.start().await;
    let hold = Hold::AfterChunks(5, Gate::closed());
    stage.simulator.next(Behaviour { hold, ..Behaviour::default() });
    let client = stage.http1();
    let mut stream = client.stream(PATH, &[("x-genops-team", "silent")], &chat_streamed(CAP)).await;
    read_words(&mut stream, 4).await;
    assert!(stream.next().await.is_err(), "Envoy cuts a silent stream");
    stage.settled("silent", INPUT + 5, false).await;
    stage.simulator.hold(&Gate::closed());
    let answer = by(&stage.http1(), "mute", &chat(CAP)).await;
    assert_eq!(answer.status, 504);
    stage.settled("mute", RESERVED, false).await;
}

#[tokio::test]
async fn a_call_that_cannot_connect_is_voided_and_never_reconciled() {
    let mut setup = Setup::new(tokens()).await;
    // A port that was just given back: nobody listens.
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
    setup.options.upstream = free;
    let stage = setup.start().await;
    let answer = by(&stage.http1(), "nobody", &chat(CAP)).await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("x-genops-policy-result"), Some("ALLOWED"));
    stage.voided("nobody").await;
    stage.counts("genops_reservations_voided_total{}", 1.0).await;
}

#[tokio::test]
async fn a_call_without_a_healthy_upstream_is_voided_and_never_reconciled() {
    let stage = Setup::new(tokens()).await;
    let stage = stage
        .start_edited(|bootstrap| {
            bootstrap["static_resources"]["clusters"][0]["load_assignment"]["endpoints"] = json!([]);
        })
        .await;
    let answer = by(&stage.http1(), "nobody", &chat(CAP)).await;
    assert_eq!(answer.status, 503);
    stage.voided("nobody").await;
}

#[tokio::test]
async fn a_call_that_a_circuit_breaker_stops_is_voided_and_never_reconciled() {
    let stage = Setup::new(tokens()).await;
    let stage = stage
        .start_edited(|bootstrap| {
            let thresholds = json!([{"max_connections": 0, "max_pending_requests": 0, "max_requests": 0}]);
            bootstrap["static_resources"]["clusters"][0]["circuit_breakers"]["thresholds"] = thresholds;
        })
        .await;
    let answer = by(&stage.http1(), "stopped", &chat(CAP)).await;
    assert_eq!(answer.status, 503);
    stage.voided("stopped").await;
}

#[tokio::test]
async fn envoys_own_retries_are_one_awu_and_one_charge() {
    let mut setup = Setup::new(tokens()).await;
    let on = "5xx,reset,connect-failure".to_owned();
    setup.options.retries = Some(Retries { on, count: 2, per_try_timeout: None });
    let stage = setup.start().await;
    stage.simulator.next(Behaviour { status: Some(500), ..Behaviour::default() });
    stage.simulator.next(Behaviour { cut: Cut::BeforeAnswer, ..Behaviour::default() });
    let answer = by(&stage.http1(), "patient", &chat(CAP)).await;
    assert_eq!(answer.status, 200);
    assert_eq!(stage.simulator.received().len(), 3);
    stage.settled("patient", ACTUAL, true).await;
    let reservations =
        stage.events_of(&awu_id(&answer)).iter().filter(|e| e.event_name == RESERVATION).count();
    assert_eq!(reservations, 1);
    // All attempts in vain: the last one's statement counts.
    for _ in 0..3 {
        stage.simulator.next(Behaviour { status: Some(500), ..Behaviour::default() });
    }
    assert_eq!(by(&stage.http1(), "unlucky", &chat(CAP)).await.status, 500);
    stage.settled("unlucky", 0, true).await;
}
