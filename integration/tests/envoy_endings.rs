//! Clients that leave and answers that are odd: nothing stays reserved, nothing consumed is lost.
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

use lab::simulator::{Gzip, Hold};
use lab::{Behaviour, Gate, RawConnection};
use serde_json::json;
use support::calls::{ACTUAL, CAP, INPUT, OUTPUT, PATH, RESERVED, chat, chat_streamed, responses};
use support::config::{LIMIT, tokens};
use support::settlement::{by, read_words};
use support::telemetry::text;
use support::{Setup, Stage, trailers};

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
        stage.settled(team, INPUT + 5, false).await;
        let span = stage.otlp.span(|span| text(span, "genops.team") == Some(team)).await;
        assert_eq!(text(&span, "genops.tokens.output"), Some("5"));
    }
    stage.simulator.wait_aborted(2).await;
    stage.never_died().await;
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
    stage.settled("leaver", INPUT + 5, false).await;
}

#[tokio::test]
async fn a_client_that_leaves_after_the_last_event_has_made_a_complete_call() {
    let stage = Stage::start(tokens()).await;
    // The role, sixteen words, the end of the choice, the usage, `[DONE]`; the body's end never comes.
    let done = Hold::AfterChunks(20, Gate::closed());
    stage.simulator.next(Behaviour { hold: done, ..Behaviour::default() });
    let client = stage.http1();
    let mut stream = client.stream(PATH, &[("x-genops-team", "sdk")], &chat_streamed(CAP)).await;
    stream.read_until("[DONE]").await;
    stream.abort();
    drop(client);
    stage.settled("sdk", ACTUAL, true).await;
    // The same with the Responses API, whose last event states the usage.
    let done = Hold::AfterChunks(4 + 16 + 4, Gate::closed());
    stage.simulator.next(Behaviour { hold: done, ..Behaviour::default() });
    let client = stage.http1();
    let headers = [("x-genops-team", "responses-sdk")];
    let mut stream = client.stream("/v1/responses", &headers, &responses(CAP, true)).await;
    stream.read_until(r#""total_tokens":26"#).await;
    stream.abort();
    drop(client);
    stage.settled("responses-sdk", ACTUAL, true).await;
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
        stage.settled(team, RESERVED, false).await;
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
    stage.never_died().await;
}

#[tokio::test]
async fn an_answer_without_usage_is_paid_by_its_text_and_marked_incomplete() {
    let stage = Stage::start(tokens()).await;
    let client = stage.http1();
    // Sixteen words are 80 bytes: twenty tokens.
    let by_text = INPUT + 20;
    stage.simulator.behave(Behaviour { omit_usage: true, ..Behaviour::default() });
    assert_eq!(by(&client, "whole", &chat(CAP)).await.status, 200);
    stage.settled("whole", by_text, false).await;
    let mut not_asked = chat_streamed(CAP);
    not_asked.as_object_mut().expect("an object").remove("stream_options");
    stage.simulator.behave(Behaviour::default());
    assert_eq!(by(&client, "streamed", &not_asked).await.status, 200);
    stage.settled("streamed", by_text, false).await;
    stage.counts(r#"genops_reconciliations_total{complete="false"}"#, 2.0).await;
}

#[tokio::test]
async fn a_compressed_answer_that_nobody_asked_for_passes_and_counts_as_reserved() {
    let stage = Stage::start(tokens()).await;
    for (team, body) in [("whole", chat(CAP)), ("streamed", chat_streamed(CAP))] {
        stage.simulator.next(Behaviour { gzip: Gzip::Always, ..Behaviour::default() });
        let answer = by(&stage.http1(), team, &body).await;
        assert_eq!(answer.header("content-encoding"), Some("gzip"));
        assert_eq!(answer.body[..2], [0x1f, 0x8b]);
        stage.settled(team, RESERVED, false).await;
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
        stage.settled(team, 7, true).await;
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
async fn a_bill_that_no_call_can_have_counts_as_not_stated_and_the_largest_that_can_be_is_posted() {
    let stage = Stage::start(tokens()).await;
    let bill = async |team: &str, figure: String| {
        let headers = [("x-genops-team", team), ("x-sim-omit-usage", "0")];
        let body = format!(
            r#"{{"choices":[],"usage":{{"prompt_tokens":{figure},"completion_tokens":{figure},"total_tokens":-1}}}}"#
        );
        let canned =
            lab::simulator::Canned { content_type: "application/json".to_owned(), pieces: vec![body.into()] };
        stage.simulator.next(Behaviour { canned: Some(canned), ..Behaviour::default() });
        assert_eq!(stage.http1().chat(&headers, &chat(CAP)).await.status, 200);
    };
    for (team, figure) in [("huge", u64::MAX.to_string()), ("long", "9".repeat(40))] {
        bill(team, figure).await;
        stage.settled(team, RESERVED, false).await;
    }
    bill("large", 1_000_000_000.to_string()).await;
    let answer = by(&stage.http1(), "large", &chat(1)).await;
    assert_eq!(answer.header("x-genops-reason-code"), Some("BUDGET_EXCEEDED"));
    stage.never_died().await;
}

#[tokio::test]
async fn a_long_output_is_not_limited_by_what_the_simulator_usually_writes() {
    let stage = Stage::start(tokens()).await;
    let headers = [("x-genops-team", "writer"), ("x-sim-output-tokens", "40")];
    assert_eq!(stage.http1().chat(&headers, &chat_streamed(CAP)).await.status, 200);
    assert_eq!(OUTPUT, 16);
    stage.settled("writer", INPUT + 40, true).await;
}
