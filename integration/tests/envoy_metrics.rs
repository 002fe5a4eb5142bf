//! The filter's counters as an operator's Prometheus sees them: names, labels, values.
//!
//! Needs `GENOPS_ENVOY` and `GENOPS_WASM`.
#![allow(clippy::expect_used, reason = "tests")]

use lab::{Client, EnvoyProcess, Filter, Options, Simulator, wait};
use serde_json::{Value, json};

fn config() -> Value {
    json!({
        "attribution": {
            "project": {"on_missing": {"constant": "chatbot"}},
            "environment": {"on_missing": {"constant": "production"}},
        },
        "budgets": [
            {"name": "team-tokens", "per": ["team"], "unit": "tokens", "limit": 1000, "window": "total"},
        ],
    })
}

#[tokio::test]
async fn decisions_and_tokens_are_counted_with_labels() {
    let simulator = Simulator::start().await;
    let options = Options::new(simulator.addr()).filter(Filter::genops(config()));
    let envoy = EnvoyProcess::start(&options.bootstrap()).await;
    let client = Client::http1(envoy.listener().await);
    let call = async |cap: u32| {
        let body = json!({
            "model": "gpt-4o-mini", "max_completion_tokens": cap,
            "messages": [{"role": "user", "content": "Say a word, then another."}],
        });
        client.chat(&[("x-genops-team", "search")], &body).await.status
    };
    assert_eq!([call(9).await, call(5_000).await, call(9).await], [200, 429, 200]);
    let usage = simulator.served().usage;
    let expected = [
        (r#"genops_policy_evaluations_total{result="ALLOWED"}"#, 2),
        (r#"genops_policy_evaluations_total{result="BLOCKED",reason_code="BUDGET_RESERVATION_FAILED"}"#, 1),
        (r#"genops_reconciliations_total{complete="true"}"#, 2),
        (r#"genops_tokens_total{type="input"}"#, usage.input_tokens),
        (r#"genops_tokens_total{type="output"}"#, usage.output_tokens),
    ];
    for (series, value) in expected {
        let counted = async || envoy.prometheus(series).await.filter(|seen| *seen == value as f64);
        let reached = wait::until(wait::DEADLINE, counted).await;
        assert!(reached.is_some(), "{series} is not {value}; counted: {:#?}", genops(&envoy).await);
    }
}

async fn genops(envoy: &EnvoyProcess) -> Vec<String> {
    let all = envoy.stats_prometheus().await;
    all.lines().filter(|line| line.starts_with("genops_")).map(str::to_owned).collect()
}
