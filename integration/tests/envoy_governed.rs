//! Calls that run to their end: what is let through, what is refused, and what each side gets to see.
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
use support::calls::{
    ACTUAL, INPUT, OUTPUT, RESULT, SEARCH, chat, chat_streamed, embeddings, headers, responses, seen,
};
use support::config::{LIMIT, budget, prices, tokens, with_budgets};
use support::telemetry::{RECONCILIATION, RESERVATION, awu_id, text};
use support::{Stage, trailers};

#[tokio::test]
async fn an_allowed_call_reaches_the_provider_and_its_answer_says_what_was_reserved() {
    let stage = Stage::start(tokens()).await;
    let answer = stage.http1().chat(&SEARCH, &chat(50)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["usage"]["total_tokens"], ACTUAL);
    assert_eq!(seen(&answer, &RESULT), [Some("ALLOWED"), None]);
    let budget = ["x-genops-budget-name", "x-genops-reserved", "x-genops-unit", "x-genops-budget-remaining"];
    let left = (LIMIT - INPUT - 50).to_string();
    assert_eq!(
        seen(&answer, &budget),
        [Some("team-tokens"), Some("60"), Some("tokens"), Some(left.as_str())]
    );
    assert_eq!(stage.simulator.only_request().json(), chat(50));
    assert_eq!(stage.left("search").await, LIMIT - ACTUAL);
}

#[tokio::test]
async fn every_api_whole_and_streamed_over_http1_and_http2_is_reconciled_with_what_the_provider_billed() {
    let mut config = tokens();
    config["budgets"][0]["limit"] = json!(100_000);
    let stage = Stage::start(config).await;
    let calls: [(&str, Value); 5] = [
        ("/v1/chat/completions", chat(50)),
        ("/v1/chat/completions", chat_streamed(50)),
        ("/v1/responses", responses(50, false)),
        ("/v1/responses", responses(50, true)),
        ("/v1/embeddings", embeddings()),
    ];
    for client in [stage.http1(), stage.http2()] {
        for (path, body) in &calls {
            let before = stage.simulator.served().usage.total_tokens();
            let answer = client.post(path, &SEARCH, body).await;
            assert_eq!(answer.status, 200, "{path}: {}", answer.text());
            assert_eq!(answer.header("x-genops-policy-result"), Some("ALLOWED"), "{path}");
            let billed = stage.simulator.served().usage.total_tokens() - before;
            let reconciled = stage.event_of(&awu_id(&answer), RECONCILIATION).await;
            assert_eq!(
                reconciled.attributes["genops.accounting.actual"],
                json!(billed as f64),
                "{path} {body}"
            );
            assert_eq!(reconciled.attributes["genops.accounting.complete"], json!(true), "{path} {body}");
            let reserved = if path.ends_with("embeddings") { INPUT } else { INPUT + 50 };
            assert_eq!(answer.header("x-genops-reserved"), Some(reserved.to_string().as_str()), "{path}");
        }
    }
    assert_eq!(stage.simulator.served().usage.total_tokens(), 2 * (4 * ACTUAL + INPUT));
    assert_eq!(stage.left("search").await, 100_000 - 2 * (4 * ACTUAL + INPUT));
}

#[tokio::test]
async fn a_request_that_ends_with_trailers_is_governed_like_any_other() {
    let stage = Stage::start(tokens()).await;
    let (status, body) = trailers::call(stage.addr, &SEARCH, &chat(50)).await;
    assert_eq!(status, 200, "{body:?}");
    assert_eq!(stage.simulator.only_request().json(), chat(50));
    assert_eq!(stage.left("search").await, LIMIT - ACTUAL);
    // A refusal works from the trailers too.
    let (status, body) = trailers::call(stage.addr, &SEARCH, &chat(LIMIT)).await;
    assert_eq!(status, 429, "{body:?}");
    assert_eq!(stage.upstream_requests().await, 1);
}

#[tokio::test]
async fn a_call_that_finds_nothing_left_is_refused_as_exceeded_and_reaches_nobody() {
    let mut config = with_budgets(json!([budget("team-tokens", INPUT + OUTPUT)]));
    config["budgets"][0]["window"] = json!("month");
    let stage = Stage::start(config).await;
    let client = stage.http1();
    assert_eq!(client.chat(&SEARCH, &chat(OUTPUT)).await.status, 200);
    let answer = client.chat(&SEARCH, &chat(1)).await;
    assert_eq!(answer.status, 429);
    assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("BUDGET_EXCEEDED")]);
    let headers = [
        "x-genops-budget-name",
        "x-genops-budget-remaining",
        "x-genops-unit",
        "x-should-retry",
        "content-type",
    ];
    let expected = ["team-tokens", "0", "tokens", "false", "application/json"].map(Some);
    assert_eq!(seen(&answer, &headers), expected);
    assert!(!awu_id(&answer).is_empty());
    let error = &answer.json()["error"];
    assert_eq!(
        (&error["type"], &error["code"]),
        (&json!("insufficient_quota"), &json!("insufficient_quota"))
    );
    assert_eq!(error["param"], Value::Null);
    let message = error["message"].as_str().expect("a message");
    assert!(message.contains("team-tokens") && message.contains("search"), "{message}");
    // The month ends some day, and then the call fits.
    let wait_s: u64 = answer.header("retry-after").expect("a hint").parse().expect("seconds");
    assert!((1..=31 * 86_400).contains(&wait_s), "{wait_s}");
    assert_eq!(stage.simulator.received().len(), 1);
    assert_eq!(stage.upstream_requests().await, 1);
    let refused = r#"genops_policy_evaluations_total{result="BLOCKED",reason_code="BUDGET_EXCEEDED"}"#;
    stage.counts(refused, 1.0).await;
}

#[tokio::test]
async fn a_call_that_finds_too_little_left_is_refused_as_not_reservable_and_changes_nothing() {
    let stage = Stage::start(tokens()).await;
    let client = stage.http1();
    let answer = client.chat(&SEARCH, &chat(LIMIT - INPUT + 1)).await;
    assert_eq!(answer.status, 429);
    assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("BUDGET_RESERVATION_FAILED")]);
    assert_eq!(answer.header("x-genops-budget-remaining"), Some("1000"));
    assert_eq!(answer.header("x-should-retry"), Some("false"));
    // It is larger than the whole budget: no wait helps.
    assert_eq!(answer.header("retry-after"), None);
    assert_eq!(stage.upstream_requests().await, 0);
    assert!(stage.simulator.received().is_empty());
    // What fits to the last token is let through.
    assert_eq!(client.chat(&SEARCH, &chat(LIMIT - INPUT)).await.status, 200);
}

#[tokio::test]
async fn each_team_has_an_account_of_its_own() {
    let stage = Stage::start(tokens()).await;
    let client = stage.http1();
    for (team, calls) in [("search", 2), ("ads", 1)] {
        for _ in 0..calls {
            assert_eq!(client.chat(&[("x-genops-team", team)], &chat(50)).await.status, 200);
        }
    }
    assert_eq!(stage.left("search").await, LIMIT - 2 * ACTUAL);
    assert_eq!(stage.left("ads").await, LIMIT - ACTUAL);
    assert_eq!(stage.left("another").await, LIMIT);
}

#[tokio::test]
async fn a_refusal_that_a_short_wait_cures_tells_the_sdk_to_retry() {
    let mut config = with_budgets(json!([budget("team-tokens", ACTUAL)]));
    config["budgets"][0]["window"] = json!("minute");
    let stage = Stage::start(config).await;
    let client = stage.http1();
    // Two calls in one minute; a minute may end between them, but not three times.
    let mut answer = client.chat(&SEARCH, &chat(OUTPUT)).await;
    for _ in 0..3 {
        if answer.status != 429 {
            answer = client.chat(&SEARCH, &chat(OUTPUT)).await;
        }
    }
    assert_eq!(answer.status, 429, "{}", answer.text());
    let wait_s: u64 = answer.header("retry-after").expect("a hint").parse().expect("seconds");
    assert!((1..=60).contains(&wait_s), "{wait_s}");
    assert_eq!(answer.header("x-should-retry"), None);
    assert_eq!(answer.json()["error"]["code"], "rate_limit_exceeded");
    assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("BUDGET_EXCEEDED")]);
}

#[tokio::test]
async fn a_budget_in_warn_mode_lets_pass_and_says_what_it_noted() {
    let mut config = with_budgets(json!([budget("team-tokens", ACTUAL + 4)]));
    config["budgets"][0]["mode"] = json!("warn");
    let stage = Stage::start(config).await;
    let client = stage.http1();
    let codes = [None, Some("BUDGET_RESERVATION_FAILED"), Some("BUDGET_EXCEEDED")];
    for code in codes {
        let answer = client.chat(&SEARCH, &chat(OUTPUT)).await;
        assert_eq!(answer.status, 200);
        let result = if code.is_some() { "WARNING" } else { "ALLOWED" };
        assert_eq!(seen(&answer, &RESULT), [Some(result), code]);
        let span = stage.span_of(&awu_id(&answer)).await;
        assert_eq!(text(&span, "genops.policy.result"), Some(result));
        assert_eq!(text(&span, "genops.policy.reason_code"), code);
        let reconciled = stage.event_of(&awu_id(&answer), RECONCILIATION).await;
        assert_eq!(reconciled.attributes["genops.accounting.actual"], json!(ACTUAL as f64));
    }
    assert_eq!(stage.simulator.received().len(), 3);
}

#[tokio::test]
async fn a_money_budget_counts_by_the_prices_to_the_last_nano_unit() {
    // 10 tokens in and 50 out are 110 millionths of a dollar.
    let mut config = with_budgets(json!([
        {"name": "team-usd", "per": ["team"], "unit": "USD", "limit": 0.00015, "window": "total"},
    ]));
    config["prices"] = prices();
    let stage = Stage::start(config).await;
    let client = stage.http1();
    let answer = client.chat(&SEARCH, &chat(50)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let budget = ["x-genops-reserved", "x-genops-unit", "x-genops-budget-remaining"];
    assert_eq!(seen(&answer, &budget), [Some("0.00011"), Some("USD"), Some("0.00004")]);
    let reconciled = stage.event_of(&awu_id(&answer), RECONCILIATION).await;
    // 10 in and 16 out.
    assert_eq!(reconciled.attributes["genops.accounting.actual"], json!(0.000_042));
    assert_eq!(reconciled.attributes["genops.accounting.unit"], json!("USD"));
    let answer = client.chat(&SEARCH, &chat(50)).await;
    assert_eq!(answer.status, 429);
    assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("BUDGET_RESERVATION_FAILED")]);
    assert_eq!(answer.header("x-genops-budget-remaining"), Some("0.000108"));
    let mut unpriced = chat(1);
    unpriced["model"] = json!("nobody-knows-me");
    let answer = client.chat(&SEARCH, &unpriced).await;
    assert_eq!(answer.status, 403);
    assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("x_model_unpriced")]);
    assert_eq!(stage.upstream_requests().await, 1);
}

#[tokio::test]
async fn of_several_budgets_all_are_reserved_or_none() {
    let per_project = json!({
        "name": "project-tokens", "per": ["project"], "unit": "tokens", "window": "total",
        "limit": 2_000_000_000_u64, "limits": {"alpha": 70},
    });
    let stage = Stage::start(with_budgets(json!([budget("team-tokens", LIMIT), per_project]))).await;
    let client = stage.http1();
    let answer = client.chat(&headers(&[("x-genops-project", "alpha")]), &chat(50)).await;
    assert_eq!(answer.status, 200);
    // The first budget as configured is the one that the answer reports; the events tell of both.
    assert_eq!(answer.header("x-genops-budget-name"), Some("team-tokens"));
    stage.otlp.events(RECONCILIATION, 2).await;
    for name in [RESERVATION, RECONCILIATION] {
        let events = stage.otlp.events(name, 2).await;
        let mut budgets: Vec<_> =
            events.iter().map(|event| &event.attributes["genops.budget.name"]).collect();
        budgets.sort_by_key(|name| name.to_string());
        assert_eq!(budgets, ["project-tokens", "team-tokens"], "{name}");
    }
    let answer = client.chat(&headers(&[("x-genops-project", "alpha")]), &chat(50)).await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.header("x-genops-budget-name"), Some("project-tokens"));
    assert_eq!(answer.header("x-genops-budget-remaining"), Some((70 - ACTUAL).to_string().as_str()));
    // Nothing of the refused call stayed behind in the budget that could have held it.
    assert_eq!(stage.left("search").await, LIMIT - ACTUAL);
    assert_eq!(client.chat(&headers(&[("x-genops-project", "beta")]), &chat(50)).await.status, 200);
}

#[tokio::test]
async fn a_call_without_a_required_attribute_is_forbidden() {
    let stage = Stage::start(tokens()).await;
    let client = stage.http1();
    let nameless: [&[(&str, &str)]; 4] = [
        &[],
        &[("x-genops-team", "unknown")],
        &[("x-genops-team", "")],
        &[("x-genops-team", "search"), ("x-genops-team", "ads")],
    ];
    for headers in nameless {
        let answer = client.chat(headers, &chat(1)).await;
        assert_eq!(answer.status, 403, "{headers:?}");
        assert_eq!(seen(&answer, &RESULT), [Some("BLOCKED"), Some("x_attribution_missing")]);
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        let message = answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(message.contains("team") && message.contains("x-genops-team"), "{message}");
    }
    assert_eq!(stage.upstream_requests().await, 0);
}
