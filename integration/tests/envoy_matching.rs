//! `match` and `per` in real Envoy: budgets, limits and gates are about the calls that they select, on Envoy's own route,
//! and what is kept for each model is kept for it in any case of letters.
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

use serde_json::{Value, json};
use support::Stage;
use support::calls::{RESERVED, RESULT, SEARCH, chat, headers, seen};
use support::config::{budget, with_budgets};

/// The budget that a call was reserved against first.
const BUDGET: [&str; 2] = ["x-genops-budget-name", "x-genops-budget-remaining"];

fn of_model(model: &str) -> Value {
    let mut body = chat(50);
    body["model"] = json!(model);
    body
}

fn about(mut entry: Value, matches: Value) -> Value {
    entry["match"] = matches;
    entry
}

#[tokio::test]
async fn a_budget_a_limit_and_a_gate_count_and_refuse_the_calls_that_they_match_and_no_others() {
    let mut config = with_budgets(json!([
        about(budget("elsewhere", 0), json!({"route": "other"})),
        about(budget("small-models", RESERVED), json!({"model": "gpt-*-mini", "route": "a*"})),
    ]));
    config["rate_limits"] = json!([{"name": "no-o1", "match": {"model": "o1*"}, "unit": "requests", "amount": 0,
        "period": "minute"}]);
    config["approvals"] = json!({"gates": [{"name": "large", "unit": "tokens", "above": 0,
        "match": {"model": "gpt-5*", "provider": "openai"}}]});
    let stage = Stage::start(config).await;
    let client = stage.http2();

    let counted = client.chat(&SEARCH, &of_model("GPT-4o-mini")).await;
    assert_eq!(counted.status, 200, "{}", counted.text());
    assert_eq!(seen(&counted, &BUDGET), [Some("small-models"), Some("0")]);
    let spent = client.chat(&SEARCH, &of_model("gpt-4o-mini")).await;
    assert_eq!(seen(&spent, &RESULT), [Some("BLOCKED"), Some("BUDGET_RESERVATION_FAILED")]);
    let uncounted = client.chat(&SEARCH, &of_model("gpt-4o")).await;
    assert_eq!((uncounted.status, seen(&uncounted, &BUDGET)), (200, vec![None, None]));

    let limited = client.chat(&SEARCH, &of_model("o1-preview")).await;
    assert_eq!(seen(&limited, &RESULT), [Some("RATE_LIMITED"), Some("RATE_LIMITED")]);
    let unknown = client.chat(&SEARCH, &of_model("gpt-5")).await;
    assert_eq!(seen(&unknown, &RESULT), [Some("ALLOWED"), None], "a provider that nobody names is none");
    for model in ["gpt-5", "GPT-5-mini"] {
        let gated = stage.http1().chat(&headers(&[("host", "api.openai.com")]), &of_model(model)).await;
        assert_eq!(seen(&gated, &RESULT), [Some("BLOCKED"), Some("x_approval_required")], "{model}");
    }
    assert_eq!(stage.simulator.received().len(), 3, "what was refused reached nobody");
}

#[tokio::test]
async fn a_model_in_another_case_of_letters_has_no_account_of_its_own_on_any_worker() {
    let mut small = budget("small", 10 * RESERVED);
    small["per"] = json!(["model"]);
    small["limits"] = json!({"GPT-4o-mini": RESERVED});
    let mut config = with_budgets(json!([small]));
    config["rate_limits"] = json!([{"name": "rare", "per": ["model"], "match": {"model": "o1*"}, "unit": "requests", "amount": 1,
            "period": "day"}]);
    let stage = Stage::start(config).await;

    // Each on a connection of its own, so that several workers serve them.
    let ask = async |model: &str| stage.http1().chat(&SEARCH, &of_model(model)).await;
    let counted = ask("gpt-4O-MINI").await;
    assert_eq!((counted.status, seen(&counted, &BUDGET)), (200, vec![Some("small"), Some("0")]));
    for spelling in ["gpt-4o-mini", "GPT-4O-MINI", "Gpt-4o-Mini", " gpt-4o-mini "] {
        let spent = ask(spelling).await;
        assert_eq!(seen(&spent, &RESULT), [Some("BLOCKED"), Some("BUDGET_RESERVATION_FAILED")], "{spelling}");
        assert!(spent.text().contains(r#"for \"gpt-4o-mini\""#), "{}", spent.text());
    }
    assert_eq!(ask("o1").await.status, 200);
    assert_eq!(seen(&ask("O1").await, &RESULT), [Some("RATE_LIMITED"), Some("RATE_LIMITED")]);
    assert_eq!(ask("gpt-4o").await.status, 200, "another model");
    assert_eq!(stage.simulator.received().len(), 3, "what was refused reached nobody");
}
