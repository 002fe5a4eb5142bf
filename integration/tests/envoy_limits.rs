//! Rate limits, calls in flight and alerts: exact among all workers, given back on every way a call can end.
//!
//! Needs `GENOPS_ENVOY`, `GENOPS_WASM`, `GENOPS_FAULTS_WASM` and `GENOPS_PYTHON`.
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

use lab::bootstrap::Filter;
use lab::simulator::{Cut, Hold};
use lab::{Answer, Behaviour, Client, Gate, artifacts, wait};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use support::calls::{ACTUAL, CAP, PATH, RESERVED, RESULT, SEARCH, chat, chat_streamed, seen};
use support::config::{budget, tokens, with_budgets};
use support::settlement::{read_words, usual};
use support::{Setup, Stage, application};
use tokio::task::JoinSet;

const WORKERS: u32 = 4;
const LIMITED: [Option<&str>; 2] = [Some("RATE_LIMITED"), Some("RATE_LIMITED")];

/// No budgets, and this rate limit.
fn rate(limit: Value) -> Value {
    let mut config = with_budgets(json!([]));
    config["rate_limits"] = json!([limit]);
    config
}

/// No budgets, and so many calls in flight for each team.
fn flights(max: u64) -> Value {
    let mut config = with_budgets(json!([]));
    config["concurrency_limits"] =
        json!([{"name": "flights", "per": ["team"], "max": max, "retry_after_ms": 1}]);
    config
}

async fn on_workers(config: Value) -> Stage {
    let mut setup = Setup::new(config).await;
    setup.launch.concurrency = WORKERS;
    setup.start().await
}

fn figure(answer: &Answer, name: &str) -> u64 {
    let text = answer.header(name).unwrap_or_else(|| panic!("{name} of {:?}", answer.headers));
    text.parse().unwrap_or_else(|_| panic!("{name}: {text}"))
}

/// So many calls at once, over connections that every worker has some of.
async fn at_once(stage: &Stage, calls: usize) -> Vec<Answer> {
    let clients: Vec<_> = (0..20).map(|_| Arc::new(Client::http2(stage.addr))).collect();
    let mut all = JoinSet::new();
    for index in 0..calls {
        let client = clients[index % clients.len()].clone();
        all.spawn(async move { usual(&client, "search").await });
    }
    all.join_all().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_300_concurrent_calls_on_4_workers_exactly_the_100_of_the_rate_pass_and_each_sees_another_remainder()
 {
    const FITTING: u64 = 100;
    for algorithm in ["smooth", "fixed"] {
        // So slow that nothing flows back meanwhile: one every 14 minutes.
        let limit = json!({"name": "rpd", "per": ["team"], "unit": "requests", "amount": FITTING, "period": "day",
            "algorithm": algorithm});
        let stage = on_workers(rate(limit)).await;
        let answers = at_once(&stage, 300).await;
        let (passed, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
        assert_eq!((passed.len(), refused.len()), (FITTING as usize, 200), "{algorithm}");
        assert_eq!(stage.upstream_requests().await, FITTING);
        let remaining: BTreeSet<u64> =
            passed.iter().map(|answer| figure(answer, "x-ratelimit-remaining-requests")).collect();
        assert_eq!(remaining, (0..FITTING).collect(), "{algorithm}: each call took one");
        for answer in refused {
            assert_eq!((answer.status, seen(answer, &RESULT)), (429, LIMITED.to_vec()));
            assert_eq!(figure(answer, "x-ratelimit-remaining-requests"), 0);
            assert_eq!(figure(answer, "x-ratelimit-limit-requests"), FITTING);
        }
        stage.never_died().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_calls_take_of_a_token_rate_what_they_consumed_to_the_token() {
    const CALLS: u64 = 60;
    let amount = 1_000_000_u64;
    let limit = json!({"name": "tpd", "unit": "tokens", "amount": amount, "period": 2_678_400_000_u64});
    let stage = on_workers(rate(limit)).await;
    let answers = at_once(&stage, CALLS as usize).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    // The last one's remainder: everybody's actual, and its own estimate. About one token comes back every 2.7 seconds.
    let last = usual(&stage.http1(), "search").await;
    let expected = amount - CALLS * ACTUAL - RESERVED;
    let remaining = figure(&last, "x-ratelimit-remaining-tokens");
    assert!(
        (expected..expected + 20).contains(&remaining),
        "{remaining} left, expected {expected} or a few more"
    );
}

#[tokio::test]
async fn the_headers_fall_with_every_call_and_stand_in_for_the_providers() {
    let limit = json!({"name": "rpm", "unit": "requests", "amount": 5, "period": "day"});
    let names = ["x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-limit-tokens"];
    let providers = [(names[0], "10000"), (names[1], "9999"), (names[2], "200000")];
    let providers = providers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let mut config = rate(limit);
    let stage = Stage::start(config.clone()).await;
    stage.simulator.behave(Behaviour { headers: providers.clone(), ..Behaviour::default() });
    for left in (0..5).rev() {
        let answer = usual(&stage.http1(), "search").await;
        let left = left.to_string();
        assert_eq!(seen(&answer, &names), [Some("5"), Some(left.as_str()), Some("200000")]);
        let reset = answer.header("x-ratelimit-reset-requests").expect("a time");
        assert!(reset.ends_with('s') && reset.contains('h'), "{reset}");
    }
    assert_eq!(usual(&stage.http1(), "search").await.status, 429);
    config["rate_limit_headers"] = json!(false);
    let stage = Stage::start(config).await;
    stage.simulator.behave(Behaviour { headers: providers, ..Behaviour::default() });
    let answer = usual(&stage.http1(), "search").await;
    assert_eq!(seen(&answer, &names), [Some("10000"), Some("9999"), Some("200000")]);
    assert_eq!(answer.header("x-ratelimit-reset-requests"), None);
}

#[tokio::test]
async fn a_refused_call_fits_exactly_when_it_was_told_to_come_back() {
    for algorithm in ["smooth", "fixed"] {
        let limit =
            json!({"name": "rate", "unit": "requests", "amount": 1, "period": 1_500, "algorithm": algorithm});
        let stage = Stage::start(rate(limit)).await;
        let client = stage.http1();
        for round in 0..3 {
            // A window may end between the two calls, but not each time.
            let mut refused = usual(&client, "search").await;
            while refused.status == 200 {
                refused = usual(&client, "search").await;
            }
            assert_eq!(seen(&refused, &RESULT), LIMITED);
            let wait_ms = figure(&refused, "retry-after-ms");
            assert!((1..=1_500).contains(&wait_ms), "{wait_ms}");
            assert_eq!(figure(&refused, "retry-after"), wait_ms.div_ceil(1_000));
            tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            let answer = usual(&client, "search").await;
            assert_eq!(answer.status, 200, "{algorithm}, round {round}: {}", answer.text());
        }
    }
}

#[tokio::test]
async fn what_a_budget_refuses_costs_neither_rate_nor_slot() {
    let mut config = with_budgets(json!([budget("team-tokens", RESERVED)]));
    config["rate_limits"] = json!([{"name": "rpd", "unit": "requests", "amount": 2, "period": "day"}]);
    config["concurrency_limits"] = json!([{"name": "flights", "max": 1}]);
    let stage = Stage::start(config).await;
    let client = stage.http1();
    for _ in 0..5 {
        let refused = client.chat(&SEARCH, &chat(CAP + 1)).await;
        assert_eq!(seen(&refused, &RESULT), [Some("BLOCKED"), Some("BUDGET_RESERVATION_FAILED")]);
    }
    let answer = usual(&client, "search").await;
    assert_eq!((answer.status, figure(&answer, "x-ratelimit-remaining-requests")), (200, 1));
}

/// Whether one more call of `team` fits; it ends at once.
async fn fits(stage: &Stage, team: &str) -> bool {
    let answer = usual(&stage.http1(), team).await;
    assert!(answer.status == 200 || seen(&answer, &RESULT) == LIMITED, "{}", answer.text());
    answer.status == 200
}

/// Waits until no call of `team` is in flight any more; its limit is one.
async fn lands(stage: &Stage, team: &str) {
    let landed = wait::until(wait::DEADLINE, async || fits(stage, team).await.then_some(())).await;
    assert!(landed.is_some(), "a call of {team} is still in flight");
}

#[tokio::test]
async fn a_slot_is_free_again_whatever_ended_the_call() {
    let stage = Stage::start(flights(1)).await;
    // Ended well.
    assert!(fits(&stage, "well").await && fits(&stage, "well").await);
    // The client leaves in the middle of a stream, and before there is an answer.
    let hold = Hold::AfterChunks(5, Gate::closed());
    stage.simulator.next(Behaviour { hold, ..Behaviour::default() });
    let client = stage.http1();
    let mut stream = client.stream(PATH, &[("x-genops-team", "leaver")], &chat_streamed(CAP)).await;
    read_words(&mut stream, 4).await;
    assert!(!fits(&stage, "leaver").await, "while it streams its slot is taken");
    stream.abort();
    drop(client);
    lands(&stage, "leaver").await;
    let hold = Hold::BeforeAnswer(Gate::closed());
    stage.simulator.next(Behaviour { hold, ..Behaviour::default() });
    let (client, arrived) = (stage.http2(), stage.simulator.received().len());
    let waiting = tokio::spawn(async move { usual(&client, "impatient").await.status });
    stage.simulator.wait_received(arrived + 1).await;
    assert!(!fits(&stage, "impatient").await);
    waiting.abort();
    lands(&stage, "impatient").await;
    // The provider breaks off, before its answer and within; it fails; it says nothing of usage.
    let ends = [
        Behaviour { cut: Cut::BeforeAnswer, ..Behaviour::default() },
        Behaviour { cut: Cut::Midway, ..Behaviour::default() },
        Behaviour { status: Some(500), ..Behaviour::default() },
        Behaviour { omit_usage: true, ..Behaviour::default() },
    ];
    for end in ends {
        stage.simulator.next(end);
        let _ = stage.http1().try_post(PATH, &[("x-genops-team", "broken")], &chat_streamed(CAP)).await;
        lands(&stage, "broken").await;
    }
    stage.never_died().await;
}

#[tokio::test]
async fn a_slot_is_free_again_after_a_timeout_and_where_nobody_is_there_to_answer() {
    let mut setup = Setup::new(flights(1)).await;
    setup.options.route_timeout = Duration::from_millis(200);
    let stage = setup.start().await;
    stage.simulator.next(Behaviour { hold: Hold::BeforeAnswer(Gate::closed()), ..Behaviour::default() });
    assert_eq!(usual(&stage.http1(), "slow").await.status, 504);
    lands(&stage, "slow").await;
    let mut setup = Setup::new(flights(1)).await;
    setup.options.upstream = ([127, 0, 0, 1], 9).into();
    let stage = setup.start().await;
    for _ in 0..3 {
        // Not 429: the slot of the one before is free.
        assert_eq!(usual(&stage.http1(), "lonely").await.status, 503);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_200_concurrent_calls_on_4_workers_exactly_50_are_in_flight_at_once() {
    const MAX: usize = 50;
    const CALLS: usize = 200;
    let stage = on_workers(flights(MAX as u64)).await;
    for _ in 0..3 {
        let gate = Gate::after(CALLS);
        stage.simulator.hold(&gate);
        let mut calls = JoinSet::new();
        for index in 0..CALLS {
            let (client, gate) = (Client::http2(stage.addr), gate.clone());
            calls.spawn(async move {
                // Some stream.
                let body = if index % 2 == 0 { chat(CAP) } else { chat_streamed(CAP) };
                let answer = client.chat(&SEARCH, &body).await;
                if answer.status != 200 {
                    assert_eq!(seen(&answer, &RESULT), LIMITED);
                    gate.count_one();
                }
                answer.status
            });
        }
        let admitted = calls.join_all().await.into_iter().filter(|status| *status == 200).count();
        assert_eq!(admitted, MAX, "the round before left nothing in flight");
    }
    stage.never_died().await;
}

#[tokio::test]
async fn the_slot_of_a_dead_vm_expires() {
    let mut config = flights(1);
    config["concurrency_limits"][0]["ttl_ms"] = json!(1_000);
    let mut setup = Setup::new(json!({})).await;
    setup.options.filter =
        Filter::Genops { wasm: artifacts::genops_faults_wasm(), config, vm_id: "genops".to_owned() };
    let stage = setup.start().await;
    let headers = [("x-genops-team", "search"), ("x-fault", "response-headers")];
    let killer = stage.http1().try_post(PATH, &headers, &chat(CAP)).await;
    assert!(killer.is_err() || killer.is_ok_and(|answer| answer.status == 503), "the call dies with its VM");
    let again = wait::until(wait::DEADLINE, async || {
        let answer = stage.http1().try_post(PATH, &SEARCH, &chat(CAP)).await.ok()?;
        (answer.status == 200).then_some(())
    });
    assert!(again.await.is_some(), "the slot never expired");
    stage.counts("genops_slots_expired_total{}", 1.0).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_threshold_is_told_once_whatever_worker_crosses_it() {
    const CALLS: usize = 120;
    const ALERT: &str = "genops.budget.alert";
    let mut config = tokens();
    // Everybody together consumes the whole limit to the token.
    let limit = CALLS as u64 * ACTUAL;
    let (own, all) = (json!([0.25, 0.5, 0.95]), json!([1]));
    config["budgets"] = json!([
        {"name": "team-tokens", "per": ["team"], "unit": "tokens", "limit": limit, "window": "total",
            "mode": "warn", "alert_at": own},
        {"name": "all-tokens", "unit": "tokens", "limit": limit, "window": "total", "mode": "shadow", "alert_at": all},
    ]);
    let stage = on_workers(config).await;
    let answers = at_once(&stage, CALLS).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    let told = stage.otlp.events(ALERT, 4).await;
    stage.counts("genops_budget_alerts_total{}", 4.0).await;
    // What comes after everything is over is told no more.
    assert_eq!(usual(&stage.http1(), "search").await.status, 200);
    let said = |event: &lab::LogRecord, name: &str| event.attributes.get(name).cloned().unwrap_or_default();
    let mut crossed: Vec<_> = told
        .iter()
        .map(|event| {
            let names = ["genops.budget.name", "genops.budget.key", "genops.budget.alert_at"];
            let consumed = said(event, "genops.budget.consumed").as_f64().expect("a double");
            let at = said(event, names[2]).as_f64().expect("a double");
            assert_eq!(said(event, "genops.budget.allocated"), json!(limit as f64));
            // The call that crosses adds one usage at most.
            let reached = at * limit as f64;
            assert!((reached..reached + ACTUAL as f64).contains(&consumed), "{consumed} at {at}");
            names.map(|name| said(event, name)).map(|value| value.to_string())
        })
        .collect();
    crossed.sort();
    let expected = [
        ["\"all-tokens\"", "null", "1.0"],
        ["\"team-tokens\"", "\"search\"", "0.25"],
        ["\"team-tokens\"", "\"search\"", "0.5"],
        ["\"team-tokens\"", "\"search\"", "0.95"],
    ];
    assert_eq!(crossed, expected);
    stage.otlp.events("genops.budget.reconciliation", 2 * (CALLS + 1)).await;
    assert_eq!(stage.metric("genops_budget_alerts_total{}").await, 4.0);
    assert!(stage.envoy.log().contains("at or above 0.95 of it"));
}

#[tokio::test]
async fn the_official_sdk_raises_its_own_error_and_waits_as_it_is_told() {
    let limit = json!({"name": "team-rate", "per": ["team"], "unit": "requests", "amount": 1, "period": 2_000,
        "limits": {"never": 0}});
    let stage = Stage::start(rate(limit)).await;
    let said = application::line(application::openai(&stage, "limits.py")).await;
    let refused = &said["refused"];
    assert_eq!((&refused["error"], &refused["status"]), (&json!("RateLimitError"), &json!(429)), "{said}");
    assert_eq!(refused["code"], "rate_limit_exceeded", "{said}");
    assert!(refused["message"].as_str().is_some_and(|text| text.contains("team-rate")), "{said}");
    assert_eq!(refused["remaining"], "0", "{said}");
    // With its retries, which are the default, the same call succeeds.
    assert_eq!(said["retried"]["total"], json!(ACTUAL), "{said}");
    // And what never fits is not tried again.
    assert_eq!(said["never"]["error"], "RateLimitError", "{said}");
    // first, refused, retried (at least twice: refused, then passed), never once.
    assert_eq!(stage.upstream_requests().await, 2);
    let tried = stage.envoy.stat("http.ingress.downstream_rq_total").await.expect("a count");
    assert!((5..=6).contains(&tried), "{tried} requests: {said}");
}
