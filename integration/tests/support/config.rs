//! Configurations of the filter: one that most tests want, and its variations.

use serde_json::{Value, json};

/// The limit of [`tokens`].
pub(crate) const LIMIT: u64 = 1_000;

/// One token per four bytes of text and nothing beside it, so that tests can do the sum.
pub(crate) fn tokens() -> Value {
    with_budgets(json!([budget("team-tokens", LIMIT)]))
}

/// Tokens per team, for ever.
pub(crate) fn budget(name: &str, limit: u64) -> Value {
    json!({"name": name, "per": ["team"], "unit": "tokens", "limit": limit, "window": "total"})
}

/// The usual configuration with other budgets.
pub(crate) fn with_budgets(budgets: Value) -> Value {
    json!({
        "attribution": {
            "team": {"sources": [{"header": "x-genops-team"}], "on_missing": "refuse"},
            "project": {"sources": [{"header": "x-genops-project"}], "on_missing": {"constant": "assistant"}},
            "environment": {"sources": [], "on_missing": {"constant": "production"}},
        },
        "estimation": {"bytes_per_token": 4, "overhead_tokens": 0, "default_output_tokens": 100},
        // What is told of a call is to depend on its test alone; suites about prices say otherwise.
        "catalogue": "none",
        "budgets": budgets,
        "telemetry": {"otlp": {"cluster": "otel", "flush_interval_ms": 50}},
    })
}

/// Prices that make sums easy: 1 and 2 dollars per million.
pub(crate) fn prices() -> Value {
    json!([{"model": "gpt-4o-mini", "currency": "USD", "input_per_million": 1, "output_per_million": 2}])
}
