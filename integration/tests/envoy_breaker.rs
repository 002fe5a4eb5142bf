//! Providers that fail are left alone, by all workers at once, and found again by probes.
//!
//! Needs `GENOPS_ENVOY` and `GENOPS_WASM`; the SDK's test needs `GENOPS_PYTHON`, the dying VM's `GENOPS_FAULTS_WASM`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and dates are of now"
)]

#[allow(dead_code, reason = "each suite uses a part of it")]
mod support;

use lab::bootstrap::Filter;
use lab::simulator::{Canned, Cut};
use lab::{Answer, Behaviour, Client, Gate, artifacts, wait};
use serde_json::{Value, json};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use support::calls::{CAP, PATH, RESULT, chat, chat_streamed, seen};
use support::config::tokens;
use support::settlement::{by, usual};
use support::telemetry::{awu_id, text};
use support::{Setup, Stage, application};
use tokio::task::JoinSet;

/// The usual configuration with one breaker.
fn breaking(breaker: Value) -> Value {
    let mut config = tokens();
    config["breakers"] = json!([breaker]);
    config
}

fn failing(status: u16) -> Behaviour {
    Behaviour { status: Some(status), ..Behaviour::default() }
}

fn is_stopped(answer: &Answer) -> bool {
    let stopped = answer.header("x-genops-reason-code") == Some("PROVIDER_ERROR_UPSTREAM");
    assert!(!stopped || answer.status == 503, "{}", answer.text());
    stopped
}

/// Calls until the circuit lets one through, which is a probe.
async fn probe(stage: &Stage, team: &str) -> Answer {
    let let_through = async || {
        let answer = usual(&stage.http1(), team).await;
        (!is_stopped(&answer)).then_some(answer)
    };
    wait::until(wait::DEADLINE, let_through).await.expect("the circuit becomes half open")
}

#[tokio::test]
async fn failures_open_a_circuit_and_a_probe_closes_it() {
    let stage = Stage::start(breaking(json!({"name": "b", "consecutive": 3, "open_ms": 1500}))).await;
    let client = stage.http1();
    for team in ["a", "b", "c"] {
        stage.simulator.next(failing(500));
        assert_eq!(usual(&client, team).await.status, 500);
        stage.settled(team, 0, true).await;
    }
    let refused = usual(&client, "d").await;
    assert!(is_stopped(&refused), "{}", refused.text());
    assert_eq!(seen(&refused, &RESULT), [Some("BLOCKED"), Some("PROVIDER_ERROR_UPSTREAM")]);
    let retry_after: u64 = refused.header("retry-after").expect("a time").parse().expect("seconds");
    assert!((1..=2).contains(&retry_after), "{retry_after}");
    assert_eq!(refused.json()["error"]["type"], "server_error");
    let span = stage.span_of(&awu_id(&refused)).await;
    assert_eq!(text(&span, "genops.policy.name"), Some("b"));
    assert_eq!(text(&span, "genops.accounting.reserved"), None, "nothing was reserved");
    // Another model is another circuit.
    let mut other = chat(CAP);
    other["model"] = json!("gpt-4o");
    assert_eq!(by(&client, "e", &other).await.status, 200);
    assert_eq!(stage.simulator.received().len(), 4);
    assert_eq!(probe(&stage, "f").await.status, 200);
    assert_eq!(usual(&client, "g").await.status, 200, "closed");
    stage.counts("genops_circuits_opened_total{}", 1.0).await;
    stage.counts("genops_provider_failures_total{failure=\"status\"}", 3.0).await;
}

#[tokio::test]
async fn everything_that_is_a_failure_of_the_provider_opens_a_circuit() {
    let breaker = json!({"name": "b", "consecutive": 1, "open_ms": 600000, "max_open_ms": 1200000,
        "rate_limited": "open"});
    let mut setup = Setup::new(breaking(breaker)).await;
    setup.options.route_timeout = Duration::from_millis(300);
    let stage = setup.start().await;
    let client = stage.http1();
    let of_model = |model: &str, mut body: Value| {
        body["model"] = json!(model);
        body
    };
    let error = r#"data: {"error":{"message":"overloaded","type":"server_error","code":null}}"#;
    let in_stream =
        Canned { content_type: "text/event-stream".to_owned(), pieces: vec![format!("{error}\n\n").into()] };
    let retry_after = |status, value: &str| Behaviour {
        headers: vec![("retry-after".into(), value.into())],
        ..failing(status)
    };
    let date = |seconds| httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(seconds));
    let closed = Gate::closed();
    let silent =
        Behaviour { hold: lab::simulator::Hold::BeforeAnswer(closed.clone()), ..Behaviour::default() };
    let cases = [
        ("reset", Behaviour { cut: Cut::BeforeAnswer, ..Behaviour::default() }, 600),
        ("broken-off", Behaviour { cut: Cut::AfterBytes(40), ..Behaviour::default() }, 600),
        ("timeout", silent, 600),
        ("in-stream", Behaviour { canned: Some(in_stream), ..Behaviour::default() }, 600),
        ("limited", retry_after(429, "120"), 120),
        ("limited-until", retry_after(429, &date(240)), 240),
        ("down-until", retry_after(503, &date(900)), 900),
        // Longer than anybody is believed, and over before the circuit closes anyway.
        ("down-for-long", retry_after(503, &date(100_000)), 1_200),
        ("down-since", retry_after(503, &date(0)), 600),
    ];
    for (name, behaviour, open_s) in cases {
        stage.simulator.next(behaviour);
        let body = of_model(name, if name == "in-stream" { chat_streamed(CAP) } else { chat(CAP) });
        // A cut answer is an error to the client.
        let _ = client.try_post(PATH, &[("x-genops-team", name)], &body).await;
        let opened = async || {
            let answer = by(&stage.http1(), "next", &of_model(name, chat(CAP))).await;
            is_stopped(&answer).then_some(answer)
        };
        let refused = wait::until(wait::DEADLINE, opened).await.unwrap_or_else(|| panic!("{name}"));
        let seconds: u64 = refused.header("retry-after").expect("a time").parse().expect("seconds");
        assert!((open_s - 20..=open_s).contains(&seconds), "{name}: {seconds}");
    }
    // An error within a stream, before any output, costs nothing.
    stage.settled("in-stream", 0, true).await;
    // What is wrong with the request opens nothing.
    for status in [400, 401, 404] {
        stage.simulator.next(failing(status));
        assert_eq!(by(&client, "wrong", &of_model("wrong", chat(CAP))).await.status, status);
    }
    assert_eq!(by(&client, "right", &of_model("wrong", chat(CAP))).await.status, 200);
}

#[tokio::test]
async fn among_all_workers_no_more_probes_are_out_than_configured() {
    const PROBES: usize = 3;
    let breaker =
        json!({"name": "b", "consecutive": 1, "open_ms": 1000, "probes": PROBES, "close_after": PROBES});
    let mut setup = Setup::new(breaking(breaker)).await;
    setup.launch.concurrency = 4;
    let stage = setup.start().await;
    stage.simulator.next(failing(503));
    assert_eq!(usual(&stage.http1(), "first").await.status, 503);
    let gate = Gate::closed();
    stage.simulator.hold(&gate);
    let clients: Vec<_> = (0..16).map(|_| Arc::new(Client::http2(stage.addr))).collect();
    let mut calls = JoinSet::new();
    let mut asked = 0;
    let mut refused = 0;
    // Waves from all connections at once, until the provider has had its probes and a whole wave was refused after.
    let saturated = async || {
        let out = stage.simulator.received().len();
        for client in &clients {
            let client = client.clone();
            asked += 1;
            calls.spawn(async move { is_stopped(&usual(&client, "many").await) });
        }
        while calls.len() > PROBES {
            assert!(
                calls.join_next().await.expect("a call").expect("ends"),
                "only refusals are answered yet"
            );
            refused += 1;
        }
        (out == 1 + PROBES).then_some(())
    };
    assert!(wait::until(wait::DEADLINE, saturated).await.is_some(), "{refused} of {asked} refused");
    assert_eq!(stage.simulator.received().len(), 1 + PROBES, "{asked} asked");
    gate.open();
    while let Some(stopped) = calls.join_next().await {
        assert!(!stopped.expect("ends"), "the probes are answered");
    }
    assert_eq!(usual(&stage.http1(), "last").await.status, 200, "closed");
    stage.never_died().await;
}

#[tokio::test]
async fn a_probe_whose_client_leaves_gives_its_place_back() {
    let stage = Stage::start(breaking(json!({"name": "b", "consecutive": 1, "open_ms": 300}))).await;
    stage.simulator.next(failing(500));
    assert_eq!(usual(&stage.http1(), "first").await.status, 500);
    let gate = Gate::closed();
    stage.simulator.hold(&gate);
    let left = async || {
        let leaving = stage.http1();
        let body = chat(CAP);
        let call = leaving.try_post(PATH, &[("x-genops-team", "leaving")], &body);
        tokio::select! {
            // Refused: still open.
            _ = call => None,
            () = stage.simulator.wait_received(2) => Some(()),
        }
    };
    assert!(wait::until(wait::DEADLINE, left).await.is_some(), "no probe went out");
    stage.simulator.behave(Behaviour::default());
    assert_eq!(probe(&stage, "next").await.status, 200);
}

#[tokio::test]
async fn a_probe_whose_vm_dies_gives_its_place_back_when_it_expires() {
    let breaker = json!({"name": "b", "consecutive": 1, "open_ms": 10, "probe_ttl_ms": 1000});
    let mut setup = Setup::new(json!({})).await;
    let wasm = artifacts::genops_faults_wasm();
    setup.options.filter = Filter::Genops { wasm, config: breaking(breaker), vm_id: "genops".to_owned() };
    let stage = setup.start().await;
    stage.simulator.next(failing(500));
    assert_eq!(usual(&stage.http1(), "first").await.status, 500);
    let dying = async || {
        let headers = [("x-genops-team", "dying"), ("x-fault", "response-headers")];
        let answer = stage.http1().try_post(PATH, &headers, &chat(CAP)).await;
        (!answer.is_ok_and(|answer| is_stopped(&answer))).then_some(())
    };
    assert!(wait::until(wait::DEADLINE, dying).await.is_some(), "no probe went out");
    let next = async || {
        let answer = stage.http1().try_post(PATH, &[("x-genops-team", "next")], &chat(CAP)).await.ok()?;
        (answer.status == 200).then_some(())
    };
    assert!(wait::until(wait::DEADLINE, next).await.is_some(), "the place of a dead probe never came free");
}

#[tokio::test]
async fn each_cluster_has_circuits_of_its_own() {
    let setup = Setup::new(breaking(json!({"name": "b", "consecutive": 1, "open_ms": 600000}))).await;
    let stage = setup
        .start_edited(|bootstrap| {
            let mut other = bootstrap["static_resources"]["clusters"][0].clone();
            other["name"] = json!("other");
            bootstrap["static_resources"]["clusters"].as_array_mut().expect("clusters").push(other);
            let manager =
                &mut bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0];
            let routes = &mut manager["typed_config"]["route_config"]["virtual_hosts"][0]["routes"];
            let mut second = routes[0].clone();
            second["match"]["headers"] = json!([{"name": "x-other", "string_match": {"exact": "yes"}}]);
            second["route"]["cluster"] = json!("other");
            routes.as_array_mut().expect("routes").insert(0, second);
        })
        .await;
    stage.simulator.next(failing(500));
    let client = stage.http1();
    assert_eq!(usual(&client, "first").await.status, 500);
    assert!(is_stopped(&usual(&client, "second").await));
    let other = client.chat(&[("x-genops-team", "third"), ("x-other", "yes")], &chat(CAP)).await;
    assert_eq!(other.status, 200, "{}", other.text());
}

#[tokio::test]
async fn a_breaker_that_warns_lets_through_and_one_in_the_shadow_stays_there() {
    for (mode, result, attribute) in
        [("warn", "WARNING", "genops.policy.warnings"), ("shadow", "ALLOWED", "genops.policy.shadow")]
    {
        let stage = Stage::start(breaking(json!({"name": "b", "consecutive": 1, "mode": mode}))).await;
        stage.simulator.next(failing(500));
        assert_eq!(usual(&stage.http1(), "first").await.status, 500);
        let answer = usual(&stage.http1(), "second").await;
        assert_eq!((answer.status, answer.header("x-genops-policy-result")), (200, Some(result)));
        let span = stage.span_of(&awu_id(&answer)).await;
        assert_eq!(text(&span, attribute), Some("PROVIDER_ERROR_UPSTREAM:b"));
    }
}

#[tokio::test]
async fn the_official_sdk_raises_its_own_error_for_an_open_circuit() {
    const APPLICATION: &str = r#"
import json, sys, openai
client = openai.OpenAI(base_url=sys.argv[1], api_key="k", max_retries=0,
                       default_headers={"x-genops-team": "sdk"})
try:
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hi"}])
except openai.APIStatusError as error:
    print(json.dumps([type(error).__name__, error.status_code, error.code, error.response.headers["retry-after"]]))
"#;
    let stage = Stage::start(breaking(json!({"name": "b", "consecutive": 1, "open_ms": 600000}))).await;
    stage.simulator.next(failing(500));
    assert_eq!(usual(&stage.http1(), "first").await.status, 500);
    let mut command = Command::new(artifacts::python());
    command.args(["-c", APPLICATION, &format!("http://{}/v1", stage.addr)]);
    let said = application::line(command).await;
    let retry_after: u64 = said[3].as_str().expect("a header").parse().expect("seconds");
    assert!((500..=600).contains(&retry_after), "{said}");
    assert_eq!(said, json!(["InternalServerError", 503, "PROVIDER_ERROR_UPSTREAM", said[3]]));
}
