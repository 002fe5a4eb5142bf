//! Calls that do not run to their end as planned: every way to break off leaves nothing reserved and nothing lost.
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
use lab::simulator::{Cut, Gzip, Hold};
use lab::{Answer, Behaviour, Client, Gate, RawConnection, Streaming};
use serde_json::{Value, json};
use std::time::Duration;
use support::calls::{ACTUAL, INPUT, OUTPUT, chat, chat_streamed, responses};
use support::config::{LIMIT, tokens};
use support::telemetry::{RECONCILIATION, RESERVATION, awu_id, text};
use support::{Setup, Stage, trailers};

const CAP: u64 = 50;
/// What a call reserves.
const RESERVED: u64 = INPUT + CAP;
const PATH: &str = "/v1/chat/completions";

/// How a call of `team` was settled: its account, its event and its span all say the same.
async fn settled(stage: &Stage, team: &str, actual: u64, complete: bool) {
    stage.settles_at(team, LIMIT - actual).await;
    let span = stage.otlp.span(|span| text(span, "genops.team") == Some(team) && !is_probe(span)).await;
    let event = stage.event_of(&support::telemetry::span_id(&span), RECONCILIATION).await;
    let said = |name: &str| event.attributes.get(name).cloned().unwrap_or_default();
    assert_eq!(said("genops.accounting.actual"), json!(actual as f64), "{team}");
    assert_eq!(said("genops.accounting.reserved"), json!(RESERVED as f64), "{team}");
    assert_eq!(
        said("genops.accounting.reconciliation_delta"),
        json!(actual as f64 - RESERVED as f64),
        "{team}"
    );
    assert_eq!(said("genops.accounting.complete"), json!(complete), "{team}");
    assert_eq!(text(&span, "genops.policy.result"), Some("ALLOWED"), "{team}");
    assert_eq!(text(&span, "genops.accounting.actual"), Some(actual.to_string().as_str()), "{team}");
    assert_eq!(text(&span, "genops.accounting.complete"), Some(complete.to_string().as_str()), "{team}");
    let reconciliations = stage.events_of(&support::telemetry::span_id(&span));
    let count = reconciliations.iter().filter(|event| event.event_name == RECONCILIATION).count();
    assert_eq!(count, 1, "{team}: an AWU is settled once");
}

/// How a call of `team` that never reached a provider was given back (§7.2.1).
async fn voided(stage: &Stage, team: &str) {
    stage.settles_at(team, LIMIT).await;
    let span = stage.otlp.span(|span| text(span, "genops.team") == Some(team) && !is_probe(span)).await;
    let awu = support::telemetry::span_id(&span);
    stage.event_of(&awu, RESERVATION).await;
    assert_eq!(text(&span, "genops.accounting.reserved"), Some(RESERVED.to_string().as_str()), "{team}");
    assert_eq!(text(&span, "genops.accounting.actual").unwrap_or_default(), "", "{team}");
    assert_eq!(text(&span, "genops.accounting.complete").unwrap_or_default(), "", "{team}");
    // The next call's events arrive later than this one's would.
    let next = stage.http1().chat(&[("x-genops-team", "afterwards")], &chat(LIMIT)).await;
    stage.event_of(&awu_id(&next), "genops.policy.evaluated").await;
    let reconciled = stage.events_of(&awu).iter().any(|event| event.event_name == RECONCILIATION);
    assert!(!reconciled, "{team}: what was not executed is not reconciled");
}

fn is_probe(span: &lab::Span) -> bool {
    text(span, "genops.project") == Some("probe")
}

async fn by(client: &Client, team: &str, body: &Value) -> Answer {
    client.chat(&[("x-genops-team", team)], body).await
}

/// Reads on until `words` of the model's words have passed.
async fn read_words(stream: &mut Streaming, words: usize) {
    let mut seen = String::new();
    while seen.matches("word ").count() < words {
        let piece = stream.next().await.expect("the answer goes on").expect("more words");
        seen.push_str(&String::from_utf8_lossy(&piece));
    }
}

/// Nothing has killed the filter.
async fn never_died(stage: &Stage) {
    assert_eq!(stage.envoy.stat("wasm.genops.vm_reload_success").await.unwrap_or(0), 0);
    let log = stage.envoy.log();
    assert!(!log.contains("panicked") && !log.contains("[critical]"), "{log}");
}

#[tokio::test]
async fn a_stream_that_the_client_abandons_posts_what_has_passed_as_incomplete() {
    let stage = Stage::start(tokens()).await;
    // The role, then four words: 20 bytes are five tokens.
    let hold = Hold::AfterChunks(5, Gate::closed());
    stage.simulator.behave(Behaviour { hold, ..Behaviour::default() });
    for (client, team) in [(stage.http1(), "over-http1"), (stage.http2(), "over-http2")] {
        let headers = [("x-genops-team", team)];
        let mut stream = client.stream(PATH, &headers, &chat_streamed(CAP)).await;
        read_words(&mut stream, 4).await;
        stream.abort();
        drop(client);
        settled(&stage, team, INPUT + 5, false).await;
        let span = stage.otlp.span(|span| text(span, "genops.team") == Some(team)).await;
        assert_eq!(text(&span, "genops.tokens.output"), Some("5"));
    }
    stage.simulator.wait_aborted(2).await;
    never_died(&stage).await;
}

#[tokio::test]
async fn a_responses_stream_that_is_abandoned_posts_what_has_passed_as_incomplete() {
    let stage = Stage::start(tokens()).await;
    // Four events before the first word, then four words.
    let hold = Hold::AfterChunks(8, Gate::closed());
    stage.simulator.behave(Behaviour { hold, ..Behaviour::default() });
    let client = stage.http1();
    let mut stream =
        client.stream("/v1/responses", &[("x-genops-team", "leaver")], &responses(CAP, true)).await;
    read_words(&mut stream, 4).await;
    stream.abort();
    drop(client);
    settled(&stage, "leaver", INPUT + 5, false).await;
}

#[tokio::test]
async fn a_stream_abandoned_after_its_usage_was_stated_posts_the_statement() {
    let stage = Stage::start(tokens()).await;
    // The role, sixteen words, the end of the choice, the usage; `[DONE]` never comes.
    let hold = Hold::AfterChunks(19, Gate::closed());
    stage.simulator.behave(Behaviour { hold, ..Behaviour::default() });
    let client = stage.http1();
    let mut stream = client.stream(PATH, &[("x-genops-team", "leaver")], &chat_streamed(CAP)).await;
    stream.read_until(r#""completion_tokens":16"#).await;
    stream.abort();
    drop(client);
    stage.settles_at("leaver", LIMIT - ACTUAL).await;
    let span = stage.otlp.span(|span| text(span, "genops.team") == Some("leaver") && !is_probe(span)).await;
    assert_eq!(text(&span, "genops.accounting.actual"), Some(ACTUAL.to_string().as_str()));
}

#[tokio::test]
async fn a_call_given_up_before_its_answer_counts_as_spent() {
    let stage = Stage::start(tokens()).await;
    stage.simulator.hold(&Gate::closed());
    for (client, team) in [(stage.http1(), "over-http1"), (stage.http2(), "over-http2")] {
        let arrived = stage.simulator.received().len();
        let body = chat(CAP);
        let lost = tokio::spawn(async move { client.chat(&[("x-genops-team", team)], &body).await.status });
        stage.simulator.wait_received(arrived + 1).await;
        // While the provider works, all of it is reserved.
        assert_eq!(stage.left(team).await, LIMIT - RESERVED);
        lost.abort();
        settled(&stage, team, RESERVED, false).await;
    }
}

#[tokio::test]
async fn half_a_request_reserves_nothing() {
    let stage = Stage::start(tokens()).await;
    let mut half = RawConnection::open(stage.addr).await;
    let head =
        format!("POST {PATH} HTTP/1.1\r\nhost: a\r\nx-genops-team: half\r\ncontent-length: 100\r\n\r\n");
    half.write(format!("{head}{{\"model\":")).await;
    stage.envoy.wait_stat("http.ingress.downstream_rq_active", 1).await;
    drop(half);
    stage.envoy.wait_stat("http.ingress.downstream_cx_destroy_remote_active_rq", 1).await;
    assert_eq!(stage.left("half").await, LIMIT);
    assert_eq!(stage.upstream_requests().await, 0);
    never_died(&stage).await;
}

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
        settled(&stage, team, 0, true).await;
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
    settled(&stage, "before", RESERVED, false).await;
    // A stream that breaks: what passed is the best known.
    let mut whole = client.stream(PATH, &[("x-genops-team", "whole")], &chat_streamed(CAP)).await;
    let prefix = whole.read_until("word ").await.len();
    drop(whole);
    cut(Cut::AfterBytes(prefix));
    let mut stream = client.stream(PATH, &[("x-genops-team", "midway")], &chat_streamed(CAP)).await;
    while let Ok(Some(_)) = stream.next().await {}
    drop(stream);
    let span = stage.otlp.span(|span| text(span, "genops.team") == Some("midway")).await;
    let actual: u64 = text(&span, "genops.accounting.actual").expect("an actual").parse().expect("whole");
    assert!((INPUT + 1..RESERVED).contains(&actual), "{actual}");
    settled(&stage, "midway", actual, false).await;
    // A JSON body that breaks before its usage, in the middle of its text.
    cut(Cut::AfterBytes(40));
    let broken = client.try_post(PATH, &[("x-genops-team", "json")], &chat(CAP)).await;
    assert!(broken.is_err(), "a cut body must not look whole");
    settled(&stage, "json", RESERVED, false).await;
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
    settled(&stage, "slow", RESERVED, false).await;
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
    settled(&stage, "silent", INPUT + 5, false).await;
    stage.simulator.hold(&Gate::closed());
    let answer = by(&stage.http1(), "mute", &chat(CAP)).await;
    assert_eq!(answer.status, 504);
    settled(&stage, "mute", RESERVED, false).await;
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
    voided(&stage, "nobody").await;
    assert_eq!(stage.metric("genops_reservations_voided_total{}").await, 1.0);
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
    voided(&stage, "nobody").await;
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
    voided(&stage, "stopped").await;
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
    settled(&stage, "patient", ACTUAL, true).await;
    let reservations =
        stage.events_of(&awu_id(&answer)).iter().filter(|e| e.event_name == RESERVATION).count();
    assert_eq!(reservations, 1);
    // All attempts in vain: the last one's statement counts.
    for _ in 0..3 {
        stage.simulator.next(Behaviour { status: Some(500), ..Behaviour::default() });
    }
    assert_eq!(by(&stage.http1(), "unlucky", &chat(CAP)).await.status, 500);
    settled(&stage, "unlucky", 0, true).await;
}

#[tokio::test]
async fn an_answer_without_usage_is_paid_by_its_text_and_marked_incomplete() {
    let stage = Stage::start(tokens()).await;
    let client = stage.http1();
    // Sixteen words are 80 bytes: twenty tokens.
    let by_text = INPUT + 20;
    stage.simulator.behave(Behaviour { omit_usage: true, ..Behaviour::default() });
    assert_eq!(by(&client, "whole", &chat(CAP)).await.status, 200);
    settled(&stage, "whole", by_text, false).await;
    let mut not_asked = chat_streamed(CAP);
    not_asked.as_object_mut().expect("an object").remove("stream_options");
    stage.simulator.behave(Behaviour::default());
    assert_eq!(by(&client, "streamed", &not_asked).await.status, 200);
    settled(&stage, "streamed", by_text, false).await;
    assert_eq!(stage.metric(r#"genops_reconciliations_total{genops_complete="false"}"#).await, 2.0);
}

#[tokio::test]
async fn a_compressed_answer_that_nobody_asked_for_passes_and_counts_as_reserved() {
    let stage = Stage::start(tokens()).await;
    for (team, body) in [("whole", chat(CAP)), ("streamed", chat_streamed(CAP))] {
        stage.simulator.next(Behaviour { gzip: Gzip::Always, ..Behaviour::default() });
        let answer = by(&stage.http1(), team, &body).await;
        assert_eq!(answer.header("content-encoding"), Some("gzip"));
        assert_eq!(answer.body[..2], [0x1f, 0x8b]);
        settled(&stage, team, RESERVED, false).await;
    }
}

#[tokio::test]
async fn an_answer_that_ends_with_trailers_is_settled_exactly() {
    let usage = json!({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7});
    let body = bytes::Bytes::from(json!({"choices": [], "usage": usage}).to_string());
    let provider = lab::serve::Server::start(move |request: hyper::Request<hyper::body::Incoming>| {
        let body = body.clone();
        async move {
            use http_body_util::BodyExt as _;
            request.into_body().collect().await?;
            let answer = hyper::Response::builder().header("content-type", "application/json");
            Ok(answer.body(trailers::body(body))?)
        }
    })
    .await;
    let mut setup = Setup::new(tokens()).await;
    setup.options.upstream = provider.addr();
    let stage = setup
        .start_edited(|bootstrap| {
            bootstrap["static_resources"]["clusters"][0]["typed_extension_protocol_options"] = json!({
                "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                    "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
                    "explicit_http_config": {"http2_protocol_options": {}},
                },
            });
        })
        .await;
    for (client, team) in [(stage.http1(), "over-http1"), (stage.http2(), "over-http2")] {
        let answer = by(&client, team, &chat(CAP)).await;
        assert_eq!((answer.status, &answer.json()["usage"]), (200, &usage));
        settled(&stage, team, 7, true).await;
    }
}

#[tokio::test]
async fn an_actual_above_what_was_reserved_is_posted_in_full_and_puts_the_account_in_debt() {
    let stage = Stage::start(tokens()).await;
    let headers = [("x-genops-team", "debtor"), ("x-sim-input-tokens", "5000")];
    assert_eq!(stage.http1().chat(&headers, &chat(CAP)).await.status, 200);
    let span = stage.otlp.span(|span| text(span, "genops.team") == Some("debtor")).await;
    assert_eq!(text(&span, "genops.accounting.actual"), Some("5016"));
    assert_eq!(text(&span, "genops.budget.remaining"), Some("-4016"));
    let answer = by(&stage.http1(), "debtor", &chat(1)).await;
    assert_eq!(answer.header("x-genops-reason-code"), Some("BUDGET_EXCEEDED"));
    assert_eq!(answer.header("x-genops-budget-remaining"), Some("0"));
}

#[tokio::test]
async fn an_absurd_bill_saturates_and_kills_nothing() {
    let stage = Stage::start(tokens()).await;
    for (team, figure) in [("huge", u64::MAX.to_string()), ("large", (u64::MAX / 2).to_string())] {
        let headers = [("x-genops-team", team), ("x-sim-omit-usage", "0")];
        let body = format!(
            r#"{{"choices":[],"usage":{{"prompt_tokens":{figure},"completion_tokens":{figure},"total_tokens":-1}}}}"#
        );
        let canned =
            lab::simulator::Canned { content_type: "application/json".to_owned(), pieces: vec![body.into()] };
        stage.simulator.next(Behaviour { canned: Some(canned), ..Behaviour::default() });
        assert_eq!(stage.http1().chat(&headers, &chat(CAP)).await.status, 200);
        let answer = by(&stage.http1(), team, &chat(1)).await;
        assert_eq!(answer.header("x-genops-reason-code"), Some("BUDGET_EXCEEDED"), "{team}");
    }
    never_died(&stage).await;
}

#[tokio::test]
async fn a_long_output_is_not_limited_by_what_the_simulator_usually_writes() {
    let stage = Stage::start(tokens()).await;
    let headers = [("x-genops-team", "writer"), ("x-sim-output-tokens", "40")];
    assert_eq!(stage.http1().chat(&headers, &chat_streamed(CAP)).await.status, 200);
    assert_eq!(OUTPUT, 16);
    settled(&stage, "writer", INPUT + 40, true).await;
}
