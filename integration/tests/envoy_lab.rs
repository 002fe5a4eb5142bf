//! The laboratory proves itself, with bare Envoy: what the other suites rely on is true.
//!
//! Needs `GENOPS_ENVOY`.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::arithmetic_side_effects, reason = "tests")]

use lab::bootstrap::LiveListener;
use lab::simulator::{Chunks, Cut, Gzip, Hold};
use lab::{
    Behaviour, Client, Collector, EnvoyProcess, Gate, Launch, Options, OtlpReceiver, RawConnection,
    Simulator, wait,
};
use serde_json::{Value, json};
use std::time::Duration;

fn chat(stream: bool) -> Value {
    json!({
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Say a word, then another."}],
        "max_completion_tokens": 8,
        "stream": stream,
        "stream_options": {"include_usage": true},
    })
}

async fn bare() -> (Simulator, EnvoyProcess, Client) {
    let simulator = Simulator::start().await;
    let envoy = EnvoyProcess::start(&Options::new(simulator.addr()).bootstrap()).await;
    let client = Client::http1(envoy.listener().await);
    (simulator, envoy, client)
}

/// The JSON of every `data:` line but the last, which must be `[DONE]`.
fn events(text: &str) -> Vec<Value> {
    let data: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("data: ")).collect();
    let (done, events) = data.split_last().expect("at least one event");
    assert_eq!(*done, "[DONE]");
    events.iter().map(|event| serde_json::from_str(event).expect("an event is JSON")).collect()
}

#[tokio::test]
async fn a_chat_call_passes_bare_envoy_over_http1_and_http2() {
    let (simulator, envoy, client) = bare().await;
    let second = Client::http2(envoy.listener().await);
    for client in [&client, &second] {
        let answer = client.chat(&[("x-genops-team", "search")], &chat(false)).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json()["usage"]["prompt_tokens"], 25 / 4);
        assert_eq!(answer.json()["usage"]["completion_tokens"], 8);
        assert_eq!(answer.json()["choices"][0]["finish_reason"], "length");
    }
    let received = simulator.received();
    assert_eq!(received.len(), 2);
    assert_eq!(received[0].header("x-genops-team"), Some("search"));
    assert_eq!(received[0].json(), chat(false));
    assert_eq!(simulator.served().usage.output_tokens, 16);
    assert_eq!(envoy.stat("cluster.upstream.upstream_rq_total").await, Some(2));
    assert_eq!(envoy.stat("no.such.stat").await, None);
    let series = r#"envoy_cluster_upstream_rq_total{envoy_cluster_name="upstream"}"#;
    assert_eq!(envoy.prometheus(series).await, Some(2.0));
    // A keep-alive client is one connection.
    assert_eq!(envoy.stat("http.ingress.downstream_cx_total").await, Some(2));
}

#[tokio::test]
async fn streams_carry_usage_the_way_each_api_does() {
    let (_simulator, _envoy, client) = bare().await;
    let answer = client.chat(&[], &chat(true)).await;
    let events = events(&answer.text());
    assert_eq!(events.last().expect("events")["usage"]["completion_tokens"], 8);
    assert_eq!(events[0]["usage"], Value::Null);
    let body = json!({"model": "gpt-4o-mini", "input": "Hello there", "stream": true});
    let answer = client.post("/v1/responses", &[("x-sim-output-tokens", "3")], &body).await.text();
    let last = answer.lines().rfind(|line| line.starts_with("data: ")).expect("an event");
    assert!(answer.starts_with("event: response.created\n"), "{answer}");
    assert!(answer.contains("event: response.completed\n"), "{answer}");
    let last: Value = serde_json::from_str(&last["data: ".len()..]).expect("JSON");
    assert_eq!(last["response"]["usage"]["output_tokens"], 3);
    let body =
        json!({"model": "text-embedding-3-small", "input": ["one", "two"], "encoding_format": "base64"});
    let answer = client.post("/v1/embeddings", &[], &body).await.json();
    assert_eq!(answer["data"].as_array().map(Vec::len), Some(2));
    assert_eq!(answer["usage"]["total_tokens"], 1);
}

#[tokio::test]
async fn envoys_span_reaches_the_collector_and_a_collector_can_be_down() {
    let simulator = Simulator::start().await;
    let otlp = OtlpReceiver::start().await;
    otlp.set(Collector::Refuse(503));
    let envoy = EnvoyProcess::start(&Options::new(simulator.addr()).traced(otlp.addr()).bootstrap()).await;
    let client = Client::http1(envoy.listener().await);
    client.chat(&[], &chat(false)).await;
    wait::for_condition("the collector was asked", || !otlp.exports().is_empty()).await;
    assert!(otlp.spans().is_empty());
    otlp.set(Collector::Up);
    client.chat(&[], &chat(false)).await;
    let span = otlp.span(|span| span.kind == 2).await;
    assert_eq!(span.attributes["http.status_code"], "200");
    assert_eq!(span.trace_id.len(), 32);
    let received = simulator.received();
    let parent = received.last().and_then(|request| request.header("traceparent")).expect("a traceparent");
    assert_eq!(parent, format!("00-{}-{}-01", span.trace_id, span.span_id));
}

#[tokio::test]
async fn an_abandoned_stream_is_seen_by_the_provider_over_http1_and_http2() {
    let (simulator, envoy, client) = bare().await;
    let second = Client::http2(envoy.listener().await);
    let gate = Gate::closed();
    simulator.behave(Behaviour { hold: Hold::AfterChunks(3, gate.clone()), ..Behaviour::default() });
    for (index, client) in [&client, &second].into_iter().enumerate() {
        let mut stream = client.stream("/v1/chat/completions", &[], &chat(true)).await;
        stream.read_until("word").await;
        stream.abort();
        simulator.wait_aborted(index + 1).await;
    }
    assert_eq!(simulator.served().finished, 0);
}

#[tokio::test]
async fn a_held_answer_waits_for_its_gate_and_an_abandoned_wait_is_seen() {
    let (simulator, envoy, client) = bare().await;
    let gate = Gate::after(2);
    simulator.hold(&gate);
    let addr = envoy.listener().await;
    let other = tokio::spawn(async move { Client::http1(addr).chat(&[], &chat(false)).await.status });
    simulator.wait_received(1).await;
    assert!(!other.is_finished());
    assert_eq!(client.chat(&[], &chat(false)).await.status, 200);
    assert_eq!(other.await.expect("the call"), 200);
    simulator.hold(&Gate::closed());
    let lost = tokio::spawn(async move { Client::http1(addr).chat(&[], &chat(false)).await });
    simulator.wait_received(3).await;
    lost.abort();
    simulator.wait_aborted(1).await;
}

#[tokio::test]
async fn every_misbehaviour_looks_from_outside_as_it_is_named() {
    let (simulator, _envoy, client) = bare().await;
    let status = async |knob: &str, value: &str| client.chat(&[(knob, value)], &chat(false)).await.status;
    assert_eq!(status("x-sim-status", "429").await, 429);
    assert_eq!(status("x-sim-status", "500").await, 500);
    assert_eq!(status("x-sim-cut", "before").await, 503);
    for cut in ["midway", "40"] {
        let headers = [("x-sim-cut", cut)];
        let mut stream = client.stream("/v1/chat/completions", &headers, &chat(true)).await;
        assert_eq!(stream.status, 200);
        let ended = loop {
            match stream.next().await {
                Ok(Some(_)) => {}
                other => break other,
            }
        };
        assert!(ended.is_err(), "a cut answer must not look complete");
    }
    assert_eq!(simulator.served().cut, 3);
    let answer = client.chat(&[("x-sim-omit-usage", "1")], &chat(false)).await;
    assert_eq!(answer.json().get("usage"), None);
    let answer = client.chat(&[("x-sim-padding", "3000000")], &chat(false)).await;
    assert!(answer.body.len() > 3_000_000);
    assert_eq!(answer.json()["usage"]["completion_tokens"], 8);
    let answer = client.chat(&[("x-sim-gzip", "accepted"), ("accept-encoding", "gzip")], &chat(false)).await;
    assert_eq!(answer.header("content-encoding"), Some("gzip"));
    assert_eq!(answer.body[..2], [0x1f, 0x8b]);
    let answer = client.chat(&[("x-sim-gzip", "accepted")], &chat(false)).await;
    assert_eq!(answer.header("content-encoding"), None);
}

#[tokio::test]
async fn chunk_plans_change_the_arrival_and_not_the_bytes() {
    let (simulator, _envoy, client) = bare().await;
    simulator.next(Behaviour::default());
    let plain = client.chat(&[], &chat(true)).await.body;
    let plans = [Chunks::Whole, Chunks::Every(7), Chunks::At(vec![1, 200]), Chunks::Each];
    for chunks in plans {
        let pause = Duration::from_millis(1);
        simulator.next(Behaviour { chunks, pause, cut: Cut::No, gzip: Gzip::No, ..Behaviour::default() });
        assert_eq!(client.chat(&[], &chat(true)).await.body, plain);
    }
    // A pause between writes makes Envoy deliver them one by one.
    let pause = Duration::from_millis(20);
    simulator.next(Behaviour { pause, ..Behaviour::default() });
    let mut stream = client.stream("/v1/chat/completions", &[], &chat(true)).await;
    let mut pieces = 0;
    while stream.next().await.expect("an answer").is_some() {
        pieces += 1;
    }
    assert!(pieces > 5, "{pieces} pieces");
}

#[tokio::test]
async fn a_listener_is_replaced_live_and_a_bad_one_is_rejected() {
    let simulator = Simulator::start().await;
    let mut options = Options::new(simulator.addr());
    let mut live = LiveListener::new(&options);
    let envoy = EnvoyProcess::start(&live.bootstrap(&options)).await;
    let addr = envoy.listener().await;
    options.route_timeout = Duration::from_millis(100);
    live.replace(&options);
    envoy.wait_stat("listener_manager.lds.update_success", 2).await;
    assert_eq!(envoy.listener().await, addr, "the port stays");
    simulator.hold(&Gate::closed());
    let replaced = wait::until(wait::DEADLINE, async || {
        (Client::http1(addr).chat(&[], &chat(false)).await.status == 504).then_some(())
    });
    assert!(replaced.await.is_some(), "the new timeout never took effect");
    let mut bad = options.clone();
    bad.filters_before.push(json!({"name": "nonsense"}));
    live.replace(&bad);
    envoy.wait_stat("listener_manager.lds.update_rejected", 1).await;
    assert_eq!(Client::http1(addr).chat(&[("x-sim-status", "429")], &chat(false)).await.status, 504);
}

#[tokio::test]
async fn a_configuration_that_envoy_refuses_is_reported_with_its_log() {
    let mut options = Options::new(([127, 0, 0, 1], 9).into());
    assert!(lab::envoy::validate(&options.bootstrap()).is_ok());
    options.filters_before.push(json!({"name": "nonsense"}));
    let bootstrap = options.bootstrap();
    let refused = lab::envoy::validate(&bootstrap).expect_err("validation fails");
    assert!(refused.log.contains("nonsense"), "{refused}");
    let refused = EnvoyProcess::try_start(&Launch::workers(2), &bootstrap).await.expect_err("start fails");
    assert!(refused.exit.is_some_and(|exit| !exit.success()));
    assert!(refused.log.contains("nonsense"), "{refused}");
}

#[tokio::test]
async fn processor_time_grows_with_work() {
    let (_simulator, envoy, client) = bare().await;
    let before = envoy.cpu_time();
    assert!(before > Duration::ZERO);
    let grown = wait::until(wait::DEADLINE, async || {
        client.chat(&[], &chat(false)).await;
        (envoy.cpu_time() > before).then_some(())
    });
    assert!(grown.await.is_some());
    assert!(envoy.resident_kib() > 10_000);
}

#[tokio::test]
async fn half_a_request_and_a_malformed_one_can_be_sent() {
    let (simulator, envoy, _client) = bare().await;
    let addr = envoy.listener().await;
    let mut half = RawConnection::open(addr).await;
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n";
    half.write(format!("{head}{{\"model\":")).await;
    wait::for_condition("the request began at the provider", || !simulator.received().is_empty()).await;
    drop(half);
    envoy.wait_stat("http.ingress.downstream_cx_destroy_remote_active_rq", 1).await;
    assert!(!simulator.only_request().complete);
    let mut malformed = RawConnection::open(addr).await;
    malformed.write("no http at all\r\n\r\n").await;
    assert!(malformed.read_to_end().await.starts_with("HTTP/1.1 400 "));
}
