//! `match`: one table of what it selects and one of what is wrong with it, for every section that has it.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use genops::awu::{Attribute, Attribution};
use genops::catalogue::Provider;
use genops::config::{Config, Invalid, parse};
use genops::selector::{Selector, Subject};
use serde_json::{Value, json};

/// A configuration with this `match` in every section that has one.
fn configuration(matches: &Value) -> Value {
    json!({
        "policies": [{"name": "p", "match": matches, "models": {"deny": "none"}}],
        "approvals": {"gates": [{"name": "g", "match": matches, "unit": "tokens", "above": 1}]},
        "sla": [{"tier": "s", "match": matches, "latency_target_ms": 1}],
        "breakers": [{"name": "b", "match": matches}],
        "budgets": [{"name": "b", "match": matches, "unit": "tokens", "limit": 1, "window": "day"}],
        "rate_limits": [{"name": "r", "match": matches, "unit": "requests", "amount": 1, "period": "day"}],
        "concurrency_limits": [{"name": "c", "match": matches, "max": 1}],
    })
}

/// Where they stand.
const PLACES: [&str; 7] = [
    "policies[0]",
    "approvals.gates[0]",
    "sla[0]",
    "breakers[0]",
    "budgets[0]",
    "rate_limits[0]",
    "concurrency_limits[0]",
];

fn selectors(config: &Config) -> [&Selector; 7] {
    [
        &config.policies.list[0].selector,
        &config.approvals.gates[0].selector,
        &config.sla[0].selector,
        &config.breakers[0].selector,
        &config.budgets[0].selector,
        &config.rate_limits[0].selector,
        &config.concurrency_limits[0].slots.selector,
    ]
}

/// What every section reads this as.
fn selector(matches: &Value) -> Selector {
    let config = parse(&configuration(matches).to_string()).unwrap_or_else(|bad| panic!("{matches}: {bad}"));
    let [first, others @ ..] = selectors(&config);
    assert!(others.iter().all(|other| *other == first), "{matches}: {:?}", selectors(&config));
    assert_eq!(config.asks_for_route, first.asks_for_route(), "{matches}");
    first.clone()
}

#[test]
fn a_call_is_selected_by_one_pattern_of_every_key_that_is_stated() {
    let team = |team: &str| Attribution::new([(Attribute::Team, team.into())]);
    let (search, nobody) = (team("search"), Attribution::default());
    let named = Attribution::new([(Attribute::OperationName, "summary".into())]);
    let fallbacks = [" GPT-4o ".to_owned(), "o3".to_owned()];
    let call = Subject {
        attribution: &search,
        provider: Provider::Bedrock,
        model: Some("claude-3"),
        fallback_models: &[],
        operation: "chat",
        route: None,
    };
    let or = Subject { fallback_models: &fallbacks, ..call };
    let routed = Subject { route: Some("llm-eu"), ..call };
    let bare = Subject { attribution: &nobody, provider: Provider::Unknown, model: None, ..call };
    let named = Subject { attribution: &named, ..call };
    // What is stated, of which call, and the condition that does not hold.
    let table = [
        (json!(null), bare, None),
        (json!({}), bare, None),
        (json!({"team": "search"}), call, None),
        (json!({"team": "Search"}), call, Some("team")),
        (json!({"team": "searc"}), call, Some("team")),
        (json!({"team": "search-eu"}), call, Some("team")),
        (json!({"team": "sea*"}), call, None),
        (json!({"team": "search*"}), call, None),
        (json!({"team": "*rch"}), call, None),
        (json!({"team": "s*r*h"}), call, None),
        (json!({"team": "S*"}), call, Some("team")),
        (json!({"team": ["ads", "search"]}), call, None),
        (json!({"team": ["ads", "*-eu"]}), call, Some("team")),
        (json!({"team": "*"}), bare, Some("team")),
        (json!({"feature": "*"}), call, Some("feature")),
        (json!({"operation_name": "chat"}), call, None),
        (json!({"operation_name": "chat"}), named, Some("operation_name")),
        (json!({"operation_name": "sum*", "operation": "chat"}), named, None),
        (json!({"operation": ["embeddings", "c*t"]}), call, None),
        (json!({"operation": "embeddings"}), call, Some("operation")),
        (json!({"provider": "aws_bedrock"}), call, None),
        (json!({"provider": "aws.bedrock"}), call, None),
        (json!({"provider": "AWS.bedrock"}), call, Some("provider")),
        (json!({"provider": "*"}), bare, Some("provider")),
        (json!({"model": "claude-3"}), call, None),
        (json!({"model": "CLAUDE-3"}), call, None),
        (json!({"model": "Claude*"}), call, None),
        (json!({"model": "claude-33*"}), call, Some("model")),
        (json!({"model": "C*-3"}), call, None),
        (json!({"model": "gpt-4o"}), call, Some("model")),
        (json!({"model": "gpt-4o"}), or, None),
        (json!({"model": ["x", "o3"]}), or, None),
        (json!({"model": "*"}), bare, Some("model")),
        (json!({"route": "llm-*"}), routed, None),
        (json!({"route": "llm-us"}), routed, Some("route")),
        (json!({"route": "*"}), call, Some("route")),
        (json!({"team": "search", "provider": "openai", "model": "x"}), call, Some("provider")),
        (json!({"team": "search", "provider": "aws*", "model": "x"}), call, Some("model")),
        (json!({"team": "search", "provider": "aws*", "model": "*3", "operation": "chat"}), call, None),
    ];
    for (matches, call, unmet) in table {
        let selector = selector(&matches);
        assert_eq!(selector.unmet(&call), unmet, "{matches} {call:?}");
        assert_eq!(selector.selects(&call), unmet.is_none(), "{matches} {call:?}");
    }
}

#[test]
fn every_section_says_the_same_of_the_same_mistake() {
    const RULE: &str =
        r#"expected a pattern of 1 to 2048 bytes, in which at most eight "*" stand for anything"#;
    let long = "m".repeat(2_049);
    let table = [
        (json!(5), "match: expected an object, got 5".to_owned()),
        (json!({"teem": "a"}), r#"match.teem: unknown key, did you mean "team"?; known keys here: cost_center, customer_id, environment, feature, model, operation, operation_name, project, provider, route, session_id, team"#.to_owned()),
        (json!({"team": []}), r#"match.team: is empty; leave it out, or state "*""#.to_owned()),
        (json!({"team": 5}), format!("match.team: {RULE}, or a list of such, got 5")),
        (json!({"team": ""}), format!("match.team: {RULE}, or a list of such, got \"\"")),
        (json!({"team": ["a", {}]}), format!("match.team[1]: {RULE}, got an object")),
        (json!({"model": "********a*"}), format!("match.model: {RULE}, or a list of such, got \"********a*\"")),
        (json!({"route": [long]}), format!("match.route[0]: {RULE}, got \"{}…", "m".repeat(59))),
    ];
    for (matches, expected) in table {
        let Invalid(problems) = parse(&configuration(&matches).to_string()).unwrap_err();
        let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let mut wanted = PLACES.map(|place| format!("{place}.{expected}"));
        wanted.sort();
        let mut sorted = said.clone();
        sorted.sort();
        assert_eq!(sorted, wanted);
    }
    assert_eq!(
        selector(&json!({"model": "m".repeat(2_048)})).unmet(&Subject {
            attribution: &Attribution::default(),
            provider: Provider::Unknown,
            model: Some(&"M".repeat(2_048)),
            fallback_models: &[],
            operation: "chat",
            route: None,
        }),
        None
    );
}
