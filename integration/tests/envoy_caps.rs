//! Output caps that the filter writes: the provider keeps to them, so that no output exceeds what was reserved for it.
//!
//! The simulator would like to write far more than any cap lets it. Needs `GENOPS_ENVOY` and `GENOPS_WASM`.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "each suite uses a part of it")]
mod support;

use lab::{Answer, Behaviour, Client};
use serde_json::{Value, json};
use std::sync::Arc;
use support::calls::{INPUT, PATH, RESULT, chat, responses, seen};
use support::config::{LIMIT, budget, prices, with_budgets};
use support::telemetry::{RECONCILIATION, awu_id, text};
use support::{Setup, Stage};
use tokio::task::JoinSet;

/// The least that a cap is lowered to.
const LEAST: u64 = 16;

fn capped(mode: &str, budgets: Value) -> Value {
    let mut config = with_budgets(budgets);
    config["estimation"]["on_output_cap"] = json!(mode);
    config
}

/// A provider that never stops by itself.
fn verbose(stage: &Stage) {
    stage.simulator.behave(Behaviour { output_tokens: Some(5_000), ..Behaviour::default() });
}

/// Which cap the answer says the provider got, and which the client had stated.
fn caps(answer: &Answer) -> [Option<u64>; 2] {
    ["x-genops-output-cap", "x-genops-output-cap-requested"]
        .map(|name| answer.header(name).map(|cap| cap.parse().expect("a figure")))
}

/// A chat completion that states no cap.
fn uncapped(choices: u64) -> Value {
    let mut body = chat(1);
    body.as_object_mut().expect("an object").remove("max_completion_tokens");
    body["n"] = json!(choices);
    body
}

async fn actual(stage: &Stage, answer: &Answer) -> u64 {
    let event = stage.event_of(&awu_id(answer), RECONCILIATION).await;
    assert_eq!(event.attributes["genops.accounting.complete"], json!(true));
    event.attributes["genops.accounting.actual"].as_f64().expect("a figure") as u64
}

#[tokio::test]
async fn an_injected_cap_is_what_was_reserved_and_the_provider_keeps_to_it() {
    let stage = Stage::start(capped("inject", json!([budget("team-tokens", 100_000)]))).await;
    verbose(&stage);
    // The default of 100 tokens for each choice.
    for (choices, client) in [(1, stage.http1()), (3, stage.http2())] {
        let answer = client.post(PATH, &[("x-genops-team", "search")], &uncapped(choices)).await;
        assert_eq!(seen(&answer, &RESULT), [Some("ALLOWED"), None]);
        assert_eq!(caps(&answer), [Some(100), None]);
        let reserved = INPUT + 100 * choices;
        assert_eq!(answer.header("x-genops-reserved"), Some(reserved.to_string().as_str()));
        assert_eq!(actual(&stage, &answer).await, reserved, "to the last token, and not beyond it");
    }
    let headers = [("x-genops-team", "search")];
    let answer = stage.http1().post("/v1/responses", &headers, &responses(70, true)).await;
    assert_eq!(caps(&answer), [None, None], "a cap within stays the client's");
    assert_eq!(actual(&stage, &answer).await, INPUT + 70);
}

#[tokio::test]
async fn without_a_cap_the_same_call_costs_more_than_was_reserved() {
    let stage = Stage::start(capped("keep", json!([budget("team-tokens", 100_000)]))).await;
    verbose(&stage);
    let answer = stage.http1().chat(&[("x-genops-team", "search")], &uncapped(1)).await;
    assert_eq!(answer.header("x-genops-reserved"), Some((INPUT + 100).to_string().as_str()));
    assert_eq!(actual(&stage, &answer).await, INPUT + 5_000);
}

#[tokio::test]
async fn a_fitted_call_gets_what_is_left_with_a_warning_until_too_little_is() {
    let stage = Stage::start(capped("fit", json!([budget("team-tokens", 300)]))).await;
    verbose(&stage);
    let headers = [("x-genops-team", "search")];
    // What fits is untouched.
    let answer = stage.http1().chat(&headers, &chat(100)).await;
    assert_eq!(seen(&answer, &RESULT), [Some("ALLOWED"), None]);
    assert_eq!(caps(&answer), [None, None]);
    assert_eq!(actual(&stage, &answer).await, INPUT + 100);
    // 190 are left: of 400 for each of two choices 90 remain.
    let mut two = chat(400);
    two["n"] = json!(2);
    let answer = stage.http2().chat(&headers, &two).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(seen(&answer, &RESULT), [Some("WARNING"), Some("x_output_cap_lowered")]);
    assert_eq!(caps(&answer), [Some(90), Some(400)]);
    assert_eq!(stage.simulator.received()[1].json()["max_completion_tokens"], 90);
    assert_eq!(actual(&stage, &answer).await, INPUT + 180);
    let span = stage.span_of(&awu_id(&answer)).await;
    assert_eq!(text(&span, "genops.output_cap.forwarded"), Some("90"));
    assert_eq!(text(&span, "genops.output_cap.requested"), Some("400"));
    assert_eq!(text(&span, "genops.policy.name"), Some("team-tokens"));
    assert_eq!(stage.left("search").await, 0);
    let answer = stage.http1().chat(&headers, &chat(400)).await;
    assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("BUDGET_EXCEEDED")]);
    let series = r#"genops_policy_evaluations_total{result="WARNING",reason_code="x_output_cap_lowered"}"#;
    stage.counts(series, 1.0).await;
}

#[tokio::test]
async fn of_several_budgets_the_tightest_fits_the_call_in_tokens_or_in_money() {
    // The team holds 60 tokens of output; the money 10 in and 95 out: 10 + 190 millionths.
    let money = json!({"name": "all-usd", "unit": "USD", "limit": 0.0002, "window": "total"});
    let mut config = capped("fit", json!([budget("team-tokens", INPUT + 60), money]));
    config["prices"] = prices();
    let stage = Stage::start(config).await;
    verbose(&stage);
    let answer = stage.http1().chat(&[("x-genops-team", "search")], &chat(500)).await;
    assert_eq!(caps(&answer), [Some(60), Some(500)], "{}", answer.text());
    assert_eq!(answer.header("x-genops-budget-remaining"), Some("0"));
    // 200 − 130 millionths are left: 10 in and 30 out.
    let answer = stage.http1().chat(&[("x-genops-team", "ads")], &chat(500)).await;
    assert_eq!(caps(&answer), [Some(30), Some(500)], "{}", answer.text());
    let answer = stage.http1().chat(&[("x-genops-team", "late")], &chat(500)).await;
    assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("BUDGET_EXCEEDED")]);
    assert_eq!(answer.header("x-genops-budget-name"), Some("all-usd"));
}

#[tokio::test]
async fn fitted_calls_of_all_workers_together_never_exceed_the_limit() {
    const CALLS: usize = 200;
    let mut config = capped("fit", json!([budget("team-tokens", LIMIT)]));
    config["estimation"]["fit_min_output_tokens"] = json!(LEAST);
    let mut setup = Setup::new(config).await;
    setup.launch.concurrency = 4;
    let stage = setup.start().await;
    verbose(&stage);
    let clients: Vec<_> = (0..16).map(|_| Arc::new(Client::http2(stage.addr))).collect();
    let mut calls = JoinSet::new();
    for index in 0..CALLS {
        let client = clients[index % clients.len()].clone();
        // Caps of every size, most of them larger than what is left.
        let cap = 20 + (index as u64 * 37) % 300;
        calls.spawn(async move { (cap, client.chat(&[("x-genops-team", "search")], &chat(cap)).await) });
    }
    let mut reserved = 0;
    for (cap, answer) in calls.join_all().await {
        if answer.status != 200 {
            assert_eq!(answer.header("x-genops-policy-result"), Some("BLOCKED"));
            continue;
        }
        let own: u64 = answer.header("x-genops-reserved").expect("a figure").parse().expect("whole");
        let billed = answer.json()["usage"]["total_tokens"].as_u64().expect("a total");
        assert_eq!(billed, own, "what was reserved is what the provider was held to");
        assert!(own <= INPUT + cap && own >= INPUT + LEAST.min(cap), "{own} for {cap}");
        reserved += own;
    }
    let served = stage.simulator.served();
    assert_eq!(served.usage.total_tokens(), reserved);
    assert!(reserved <= LIMIT, "{reserved}");
    assert!(served.finished > 3, "some calls were fitted");
    stage.settles_at("search", LIMIT - reserved).await;
    for request in stage.simulator.received() {
        assert!(request.json()["max_completion_tokens"].as_u64().is_some_and(|cap| cap >= LEAST));
    }
    stage.never_died().await;
}

/// An answer that bills all of a cap, and beside it all that was to be thought.
fn thorough(cap: u64, thought: u64) -> Behaviour {
    let usage = json!({"prompt_tokens": INPUT, "completion_tokens": cap + thought, "total_tokens": INPUT + cap + thought,
        "completion_tokens_details": {"reasoning_tokens": thought}});
    let body = json!({"choices": [{"index": 0, "message": {"role": "assistant", "content": "word"}}], "usage": usage});
    let pieces = vec![body.to_string().into()];
    let canned = lab::simulator::Canned { content_type: "application/json".to_owned(), pieces };
    Behaviour { canned: Some(canned), ..Behaviour::default() }
}

#[tokio::test]
async fn what_is_thought_beside_a_cap_is_reserved_beside_it_and_never_exceeds_the_budget() {
    const THOUGHT: u64 = 150;
    let stage = Stage::start(capped("fit", json!([budget("team-tokens", 300)]))).await;
    let mut body = chat(400);
    body["thinking_budget"] = json!(THOUGHT);
    // 300 less the input and what may be thought.
    let left = 300 - INPUT - THOUGHT;
    stage.simulator.next(thorough(left, THOUGHT));
    let answer = stage.http1().chat(&[("x-genops-team", "search")], &body).await;
    assert_eq!(seen(&answer, &RESULT), [Some("WARNING"), Some("x_output_cap_lowered")], "{}", answer.text());
    assert_eq!(caps(&answer), [Some(left), Some(400)]);
    assert_eq!(answer.header("x-genops-reserved"), Some("300"));
    let received = stage.simulator.only_request().json();
    assert_eq!(
        (&received["max_completion_tokens"], &received["thinking_budget"]),
        (&json!(left), &json!(THOUGHT))
    );
    assert_eq!(actual(&stage, &answer).await, 300, "all that was reserved, and not beyond it");
    stage.settles_at("search", 0).await;
}
