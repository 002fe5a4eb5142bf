//! The `approvals` section: what is wrong with it is said with its path, and no secret is part of what is said.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use genops::config::parse;
use serde_json::{Value, json};

/// 33 bytes: a good secret, no public key.
const SECRET: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ1";
const PUBLIC: &str = "6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=";

fn problems(approvals: Value) -> Vec<String> {
    let text = json!({"approvals": approvals}).to_string();
    match parse(&text) {
        Ok(_) => Vec::new(),
        Err(invalid) => invalid.0.iter().map(ToString::to_string).collect(),
    }
}

fn key(changes: Value) -> Value {
    let mut key = json!({"kid": "ops", "algorithm": "EdDSA", "key": PUBLIC});
    key.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    key
}

fn gate(changes: Value) -> Value {
    let mut gate = json!({"name": "large", "unit": "tokens", "above": 10});
    gate.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    gate
}

#[test]
fn a_whole_section_is_understood() {
    let text = json!({
        "prices": [{"model": "m", "currency": "USD", "input_per_million": 1, "output_per_million": 1}],
        "approvals": {
            "keys": [key(json!({})), {"kid": "ci", "algorithm": "HS256", "key": SECRET}],
            "gates": [{"name": "g", "unit": "USD", "above": 0.5, "mode": "warn",
                "match": {"team": "search", "model": ["gpt-4o*", "o3"]}}],
            "audience": "edge", "max_lifetime_ms": 60_000, "capacity": 7,
        },
    });
    let approvals = parse(&text.to_string()).unwrap().approvals;
    assert_eq!(format!("{:?}", approvals.keys), "[Key(ops EdDSA), Key(ci HS256)]");
    assert_eq!(
        (approvals.audience.as_deref(), approvals.max_lifetime_ms, approvals.capacity),
        (Some("edge"), 60_000, 7)
    );
    assert!(parse("{}").unwrap().approvals.is_empty());
}

#[test]
fn every_mistake_is_said_with_its_path() {
    let cases = [
        (
            json!({"keys": [key(json!({"kid": "a b"}))]}),
            "approvals.keys[0].kid: expected 1 to 64 letters, digits, or any of - _ . :",
        ),
        (
            json!({"keys": [key(json!({"algorithm": "none"}))]}),
            "approvals.keys[0].algorithm: expected one of EdDSA, HS256, got \"none\"",
        ),
        (
            json!({"keys": [key(json!({"key": "AAAA"}))]}),
            "approvals.keys[0].key: a key of EdDSA has 32 bytes, a secret of HS256 32 to 256",
        ),
        (
            json!({"keys": [key(json!({"key": "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI="}))]}),
            "approvals.keys[0].key: these 32 bytes are no public key of Ed25519",
        ),
        (
            json!({"keys": [key(json!({})), key(json!({}))]}),
            "approvals.keys[1].kid: is taken by an earlier key",
        ),
        (json!({"keys": vec![key(json!({})); 17]}), "approvals.keys: expected at most 16 keys, got 17"),
        (
            json!({"gates": [gate(json!({"unit": "EUR"}))]}),
            "approvals.gates[0].unit: no price is in EUR; add prices with \"currency\": \"EUR\"",
        ),
        (
            json!({"gates": [gate(json!({"above": -1}))]}),
            "approvals.gates[0].above: expected a whole number of tokens, 0 or more, got -1",
        ),
        (
            json!({"gates": [gate(json!({})), gate(json!({}))]}),
            "approvals.gates[1].name: \"large\" is taken by an earlier gate",
        ),
    ];
    for (approvals, expected) in cases {
        let problems = problems(approvals.clone());
        assert!(problems.iter().any(|problem| problem == expected), "{approvals}: {problems:#?}");
    }
}

#[test]
fn no_secret_is_part_of_a_problem_wherever_it_stands() {
    let misplaced = [
        json!({"keys": SECRET}),
        json!({"keys": [SECRET]}),
        json!({"keys": {"ops": SECRET}}),
        json!({"keys": [key(json!({"key": SECRET}))]}),
        json!({"keys": [key(json!({"kid": format!("{SECRET}=")}))]}),
        json!({"keys": [{"kid": "a", "algorithm": "HS256", "key": format!("{SECRET}!")}]}),
        json!({"keys": [{"kid": "a", "algorithm": "HS256", "key": [SECRET]}]}),
        json!({"keys": [{"kid": "a", "algorithm": "HS256", "secret": SECRET}]}),
        json!({"keys": [{"kid": "a", "algorithm": "HS256", "hmac_sha256": {"key": SECRET}}]}),
    ];
    for approvals in misplaced {
        let said = problems(approvals.clone()).join("\n");
        assert!(!said.is_empty(), "{approvals} is accepted");
        assert!(!said.contains("c2Vj"), "{said}");
    }
    let text =
        json!({"approvals": {"keys": [{"kid": "a", "algorithm": "HS256", "key": SECRET}]}}).to_string();
    let shown = format!("{:?}", parse(&text).unwrap());
    assert!(
        !shown.contains("c2Vj") && !shown.contains("secret") && !shown.contains("115, 101, 99"),
        "{shown}"
    );
}
